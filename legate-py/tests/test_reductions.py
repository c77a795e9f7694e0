"""Reductions: results, axes, types, refusals."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import DTYPES, SHAPES, assert_same, check, plain, values

import legate.numpy as np

NAMES = ["sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin"]
# Sums are added in another order than NumPy's: a few units of the result's last place on small inputs.
ULP = {"sum": 8, "prod": 32, "mean": 8, "var": 32, "std": 32}


def small(shape, dtype):
    """Values whose sums are exact in whatever order they are added, and whose products stay finite."""
    array = values(shape, dtype)
    if array.dtype.kind in "fc":
        return (numpy.round(8 * numpy.where(numpy.abs(array) < 20, array, 1)) / 8).astype(dtype)
    return array if array.dtype.kind == "b" else numpy.clip(array, 0 if array.dtype.kind == "u" else -100, 100)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(name, dtype):
    for axis in (None, 0, 1):
        check(lambda m, x: getattr(m, name)(x, axis=axis), small((4, 5), dtype), ulp=ULP.get(name, 0))
        check(lambda m, x: getattr(x, name)(axis=axis), small((4, 5), dtype), ulp=ULP.get(name, 0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_and_axis(name, shape):
    axes = [None, *range(-len(shape) - 1, len(shape) + 1)]
    if name not in ("argmax", "argmin"):
        axes += [(), (0, 1), (0, -1), (1, 0)]
    for axis in axes:
        for keepdims in (False, True):
            check(
                lambda m, x: getattr(m, name)(x, axis=axis, keepdims=keepdims),
                numpy.arange(1.0, 1 + numpy.prod(shape, dtype=int)).reshape(shape) / 8,
                ulp=ULP.get(name, 0),
            )


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min"])
@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 5000, 100_003])
def test_lengths_around_blocks(name, n):
    x = 1 + numpy.sin(numpy.arange(n)) / (n if name == "prod" else 1)
    ulp = n if name == "prod" else 64  # one rounding a factor
    check(lambda m, x: getattr(m, name)(x), x, ulp=ulp)
    check(lambda m, x: getattr(m, name)(x[::-3]), x, ulp=ulp)


@pytest.mark.parametrize("shape", [(3, 4000), (4000, 3), (70, 80), (2, 3, 1500), (33, 2, 65)])
def test_axes_of_larger_arrays(shape):
    x = numpy.random.default_rng(0).normal(1, 1, shape)
    for name in ("sum", "max", "argmin", "var", "any"):
        for axis in range(len(shape)):
            check(lambda m, x: getattr(m, name)(x, axis=axis), x, ulp=256)
    check(lambda m, x: x.sum(axis=tuple(range(len(shape)))), x, ulp=256)


def test_sums_are_as_accurate_as_numpys():
    rng = numpy.random.default_rng(3)
    for dtype in ("f4", "f8"):
        x = (rng.random(300_000) * 10.0 ** rng.integers(-6, 6, 300_000)).astype(dtype)
        exact = float(numpy.sum(x.astype("longdouble")))
        ours = abs(float(plain(np.array(x).sum())) - exact)
        theirs = abs(float(x.sum()) - exact)
        assert ours <= 2 * theirs + 4 * float(numpy.spacing(numpy.dtype(dtype).type(exact)))


# Bytes of an array whose variance is computed in one read of it.
LARGE = 20 << 20


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
@pytest.mark.parametrize("columns", [None, 3, 50, 2000])
def test_variances_of_large_arrays_are_as_accurate_as_numpys(dtype, columns):
    n = LARGE // numpy.dtype(dtype).itemsize + 1234
    x = numpy.random.default_rng(4).normal(1000, 100, n if columns is None else (n // columns, columns)).astype(dtype)
    for axis in (None, 0):
        exact = numpy.var(x.astype("longdouble"), axis=axis, ddof=1)
        ours, numpys = plain(np.var(np.asarray(x), axis=axis, ddof=1)), numpy.var(x, axis=axis, ddof=1)
        assert ours.dtype == numpys.dtype and ours.shape == numpys.shape
        error, numpys_error = (float(numpy.max(numpy.abs(v - exact) / exact)) for v in (ours, numpys))
        assert error <= max(numpys_error, 4 * float(numpy.finfo(ours.dtype).eps))


@pytest.mark.parametrize("how", ["[::-1]", "[::2]", "[:, 1:]", ".T", "[:, ::2]", ".real", "[1:].astype(bool)"])
def test_variances_of_views_of_large_arrays(how):
    x = numpy.random.default_rng(4).normal(3, 1, (LARGE // 6, 2))
    view = eval(f"x{how}", {"x": x})
    ours = eval(f"x{how}", {"x": np.asarray(x)})
    for axis in (None, 0, 1):
        numpy.testing.assert_allclose(plain(np.std(ours, axis=axis)), numpy.std(view, axis=axis), rtol=1e-12)


def test_dtype_and_out():
    x = numpy.arange(12).reshape(3, 4)
    for dtype in ("i1", "u2", "f4", "f8", "c16"):
        check(lambda m, x: x.sum(dtype=dtype), x)
        check(lambda m, x: m.mean(x, axis=0, dtype=dtype), x)
        check(lambda m, x: x.prod(axis=1, dtype=dtype), x)

    def into(m, x):
        out = m.zeros(4, x.dtype)
        result = m.sum(x, axis=0, out=out)
        assert result is out
        return out

    check(into, x)
    check(into, x.astype(float))
    check(lambda m, x: m.sum(x, axis=0, out=m.zeros(3)), x)


def test_initial_and_where():
    x = numpy.arange(12.0).reshape(3, 4)
    mask = x % 3 == 0
    check(lambda m, x: x.sum(initial=10), x)
    check(lambda m, x: x.max(initial=50), x)
    check(lambda m, x: x.min(axis=0, initial=-1), x)
    check(lambda m, x: x[:, :0].max(initial=3), x)
    check(lambda m, x, w: x.sum(where=w), x, mask)
    check(lambda m, x, w: x.mean(axis=1, where=w), x, mask)
    check(lambda m, x, w: m.any(x, where=w), x, mask)
    check(lambda m, x, w: m.max(x, where=w), x, mask)
    check(lambda m, x, w: m.max(x, where=w, initial=-5), x, mask)
    check(lambda m, x: m.std(x, ddof=1), x)
    check(lambda m, x: m.var(x, axis=0, correction=1), x)


def test_nan_and_ties():
    x = numpy.array([3.0, numpy.nan, 1.0, numpy.nan])
    for name in ("max", "min", "argmax", "argmin", "sum", "any", "all"):
        check(lambda m, x: getattr(m, name)(x), x)
    ties = numpy.array([[2, 5, 5], [5, 2, 2]])
    for axis in (None, 0, 1):
        check(lambda m, x: m.argmax(x, axis=axis), ties)
        check(lambda m, x: m.argmin(x, axis=axis), ties)
    check(lambda m, x: m.argmax(x), numpy.array([False, True, True]))


def test_of_lists_and_scalars():
    check(lambda m: m.sum([1, 2, 3]))
    check(lambda m: m.sum(5))
    check(lambda m: m.max([[1, 2], [3, 4]], 0))
    check(lambda m: m.any([]))
    check(lambda m: m.mean([True, False]))
    check(lambda m: m.sum([[1, 2], [3]]))


def test_refusals():
    x = numpy.arange(6.0).reshape(2, 3)
    for call in (
        lambda m, x: x.sum(axis=2),
        lambda m, x: x.sum(axis=(0, 0)),
        lambda m, x: x.sum(axis="a"),
        lambda m, x: x.sum(nonsense=1),
        lambda m, x: m.sum(),
        lambda m, x: x[:0].max(),
        lambda m, x: x[:0].argmax(),
        lambda m, x: x[:0].argmin(axis=0),
        lambda m, x: x.max(axis=-3),
        lambda m, x: m.argmax(x, axis=5),
        lambda m, x: x.sum(out=3),
    ):
        check(call, x)


def test_composed():
    x = numpy.arange(12.0).reshape(3, 4)
    x[1, 2] = numpy.nan
    y = numpy.nan_to_num(x)
    check(lambda m, x: m.nansum(x), x)
    check(lambda m, x: m.nansum(x, axis=0), x)
    check(lambda m, x: m.nanprod(x, axis=1), x)
    check(lambda m, x: m.nanmean(x, axis=1), x)
    check(lambda m, x: m.nanmax(x, axis=0), x)
    check(lambda m, x: m.nanmin(x), x)
    check(lambda m, x: m.count_nonzero(x), y)
    check(lambda m, x: m.count_nonzero(x, axis=1), y)
    check(lambda m, x: m.ptp(x, axis=0), y)
    check(lambda m, x: m.average(x, axis=1), y)
    check(lambda m, x: m.average(x, axis=1, weights=m.ones_like(x)), y)
    check(lambda m, x: m.average(x, weights=x, returned=True), y, ulp=8)
    check(lambda m, x: m.trapezoid(x), y)
    check(lambda m, x: m.trapezoid(x, dx=0.5, axis=0), y)
    check(lambda m, x: m.diff(x, n=2), y)
    check(lambda m, x: m.diff(x, axis=0, prepend=0), y)
    check(lambda m, x: m.cumsum(x, axis=1), y)


@given(
    shape=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    step=st.sampled_from([1, -1, 2, -3]),
    axis=st.integers(-3, 2) | st.none(),
    name=st.sampled_from(["sum", "max", "argmin", "any"]),
)
def test_random_views(shape, step, axis, name):
    x = numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape) % 17
    check(lambda m, x: getattr(x[::step].T, name)(axis=axis), x)


def test_same_bits_for_any_cut_of_the_work():
    """The sum of an array does not depend on how it came to be, whole or in pieces."""
    x = numpy.random.default_rng(5).normal(size=200_000)
    whole = np.array(x)
    pieces = np.empty(x.size)
    for i in range(0, x.size, 30_000):
        pieces[i : i + 30_000] = x[i : i + 30_000]
    assert_same(plain(whole.sum()), plain(pieces.sum()))
