"""What is not native beside what is (strings, objects, records, byte-swapped numbers, multiples of time units); promotion, casting, limits of types."""

import operator

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, is_native, outcome, plain

import legate
import legate.numpy as np

FOREIGN = {
    "words": numpy.array(["a", "bc", "def", ""]),
    "bytes": numpy.array([b"a", b"bc", b"", b"d"]),
    "objects": numpy.array([1, "a", None, 2.5], dtype=object),
    "numbers": numpy.array([1, 2.5, 3, 2**70], dtype=object),
    "swapped": numpy.array([1, 2, 3, 4], ">f8"),
    "swapped integers": numpy.array([1, 2, 3, 4], ">i4"),
    "swapped halves": numpy.array([1, 2, 3, 4], ">f2"),
    "swapped dates": numpy.array([1, 2, 3, 4], ">M8[s]"),
    "records": numpy.array([(1, 2.0)] * 4, "i4,f8"),
    "long": numpy.arange(4, dtype="g"),
    "25 seconds": numpy.arange(4).view("m8[25s]"),
}
NATIVE = ["?", "i8", "u1", "f2", "f8", "c16", "M8[s]", "m8[s]"]


def native(dtype):
    return numpy.array([1, 0, 3, 2]).astype(dtype)


def compare(function, ours, theirs):
    """Both give the same values and types, or exceptions of the same type: nothing crashes."""
    with legate.fallback("silent"):
        actual = outcome(function, np, *ours)
    expected = outcome(function, numpy, *theirs)
    if isinstance(expected, Exception):
        assert isinstance(actual, Exception), f"expected {expected!r}, got {actual!r}"
        return
    if isinstance(actual, Exception):
        raise AssertionError(f"expected {expected!r}") from actual
    actual, expected = plain(actual), numpy.asarray(expected)
    actual = numpy.asarray(actual)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    # NaN is no number that lists compare, and objects know no `equal_nan`.
    assert actual.tolist() == expected.tolist() or numpy.array_equal(actual, expected, equal_nan=actual.dtype.kind in "fc")


OPERATORS = ["add", "sub", "mul", "truediv", "eq", "lt", "and_"]


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("dtype", NATIVE)
def test_operators_beside_foreign_arrays(kind, dtype):
    other, x = FOREIGN[kind], native(dtype)
    for name in OPERATORS:
        function = getattr(operator, name)
        compare(lambda module, x: function(x, other), [np.array(x)], [x])
        compare(lambda module, x: function(x[:1], other[0]), [np.array(x)], [x])


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("dtype", NATIVE)
def test_functions_of_native_and_foreign_arrays(kind, dtype):
    other, x = FOREIGN[kind], native(dtype)
    for function in [
        lambda module, x: module.concatenate([x, other]),
        lambda module, x: module.where(x == x, x, other),
        lambda module, x: module.stack([x, other]),
        lambda module, x: module.maximum(x, other),
        lambda module, x: module.isin(x, other),
        lambda module, x: module.append(x, other),
        lambda module, x: x[other],
        lambda module, x: module.result_type(x, other),
        lambda module, x: module.can_cast(other.dtype, x.dtype),
        lambda module, x: x.astype(other.dtype),
        lambda module, x: module.array_equal(x, other),
    ]:
        compare(function, [np.array(x)], [x])


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("dtype", NATIVE)
def test_assignment_of_foreign_values(kind, dtype):
    other = FOREIGN[kind]

    def assigned(module, x):
        x = x.copy()
        x[...] = other
        return x

    def one(module, x):
        x = x.copy()
        x[1] = other[1]
        return x

    compare(assigned, [np.array(native(dtype))], [native(dtype)])
    if not (dtype == "i8" and other.dtype.kind == "M"):  # a date in seconds is Python's for NumPy, which it refuses; here it is its number
        compare(one, [np.array(native(dtype))], [native(dtype)])


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_arrays_keep_their_data(kind):
    other = FOREIGN[kind]
    with legate.fallback("silent"):
        for made in (np.array(other), np.asarray(other), np.copy(other), np.reshape(other, (2, 2)), np.take(other, [1, 0])):
            assert type(made) is (np.ndarray if is_native(other.dtype) and other.dtype.isnative else numpy.ndarray)
            assert made.dtype == other.dtype
    assert numpy.asarray(np.array(other)).tolist() == other.tolist()


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(FOREIGN)), st.sampled_from(NATIVE), st.sampled_from(OPERATORS), st.booleans())
def test_mixtures(kind, dtype, name, reflected):
    function, other, x = getattr(operator, name), FOREIGN[kind], native(dtype)
    if reflected:
        compare(lambda module, x: function(list(other), x), [np.array(x)], [x])
    else:
        compare(lambda module, x: function(x.reshape(2, 2), other[:2]), [np.array(x)], [x])


