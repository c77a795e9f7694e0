"""Methods and keywords of every ufunc, for every dtype, are NumPy's; also where NumPy refuses."""

import numpy
import pytest
from support import DTYPES, check, outcome, values

import legate.numpy as np

UFUNCS = sorted({value.__name__ for value in vars(numpy).values() if isinstance(value, numpy.ufunc) and not value.signature})
FOLDABLE = [name for name in UFUNCS if (getattr(numpy, name).nin, getattr(numpy, name).nout) == (2, 1)]
# NumPy's vector loops of these read elements that they have yet to write where a contiguous line is folded: what it gives there is not the fold.
OUT_OF_ORDER = {"power", "float_power", "arctan2"}
ULP = 8


def calls_of_folds(name):
    keywords = [{}, {"axis": 0, "keepdims": True}, {"dtype": "f8"}, {"dtype": "?"}, {"initial": 2}, {"initial": None}, {"axis": 3}]
    if name not in OUT_OF_ORDER:
        keywords += [{"axis": 1}, {"axis": None}, {"axis": (0, 1)}, {"axis": -1, "initial": 3}]
    return keywords


def finite(shape, dtype, seed):
    """Values; complex ones without infinities, whose products and quotients show more of how they are computed than NumPy promises."""
    x = values(shape, dtype, seed)
    return x if x.dtype.kind != "c" else numpy.where(numpy.isfinite(x), x, 1.5).astype(dtype)


@pytest.mark.parametrize("name", FOLDABLE)
def test_reduce(name):
    for dtype in DTYPES:
        x = finite((3, 4), dtype, 1)
        if x.dtype.kind == "c" and name in OUT_OF_ORDER:
            continue  # powers of powers: the last bits of the first decide
        for keywords in calls_of_folds(name):
            check(lambda m, x: getattr(m, name).reduce(x, **keywords), x, ulp=ULP)
        check(lambda m, x: getattr(m, name).reduce(x[:0]), x, ulp=ULP)
        check(lambda m, x: getattr(m, name).reduce(x[0, 0]), x, ulp=ULP)
        # (A real output of complex numbers holds what NumPy has so far, without its imaginary part.)
        if x.dtype.kind != "c":
            check(lambda m, x, out: getattr(m, name).reduce(x, 0, out=out), x, numpy.zeros(4), ulp=ULP)


@pytest.mark.parametrize("name", sorted(set(FOLDABLE) - OUT_OF_ORDER - {"multiply"}))
def test_reduce_of_some(name):
    for dtype in DTYPES:
        x = finite((3, 4), dtype, 1)
        mask = numpy.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], "?")
        check(lambda m, x, mask: getattr(m, name).reduce(x, axis=1, where=mask, initial=3), x, mask, ulp=ULP)
        check(lambda m, x, mask: getattr(m, name).reduce(x, axis=1, where=mask), x, mask, ulp=ULP)


@pytest.mark.parametrize("name", FOLDABLE)
def test_accumulate(name):
    for dtype in DTYPES:
        x = finite((3, 4), dtype, 1)
        for keywords in ({}, {"axis": 1}, {"axis": -1, "dtype": "f8"}, {"axis": None}, {"axis": (0, 1)}):
            check(lambda m, x: getattr(m, name).accumulate(x, **keywords), x, ulp=ULP)
        check(lambda m, x: getattr(m, name).accumulate(x[:0]), x, ulp=ULP)


@pytest.mark.parametrize("name", sorted(set(FOLDABLE) - OUT_OF_ORDER))
def test_reduceat(name):
    for dtype in DTYPES:
        x, line = finite((3, 4), dtype, 1), finite((7,), dtype, 2)
        check(lambda m, x: getattr(m, name).reduceat(x, [0, 3, 1, 6, 2]), line, ulp=ULP)
        check(lambda m, x, k: getattr(m, name).reduceat(x, k, axis=1), x, numpy.array([0, 2, 1]), ulp=ULP)
        check(lambda m, x: getattr(m, name).reduceat(x, [0, 9], 1), x, ulp=ULP)


@pytest.mark.parametrize("name", [name for name in UFUNCS if getattr(numpy, name).nin == 2])
def test_outer_and_keywords(name):
    for dtype in DTYPES:
        x, y = finite((3, 4), dtype, 1), values((3, 4), dtype, 2)
        check(lambda m, x, y: getattr(m, name).outer(x[0], y), x, y, ulp=ULP)
        for keywords in ({"dtype": "f8"}, {"dtype": "f4", "casting": "unsafe"}, {"signature": "dd->d"}, {"casting": "no"}):
            check(lambda m, x, y: getattr(m, name)(x, y, **keywords), x, y, ulp=ULP)


