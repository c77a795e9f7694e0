"""Sorting: native, and what NumPy gives."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from support import DTYPES, check, values

import legate
import legate.numpy as np

REAL = [dtype for dtype in DTYPES if dtype[0] != "c"]


@pytest.fixture
def all_native():
    """Nothing goes to NumPy."""
    with legate.fallback("error"):
        yield


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (100,), (3, 4), (2, 0, 3), (2, 3, 4)], ids=str)
def test_every_type(dtype, shape, all_native):
    x = values(shape, dtype)
    for axis in [None, *range(-len(shape), len(shape))]:
        check(lambda m, x: m.sort(x, axis), x)
        check(lambda m, x: m.argsort(x, axis, kind="stable"), x)
        check(lambda m, x: x.argsort(axis, "stable"), x)

        def in_place(m, x):
            assert x.sort(axis) is None
            return x

        if axis is not None:
            check(in_place, x)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u2", "?"])
@pytest.mark.parametrize("n", [1000, 70_000, 300_000])
def test_long_lines(dtype, n, all_native):
    rng = numpy.random.default_rng(n)
    for x in (rng.normal(0, 1000, n), rng.integers(-9, 9, n), numpy.exp(rng.normal(0, 100, n)), numpy.arange(n)[::-1]):
        with numpy.errstate(all="ignore"):
            x = x.astype(dtype)
        if x.dtype.kind == "f":
            x[::1000] = numpy.nan
            x[5::977] = -numpy.inf
        check(lambda m, x: m.sort(x), x)
        check(lambda m, x: m.argsort(x, kind="stable"), x)
        check(lambda m, x: m.sort(x[::-2]), x)


def test_views_and_layouts(all_native):
    x = numpy.random.default_rng(1).integers(0, 50, (60, 70))
    check(lambda m, x: m.sort(x.T, 0), x)
    check(lambda m, x: m.sort(x.T, 1).flags.f_contiguous, x)
    check(lambda m, x: m.argsort(x[::2, ::-1], 0, kind="stable"), x)

    def half(m, x):
        x[::2, ::-1].sort(0)
        return x

    check(half, x)


def test_kinds_and_refusals():
    x = numpy.array([[3.0, 1.0, 2.0]])
    for kind in ("quicksort", "heapsort", "mergesort", "stable", "other", 3):
        check(lambda m, x: m.sort(x, kind=kind), x)
    check(lambda m, x: m.sort(x, stable=True), x)
    check(lambda m, x: m.sort(x, kind="stable", stable=True), x)
    check(lambda m, x: m.sort(x, 2), x)
    check(lambda m, x: x.sort(axis=None), x)
    check(lambda m, x: m.sort(x, order="a"), x)
    check(lambda m: m.sort(m.array(3)))
    check(lambda m: m.argsort(m.array(3)))
    check(lambda m: m.sort([3, 1, 2]))
    check(lambda m: m.sort(m.array([2j, 1, 1 + 1j])))

    def locked(m, x):
        x.flags.writeable = False
        x.sort()

    check(locked, x)


@given(x=stn.arrays(st.sampled_from(REAL), stn.array_shapes(max_dims=3, max_side=6)), data=st.data())
def test_any_array(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    check(lambda m, x: m.sort(x, axis), x)
    check(lambda m, x: m.argsort(x, axis, kind="stable"), x)
    check(lambda m, x: m.take_along_axis(x, m.argsort(x, axis), axis), x)
