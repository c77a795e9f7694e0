"""The cases of `cargo xtask bench kernels`: each one once, in plain NumPy code whose module is a parameter.

A case gives its inputs as NumPy arrays (the same for every module: each worker converts them), the body that is timed, the bytes that any
implementation has to move, and the ratio to NumPy that the project wants to reach at a size. A body returns what it computed, so that the
worker can wait for it and compare checksums.
"""

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

sys.path.append(str(Path(__file__).parent.parent / "programs"))

from heat import diffuse  # noqa: E402 (the programs are no package)
from pcg import preconditioned_solve  # noqa: E402


@dataclass(frozen=True)
class Case:
    """One row of the table (one for each size)."""

    name: str
    what: str
    # Size to target: how many times faster than NumPy at least, None where the project has set no figure.
    sizes: dict
    # The size of `--quick`.
    quick: int
    # inputs(rng, n) -> tuple of NumPy arrays and numbers
    inputs: Callable
    # body(np, *inputs) -> array or tuple of arrays
    body: Callable
    # traffic(n) -> bytes to or from memory for one step that no implementation can avoid
    traffic: Callable
    # Sizes of a plot over sizes.
    curve: tuple = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    # Steps in one call of the body: figures are per step.
    steps: int = 1
    # How far a checksum may be from NumPy's, relative to the sum of absolute values.
    tolerance: float = 1e-12
    # "sums", or "moments" where each module draws its own random numbers: then mean and variance have to agree as statistics do.
    compare: str = "sums"
    # Whether a tracing compiler may take the body: it changes nothing in place.
    pure: bool = True
    # blas: also timed with OpenBLAS told to use its AVX-512 kernels.
    marks: frozenset = field(default_factory=frozenset)


def vectors(count, dtype="float64"):
    """`count` vectors of n numbers in [0, 1)."""
    return lambda rng, n: tuple(rng.random(n).astype(dtype) for _ in range(count))


def signed(count):
    """`count` vectors of n numbers in [-1, 1)."""
    return lambda rng, n: tuple(2.0 * rng.random(n) - 1.0 for _ in range(count))


def square(count, dtype="float64"):
    """`count` n × n matrices."""
    return lambda rng, n: tuple((rng.random((n, n)) - 0.5).astype(dtype) for _ in range(count))


def side(n):
    """The edge of a square with about n elements."""
    return math.isqrt(n)


# ---------------------------------------------------------------------------------------------------------------------
# Fused element-wise programs
# ---------------------------------------------------------------------------------------------------------------------


def chain(np, a, b, c):
    """Ten cheap operations, one after the other."""
    t = a + b
    t = t * c
    t = t - a
    t = t * 0.5
    t = t + b
    t = t * t
    t = t - c
    t = np.absolute(t)
    t = t + 1.0
    return np.maximum(t, a)


def multiply_add(np, a, b, c):
    return a * b + c


def where_cast(np, i, x, y):
    """A condition, a cast from int32 and a choice."""
    return np.where(y > 0.0, i + x, -y)


def where_cast_inputs(rng, n):
    return rng.integers(-1000, 1000, n).astype("int32"), rng.random(n), rng.random(n) - 0.5


def option_inputs(rng, n):
    return 5.0 + 25.0 * rng.random(n), 1.0 + 99.0 * rng.random(n), 0.25 + 9.75 * rng.random(n)


def cdf_polynomial(np, d):
    """Abramowitz and Stegun 26.2.17."""
    k = 1.0 / (1.0 + 0.2316419 * np.absolute(d))
    tail = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = tail * np.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)
    return np.where(d > 0, 1.0 - tail, tail)


