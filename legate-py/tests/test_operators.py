"""Operators: binary, reflected, in place, unary, comparisons."""

import operator
from fractions import Fraction

import numpy
import pytest
from support import DTYPES, assert_same, check, outcome, values

import legate.numpy as np

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.and_,
    operator.or_,
    operator.xor,
    operator.lshift,
    operator.rshift,
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.gt,
    operator.ge,
]
IN_PLACE = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
    operator.iand,
    operator.ior,
    operator.ixor,
    operator.ilshift,
    operator.irshift,
]


def ulp_of(op, *dtypes):
    return 4 if op in (operator.pow, operator.ipow) or any(d.startswith("c") for d in dtypes) else 0


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary(op, dtype):
    a, b = values((6,), dtype, 1), values((6,), dtype, 2)
    check(lambda m, x, y: op(x, y), a, b, ulp=ulp_of(op, dtype))
    check(lambda m, x: op(x, 2), a, ulp=ulp_of(op, dtype))
    check(lambda m, x: op(2, x), a, ulp=ulp_of(op, dtype))


@pytest.mark.parametrize("op", IN_PLACE, ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place_writes_to_the_array(op, dtype):
    def call(m, x, y):
        alias = x
        x = op(x, y)
        assert x is alias
        return x

    check(call, values((6,), dtype, 1), values((6,), dtype, 2), ulp=ulp_of(op, dtype))
    check(lambda m, x: op(x, 2), values((6,), dtype, 1), ulp=ulp_of(op, dtype))


def test_in_place_refuses_what_does_not_fit():
    check(lambda m, x: operator.iadd(x, 1.5), numpy.arange(3))
    check(lambda m, x: operator.iadd(x, m.ones((2, 3))), numpy.arange(3.0))
    check(lambda m, x: operator.iadd(x, m.ones(4)), numpy.arange(3.0))
    check(lambda m, x: operator.itruediv(x, 2), numpy.arange(3))
    x = np.arange(3)
    with pytest.raises(TypeError):
        x += 1.5
    assert x.tolist() == [0, 1, 2]


@pytest.mark.parametrize("op", [operator.neg, operator.pos, operator.abs, operator.invert], ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary(op, dtype):
    check(lambda m, x: op(x), values((6,), dtype), ulp=ulp_of(op, dtype))


@pytest.mark.parametrize("exponent", [2, 2.0, 0.5, -1, 1, 3, 0, -0.5])
@pytest.mark.parametrize("dtype", ["i4", "u1", "f4", "f8", "c16"])
def test_powers_that_numpy_computes_otherwise(exponent, dtype):
    check(lambda m, x: x**exponent, values((8,), dtype), ulp=0 if exponent in (2, 2.0, 0.5, 1) and dtype[0] != "c" else 4)


def test_divmod_and_pow():
    check(lambda m, x: divmod(x, 3), numpy.arange(-4, 5))
    check(lambda m, x: divmod(17, x), numpy.arange(1, 5))
    with pytest.raises(TypeError):
        pow(np.arange(3), 2, 5)


def test_matmul():
    a, b = numpy.arange(6.0).reshape(2, 3), numpy.arange(12.0).reshape(3, 4)
    check(lambda m, x, y: x @ y, a, b)
    check(lambda m, x, y: x @ y, a, b[:, 0].copy())
    check(lambda m, x, y: x @ y, b, a)
    check(lambda m, x: [[1.0, 2.0]] @ x, a)

    def in_place(m, x, y):
        x @= y
        return x

    check(in_place, a, numpy.eye(3) * 2)


def test_comparison_with_strange_objects():
    x = numpy.arange(3)
    check(lambda m, x: x == None, x)  # noqa: E711 (the comparison is the test)
    check(lambda m, x: x != None, x)  # noqa: E711
    check(lambda m, x: x == "a", x)
    check(lambda m, x: x < None, x)
    check(lambda m, x: x == [0, 5, 2], x)
    check(lambda m, x: x == m.ones(4), x)


def test_objects_of_python_make_object_arrays():
    expected = numpy.arange(3) + Fraction(1, 2)
    actual = np.arange(3) + Fraction(1, 2)
    assert isinstance(actual, numpy.ndarray) and actual.dtype == object
    assert (actual == expected).all()


class Deferring:
    """An object that handles arrays itself, as sparse matrices do."""

    __array_ufunc__ = None

    def __radd__(self, other):
        return "handled"

    def __rmul__(self, other):
        return "handled"


class HigherPriority:
    __array_priority__ = 100

    def __radd__(self, other):
        return "handled"


def test_other_classes_may_take_over():
    assert np.arange(3) + Deferring() == "handled"
    assert np.arange(3) + HigherPriority() == "handled"
    expected = outcome(lambda: numpy.arange(3) - Deferring())
    actual = outcome(lambda: np.arange(3) - Deferring())
    assert type(actual) is type(expected) is TypeError


def test_scalars_do_not_change_in_place():
    total = np.arange(4.0).sum()
    before = total
    total += 1
    assert float(before) == 6 and float(total) == 7


@pytest.mark.parametrize("op", BINARY[:8], ids=lambda op: op.__name__)
def test_zero_dimensional_arrays_give_scalars(op):
    check(lambda m, x, y: op(x, y), numpy.array(7), numpy.array(2))


def test_arrays_stay_as_they_were_after_a_refusal():
    x = np.arange(3.0)
    for bad in (lambda: x + np.ones(4), lambda: x.__iadd__(np.ones(4)), lambda: np.add(x, 1, out=np.zeros(5))):
        assert_same(type(outcome(bad)), ValueError)
    assert x.tolist() == [0, 1, 2]
