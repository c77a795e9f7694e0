"""Floating-point exceptions are told as `np.errstate` wants it, at the line that met them."""

import io
import sys
import warnings

import numpy
import pytest

import legate.numpy as np
import legate

ZERO, ONE, BIG = 0.0, 1.0, 1e308

# What each meets on its own; `x` holds 0, 1, -1, 1e308, inf and nan, `i` integers with 0.
CALLS = """
    x / 0
    x / x
    1 / x
    x * 1e10
    x + x
    x - x
    x**2
    x**-1
    np.log(x)
    np.log2(x)
    np.log1p(x)
    np.sqrt(x)
    np.exp(x)
    np.sinh(x)
    np.arctanh(x)
    np.arcsin(x)
    np.sin(x)
    np.reciprocal(x)
    np.square(x)
    np.fmod(x, 0)
    np.remainder(x, 0)
    x // 0
    np.float_power(x, -1)
    np.maximum(x, x)
    x < 1
    np.isfinite(x)
    np.negative(x)
    i // 0
    i % 0
    np.reciprocal(i)
    x.astype("f4")
    x.astype("i4")
    x.astype("f4") * x.astype("f4")
    x.astype("f2") + 1
    np.divide(x, 0, where=x == 5)
    np.divide(1, x, where=x != 0)
    np.log(x, where=x > 0)
    (x + 0j) / 0
    np.sqrt(x + 0j)
    x * 2 / 3
    (x - 1) / (x - 1) + np.log(x)
    np.sum(x)
    np.where(x > 0, 1 / x, 0)
    np.minimum(x / 0, 1) + np.exp(x * 2)
    np.divmod(x, 0)
    divmod(i, 0)
    np.cumsum(x)
    np.cumsum(x[:3])
    np.cumprod(x)
    np.multiply.accumulate(big)
    np.divide.accumulate(x)
    np.subtract.reduce(x)
    np.multiply.reduceat(big, [0, 3])
    np.dot(x, x)
    np.dot(big, big)
    np.inner(big, big)
    np.vecdot(big, big)
    big @ big
    np.dot(plane, plane)
    plane @ plane
    (plane * 0) @ plane
    plane @ np.zeros(len(plane))
    np.matmul(np.stack([plane, plane]), np.stack([plane, plane]))
    np.vecmat(big, np.stack([big, big], axis=1))
""".strip().splitlines()


def arrays(module, size):
    x = numpy.array([0, 1, -1, 1e308, numpy.inf, numpy.nan, -0.0, 3.0])
    i = numpy.array([0, 1, -1, 5])
    # An infinite element, and numbers whose products are too large.
    plane = numpy.diag(numpy.resize(numpy.array([numpy.inf, 1.0]), min(size, 300))) + 1e200
    big = numpy.full(size, 1e200)
    values = {"x": numpy.resize(x, size), "i": numpy.resize(i, size), "big": big, "plane": plane}
    return {"np": module} | {name: module.array(value) for name, value in values.items()}


def told(module, line, size):
    """The texts of the warnings of a call, without order."""
    names = arrays(module, size)
    legate.fence()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = eval(line.strip(), names)
        for part in result if isinstance(result, tuple) else [result]:
            numpy.asarray(part)
        legate.fence()
    return sorted({str(w.message) for w in caught if "encountered" in str(w.message)})


@pytest.mark.parametrize("size", [8, 50, 100_000])
@pytest.mark.parametrize("line", CALLS)
def test_what_calls_meet(line, size):
    assert told(np, line, size) == told(numpy, line, size), line


@pytest.mark.parametrize("size", [8, 100_000])
def test_the_line_is_that_of_the_call(size):
    x = np.zeros(size)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = sys._getframe().f_lineno + 1
        y = x + 1 / x
        z = np.log(y - y)
        float(z[0])
        legate.fence()
    places = {(w.lineno - first, str(w.message)) for w in caught}
    assert places == {(0, "divide by zero encountered in divide"), (1, "invalid value encountered in subtract")}
    assert {w.filename for w in caught} == {__file__} and {w.category for w in caught} == {RuntimeWarning}


@pytest.mark.parametrize("size", [8, 100_000])
def test_raise_is_at_the_call(size):
    x = np.zeros(size)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="^divide by zero encountered in divide$"):
        1 / x
    with np.errstate(all="raise"):
        np.log(x + 1)
        with pytest.raises(FloatingPointError, match="^invalid value encountered in sqrt$"):
            np.sqrt(x - 1)


@pytest.mark.parametrize("size", [8, 100_000])
def test_ignored(size):
    x = np.zeros(size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="ignore"):
            y = x / x
        numpy.asarray(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            numpy.asarray(np.log(x))


@pytest.mark.parametrize("size", [8, 100_000])
def test_calls_logs_and_prints(size, capfd):
    x, seen, log = np.zeros(size), [], io.StringIO()
    with np.errstate(all="call", call=lambda what, bits: seen.append((what, bits))):
        1 / x
    assert seen == [("divide by zero", 1)]
    with np.errstate(all="log", call=log):
        np.sqrt(x - 1)
    assert log.getvalue() == "Warning: invalid value encountered in sqrt\n"
    with np.errstate(divide="print"):
        np.log(x)
    assert "divide by zero encountered in log" in capfd.readouterr().err


@pytest.mark.parametrize("size", [8, 100_000])
def test_in_place(size):
    x = np.full(size, 1e308)
    with pytest.warns(RuntimeWarning, match="overflow encountered in multiply"):
        x *= 10
        legate.fence()
    with pytest.warns(RuntimeWarning, match="invalid value encountered in sin"):
        np.sin(x, out=x)
        legate.fence()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x += 1
        legate.fence()


def test_each_line_warns_once_by_default():
    x = np.zeros(8)
    legate.fence()  # what tests before this one have left is told now
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            quotient = 1 / x  # kept: what nobody can ask for need not be computed
            legate.fence()
    assert len(caught) == 1 and numpy.isinf(quotient).all()
