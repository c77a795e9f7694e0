"""Legate's and NumPy's arrays in one program, in either order."""

import itertools
import operator

import numpy
import pytest
from support import assert_same, plain

import legate.numpy as np


def step1(m, n):
    return m.ones(n), m.ones(n)


def step2(m, x, y):
    return m.dot(x, y)


@pytest.mark.parametrize(("first", "second"), list(itertools.product([numpy, np], repeat=2)))
@pytest.mark.parametrize("n", [10, 100_000])
def test_malicious_adoption(first, second, n):
    """The talk's: code that takes its NumPy as an argument works whichever it is given, also two in one program."""
    x, y = step1(first, n)
    assert float(step2(second, x, y)) == n


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.eq])
def test_operators_give_legate_arrays_in_either_order(op):
    n, x = numpy.arange(1.0, 5), np.arange(2.0, 6)
    assert_same(op(n, x), op(n, plain(x)))
    assert_same(op(x, n), op(plain(x), n))
    assert_same(op(numpy.float64(3), x), op(numpy.float64(3), plain(x)))
    assert_same(op(x, numpy.float32(3)), op(plain(x), numpy.float32(3)))
    assert_same(op(numpy.array(3.0), x), op(numpy.array(3.0), plain(x)))


def test_matmul_in_either_order():
    n, x = numpy.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2)
    assert_same(n @ x, n @ plain(x))
    assert_same(x @ n, plain(x) @ n)


def test_in_place_in_either_order():
    n, x = numpy.arange(3.0), np.arange(3.0)
    n += x
    assert type(n) is numpy.ndarray and n.tolist() == [0, 2, 4]
    x += n
    assert type(x) is np.ndarray and x.tolist() == [0, 3, 6]
    n[1:] = x[:2]
    assert n.tolist() == [0, 0, 3]
    x[:2] = n[1:]
    assert x.tolist() == [0, 3, 6]


@pytest.mark.parametrize("name", ["add", "sqrt", "maximum", "arctan2", "logical_not", "divmod", "bitwise_count"])
def test_numpys_ufuncs_give_legate_arrays(name):
    function = getattr(numpy, name)
    x = np.arange(1, 5)
    args = (x,) * function.nin
    expected = function(*map(plain, args))
    assert_same(function(*args), expected, ulp=4)


@pytest.mark.parametrize("scalar", [numpy.float64(2.5), numpy.float32(2.5), numpy.int8(3), numpy.bool_(True), numpy.complex128(1 + 2j)])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u8"])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.truediv, operator.lt, operator.ne])
@pytest.mark.parametrize("n", [0, 1, 10, 100_000])
def test_scalars_of_numpys_to_the_left(scalar, dtype, op, n):
    x = np.arange(n).astype(dtype) % 7
    assert_same(op(scalar, x), op(scalar, plain(x)))


