"""float16: computed in float32, rounded after every operation, as NumPy does."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import DTYPES, assert_same, check, plain, values

import legate.numpy as np

EVERY = numpy.arange(2**16, dtype="u2").view("f2")
FINITE = EVERY[numpy.isfinite(EVERY)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_casts_of_every_half(dtype):
    whole = EVERY if numpy.dtype(dtype).kind in "fcb" else FINITE
    ours, theirs = plain(np.array(whole).astype(dtype)), whole.astype(dtype)
    assert ours.dtype == theirs.dtype
    numpy.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_casts_to_half(dtype):
    for shape in [(5,), (300,), (3, 400)]:
        x = values(shape, dtype)
        numpy.testing.assert_array_equal(plain(np.array(x).astype("f2")), x.astype("f2"))


def test_doubles_are_rounded_once():
    tie = 1 + 2.0**-11
    near = numpy.array([tie, tie + 2.0**-40, tie - 2.0**-40, -tie - 2.0**-40, 2.0**-25, 2.0**-25 + 2.0**-60, 65519.999999, 65520.0])
    for x in [near, numpy.tile(near, 50)]:
        assert plain(np.array(x).astype("f2")).tobytes() == x.astype("f2").tobytes()
        assert plain(np.array(x + 1j).astype("f2")).tobytes() == x.astype("f2").tobytes()


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "remainder", "floor_divide", "power", "nextafter", "copysign", "maximum", "less", "hypot"])
def test_pairs_of_halves(name):
    rng = numpy.random.default_rng(3)
    x, y = rng.permutation(EVERY), rng.permutation(EVERY)
    check(lambda module, x, y: getattr(module, name)(x, y), x, y, ulp=1 if name in ("power", "hypot") else 0)


@pytest.mark.parametrize("name", ["sqrt", "exp", "log", "sin", "tanh", "negative", "absolute", "rint", "spacing", "sign", "square", "isnan", "signbit", "cbrt"])
def test_functions_of_every_half(name):
    check(lambda module, x: getattr(module, name)(x), EVERY, ulp=1 if name in ("exp", "log", "sin", "tanh", "cbrt") else 0)


def test_rounding_stays_between_the_steps_of_a_fused_program():
    x, y = values((200, 300), "f2"), values((200, 300), "f2", seed=1)

    def chain(module, x, y):
        with numpy.errstate(all="ignore"):
            return ((x * y + x) * module.float16(0.1) - y) * x + module.float16(1)

    check(chain, x, y)


@pytest.mark.parametrize("shape", [(24,), (5000,), (30, 40)])
def test_folds_are_rounded_once(shape):
    x = numpy.random.default_rng(1).normal(0, 1, shape).astype("f2")
    wide = x.astype("f4")
    ours = np.array(x)
    for name in ["sum", "mean", "var", "std", "prod", "min", "max", "ptp"]:
        for axis in [None, 0, -1]:
            with numpy.errstate(all="ignore"):
                result = getattr(np, name)(ours, axis=axis)
                expected = numpy.asarray(getattr(numpy, name)(wide, axis=axis)).astype("f2")
            assert result.dtype == "f2"
            numpy.testing.assert_allclose(plain(result), expected, rtol=1e-3, atol=1e-3)
    for name in ["argmin", "argmax", "any", "all", "count_nonzero"]:
        check(lambda module, x: getattr(module, name)(x), x)


def test_sums_do_not_overflow_on_the_way():
    x = numpy.array([60000, 60000, -60000], "f2")
    assert np.sum(np.array(x)) == numpy.float16(60000)
    assert np.mean(np.array(numpy.full(1000, 60000, "f2"))) == 60000


def test_running_sums_are_rounded_at_each_step():
    x = numpy.random.default_rng(2).random(1000).astype("f2")
    for function in ["cumsum", "cumprod"]:
        check(lambda module, x: getattr(module, function)(x), x)


def test_scalars_and_weak_numbers():
    x = np.arange(5, dtype="f2")
    assert isinstance(x[1], numpy.float16) and isinstance(x.sum(), numpy.float16)
    check(lambda module, x: (x + 1, x * 2.5, x + 1j, x > 1, x + numpy.float32(1), x + module.arange(5, dtype="i1")), numpy.arange(5, dtype="f2"))
    check(lambda module, x: (repr(x), str(x), x.tolist(), x.dtype.char), numpy.arange(5, dtype="f2") / 3)
    check(lambda module: module.arange(0, 3000, 1, dtype="f2"))
    check(lambda module: module.arange(0, 1, 0.1, dtype="f2"))
    check(lambda module: module.linspace(0, 1, 7, dtype="f2"))
    check(lambda module: module.sin(module.arange(5, dtype="i1")))


def test_moving_halves():
    x = values((6, 7), "f2")

    def moves(module, x):
        return (
            module.sort(x, axis=None),
            module.argsort(x, axis=1),
            module.take(x, [3, 1, 1]),
            module.where(x > 0, x, 0),
            module.concatenate([x, x.T.reshape(6, 7)]),
            module.unique(x),
            x[x == x],
            x[[0, -1]],
            module.searchsorted(module.sort(x.ravel()), x[0]),
            x.view("u2"),
            x[:, ::-2].copy(),
        )

    check(moves, x)


def test_products_are_summed_in_float32():
    rng = numpy.random.default_rng(4)
    a, b, v = (rng.normal(0, 1, shape).astype("f2") for shape in [(20, 50), (50, 30), (50,)])
    for x, y in [(a, b), (a, v), (v, b), (v, v)]:
        exact = (x.astype("f8") @ y.astype("f8")).astype("f2")
        ours = plain(np.array(x) @ np.array(y))
        assert ours.dtype == "f2"
        numpy.testing.assert_allclose(ours, exact, rtol=2e-3, atol=1e-3)


@given(st.lists(st.floats(width=16), max_size=40), st.floats(width=16))
def test_lists_of_halves(numbers, other):
    x = numpy.array(numbers, "f2")
    assert_same(np.array(x) + numpy.float16(other), x + numpy.float16(other))
    assert plain(np.array(numbers, "f2")).tobytes() == x.tobytes()
