"""The cases as numba writes them: loops by hand, compiled for all cores. What one gets for giving up NumPy's notation."""

import math

import numpy as np
from numba import njit, prange, vectorize

parallel = njit(parallel=True)


@parallel
def chain(a, b, c):
    out = np.empty_like(a)
    for i in prange(a.size):
        t = (((a[i] + b[i]) * c[i]) - a[i]) * 0.5 + b[i]
        t = abs(t * t - c[i]) + 1.0
        out[i] = max(t, a[i])
    return out


@parallel
def multiply_add(a, b, c):
    out = np.empty_like(a)
    for i in prange(a.size):
        out[i] = a[i] * b[i] + c[i]
    return out


@parallel
def where_cast(i, x, y):
    out = np.empty_like(x)
    for k in prange(x.size):
        out[k] = i[k] + x[k] if y[k] > 0.0 else -y[k]
    return out


@njit
def cdf_polynomial(d):
    k = 1.0 / (1.0 + 0.2316419 * abs(d))
    tail = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail *= math.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)
    return 1.0 - tail if d > 0 else tail


@njit
def cdf_erf(d):
    x = d * math.sqrt(0.5)
    t = 1.0 / (1.0 + 0.3275911 * abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 + math.copysign(0.5, x) * (1.0 - poly * math.exp(-x * x))


def black_scholes(cdf):
    @parallel
    def prices(S, X, T):
        R, V = 0.02, 0.3
        call, put = np.empty_like(S), np.empty_like(S)
        for i in prange(S.size):
            sqrt_t = math.sqrt(T[i])
            d1 = (math.log(S[i] / X[i]) + (R + 0.5 * V * V) * T[i]) / (V * sqrt_t)
            cdf1, cdf2 = cdf(d1), cdf(d1 - V * sqrt_t)
            discounted = X[i] * math.exp(-R * T[i])
            call[i] = S[i] * cdf1 - discounted * cdf2
            put[i] = discounted * (1.0 - cdf2) - S[i] * (1.0 - cdf1)
        return call, put

    return prices


@parallel
def heat_step(grid, work):
    rows, columns = work.shape
    delta = 0.0
    for r in prange(rows):
        for c in range(columns):
            center = grid[r + 1, c + 1]
            work[r, c] = 0.2 * (center + grid[r, c + 1] + grid[r + 1, c + 2] + grid[r + 1, c] + grid[r + 2, c + 1])
            delta += abs(work[r, c] - center)
    for r in prange(rows):
        grid[r + 1, 1:-1] = work[r]
    return delta


def heat(grid):
    from cases import HEAT_STEPS

    work = np.empty((grid.shape[0] - 2, grid.shape[1] - 2))
    return lambda: (grid, *[heat_step(grid, work) for _ in range(HEAT_STEPS)])


@parallel
def logistic_step(X, y, weights):
    rows, columns = X.shape
    gradient = np.zeros(columns)
    for r in prange(rows):
        z = 0.0
        for c in range(columns):
            z += X[r, c] * weights[c]
        gradient += (1.0 / (1.0 + math.exp(-z)) - y[r]) * X[r]
    return weights - 10.0 * gradient / rows


def logistic(X, y, weights):
    from cases import LOGISTIC_STEPS

    def call():
        now = weights
        for _ in range(LOGISTIC_STEPS):
            now = logistic_step(X, y, now)
        return now

    return call


@parallel
def total(x):
    out = 0.0
    for i in prange(x.size):
        out += x[i]
    return out


@parallel
def smallest(x):
    out = np.inf
    for i in prange(x.size):
        out = min(out, x[i])
    return out


@parallel
def variance(x):
    mean = total(x) / x.size
    out = 0.0
    for i in prange(x.size):
        out += (x[i] - mean) ** 2
    return out / x.size


@parallel
def row_sums(a):
    out = np.empty(a.shape[0])
    for r in prange(a.shape[0]):
        out[r] = a[r].sum()
    return out


@parallel
def gather(x, indices):
    out = np.empty(indices.size)
    for i in prange(indices.size):
        out[i] = x[indices[i]]
    return out


@parallel
def transpose_copy(a):
    out = np.empty((a.shape[1], a.shape[0]))
    for r in prange(a.shape[1]):
        for c in range(a.shape[0]):
            out[r, c] = a[c, r]
    return out


@njit
def cumsum(x):
    return np.cumsum(x)


@njit
def mask(x, chosen):
    return x[chosen]


@njit
def sort(x):
    return np.sort(x)


@njit
def argsort(x):
    return np.argsort(x)


def direct(function):
    """A case that is one call."""
    return lambda *inputs: lambda: function(*inputs)


def elementwise(function):
    """A ufunc on all cores."""
    signature = ["float64(float64)"]
    return direct(vectorize(signature, target="parallel")(lambda x: function(x)))


CASES = {
    "chain": direct(chain),
    "chain_small": direct(chain),
    "multiply_add": direct(multiply_add),
    "where_cast": direct(where_cast),
    "black_scholes": direct(black_scholes(cdf_polynomial)),
    "black_scholes_erf": direct(black_scholes(cdf_erf)),
    "heat": heat,
    "logistic": logistic,
    "sum": direct(total),
    "min": direct(smallest),
    "var": direct(variance),
    "sum_axis1": direct(row_sums),
    "gather": direct(gather),
    "transpose_copy": direct(transpose_copy),
    "cumsum": direct(cumsum),
    "mask": direct(mask),
    "sort": direct(sort),
    "argsort": direct(argsort),
    "math_exp": elementwise(math.exp),
    "math_sin": elementwise(math.sin),
    "math_tan": elementwise(math.tan),
    "math_tanh": elementwise(math.tanh),
    "math_expm1": elementwise(math.expm1),
    "math_arctan": elementwise(math.atan),
    "math_log": elementwise(math.log),
    "math_log1p": elementwise(math.log1p),
    "math_sqrt": elementwise(math.sqrt),
}
