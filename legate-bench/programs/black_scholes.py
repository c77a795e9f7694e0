"""Black-Scholes prices of European options under several interest rates: element-wise work only, nothing to communicate."""

import math

import harness

VOLATILITY = 0.3


def normal_cdf(np, d):
    """The standard normal distribution function by the polynomial 26.2.17 of Abramowitz and Stegun (error below 7.5e-8)."""
    k = 1.0 / (1.0 + 0.2316419 * np.absolute(d))
    tail = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = tail * np.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)
    return np.where(d > 0, 1.0 - tail, tail)


def black_scholes(np, S, X, T, R, V):
    """Prices of the calls and puts on a stock worth S, with strike X, T years to run, interest R and volatility V."""
    sqrt_t = np.sqrt(T)
    d1 = (np.log(S / X) + (R + 0.5 * V * V) * T) / (V * sqrt_t)
    d2 = d1 - V * sqrt_t
    cdf1 = normal_cdf(np, d1)
    cdf2 = normal_cdf(np, d2)
    discounted = X * np.exp(-R * T)
    call = S * cdf1 - discounted * cdf2
    put = discounted * (1.0 - cdf2) - S * (1.0 - cdf1)
    return call, put


def rate(scenario):
    """Each iteration prices all options at another interest rate."""
    return 0.02 + 0.001 * (scenario % 100)


def setup(np, args):
    np.random.seed(args.seed)
    n = args.size
    S = 5.0 + 25.0 * np.random.rand(n)
    X = 1.0 + 99.0 * np.random.rand(n)
    T = 0.25 + 9.75 * np.random.rand(n)
    return S, X, T


def run(np, state, iterations):
    S, X, T = state
    totals = []
    for i in range(iterations):
        call, put = black_scholes(np, S, X, T, rate(i), VOLATILITY)
        totals.append(np.sum(call) + np.sum(put))
    return harness.Result([call, put] + totals, iterations)


def check(np, args, state, result):
    S, X, T = state
    call, put = result.values[:2]
    R = rate(result.iterations - 1)
    parity = np.absolute(call - put - (S - X * np.exp(-R * T)))
    harness.require("put-call parity", float(np.max(parity)), 1e-12 * 100.0)

    # A few options by the formula with the exact distribution function, in Python's own floats.
    def cdf(d):
        return 0.5 * (1.0 + math.erf(d / math.sqrt(2.0)))

    worst = 0.0
    for i in range(0, len(S), max(1, len(S) // 7)):
        s, x, t = float(S[i]), float(X[i]), float(T[i])
        d1 = (math.log(s / x) + (R + 0.5 * VOLATILITY**2) * t) / (VOLATILITY * math.sqrt(t))
        exact = s * cdf(d1) - x * math.exp(-R * t) * cdf(d1 - VOLATILITY * math.sqrt(t))
        worst = max(worst, abs(float(call[i]) - exact))
    harness.require("calls against math.erf", worst, 7.5e-8 * 200.0)


def traffic(args):
    return 8 * 3 * args.size  # S, X, T; the prices of all but the last iteration are only summed


if __name__ == "__main__":
    harness.main("black_scholes", __doc__, 4_000_000, "number of options", 5, setup, run, check, traffic)
