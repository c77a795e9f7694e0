"""Making arrays: from nothing, from a rule, from other objects."""

import numpy
import pytest
from support import DTYPES, SHAPES, assert_same, check, plain

import legate
import legate.numpy as np


@pytest.mark.parametrize("name", ["zeros", "ones"])
@pytest.mark.parametrize("shape", [*SHAPES, 4, [2, 3], numpy.int8(3), -1, (2, -1), "a", 1.5, None])
def test_filled(name, shape):
    check(lambda m: getattr(m, name)(shape))


@pytest.mark.parametrize("dtype", [*DTYPES, float, int, bool, complex, numpy.float32, "float64", "int", None, "f2", object, "U3", "nonsense"])
def test_dtypes(dtype):
    check(lambda m: m.zeros(3, dtype))
    check(lambda m: m.ones(3, dtype=dtype))
    check(lambda m: m.full(3, 1, dtype))
    check(lambda m: m.array([1, 2, 3], dtype))
    check(lambda m: m.asarray([1, 0], dtype=dtype))
    check(lambda m: m.arange(3, dtype=dtype))


def test_empty_has_shape_and_dtype():
    for shape in SHAPES:
        x = np.empty(shape, "f4")
        assert x.shape == shape and x.dtype == numpy.float32
    assert np.empty_like(np.ones((2, 3), "i2")).dtype == numpy.int16


def test_full():
    for value in (1, 2.5, True, 1j, numpy.float32(3), numpy.int8(4), [1, 2, 3], numpy.arange(3), 2**40, "a"):
        check(lambda m: m.full((2, 3), value))
    check(lambda m: m.full(3, 300, "u1"))
    check(lambda m: m.full((2, 3), [1, 2]))


def test_like():
    for x in (numpy.ones((2, 3), "f4"), numpy.arange(3), numpy.array(5)):
        check(lambda m, x: m.zeros_like(x), x)
        check(lambda m, x: m.ones_like(x, dtype="i2"), x)
        check(lambda m, x: m.full_like(x, 7), x)
        check(lambda m, x: m.zeros_like(x, shape=(4,)), x)
    check(lambda m: m.zeros_like([1, 2.5]))
    check(lambda m: m.ones_like(3))


@pytest.mark.parametrize(
    "args",
    [
        (5,),
        (0,),
        (-3,),
        (2, 7),
        (2, 7, 2),
        (7, 2, -1),
        (7, 2),
        (0, 1, 0.1),
        (1.5,),
        (0.0, 5),
        (1, 2, 3.5),
        (0, 10, 0),
        (0, 1, float("nan")),
        (numpy.int64(4),),
        (numpy.float64(4),),
        (numpy.int8(4),),
        (numpy.float32(1), 3),
        (True,),
        (2j,),
        ("a",),
        (),
        (2**62, 2**62 + 3),
        (None, 3),
    ],
    ids=repr,
)
def test_arange(args):
    check(lambda m: m.arange(*args))
    check(lambda m: m.arange(*args, dtype="f4"))


@pytest.mark.parametrize("num", [0, 1, 2, 5, 50, 1001, -1])
@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace(num, endpoint):
    check(lambda m: m.linspace(0, 1, num, endpoint=endpoint))
    check(lambda m: m.linspace(-3.5, 2, num, endpoint))
    check(lambda m: m.linspace(2, 2, num, endpoint, True))
    check(lambda m: m.linspace(0, 10, num, endpoint, dtype=int))
    check(lambda m: m.linspace(0, 10, num, endpoint, dtype="f4"))


def test_linspace_of_other_arguments():
    check(lambda m: m.linspace([0, 1], [2, 3], 4))
    check(lambda m: m.linspace(0, 1j, 4))
    check(lambda m: m.linspace(numpy.float32(0), numpy.float32(1), 4))
    check(lambda m: m.linspace(0, 1, 3, axis=-1))


def test_eye_and_identity():
    for args in ((3,), (3, 4), (3, 4, 1), (4, 3, -2), (0,), (2, 2, 5)):
        check(lambda m: m.eye(*args))
    check(lambda m: m.eye(3, dtype="i1"))
    check(lambda m: m.identity(4, "c8"))