def test_subclasses_are_asked_by_numpys_scalars():
    class Own(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__

    own = np.arange(3.0)._view_as(Own)
    assert numpy.float64(2) * own == "multiply"
    assert numpy.add(np.arange(3.0), own) == "add"


def test_methods_of_numpys_ufuncs():
    x = np.arange(1.0, 5)
    assert_same(numpy.add.reduce(x), numpy.add.reduce(plain(x)))
    assert_same(numpy.multiply.outer(x, numpy.arange(2)), numpy.multiply.outer(plain(x), numpy.arange(2)))
    assert_same(numpy.add.accumulate(x), numpy.add.accumulate(plain(x)))
    numpy.add.at(x, [0, 0], 10)
    assert x.tolist() == [21, 2, 3, 4]


def test_out_of_either_kind():
    x = np.arange(3.0)
    n = numpy.zeros(3)
    assert numpy.add(x, 1, out=n) is n
    assert n.tolist() == [1, 2, 3]
    assert np.add(x, 2, out=n) is n
    assert n.tolist() == [2, 3, 4]
    out = np.zeros(3)
    assert numpy.add(n, 1, out=out) is out
    assert out.tolist() == [3, 4, 5]
    assert np.sum(x, out=numpy.zeros(())) == 3
    with pytest.raises(ValueError):
        np.add(x, 1, out=numpy.zeros(4))


FUNCTIONS = [
    lambda m, x: m.sum(x),
    lambda m, x: m.mean(x, axis=0),
    lambda m, x: m.concatenate([x, x]),
    lambda m, x: m.stack([x, plain(x)]),
    lambda m, x: m.where(x > 2, x, 0),
    lambda m, x: m.dot(x, x.T),
    lambda m, x: m.linalg.norm(x),
    lambda m, x: m.linalg.inv(x[:2, :2] + 1),
    lambda m, x: m.fft.fft(x[0]),
    lambda m, x: m.transpose(x),
    lambda m, x: m.reshape(x, (-1,)),
    lambda m, x: m.clip(x, 1, 3),
    lambda m, x: m.cumsum(x),
    lambda m, x: m.zeros_like(x),
    lambda m, x: m.allclose(x, x),
    lambda m, x: m.shape(x),
    lambda m, x: m.argmax(x, axis=1),
    lambda m, x: m.median(x),
    lambda m, x: m.array_equal(x, plain(x)),
    lambda m, x: m.split(x, 2, axis=1),
    lambda m, x: m.broadcast_to(x[0], (2, 4)),
    lambda m, x: m.result_type(x, 1.0),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_numpys_functions_give_legate_arrays(function):
    x = np.arange(12.0).reshape(3, 4)
    assert_same(function(numpy, x), function(numpy, plain(x)), ulp=2)


def test_numpy_functions_that_write():
    x = np.arange(4.0)
    numpy.copyto(x, [4, 3, 2, 1])
    assert x.tolist() == [4, 3, 2, 1]
    numpy.put(x, [0], 9)
    assert x.tolist() == [9, 3, 2, 1]
    n = numpy.zeros(4)
    numpy.copyto(n, x)
    assert n.tolist() == [9, 3, 2, 1]


def test_numpy_sees_snapshots():
    x = np.arange(4.0)
    n = numpy.asarray(x)
    assert n.tolist() == [0, 1, 2, 3] and not n.flags.writeable
    x += 1
    assert n.tolist() == [0, 1, 2, 3]
    assert numpy.array(x).flags.writeable
    assert numpy.asarray(x, dtype="f4").dtype == numpy.float32
    assert numpy.array(x, copy=True).tolist() == [1, 2, 3, 4]
    assert list(map(float, x)) == [1, 2, 3, 4]


def test_numpy_arrays_are_copied():
    n = numpy.arange(3.0)
    x = np.asarray(n)
    n[0] = 9
    x[1] = 7
    assert x.tolist() == [0, 7, 2] and n.tolist() == [9, 1, 2]


def test_masked_arrays_and_matrices_are_numpys():
    masked = numpy.ma.masked_array([1.0, 2.0], [False, True])
    assert isinstance(masked + np.ones(2), numpy.ma.MaskedArray)
    matrix = numpy.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(np.asanyarray(matrix), (numpy.matrix, np.ndarray))
    assert float((matrix * 2)[1, 1]) == 8


class Foreign:
    """An array of a third library."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "foreign ufunc"

    def __array_function__(self, func, types, args, kwargs):
        return "foreign function"


def test_third_libraries_are_asked():
    assert np.arange(3) + Foreign() == "foreign ufunc"
    assert Foreign().__array_ufunc__ is not None
    assert numpy.add(np.arange(3), Foreign()) == "foreign ufunc"
    assert numpy.concatenate([np.arange(3), Foreign()]) == "foreign function"


def test_submodules_mix():
    x = np.arange(4.0)
    numpy.testing.assert_allclose(x, [0, 1, 2, 3])
    np.testing.assert_array_equal(x, numpy.arange(4.0))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(x, x + 1)
    assert_same(np.polynomial.polynomial.polyval(2.0, x), numpy.polynomial.polynomial.polyval(2.0, plain(x)))
    assert numpy.ma.masked_array(x, x > 2).sum() == 3
