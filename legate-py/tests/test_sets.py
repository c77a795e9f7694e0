"""Searches in sorted vectors, repetitions, distinct elements, counts: native, and what NumPy gives."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from support import DTYPES, check, values

import legate
import legate.numpy as np

REAL = [dtype for dtype in DTYPES if dtype[0] != "c"]
SIZES = [1, 2, 9, 1000, 40_000]


@pytest.fixture
def all_native():
    """Nothing goes to NumPy."""
    with legate.fallback("error"):
        yield


# ---------------------------------------------------------------------------------------------------------------------
# Searches
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("n", SIZES)
def test_searches_of_every_type(dtype, n, all_native):
    x = numpy.sort(values((n,), dtype))
    v = values((100,), dtype, seed=1)
    for side in ("left", "right"):
        check(lambda m, x, v: m.searchsorted(x, v, side), x, v)
        check(lambda m, x, v: x.searchsorted(v, side=side), x, v)
        check(lambda m, x, v: m.searchsorted(x[::3], v.reshape(4, 25)[:, ::2], side), x, v)
        check(lambda m, x, v: m.searchsorted(x, v[3], side), x, v)
        check(lambda m, x, v: m.searchsorted(x, v[:0], side), x, v)


@pytest.mark.parametrize("dtype", ["i4", "u1", "f4", "f8", "?"])
def test_searches_of_mixed_types(dtype, all_native):
    x = numpy.sort(values((20,), dtype))
    for v in (1, 2.5, True, numpy.float32(0.1), numpy.int8(3), [1, 2], [0.5, 7.5], numpy.array(2), values((3, 4), "f8"), values((5,), "i2")):
        check(lambda m, x, v: m.searchsorted(x, v), x, v)
        check(lambda m, x, v: x.searchsorted(v, "right"), x, v)


def test_searches_of_no_numbers_and_in_nothing(all_native):
    nan = numpy.nan
    x = numpy.array([-numpy.inf, -0.0, 0.0, 1, 1, numpy.inf, nan, nan])
    for side in ("left", "right"):
        check(lambda m, x: m.searchsorted(x, x, side), x)
        check(lambda m, x: m.searchsorted(x, nan, side), x)
        check(lambda m, x: m.searchsorted(x, -0.0, side), x)
        check(lambda m, x: m.searchsorted(x[:0], x, side), x)
        check(lambda m, x: m.searchsorted(x[:0], 1.0, side), x)


def test_searches_that_numpy_looks_at():
    x = numpy.array([3.0, 1.0, 2.0])
    check(lambda m, x: m.searchsorted(x, 1.5, sorter=m.argsort(x)), x)
    check(lambda m, x: m.searchsorted(x, 1.5, "middle"), x)
    check(lambda m, x: m.searchsorted(x, 1.5, 3), x)
    check(lambda m, x: m.searchsorted(x.reshape(3, 1), 1.5), x)
    check(lambda m, x: m.searchsorted(m.sort(x), 1j), x)
    check(lambda m, x: m.searchsorted(m.sort(x), "text"), x)
    check(lambda m, x: m.searchsorted([1, 2, 3], 2))
    check(lambda m, x: m.searchsorted(numpy.array([1, 2, 3]), m.array([2, 9])), x)


# ---------------------------------------------------------------------------------------------------------------------
# Repetitions
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 4), (2, 3, 4), (300, 50)], ids=str)
def test_repetitions(dtype, shape, all_native):
    x = values(shape, dtype)
    for axis in (None, *range(-len(shape), len(shape))):
        for count in (0, 1, 3, numpy.int64(2), [2]):
            check(lambda m, x: m.repeat(x, count, axis), x)
            check(lambda m, x: x.repeat(count, axis=axis), x)
            check(lambda m, x: m.repeat(x.T, count, axis), x)
        n = x.size if axis is None else shape[axis]
        if n > 1:
            counts = numpy.arange(n) % 4
            check(lambda m, x, counts: m.repeat(x, counts, axis), x, counts)
            check(lambda m, x, counts: m.repeat(x, counts * 0, axis), x, counts.astype("u1"))


def test_repetitions_that_are_refused():
    x = numpy.arange(3)
    for count in (-1, [1, -1, 2], [1, 2], 1.5, [1.0, 2.0, 3.0], "text", True, [[1, 2, 3]], []):
        check(lambda m, x: m.repeat(x, count), x)
    check(lambda m, x: m.repeat(x, 2, 1), x)
    check(lambda m: m.repeat(m.array(5), 3))
    check(lambda m: m.repeat(5, 3))
    check(lambda m: m.repeat([1, 2], 3))


# ---------------------------------------------------------------------------------------------------------------------
# Distinct elements and counts
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("n", SIZES)
def test_distinct_elements(dtype, n, all_native):
    x = values((n,), dtype)
    if n % 2 == 0:
        x = x.reshape(2, -1).T
    check(lambda m, x: m.unique(x), x)
    check(lambda m, x: m.unique(x[::-1]), x)
    check(lambda m, x: m.unique(x, return_counts=True), x)
    check(lambda m, x: m.unique(x, return_index=True), x)
    check(lambda m, x: m.unique(x, True, True, True), x)
    check(lambda m, x: m.unique(x, return_inverse=True), x)


def test_distinct_elements_of_odd_things():
    check(lambda m: m.unique(m.array([])))
    check(lambda m: m.unique(m.array([]), return_counts=True))
    check(lambda m: m.unique(m.array(3)))
    check(lambda m: m.unique([3, 1, 3]))
    check(lambda m: m.unique(m.array([[1, 2], [1, 2]]), axis=0))
    check(lambda m: m.unique(m.array([numpy.nan, 1, numpy.nan, 0.0, -0.0]), return_counts=True))
    check(lambda m: m.unique(m.array([numpy.nan, 1, numpy.nan]), equal_nan=False))
    check(lambda m: m.unique(m.array([2j, 1, 2j])))


def test_counts(all_native):
    for shape in ((0,), (5,), (3, 4), (200, 300), ()):
        for dtype in ("f8", "?", "i2", "c16"):
            x = values(shape, dtype)
            check(lambda m, x: m.count_nonzero(x), x)
            for axis in range(len(shape)):
                check(lambda m, x: m.count_nonzero(x, axis=axis), x)
                check(lambda m, x: m.count_nonzero(x, axis, keepdims=True), x)
            if shape:
                check(lambda m, x: m.argwhere(x), x)
                check(lambda m, x: m.argwhere(x.T), x)


def test_small_integers_are_counted():
    x, w = numpy.array([3, 0, 3, 7, 1]), values((5,), "f4")
    for dtype in ("i8", "u1", "i2", "u8", "f8", "?"):
        check(lambda m, x: m.bincount(x), x.astype(dtype))
        check(lambda m, x, w: m.bincount(x, w), x.astype(dtype), w)
    for odd in (x - 1, x[:0], x.reshape(5, 1)):
        check(lambda m, x: m.bincount(x), odd)
    check(lambda m, x, w: m.bincount(x, weights=w, minlength=20), x, w)
    check(lambda m, x, w: m.bincount(x, w[:3]), x, w)
    check(lambda m, x, w: m.bincount(x, w * 1j), x, w)
    check(lambda m, x: m.bincount(x, x), x)
    check(lambda m: m.bincount(m.arange(100_000) % 77))


def test_bytes():
    x = values((3, 4), "f8")
    for part in (x, x[1:], x.T, x[:, 1], x[:0], x.astype("i2"), x.astype("c16")):
        check(lambda m, x: x.tobytes(), part)
        check(lambda m, x: x.tobytes("F"), part)
    check(lambda m, x: x.real.tobytes() + x.imag.tobytes(), x + 1j)


@given(x=stn.arrays(st.sampled_from(REAL), stn.array_shapes(max_dims=2, max_side=9)), data=st.data())
def test_any_array(x, data):
    v = data.draw(stn.arrays(x.dtype, stn.array_shapes(min_dims=0, max_dims=2, max_side=5)))
    side = data.draw(st.sampled_from(["left", "right"]))
    check(lambda m, x, v: m.searchsorted(m.sort(x, None), v, side), x, v)
    check(lambda m, x: m.unique(x, return_counts=True), x)
    counts = data.draw(stn.arrays("i4", x.size, elements=st.integers(0, 3)))
    check(lambda m, x, counts: m.repeat(x, counts), x, counts)


# ---------------------------------------------------------------------------------------------------------------------
# What searches find
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "i4", "f4", "u1"])
def test_bins(dtype, all_native):
    x = values((50,), dtype)
    edges = numpy.array([-3, 0, 0, 1, 5]).clip(0 if dtype == "u1" else -3).astype(dtype)
    for right in (False, True):
        for bins in (edges, edges[::-1], edges[:1], edges[:0], edges.astype("f8") + 0.5):
            check(lambda m, x, bins: m.digitize(x, bins, right), x, bins)
            check(lambda m, x, bins: m.digitize(x.reshape(5, 10), bins, right=right), x, bins)
            check(lambda m, x, bins: m.digitize(x[3], bins, right), x, bins)
    check(lambda m, x: m.digitize(x, m.array([1, 3, 2])), x)


def test_bins_that_are_refused():
    check(lambda m: m.digitize(m.array([1.0]), m.array([[1.0, 2.0]])))
    check(lambda m: m.digitize(m.array([1j]), m.array([1.0, 2.0])))
    check(lambda m: m.digitize(m.array([1.0]), m.array([1.0, numpy.nan, 2.0])))
    check(lambda m: m.digitize([1.0, 4.0], [1, 2, 3]))


@pytest.mark.parametrize("dtype", ["f8", "i4", "f4", "u1", "?", "i8"])
def test_members(dtype, all_native):
    x, tests = values((200,), dtype), values((13,), dtype, seed=3)
    for invert in (False, True):
        check(lambda m, x, t: m.isin(x, t, invert=invert), x, tests)
        check(lambda m, x, t: m.isin(x.reshape(4, 50).T, t.reshape(1, 13), True, invert), x, numpy.unique(tests))
        check(lambda m, x, t: m.isin(x, t[:1], invert=invert), x, tests)
    if dtype != "u1":
        check(lambda m, x: m.isin(x, [0, 1, 3]), x)


def test_members_that_numpy_looks_at():
    x = numpy.array([[0, 1], [2, 3]])
    check(lambda m, x: m.isin(x, []), x)
    check(lambda m, x: m.isin(x, [1, 2], kind="sort"), x)
    check(lambda m, x: m.isin(3, x), x)
    check(lambda m, x: m.isin(x, m.array([1, 2], dtype="u8")), x)
    check(lambda m, x: m.isin(x, [1j, 2]), x)
    check(lambda m, x: m.isin(x, ["a", "b"]), x)


@pytest.mark.parametrize("n", [10, 5000])
def test_interpolation(n, all_native):
    rng = numpy.random.default_rng(n)
    xp = numpy.sort(rng.normal(0, 1, 40))
    xp[10:12] = xp[9]
    fp = rng.normal(0, 1, 40)
    x = rng.normal(0, 1.5, n)
    x[:4] = xp[0], xp[-1], xp[5], numpy.nan
    check(lambda m, *a: m.interp(*a), x, xp, fp)
    check(lambda m, *a: m.interp(*a, left=-1, right=numpy.nan), x, xp, fp)
    check(lambda m, *a: m.interp(*a), x.astype("f4").reshape(2, -1), xp, fp.astype("f4"))
    check(lambda m, *a: m.interp(*a), (x * 9).round().clip(-5, 50)[4:].astype(int), numpy.arange(40), fp)
    check(lambda m, *a: m.interp(0.3, *a), xp, fp)
    infinite = fp.copy()
    infinite[[3, 20, 21, 30]] = numpy.inf, numpy.inf, numpy.inf, -numpy.inf
    check(lambda m, *a: m.interp(*a), x, xp, infinite)


def test_interpolation_that_numpy_looks_at():
    x, xp, fp = numpy.linspace(0, 9, 5000), numpy.arange(5.0), numpy.arange(5.0) ** 2
    check(lambda m, *a: m.interp(*a, period=4), x, xp, fp)
    check(lambda m, *a: m.interp(*a), x, xp, fp * 1j)
    check(lambda m, *a: m.interp(*a), x, xp[:1], fp[:1])
    check(lambda m, *a: m.interp(*a), x, xp[:0], fp[:0])
    check(lambda m, *a: m.interp(*a), x, xp, fp[:3])
    check(lambda m, *a: m.interp(*a), x[:3], xp, fp[:3])