def test_diagonals_and_triangles():
    x = numpy.arange(12.0).reshape(3, 4)
    for k in (-1, 0, 2):
        check(lambda m, x: m.diag(x, k), x)
        check(lambda m, x: m.diag(x[0], k), x)
        check(lambda m, x: m.diagflat(x[:2, :2], k), x)
        check(lambda m, x: m.tril(x, k), x)
        check(lambda m, x: m.triu(x, k), x)
        check(lambda m: m.tri(3, 4, k))
    check(lambda m: m.diag(m.zeros((2, 2, 2))))

    def fill(m, x):
        m.fill_diagonal(x, 7)
        return x

    check(fill, x)
    check(fill, numpy.zeros((5, 3)))
    check(fill, numpy.zeros((3, 3, 3)))


# ---------------------------------------------------------------------------------------------------------------------
# From objects
# ---------------------------------------------------------------------------------------------------------------------

OBJECTS = [
    3,
    2.5,
    True,
    1j,
    numpy.float32(2),
    [],
    [1, 2],
    [1, 2.5],
    [[1, 2], [3, 4]],
    (1, (2, 3)),
    [[1], [2, 3]],
    range(4),
    numpy.arange(3),
    numpy.arange(6).reshape(2, 3).T,
    numpy.array(5.0),
    "text",
    ["a", "b"],
    None,
    [None, 1],
    2**70,
    b"ab",
    numpy.arange(3, dtype=">i4"),
    numpy.array(["2020-01-01"], dtype="M8[D]"),
    memoryview(b"abc"),
    bytearray(b"abc"),
    {1: 2},
]


@pytest.mark.parametrize("value", OBJECTS, ids=repr)
def test_array_of(value):
    check(lambda m: m.array(value))
    check(lambda m: m.asarray(value))
    check(lambda m: m.array(value, ndmin=2))
    check(lambda m: m.asanyarray(value))
    check(lambda m: m.copy(value))


def test_of_nested_legate_arrays():
    x = np.arange(3)
    assert_same(np.array([x, x + 1]), numpy.array([[0, 1, 2], [1, 2, 3]]))
    assert_same(np.array([x[0], 5, x.sum()]), numpy.array([0, 5, 3]))
    assert_same(np.array([[x], [x]]), numpy.array([[[0, 1, 2]], [[0, 1, 2]]]))


def test_array_copies_and_asarray_does_not():
    x = np.arange(3.0)
    assert np.asarray(x) is x
    assert np.asarray(x, dtype=float) is x
    assert np.asarray(x, dtype="f4") is not x
    assert np.array(x, copy=None) is x
    assert np.array(x, copy=False) is x
    copy = np.array(x)
    copy[0] = 9
    assert x[0] == 0
    with pytest.raises(ValueError):
        np.array([1, 2], copy=False)


def test_arrays_of_other_dtypes_remain_numpys():
    with legate.fallback("warn"), pytest.warns(RuntimeWarning, match="'array'"):
        x = np.array(["a", "b"])
    assert type(x) is numpy.ndarray
    with legate.fallback("warn"), pytest.warns(RuntimeWarning, match="'zeros'"):
        assert type(np.zeros(3, "U2")) is numpy.ndarray
    assert type(np.arange(3).astype("O")) is numpy.ndarray


def test_astype():
    for source in DTYPES:
        x = numpy.array([0, 1, 3, 100]).astype(source)
        for target in DTYPES:
            check(lambda m, x: x.astype(target), x)
            for casting in ("no", "safe", "same_kind"):
                check(lambda m, x: x.astype(target, casting=casting), x)
    check(lambda m, x: x.astype("nonsense"), numpy.arange(3))
    check(lambda m, x: x.astype("i4", casting="wild"), numpy.arange(3))
    check(lambda m, x: x.astype("i4"), numpy.array([1.9, -1.9, 1e5]))


def test_large_arrays_come_and_go():
    x = numpy.random.default_rng(0).normal(size=(700, 300))
    y = np.array(x)
    assert_same(y, x)
    assert_same(np.array(x.T), x.T.copy())
    assert_same(np.array(x[::-2, ::3]), x[::-2, ::3].copy())
    assert plain(y).flags.writeable