def test_a_fold_in_order_is_that_of_the_scalars():
    x = values((5, 6), "f8", 3)
    for name in sorted(OUT_OF_ORDER):
        folded = x[:, 0]
        for column in x.T[1:]:
            folded = outcome(getattr(numpy, name), folded, column)
        numpy.testing.assert_allclose(getattr(np, name).reduce(np.asarray(x), axis=1), folded, rtol=1e-12)


@pytest.mark.parametrize("gufunc", ["vecdot", "matvec", "vecmat", "matmul"])
@pytest.mark.parametrize("dtype", ["?", "i2", "i8", "f4", "f8", "c16"])
def test_generalised_ufuncs_of_stacks(gufunc, dtype):
    shapes = [(4,), (3, 4), (4, 5), (2, 1, 4), (2, 4, 5), (3, 1, 4, 4), (0, 4), (4, 0), ()]
    rng = numpy.random.default_rng(5)
    for left in shapes:
        for right in shapes:
            a, b = (rng.integers(-3, 4, shape).astype(dtype) for shape in (left, right))
            check(lambda m, a, b: getattr(m, gufunc)(a, b), a, b)


def test_large_products_of_a_stack():
    a, b = numpy.random.default_rng(6).integers(-3, 4, (2, 3, 20, 30)) * 1.0, numpy.random.default_rng(7).integers(-3, 4, (3, 30, 25)) * 1.0
    check(lambda m, a, b: m.matmul(a, b), a, b)


class Silent:
    __array_ufunc__ = None


class Declines:
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return NotImplemented


class Answers:
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return type(self).__name__, ufunc.__name__, method, len(inputs), sorted(kwargs)


class AnswersFirst(Answers):
    pass


@pytest.mark.parametrize("kind", [Silent, Declines, Answers])
def test_other_classes_are_asked(kind):
    x = numpy.ones((2, 3))
    for call in (
        lambda m, x: m.add(x, kind()),
        lambda m, x: m.add(kind(), x, dtype="f4"),
        lambda m, x: m.add.reduce(kind(), 0, None, None, True),
        lambda m, x: m.add.reduceat(kind(), [1], axis=1),
        lambda m, x: m.add.outer(x, kind()),
        lambda m, x: m.divmod(x, kind(), None, None),
    ):
        actual, expected = outcome(call, np, np.asarray(x)), outcome(call, numpy, x)
        assert type(actual) is type(expected)
        if isinstance(expected, tuple):
            assert actual == expected


def test_subclasses_are_asked_first():
    x = np.ones(3)
    assert np.add(Answers(), AnswersFirst())[0] == "AnswersFirst"
    assert np.add(x, 1, out=AnswersFirst())[0] == "AnswersFirst"
    assert numpy.add(x, Answers())[0] == "Answers"


def test_the_class_that_wraps_has_the_highest_priority():
    class Wrapped(np.ndarray):
        __array_priority__ = 7

        def __array_wrap__(self, array, context=None, return_scalar=False):
            return "wrapped", context[0].__name__, context[2]

    x = np.ones(3)._view_as(Wrapped)
    assert np.add(np.ones(3), x) == ("wrapped", "add", 0)
    assert type(np.add(x, x, subok=False)) is np.ndarray


def test_outputs_of_numpy_are_written():
    x, out = np.arange(6.0).reshape(2, 3), numpy.zeros((2, 3))
    assert np.sin(x, out=out) is out and numpy.array_equal(out, numpy.sin(numpy.asarray(x)))
    assert numpy.add(x, 1, out=out) is out and out[1, 2] == 6
    total = numpy.zeros(3)
    assert np.add.reduce(x, out=total) is total and total.tolist() == [3, 5, 7]
    out.flags.writeable = False
    with pytest.raises(ValueError, match="output array is read-only"):
        np.add(x, 1, out=out)


def test_a_ufunc_is_the_same_as_numpys():
    assert np.add == numpy.add and hash(np.add) == hash(numpy.add) and np.add != numpy.subtract
    assert isinstance(np.add, np.ufunc) and isinstance(numpy.add, np.ufunc) and not isinstance(sum, np.ufunc)
    assert type(np.add) is np.ufunc
