"""What the tests share: the oracle is NumPy, called with the same arguments."""

import math
import os
import subprocess
import sys
import textwrap
import warnings

import numpy

import legate.numpy as np
from legate import _native

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
NATIVE = [numpy.dtype(d) for d in DTYPES]


def is_native(dtype):
    """Whether arrays of this dtype are ours: numbers, and times in native byte order that tick in one unit."""
    if dtype.kind in "Mm":
        return dtype.isnative and numpy.datetime_data(dtype)[1] == 1
    return dtype in NATIVE


SHAPES = [(), (0,), (1,), (5,), (3, 4), (1, 4), (3, 1), (2, 0, 3), (2, 3, 4)]


def values(shape, dtype, seed=0):
    """A NumPy array of small and extreme values of `dtype`."""
    dtype = numpy.dtype(dtype)
    rng = numpy.random.default_rng([seed, dtype.num, *shape])
    if dtype.kind == "b":
        return numpy.asarray(rng.integers(0, 2, shape)).astype(dtype)
    if dtype.kind in "iu":
        limits = numpy.iinfo(dtype)
        array = numpy.asarray(rng.integers(0 if dtype.kind == "u" else -9, 10, shape)).astype(dtype)
        special = [limits.min, limits.max, 0, 1]
    else:
        array = numpy.asarray(rng.normal(0, 3, shape)).astype(dtype)
        if dtype.kind == "c":
            array = numpy.asarray(array + 1j * rng.normal(0, 3, shape)).astype(dtype)
        special = [0.0, -0.0, 1.0, math.inf, -math.inf, math.nan]
    flat = array.reshape(-1)
    for position, value in zip(rng.permutation(flat.size)[: len(special)], special):
        flat[position] = value
    return array


def plain(value):
    """`value` as NumPy has it: Legate arrays as NumPy arrays, deferred scalars as NumPy scalars, also inside tuples and lists."""
    if isinstance(value, _native.deferred_scalar):
        return value.__array__()[()]
    if isinstance(value, _native.Array):
        return numpy.array(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value)) if not hasattr(value, "_make") else tuple(map(plain, value))
    return value


def outcome(function, *args, **kwargs):
    """What a call gives: its result, or its exception."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*args, **kwargs)
        except Exception as error:  # the exception is what is compared
            return error


def assert_same(actual, expected, ulp=0):
    """The results agree in kind (array or scalar), dtype, shape and values; floats up to `ulp` units in the last place."""
    if isinstance(expected, Exception):
        assert isinstance(actual, Exception), f"expected {expected!r}, got {plain(actual)!r}"
        assert isinstance(actual, type(expected)), f"expected {expected!r}, got {actual!r}"
        assert str(actual) == str(expected), f"expected {expected!r}, got {actual!r}"
        return
    if isinstance(actual, Exception):
        raise AssertionError(f"expected {expected!r}") from actual
    if isinstance(expected, (tuple, list)):
        assert type(actual) is type(expected) and len(actual) == len(expected)
        for one, other in zip(actual, expected):
            assert_same(one, other, ulp)
        return
    if isinstance(expected, numpy.ndarray):
        kind = np.ndarray if is_native(expected.dtype) else numpy.ndarray
        assert isinstance(actual, kind), f"expected an array of dtype {expected.dtype}, got {type(actual)}"
    elif isinstance(expected, numpy.generic):
        assert isinstance(actual, (numpy.generic, _native.deferred_scalar)), f"expected a scalar, got {type(actual)}"
    else:
        assert type(actual) is type(expected), f"expected {expected!r}, got {actual!r}"
        assert actual == expected or actual != actual and expected != expected, f"expected {expected!r}, got {actual!r}"
        return
    actual = plain(actual)
    assert actual.dtype == expected.dtype, f"expected {expected.dtype}, got {actual.dtype}"
    assert actual.shape == expected.shape, f"expected {expected.shape}, got {actual.shape}"
    assert_close(numpy.asarray(actual), numpy.asarray(expected), ulp)


def assert_close(actual, expected, ulp=0):
    """Equal values, NaN equal to NaN and zeros of either sign equal; or within `ulp` units in the last place."""
    if expected.dtype.kind == "c":
        assert_close(actual.real, expected.real, ulp and 4 * ulp)
        assert_close(actual.imag, expected.imag, ulp and 4 * ulp)
        return
    equal = actual == expected
    if expected.dtype.kind == "f":
        equal |= numpy.isnan(actual) & numpy.isnan(expected)
        if ulp:
            with numpy.errstate(all="ignore"):
                spacing = numpy.spacing(numpy.abs(numpy.where(numpy.isfinite(expected), expected, 1)))
                equal |= numpy.abs(actual - expected) <= ulp * spacing
    if not equal.all():
        where = numpy.argwhere(~equal)[:5]
        shown = [(tuple(map(int, i)), actual[tuple(i)], expected[tuple(i)]) for i in where]
        raise AssertionError(f"{(~equal).sum()} of {equal.size} elements differ (index, actual, expected): {shown}")


def check(function, *args, ulp=0, **kwargs):
    """`function(module, *args)` gives with `legate.numpy` what it gives with NumPy; arrays among `args` are each module's own."""
    expected = outcome(function, numpy, *map(copied, args), **kwargs)
    actual = outcome(function, np, *map(adopted, args), **kwargs)
    assert_same(actual, expected, ulp)


def copied(value):
    return value.copy() if isinstance(value, numpy.ndarray) else value


def adopted(value):
    return np.array(value) if isinstance(value, numpy.ndarray) else value


def run_python(code, *options, env=None, timeout=120):
    """Runs `code` in a fresh interpreter; returns the finished process with its output as text."""
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
