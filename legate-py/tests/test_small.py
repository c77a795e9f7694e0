"""The short ways of calls on a few elements: arguments given in every way, keys, lists and numbers, and what is refused."""

import inspect

import numpy
import pytest
from support import DTYPES, check, values

import legate.numpy as np

X = values((10,), "f8")
MATRIX = values((2, 5), "f8")
MASK = numpy.arange(10) % 3 == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x, a: m.zeros(3, dtype=int),
        lambda m, x, a: m.zeros(dtype=int, shape=3),
        lambda m, x, a: m.zeros((2, 3), m.float32),
        lambda m, x, a: m.ones(3, dtype=numpy.dtype("i2")),
        lambda m, x, a: m.empty((2, 0), bool),
        lambda m, x, a: m.zeros(-1),
        lambda m, x, a: m.zeros(3, "no type"),
        lambda m, x, a: m.ones_like(a),
        lambda m, x, a: m.array(x),
        lambda m, x, a: m.array(x, "f4"),
        lambda m, x, a: m.array(x, dtype=int),
        lambda m, x, a: m.array(x, float, copy=True),
        lambda m, x, a: m.array(x, float, True),
        lambda m, x, a: m.asarray(x, float) is x,
        lambda m, x, a: m.asarray(x, dtype=complex),
        lambda m, x, a: m.asarray(a=x) is x,
        lambda m, x, a: x.sum(axis=0),
        lambda m, x, a: x.sum(0, None, None),
        lambda m, x, a: x.sum(axes=0),
        lambda m, x, a: x.sum(1),
        lambda m, x, a: x.sum(keepdims=True),
        lambda m, x, a: m.sum(x, axis=0, keepdims=True),
        lambda m, x, a: a.sum(**{"ax" + "is": 1}),
        lambda m, x, a: a.argmax(axis=1),
        lambda m, x, a: m.argmin(a, -1),
        lambda m, x, a: a.argmax(0),
        lambda m, x, a: a.reshape(5, 2),
        lambda m, x, a: a.reshape((5, -1)),
        lambda m, x, a: a.reshape(-1),
        lambda m, x, a: a.reshape(3, 3),
        lambda m, x, a: a.reshape(-1, -1),
        lambda m, x, a: a[:0].reshape(1 << 32, 1 << 32),
        lambda m, x, a: a.reshape(5, 2, order="F"),
        lambda m, x, a: a.ravel(),
        lambda m, x, a: a.T.ravel(),
        lambda m, x, a: a.flatten(),
        lambda m, x, a: a.T.flatten("F"),
        lambda m, x, a: m.concatenate([x, x[:3]]),
        lambda m, x, a: m.concatenate((a, a), axis=1),
        lambda m, x, a: m.concatenate((a, x)),
        lambda m, x, a: m.concatenate((a, a), 2),
        lambda m, x, a: m.stack((x, x), axis=1),
        lambda m, x, a: m.stack([a, a], -1),
        lambda m, x, a: m.stack([a, x]),
        lambda m, x, a: m.vstack((x, x)),
        lambda m, x, a: m.hstack((a, a)),
        lambda m, x, a: m.append(x, 1),
        lambda m, x, a: m.append(a, [[1, 2, 3, 4, 5]], axis=0),
        lambda m, x, a: m.append(a, x, axis=0),
        lambda m, x, a: m.repeat(x, 3),
        lambda m, x, a: m.repeat(a, 2, 1),
        lambda m, x, a: m.repeat(a, [1, 2], 0),
        lambda m, x, a: m.repeat(a, -1),
        lambda m, x, a: m.tile(x, 3),
        lambda m, x, a: m.flip(x),
        lambda m, x, a: m.round(x, 2),
        lambda m, x, a: m.round(x.astype("f4"), 3),
        lambda m, x, a: x.round(-1),
        lambda m, x, a: m.round(m.arange(5), 1),
        lambda m, x, a: m.round(x, 400),
        lambda m, x, a: a + a[0],
        lambda m, x, a: a[0] - a,
        lambda m, x, a: a * a[:, :1],
        lambda m, x, a: a[:, -1:] < a,
        lambda m, x, a: a + x,
        lambda m, x, a: a[:1] + a[:, :1],
        lambda m, x, a: a.T + a.T[:, 0:1],
        lambda m, x, a: x.dot(x[:5]),
        lambda m, x, a: a.dot(x[:5]),
        lambda m, x, a: m.add.reduce(x),
        lambda m, x, a: m.add.reduce(x, keepdims=True),
        lambda m, x, a: m.linalg.norm(x[3:6]),
        lambda m, x, a: m.inner(x[2:], x[:-2]),
        lambda m, x, a: m.inner(a, a),
        lambda m, x, a: m.vdot(x[2:], x[:-2]),
        lambda m, x, a: m.vdot(x * 1j, x),
        lambda m, x, a: m.abs(x) ** x[::-1],
        lambda m, x, a: a ** a.astype("f4"),
        lambda m, x, a: x ** m.full(10, 2.0),
        lambda m, x, a: m.power(x.astype("f4"), m.arange(10, dtype="f4")),
        lambda m, x, a: m.arange(3) ** m.array([1, -1, 2]),
        lambda m, x, a: a.argmax(axis=0),
        lambda m, x, a: a.T.argmin(axis=0),
        lambda m, x, a: a.argmin(axis=-2),
        lambda m, x, a: a[:0].argmax(axis=0),
        lambda m, x, a: a[:0].argmax(axis=1),
        lambda m, x, a: m.count_nonzero(a > 0),
        lambda m, x, a: m.argwhere(x > 0),
        lambda m, x, a: m.argwhere(a > 0),
        lambda m, x, a: m.nonzero(x),
        lambda m, x, a: m.nonzero(a),
        lambda m, x, a: m.where(x > 1),
        lambda m, x, a: m.where(x > 1, x),
        lambda m, x, a: m.flatnonzero(a > 1),
    ],
    ids=inspect.getsource,
)
def test_calls(call):
    check(call, X, MATRIX, ulp=1)


