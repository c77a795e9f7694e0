"""datetime64 and timedelta64: integers beneath, NaT among them."""

import itertools
import operator

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, check, is_native, outcome, plain

import legate
import legate.numpy as np

UNITS = ["W", "D", "h", "m", "s", "ms", "us", "ns"]
KINDS = ["M8", "m8"]
NAT = numpy.iinfo("i8").min


def times(kind, unit, count=24, seed=0):
    """Times around the origin, two of them NaT."""
    ticks = numpy.random.default_rng([seed, len(unit), count]).integers(-40, 40, count)
    ticks[[3, -5]] = NAT
    return ticks.view(f"{kind}[{unit}]")


def same(function, *arrays, native=True):
    """The function gives what NumPy gives, and without NumPy."""
    expected = outcome(function, numpy, *arrays)
    ours = [np.array(a) if isinstance(a, numpy.ndarray) else a for a in arrays]
    with legate.fallback("error" if native else "silent"):
        actual = outcome(function, np, *ours)
    if isinstance(expected, numpy.ndarray) and not isinstance(actual, Exception):
        assert isinstance(actual, np.ndarray if is_native(expected.dtype) else numpy.ndarray), actual
    assert_times(actual, expected)


def assert_times(actual, expected):
    if isinstance(expected, (tuple, list)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected):
            assert_times(one, other)
        return
    if isinstance(expected, Exception):
        assert_same(actual, expected)
        return
    if isinstance(actual, Exception):
        raise AssertionError(f"expected {expected!r}") from actual
    actual = plain(actual)
    assert numpy.asarray(actual).dtype == numpy.asarray(expected).dtype
    numpy.testing.assert_array_equal(numpy.asarray(actual), numpy.asarray(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_times_are_ours(kind):
    for unit in [*UNITS, "Y", "M"]:
        x = np.array(times(kind, unit))
        assert type(x) is np.ndarray and x.dtype == f"{kind}[{unit}]"
        for made in [np.zeros(3, x.dtype), np.empty((2, 3), x.dtype), np.ones(3, x.dtype), np.zeros_like(x), x.copy(), x[::-2], x.reshape(4, 6).T]:
            assert type(made) is np.ndarray and made.dtype == x.dtype
        assert type(x[0]) is type(times(kind, unit)[0])
        assert x.view("i8").tolist() == times(kind, unit).view("i8").tolist()
        assert x.view("i8").view(x.dtype).tolist() == times(kind, unit).tolist()
    assert type(np.zeros(3, f"{kind}[25s]")) is numpy.ndarray


@pytest.mark.parametrize("kind", KINDS)
def test_moving_times(kind):
    x, k = times(kind, "h"), numpy.array([3, 1, -1, 3])
    same(lambda module, x, k: (x[2:9:3], x[k], x[x == x], x.reshape(4, 6)[:, 1], module.take(x, k)), x, k)
    same(lambda module, x: (module.concatenate([x, x[:3]]), module.stack([x, x]), module.repeat(x, 2), module.roll(x, 3)), x)
    same(lambda module, x: (module.where(x == x, x, x[::-1]), module.ravel(x), x.flatten(), module.flip(x)), x)
    same(lambda module, x: (repr(x), str(x), repr(x[3]), x.tolist(), x.tobytes()), x, native=False)


@pytest.mark.parametrize("kind", KINDS)
def test_assignment(kind):
    def assigned(module, x, y):
        x = x.copy()
        x[0] = y[1]
        x[2:5] = y[:3]
        x[-1] = module.datetime64("NaT") if kind == "M8" else module.timedelta64("NaT")
        x[[7, 8]] = y[0]
        return x

    same(assigned, times(kind, "s"), times(kind, "s", 5, seed=1), native=False)
    same(assigned, times(kind, "s"), times(kind, "h", 5, seed=1), native=False)


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "lt", "le", "eq", "ne", "gt", "ge"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)))
def test_pairs_of_times(name, kinds):
    function = getattr(operator, name)
    for units in [("h", "h"), ("D", "h"), ("us", "ms"), ("M", "M"), ("Y", "M"), ("M", "D")]:
        x, y = (times(kind, unit, seed=i) for i, (kind, unit) in enumerate(zip(kinds, units)))
        if units[0] in "YM" and name in ("mod", "floordiv") and kinds != ("m8", "m8"):
            continue
        with numpy.errstate(all="ignore"):
            same(lambda module, x, y: function(x, y), x, y, native=False)
            same(lambda module, x, y: function(x, y[7]), x, y, native=False)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [3, -2, 0, 2.5, True, numpy.int32(5), numpy.float32(0.5)])
def test_times_and_numbers(name, kind, other):
    function = getattr(operator, name)
    x = times(kind, "s")
    with numpy.errstate(all="ignore"):
        same(lambda module, x: function(x, other), x, native=False)
        # NumPy's scalars make arrays of NumPy's of what cannot be compared.
        if name not in ("eq", "ne") or not isinstance(other, numpy.generic):
            same(lambda module, x: function(other, x), x, native=False)
        if not isinstance(other, bool):
            same(lambda module, x, y: function(x, y), x, numpy.full(24, other), native=False)