def cdf_erf(np, d):
    """By the error function, which NumPy does not have: Abramowitz and Stegun 7.1.26."""
    x = d * math.sqrt(0.5)
    t = 1.0 / (1.0 + 0.3275911 * np.absolute(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 + 0.5 * np.sign(x) * (1.0 - poly * np.exp(-x * x))


def black_scholes(cdf):
    def body(np, S, X, T):
        R, V = 0.02, 0.3
        sqrt_t = np.sqrt(T)
        d1 = (np.log(S / X) + (R + 0.5 * V * V) * T) / (V * sqrt_t)
        d2 = d1 - V * sqrt_t
        cdf1, cdf2 = cdf(np, d1), cdf(np, d2)
        discounted = X * np.exp(-R * T)
        call = S * cdf1 - discounted * cdf2
        put = discounted * (1.0 - cdf2) - S * (1.0 - cdf1)
        return call, put

    return body


# ---------------------------------------------------------------------------------------------------------------------
# Steps of the five programs
# ---------------------------------------------------------------------------------------------------------------------

HEAT_STEPS = 5
LOGISTIC_STEPS = 4
JACOBI_STEPS = 10
PCG_STEPS = 10


def heat_inputs(rng, n):
    grid = rng.random((n + 2, n + 2))
    grid[:, 0] = grid[:, -1] = grid[-1, :] = -273.15
    grid[0, :] = 40.0
    return (grid,)


def heat(np, grid):
    """Steps of a five-point stencil, in place, with the sum of the changes."""
    return (grid, *diffuse(np, grid, HEAT_STEPS))


def logistic_inputs(rng, n):
    return rng.random((n, 32)) - 0.5, (rng.random(n) < 0.5).astype("float64"), rng.random(32)


def logistic(np, X, y, weights):
    for _ in range(LOGISTIC_STEPS):
        error = 1.0 / (1.0 + np.exp(-X.dot(weights))) - y
        weights = weights - 10.0 * (X.T.dot(error) / X.shape[0])
    return weights


def jacobi_inputs(rng, n):
    return rng.random((n, n)), rng.random(n), float(n) + rng.random(n), rng.random(n)


def jacobi(np, R, b, d, x):
    for _ in range(JACOBI_STEPS):
        x = (b - np.dot(R, x)) / d
    return x


def pcg_inputs(rng, n):
    B = rng.random((n, n))
    diagonal = math.sqrt(n) * (0.5 + 0.2 * rng.random(n))
    A = 0.5 * (B + B.T) - 0.5
    A.flat[:: n + 1] += diagonal
    M = 0.0 * B
    M.flat[:: n + 1] = 1.0 / A.diagonal()
    return A, M, rng.random(n)


def pcg(np, A, M, b):
    """Steps of preconditioned conjugate gradients, with the test of the residual that a program makes in each."""
    return preconditioned_solve(np, A, M, b, PCG_STEPS)[0]


# ---------------------------------------------------------------------------------------------------------------------
# Random numbers: a new generator in each call, so that each call draws the same
# ---------------------------------------------------------------------------------------------------------------------


def no_inputs(rng, n):
    return (n,)


def uniform(np, n):
    return np.random.default_rng(7).random(n)


def normal(np, n):
    return np.random.default_rng(7).standard_normal(n)


def uniform_legacy(np, n):
    np.random.seed(7)
    return np.random.rand(n)


def normal_legacy(np, n):
    np.random.seed(7)
    return np.random.randn(n)


def gather_inputs(rng, n):
    return rng.random(n), rng.integers(0, n, n)


def mask_inputs(rng, n):
    return rng.random(n), rng.random(n) < 0.5


def system_inputs(rng, n):
    A = rng.random((n, n))
    A.flat[:: n + 1] += n
    return A, rng.random(n)


BLAS = frozenset({"blas"})

CASES = [
    Case("chain", "ten cheap element-wise operations", {20_000_000: 9.0}, 2_000_000, vectors(3), chain, lambda n: 32 * n),
    Case("add", "x + y", {1: 1.0, 100: 1.0, 1000: None}, 100, vectors(2), lambda np, x, y: x + y, lambda n: 24 * n),
    Case("chain_small", "the same ten on few elements", {1000: 1.5, 100: None}, 1000, vectors(3), chain, lambda n: 32 * n),
    Case(
        "black_scholes",
        "call and put, normal distribution by a polynomial",
        {10_000_000: 20.0, 1_000_000: 8.0},
        1_000_000,
        option_inputs,
        black_scholes(cdf_polynomial),
        lambda n: 40 * n,
    ),
    Case(
        "black_scholes_erf",
        "call and put, normal distribution by erf",
        {10_000_000: 20.0, 1_000_000: 8.0},
        1_000_000,
        option_inputs,
        black_scholes(cdf_erf),
        lambda n: 40 * n,
    ),
    Case(
        "heat",
        "a step of a five-point stencil, in place",
        {4000: 9.0},
        1000,
        heat_inputs,
        heat,
        lambda n: 16 * n * n,
        curve=(30, 100, 300, 1000, 4000),
        steps=HEAT_STEPS,
        tolerance=1e-11,
        pure=False,
    ),
    Case(
        "logistic",
        "a step of logistic regression with 32 features",
        {2_000_000: 2.8},
        200_000,
        logistic_inputs,
        logistic,
        lambda n: 8 * 33 * n,
        curve=(1000, 10_000, 100_000, 1_000_000),
        steps=LOGISTIC_STEPS,
        tolerance=1e-10,
    ),
    Case(
        "jacobi",
        "a step of Jacobi's iteration, dense matrix",
        {1000: 1.0, 6000: 1.0},
        1000,
        jacobi_inputs,
        jacobi,
        lambda n: 8 * n * n,
        curve=(100, 300, 1000, 3000, 8000),
        steps=JACOBI_STEPS,
    ),
    Case(
        "pcg",
        "a step of preconditioned conjugate gradients, dense matrices",
        {1000: 1.0, 5000: 1.0},
        1000,
        pcg_inputs,
        pcg,
        lambda n: 16 * n * n,
        curve=(100, 300, 1000, 3000, 6000),
        steps=PCG_STEPS,
        tolerance=1e-9,
        pure=False,
    ),
    Case(
        "multiply_add",
        "a*b + c",
        {100_000_000: 1.7, 1_000_000: 1.7, 100_000: 1.5},
        1_000_000,
        vectors(3),
        multiply_add,
        lambda n: 32 * n,
    ),
    Case(
        "where_cast",
        "where(y > 0, int32 + float64, -y)",
        {20_000_000: None},
        2_000_000,
        where_cast_inputs,
        where_cast,
        lambda n: 28 * n,
    ),
    Case("sum", "sum", {30_000_000: 2.5}, 3_000_000, vectors(1), lambda np, x: np.sum(x), lambda n: 8 * n),
    Case("min", "min", {30_000_000: 1.6}, 3_000_000, vectors(1), lambda np, x: np.min(x), lambda n: 8 * n),
    Case("var", "variance", {30_000_000: 4.5}, 3_000_000, vectors(1), lambda np, x: np.var(x), lambda n: 8 * n),
    Case(
        "argmax",
        "argmax",
        {30_000_000: None},
        3_000_000,
        vectors(1),
        lambda np, x: np.argmax(x),
        lambda n: 8 * n,
    ),
    Case(
        "sum_axis0",
        "column sums of a square matrix",
        {4000: 1.8},
        1500,
        square(1),
        lambda np, a: np.sum(a, axis=0),
        lambda n: 8 * n * n,
        curve=(30, 100, 300, 1000, 3000),
    ),
    Case(
        "sum_axis1",
        "row sums of a square matrix",
        {4000: 2.3},
        1500,
        square(1),
        lambda np, a: np.sum(a, axis=1),
        lambda n: 8 * n * n,
        curve=(30, 100, 300, 1000, 3000),
    ),
    Case(
        "softmax",
        "softmax of the rows of a square matrix",
        {4000: None},
        1000,
        square(1),
        lambda np, a: (lambda e: e / np.sum(e, axis=1, keepdims=True))(np.exp(a - np.max(a, axis=1, keepdims=True))),
        lambda n: 16 * n * n,
        curve=(30, 100, 300, 1000, 3000),
    ),
    Case(
        "matmul",
        "square matrices, float64",
        {1500: 1.7},
        500,
        square(2),
        lambda np, a, b: a @ b,
        lambda n: 24 * n * n,
        curve=(30, 100, 300, 1000, 2000),
        marks=BLAS,
    ),
    Case(
        "matmul_f32",
        "square matrices, float32",
        {1500: 1.6},
        500,
        square(2, "float32"),
        lambda np, a, b: a @ b,
        lambda n: 12 * n * n,
        curve=(30, 100, 300, 1000, 2000),
        tolerance=1e-5,
        marks=BLAS,
    ),
    Case(
        "solve",
        "a dense system, one right-hand side",
        {1500: 1.2},
        500,
        system_inputs,
        lambda np, a, b: np.linalg.solve(a, b),
        lambda n: 8 * n * n,
        curve=(30, 100, 300, 1000, 2000),
        tolerance=1e-10,
        marks=BLAS,
    ),
    Case("sort", "sort float64", {10_000_000: 1.3}, 1_000_000, vectors(1), lambda np, x: np.sort(x), lambda n: 16 * n),
    Case(
        "argsort",
        "argsort float64",
        {10_000_000: 1.5},
        1_000_000,
        vectors(1),
        lambda np, x: np.argsort(x),
        lambda n: 16 * n,
    ),
    Case(
        "cumsum",
        "cumulative sum",
        {10_000_000: 4.0},
        1_000_000,
        vectors(1),
        lambda np, x: np.cumsum(x),
        lambda n: 16 * n,
    ),
    Case(
        "mask",
        "x[mask], half of it true",
        {10_000_000: 2.0},
        1_000_000,
        mask_inputs,
        lambda np, x, mask: x[mask],
        lambda n: 13 * n,
        pure=False,
    ),
    Case(
        "gather",
        "x[indices], random",
        {10_000_000: 1.5},
        1_000_000,
        gather_inputs,
        lambda np, x, indices: x[indices],
        lambda n: 24 * n,
    ),
    Case(
        "transpose_copy",
        "a copy of a transposed square matrix",
        {10_000_000: 1.6},
        1_000_000,
        lambda rng, n: (rng.random((side(n), side(n))),),
        lambda np, a: np.array(a.T, order="C"),
        lambda n: 16 * side(n) ** 2,
    ),
    Case(
        "concatenate",
        "two halves",
        {10_000_000: 1.3},
        1_000_000,
        lambda rng, n: (rng.random(n // 2), rng.random(n - n // 2)),
        lambda np, x, y: np.concatenate([x, y]),
        lambda n: 16 * n,
    ),
    Case(
        "uniform",
        "default_rng(7).random",
        {10_000_000: 4.0},
        1_000_000,
        no_inputs,
        uniform,
        lambda n: 8 * n,
        compare="moments",
        pure=False,
    ),
    Case(
        "normal",
        "default_rng(7).standard_normal",
        {10_000_000: 3.0},
        1_000_000,
        no_inputs,
        normal,
        lambda n: 8 * n,
        compare="moments",
        pure=False,
    ),
    Case(
        "uniform_legacy",
        "np.random.rand",
        {10_000_000: 4.0},
        1_000_000,
        no_inputs,
        uniform_legacy,
        lambda n: 8 * n,
        compare="moments",
        pure=False,
    ),
    Case(
        "normal_legacy",
        "np.random.randn",
        {10_000_000: 3.0},
        1_000_000,
        no_inputs,
        normal_legacy,
        lambda n: 8 * n,
        compare="moments",
        pure=False,
    ),
]
CASES += [
    Case(
        f"math_{name}",
        f"np.{name}",
        {10_000_000: None},
        1_000_000,
        signed(1),
        lambda np, x, name=name: getattr(np, name)(x),
        lambda n: 16 * n,
    )
    for name in ("exp", "sin", "tan", "tanh", "expm1", "arctan")
]
CASES += [
    Case(
        f"math_{name}",
        f"np.{name}",
        {10_000_000: None},
        1_000_000,
        lambda rng, n: (0.1 + 2.0 * rng.random(n),),
        lambda np, x, name=name: getattr(np, name)(x),
        lambda n: 16 * n,
    )
    for name in ("log", "log1p", "sqrt", "cbrt")
]
CASES += [
    Case(
        f"math_{name}",
        f"np.{name}",
        {10_000_000: None},
        1_000_000,
        lambda rng, n: (0.1 + 2.0 * rng.random(n), 2.0 * rng.random(n)),
        lambda np, x, y, name=name: getattr(np, name)(x, y),
        lambda n: 24 * n,
    )
    for name in ("power", "hypot", "arctan2")
]

BY_NAME = {case.name: case for case in CASES}


def table():
    """What `cargo xtask bench` has to know of the cases, as plain data."""
    return [
        {
            "name": case.name,
            "what": case.what,
            "sizes": [{"size": size, "target": target} for size, target in case.sizes.items()],
            "quick": case.quick,
            "curve": list(case.curve),
            "steps": case.steps,
            "tolerance": case.tolerance,
            "compare": case.compare,
            "marks": sorted(case.marks),
        }
        for case in CASES
    ]
