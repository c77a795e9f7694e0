"""Every ufunc gives NumPy's result: type, shape, values; also where NumPy refuses."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import DTYPES, SHAPES, check, outcome, values

import legate.numpy as np

UFUNCS = sorted(name for name, value in vars(numpy).items() if isinstance(value, numpy.ufunc) and value.__name__ == name)
UNARY = [name for name in UFUNCS if (getattr(numpy, name).nin, getattr(numpy, name).nout) == (1, 1)]
BINARY = [name for name in UFUNCS if getattr(numpy, name).nin == 2 and getattr(numpy, name).signature is None]

# Functions that are rounded correctly, or exact; the others may differ from NumPy's by this many units in the last place.
EXACT = set(
    "absolute add bitwise_and bitwise_count bitwise_or bitwise_xor ceil conjugate copysign divide equal fabs floor floor_divide fmax "
    "fmin fmod frexp gcd greater greater_equal heaviside invert isfinite isinf isnan isnat lcm ldexp left_shift less less_equal "
    "logical_and logical_not logical_or logical_xor maximum minimum modf multiply negative nextafter not_equal positive "
    "reciprocal remainder right_shift rint sign signbit spacing sqrt square subtract trunc divmod".split()
)
ULP = 4


def tolerance(name, *dtypes):
    complex_arithmetic = any(numpy.dtype(d).kind == "c" for d in dtypes)
    return ULP if name not in EXACT or complex_arithmetic else 0


@pytest.mark.parametrize("name", UNARY)
def test_unary_of_every_dtype(name):
    for dtype in DTYPES:
        check(lambda m, x: getattr(m, name)(x), values((3, 7), dtype), ulp=tolerance(name, dtype))


@pytest.mark.parametrize("name", ["negative", "sqrt", "isnan", "absolute", "rint"])
@pytest.mark.parametrize("shape", SHAPES)
def test_unary_of_every_shape(name, shape):
    check(lambda m, x: getattr(m, name)(x), values(shape, "f8"))


@pytest.mark.parametrize("name", BINARY)
def test_binary_of_every_pair_of_dtypes(name):
    for left in DTYPES:
        for right in DTYPES:
            a, b = values((7,), left, 1), values((7,), right, 2)
            check(lambda m, x, y: getattr(m, name)(x, y), a, b, ulp=tolerance(name, left, right))


PAIRS_OF_SHAPES = [(a, b) for a in SHAPES for b in SHAPES]


@pytest.mark.parametrize("name", ["add", "greater"])
def test_binary_broadcasts_as_numpy_does(name):
    for left, right in PAIRS_OF_SHAPES:
        check(lambda m, x, y: getattr(m, name)(x, y), values(left, "f8", 1), values(right, "f8", 2))


PYTHON_SCALARS = [True, 2, -3, 300, 2**40, 2**70, 1.5, 2.5j]


@pytest.mark.parametrize("scalar", PYTHON_SCALARS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_python_scalars_are_weak(dtype, scalar):
    array = values((4,), dtype)
    for name in ("add", "multiply", "maximum", "less", "true_divide", "power"):
        ulp = ULP if name == "power" or isinstance(scalar, complex) or dtype.startswith("c") else 0
        check(lambda m, x: getattr(m, name)(x, scalar), array, ulp=ulp)
        check(lambda m, x: getattr(m, name)(scalar, x), array, ulp=ulp)


@pytest.mark.parametrize("scalar", [numpy.float32(1.5), numpy.int8(3), numpy.uint64(7), numpy.bool_(True), numpy.complex64(1j)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_scalars_are_strong(dtype, scalar):
    check(lambda m, x: m.add(x, scalar), values((4,), dtype))
    check(lambda m, x: scalar * x, values((4,), dtype), ulp=ULP if scalar.dtype.kind == "c" or dtype.startswith("c") else 0)


def test_works_on_lists_and_scalars():
    check(lambda m: m.add([1, 2], [[3], [4]]))
    check(lambda m: m.add(1, 2))
    check(lambda m: m.sqrt(2.0))
    check(lambda m: m.maximum([1.5, 2], numpy.arange(2)))
    check(lambda m: m.add(True, False))


# ---------------------------------------------------------------------------------------------------------------------
# Keywords
# ---------------------------------------------------------------------------------------------------------------------


def test_out_is_written_and_returned():
    a, out = np.arange(4.0), np.zeros(4)
    assert np.add(a, 1, out=out) is out
    assert out.tolist() == [1, 2, 3, 4]
    assert np.add(a, 2, out) is out
    assert np.add(a, 3, out=(out,)) is out
    assert out.tolist() == [3, 4, 5, 6]


def into(name, out_shape, out_dtype, *args, **kwargs):
    def call(m, *arrays):
        out = m.zeros(out_shape, out_dtype)
        result = getattr(m, name)(*arrays, out=out, **kwargs)
        assert result is out
        return out

    return call


@pytest.mark.parametrize("out_dtype", DTYPES)
@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe"])
def test_out_casts_by_the_rule(out_dtype, casting):
    array = numpy.array([1.5, -2.25, 100.0])
    for dtype in ("i4", "f4", "f8", "c16"):
        check(into("add", (3,), out_dtype, casting=casting), array.astype(dtype), array.astype("f4"))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 3), (2,), ()])
def test_out_of_another_shape(shape):
    check(into("multiply", shape, "f8"), numpy.arange(3.0), numpy.arange(3.0))


def test_where_keeps_the_rest_of_out():
    def call(m, x, mask):
        out = m.full(x.shape, -1.0)
        m.sqrt(x, out=out, where=mask)
        return out

    check(call, numpy.arange(6.0).reshape(2, 3), numpy.array([True, False, True]))
    check(call, numpy.arange(6.0).reshape(2, 3), numpy.array([[True], [False]]))
    check(call, numpy.arange(6.0).reshape(2, 3), False)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "c16", "?", "f2"])
def test_dtype_is_the_type_to_compute_in(dtype):
    check(lambda m, x: m.add(x, x, dtype=dtype), numpy.arange(3, dtype="i4"))
    check(lambda m, x: m.add(x, x, dtype=dtype, casting="unsafe"), numpy.arange(3, dtype="f8"))


def test_output_may_be_an_input():
    def call(m, x):
        m.add(x[1:], x[:-1], out=x[1:])
        return x

    check(call, numpy.arange(2000.0))

    def reverse(m, x):
        m.subtract(x[::-1], 1, out=x)
        return x

    check(reverse, numpy.arange(2000.0))


def test_unknown_keywords_are_refused():
    for call in (
        lambda m: m.add(1, 2, nonsense=3),
        lambda m: m.add(1),
        lambda m: m.add(1, 2, 3, 4),
        lambda m: m.add(1, 2, casting="wild"),
    ):
        expected, actual = outcome(call, numpy), outcome(call, np)
        assert type(actual) is type(expected) and isinstance(actual, (TypeError, ValueError))


def test_two_outputs():
    check(lambda m, x: m.divmod(x, 3), numpy.arange(-5, 6))
    check(lambda m, x: m.modf(x), numpy.array([1.5, -2.25]))
    check(lambda m, x: m.frexp(x), numpy.array([1.5, -2.25]))

    def into_both(m, x):
        quotient, remainder = m.zeros_like(x), m.zeros_like(x)
        m.divmod(x, 4, out=(quotient, remainder))
        return quotient, remainder

    check(into_both, numpy.arange(-5, 6))


# ---------------------------------------------------------------------------------------------------------------------
# Methods and attributes
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "subtract", "bitwise_xor"])
def test_methods(name):
    x = numpy.arange(1, 13).reshape(3, 4)
    check(lambda m, x: getattr(m, name).reduce(x), x)
    check(lambda m, x: getattr(m, name).reduce(x, 1), x)
    check(lambda m, x: getattr(m, name).accumulate(x, axis=1), x)
    check(lambda m, x: getattr(m, name).outer(x[0], x), x)
    check(lambda m, x: getattr(m, name).reduceat(x, [0, 2]), x)


def test_reduce_keywords():
    x = numpy.arange(12.0).reshape(3, 4)
    check(lambda m, x: m.add.reduce(x, axis=None), x)
    check(lambda m, x: m.add.reduce(x, axis=(0, 1), keepdims=True), x)
    check(lambda m, x: m.add.reduce(x, dtype="i4"), x.astype("i2"))
    check(lambda m, x: m.add.reduce(x, initial=5), x)
    check(lambda m, x: m.maximum.reduce(x, initial=5), x)
    check(lambda m, x: m.add.reduce(x, where=x > 3), x)
    check(lambda m, x: m.maximum.reduce(x[:, :0], axis=1), x)


def test_at_writes_to_its_array():
    def call(m, x):
        m.add.at(x, [0, 0, 2], 1)
        return x

    check(call, numpy.arange(4))


def test_attributes_are_numpys():
    for name in UFUNCS:
        ours, theirs = getattr(np, name), getattr(numpy, name)
        assert isinstance(ours, np.ufunc)
        for attribute in ("__name__", "nin", "nout", "nargs", "ntypes", "types", "identity", "signature"):
            assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert np.abs is np.absolute
    assert repr(np.add) == "<ufunc 'add'>"


# ---------------------------------------------------------------------------------------------------------------------
# Random expressions
# ---------------------------------------------------------------------------------------------------------------------

leaf = st.sampled_from(["a", "b", "c", "2", "0.5"])
expression = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["m.absolute", "m.floor", "-", "m.square"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"m.where(m.asarray({t[0]}) > {t[1]}, {t[0]}, {t[1]})"),
    ),
    max_leaves=12,
)


@given(text=expression, shape=st.sampled_from([(6,), (3, 4), (1500,), (40, 50)]))
def test_expressions(text, shape):
    def call(m, a, b, c):
        return m.asarray(eval(text, {"m": m, "a": a, "b": b, "c": c}))

    rng = numpy.random.default_rng(1)
    check(call, rng.normal(size=shape), rng.normal(size=shape), rng.integers(-5, 5, shape[-1:]))