TYPES = [*"?bBhHiIlLefdFD", "M8[D]", "M8[h]", "m8[D]", "m8[s]", "U3", "O", ">f8"]


def test_promotion_is_numpys():
    """Every pair of types, by arrays, and with Python's numbers."""
    for one in TYPES:
        x = numpy.zeros(2, one)
        ours = np.array(x)
        for other in TYPES:
            y = numpy.zeros(2, other)
            for name, arguments in [("result_type", (x, y)), ("promote_types", (one, other)), ("can_cast", (one, other))]:
                expected = outcome(getattr(numpy, name), *arguments)
                given = (ours, np.array(y)) if name == "result_type" else arguments
                actual = outcome(getattr(np, name), *given)
                if isinstance(expected, numpy.exceptions.DTypePromotionError):  # names both types, in one order or the other
                    assert type(actual) is type(expected)
                else:
                    assert_same(actual, expected)
            for casting in ["no", "equiv", "safe", "same_kind", "unsafe"]:
                assert np.can_cast(one, other, casting) == numpy.can_cast(one, other, casting)
        for number in [True, 1, 1.5, 2j, 2**70, -1]:
            assert_same(outcome(np.result_type, ours, number), outcome(numpy.result_type, x, number))


@pytest.mark.parametrize("dtype", "bBhHiIlL")
def test_integers_that_do_not_fit(dtype):
    """Where NumPy's words are those of C (`fill` beyond 64 bits), or numbers wrap (`where`), ours are those of its other calls: not compared here."""
    limits = numpy.iinfo(dtype)
    for number in [limits.max, limits.max + 1, limits.min, limits.min - 1, 2**70, -(2**70)]:
        functions = [
            lambda module, x: x == number,
            lambda module, x: x < number,
            lambda module, x: x.__setitem__(0, number),
            lambda module, x: module.array([number], dtype),
        ]
        if -(2**63) <= number < 2**63:
            functions += [
                lambda module, x: x + number,
                lambda module, x: module.full(2, number, dtype),
                lambda module, x: x.fill(number),
                lambda module, x: module.clip(x, 0, number),
            ]
        for function in functions:
            with legate.fallback("silent"):
                actual = outcome(function, np, np.zeros(2, dtype))
            assert_same(actual, outcome(function, numpy, numpy.zeros(2, dtype)))


@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe"])
def test_casting_everywhere(casting):
    for one in "bBilefdFD":
        for other in "bBilefdFD":
            x = numpy.ones(3, one)
            for function in [
                lambda module, x: x.astype(other, casting=casting),
                lambda module, x: module.add(x, x, out=module.zeros(3, other), casting=casting),
                lambda module, x: module.concatenate([x, x], dtype=other, casting=casting),
                lambda module, x: module.copyto(module.zeros(3, other), x, casting=casting),
            ]:
                with legate.fallback("silent"):
                    actual = outcome(function, np, np.array(x))
                assert_same(actual, outcome(function, numpy, x))


@pytest.mark.parametrize("dtype", "efdFD")
def test_what_is_said_of_floats(dtype):
    ours, theirs = np.finfo(np.zeros(1, dtype).dtype), numpy.finfo(dtype)
    for name in ["bits", "eps", "epsneg", "iexp", "machep", "max", "maxexp", "min", "minexp", "negep", "nexp", "nmant", "precision", "resolution", "smallest_normal", "smallest_subnormal", "tiny"]:
        assert_same(getattr(ours, name), getattr(theirs, name))


@pytest.mark.parametrize("dtype", "bBhHiIlL")
def test_what_is_said_of_integers(dtype):
    ours, theirs = np.iinfo(np.zeros(1, dtype).dtype), numpy.iinfo(dtype)
    assert (ours.bits, ours.min, ours.max, str(ours)) == (theirs.bits, theirs.min, theirs.max, str(theirs))


def test_the_least_type_of_a_number():
    numbers = [0, 1, -1, 127, 128, 255, 256, -128, -129, 2**31, 2**32, 2**63, -(2**63), 2**64, 0.5, 1e10, 1e300, 1j, 1e300j, True, numpy.inf, numpy.nan]
    for number in numbers:
        assert np.min_scalar_type(number) == numpy.min_scalar_type(number)
    for x in [numpy.arange(3, dtype="i8"), numpy.array(3, "i8"), numpy.array(-300), numpy.array(1e300), numpy.array(2.5, "f8")]:
        assert np.min_scalar_type(np.array(x)) == numpy.min_scalar_type(x)