@pytest.mark.parametrize("kind", KINDS)
def test_functions_of_times(kind):
    x, y = times(kind, "h"), times(kind, "m", seed=1)
    names = ["isnat", "isfinite", "isinf", "isnan"]
    for name in names + ["negative", "absolute", "sign", "positive"] * (kind == "m8"):
        same(lambda module, x: getattr(module, name)(x), x)
    for name in ["maximum", "minimum", "fmax", "fmin", "subtract", "less", "equal", "not_equal"]:
        same(lambda module, x, y: getattr(module, name)(x, y), x, y)
    same(lambda module, x: module.isnat(x[:3].reshape(3, 1)), x)
    check(lambda module: module.isnat(module.arange(3)))
    check(lambda module: module.isnat(module.arange(3.0)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(24,), (4, 6)])
def test_folds_and_orders(kind, shape):
    whole = numpy.arange(24)[::-1].view(f"{kind}[h]")
    for x in [times(kind, "h").reshape(shape), whole.reshape(shape)]:
        for axis in [None, 0, -1]:
            for name in ["min", "max", "argmin", "argmax", "ptp"] + ["sum"] * (kind == "m8"):
                same(lambda module, x: getattr(module, name)(x, axis=axis), x)
        for axis in [0, -1]:
            same(lambda module, x: (module.sort(x, axis=axis), module.argsort(x, axis=axis, kind="stable")), x)
        same(lambda module, x: module.unique(x), x)
        same(lambda module, x: module.diff(x), x)
    same(lambda module, x: module.searchsorted(module.sort(x), x[:5]), times(kind, "h"))


@pytest.mark.parametrize("kind", KINDS)
def test_conversions(kind):
    for old, new in itertools.product(UNITS, UNITS):
        same(lambda module, x: x.astype(f"{kind}[{new}]"), times(kind, old))
    x = times(kind, "h")
    same(lambda module, x: (x.astype("i8"), x.astype("i8").astype(x.dtype), module.arange(5).astype(x.dtype)), x)
    for other in ["M", "Y", "f8", "?", "U25", "O"]:
        same(lambda module, x: x.astype(f"{kind}[{other}]" if other in "MY" else other), x[:3], native=False)


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_and_outputs(kind):
    def changed(module, x, y):
        x = x.copy()
        x += y
        x -= module.timedelta64(3, "h")
        out = module.zeros(24, x.dtype)
        module.subtract(x, y, out=out, where=module.isnat(y) == False)  # noqa: E712 (an array)
        return x, out

    same(changed, times(kind, "h"), times("m8", "h", seed=1), native=False)


def test_functions_that_know_no_times_ask_numpy():
    x, d = times("m8", "h"), times("M8", "h")
    for function in [
        lambda module, x: module.sqrt(x),
        lambda module, x: module.mean(x[5:9]),
        lambda module, x: module.cumsum(x),
        lambda module, x: module.dot(x, x),
        lambda module, x: module.prod(x),
        lambda module, x: module.var(x),
        lambda module, x: module.any(x),
        lambda module, x: module.count_nonzero(x),
        lambda module, x: module.nonzero(x),
        lambda module, x: module.clip(x, x[0], x[1]),
        lambda module, x: module.histogram(x.view("i8"), 3),
        lambda module, x: module.bincount(x),
        lambda module, x: x[x],
        lambda module, x: module.where(x, 1, 2),
        lambda module, x: module.full_like(x, 5),
        lambda module, x: module.linspace(0, 5, 4, dtype=x.dtype),
        lambda module, x: module.add(x, x, dtype="f8"),
        lambda module, x: module.concatenate([x, module.arange(3)]),
        lambda module, x: module.matmul(x, x),
        lambda module, x: module.median(x),
        lambda module, x: module.nanmedian(x),
        lambda module, x: module.partition(x, 3),
        lambda module, x: x.real,
        lambda module, x: bool(x[0]),
        lambda module, x: float(x[0]),
        lambda module, x: module.power(x, 2),
    ]:
        for array in (x, d):
            expected = outcome(function, numpy, array.copy())
            with legate.fallback("silent"):
                actual = outcome(function, np, np.array(array))
            assert isinstance(actual, Exception) == isinstance(expected, Exception), (actual, expected)
            if isinstance(expected, Exception):
                assert type(actual).__mro__[1:] == type(expected).__mro__[1:] and str(actual) == str(expected)
            elif isinstance(expected, (numpy.ndarray, numpy.generic)):
                assert_times(actual, expected)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["add", "subtract", "multiply", "divide", "floor_divide", "less", "equal", "maximum", "fmin"]),
    st.sampled_from(UNITS),
    st.sampled_from(UNITS),
    st.sampled_from(["M8", "m8", "i8", "f8"]),
    st.lists(st.one_of(st.integers(-1000, 1000), st.just(NAT)), min_size=1, max_size=20),
)
def test_random_pairs(name, one, other, kind, ticks):
    x = numpy.array(ticks).view(f"m8[{one}]")
    y = numpy.array(ticks[::-1])
    y = y.view(f"{kind}[{other}]") if kind in KINDS else y.clip(-1000, 1000).astype(kind)
    with numpy.errstate(all="ignore"):
        same(lambda module, x, y: getattr(module, name)(x, y), x, y, native=False)
        same(lambda module, x, y: getattr(module, name)(y, x), x, y, native=False)