@pytest.mark.parametrize(
    "key",
    [
        3, -1, 10, -11, (3,), (), (1, 2), slice(2, 5), slice(None, None, -2), slice(None, None, 0), (slice(None), 2), (..., 2), (2, ...),
        (None, 3), (slice(None), None), (slice(1, 2), slice(3, 1, -1)), (0, 0, 0), (-2, -5), (2, 0), [0, 2], [], [True, False], True, (1, None, 2),
        numpy.int64(3), numpy.array([1, 1, 0]), numpy.array([[1, -1]]), numpy.array([3, 10]), numpy.array([], int), numpy.array([0.0]), (1.0, 2),
        MASK, MASK[:5], ~MASK[:2], "field", numpy.array([0, 1], "u1"),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("x", [X, MATRIX, X[::2], MATRIX.T], ids=["vector", "matrix", "strided", "transposed"])
def test_keys(key, x):
    def get(m, x, key):
        return x[key]

    def put(value):
        def statement(m, x, key):
            x[key] = value
            return x

        return statement

    check(get, x, key)
    # Where an index and the values are both wrong, which one is told is not ours to copy.
    for value in (1, 2.5, numpy.float32(1.5), "text", *([[7, 8]] if x.ndim == 1 else [])):
        check(put(value), x, key)
    check(lambda m, x, key: x.__setitem__(key, x[key] + 1) or x, x, key)


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_and_indices(dtype):
    x, y = values((10,), dtype), values((4,), "f4", seed=1)
    index = numpy.array([0, 5, -1, 5])
    check(lambda m, x, mask: x[mask], x, MASK)
    check(lambda m, x, index: x[index], x, index)
    check(lambda m, x, index: x.take(index), x, index)
    check(lambda m, x: m.take(x, [3, 1]), x)
    for value in (1, y, y[:1], y[:2], True):
        check(lambda m, x, mask, v: x.__setitem__(mask, v) or x, x, MASK, value)
        check(lambda m, x, index, v: x.__setitem__(index, v) or x, x, index, value)
    check(lambda m, x: (x.sort(), x)[1], x)
    check(lambda m, x: m.sort(x[::-1]), x)
    check(lambda m, x: x.argsort(kind="stable"), x)
    check(lambda m, x: x.fill(3) or x, x)
    check(lambda m, x: m.nonzero(x)[0], x)


def test_what_is_read_only_stays_as_it_is():
    for change in (
        lambda x: x.sort(),
        lambda x: x.fill(1),
        lambda x: x.__setitem__(MASK, 0),
        lambda x: x.__setitem__([1, 2], 0),
        lambda x: x.__setitem__(3, 0),
        lambda x: x.__setitem__((3,), 0),
    ):
        x = np.array(X)
        x.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            change(x)
        assert numpy.array_equal(x, X, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_items(dtype):
    x, a = values((10,), dtype), values((2, 5), dtype)
    for call in (
        lambda m, x, a: x.item(3),
        lambda m, x, a: x.item(-1),
        lambda m, x, a: x.item(10),
        lambda m, x, a: x[:1].item(),
        lambda m, x, a: x.item(),
        lambda m, x, a: a.item(7),
        lambda m, x, a: a.item(1, 2),
        lambda m, x, a: a.item((1, 2)),
        lambda m, x, a: a.item(1, 2, 3),
        lambda m, x, a: x.item("a"),
        lambda m, x, a: x.tolist(),
        lambda m, x, a: [type(v) for v in x],
    ):
        check(call, x, a)


@pytest.mark.parametrize(
    "listed",
    [
        [1, 2, 3], [1.0, 2.0], [1.0, 2], [1, 2.0], [True, False], [True, 1], (1, 2), [], [[]], [[1, 2], [3, 4]], [[1.5], (2,)], [(1, 2), (3, 4.0)],
        [1 << 63], [1 << 70], [-1, 1 << 63], [1j], [None], ["a"], [[True]], [[[1]]], 5, 2.5, True, 1j, numpy.float32(1), [numpy.float32(1)], [1, "a"],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [None, float, int, bool, "f4"])
def test_lists(listed, dtype):
    check(lambda m: m.array(listed, dtype))
    check(lambda m: m.asarray(listed, dtype=dtype))


@pytest.mark.parametrize("listed", [[[1, 2], [3]], [[1, 2], 3], [1, [2, 3]]], ids=repr)
def test_ragged_lists(listed):
    check(lambda m: m.array(listed, float))


def test_numbers_alone():
    numbers = [True, 2, -3, 2.5, -1.0, 1j, numpy.float32(1.5), numpy.int8(3), numpy.bool_(False), numpy.float64(0.25), 1 << 62]
    for name in ("sqrt", "exp", "negative", "isnan", "absolute", "invert", "logical_not"):
        for x in numbers:
            check(lambda m, x, name=name: getattr(m, name)(x), x, ulp=4)
    for name in ("add", "maximum", "power", "less", "bitwise_and", "arctan2", "floor_divide", "left_shift"):
        for x in numbers:
            for y in numbers:
                check(lambda m, x, y, name=name: getattr(m, name)(x, y), x, y, ulp=4)


def test_views_know_their_base():
    a = np.array(MATRIX)
    for view in (a.T, a.ravel(), a.reshape(-1), a[:, 2], a[1], a[..., None], a[:, ::2], np.flip(a[0]).base, a[0:1, 1:]):
        assert view.base is a or view is a
    for copy in (a.copy(), a.flatten(), a[a > 0], a[[0, 1]], np.array(a), np.concatenate((a, a)), np.sort(a[0])):
        assert copy.base is None


def test_methods_are_methods():
    x = np.array([1.0, 2.0])
    assert np.ndarray.sum(x) == 3.0 and x.sum.__name__ == "sum"
    assert inspect.signature(np.ndarray.sum) == inspect.signature(numpy.ndarray.sum)
    with pytest.raises(TypeError):
        np.ndarray.sum(numpy.ones(2))
    with pytest.raises(TypeError):
        np.ndarray.sum()
    doubled = type("Doubled", (np.ndarray,), {"sum": lambda self: 2 * np.ndarray.sum(self)})
    assert x._view_as(doubled).sum() == 6.0
