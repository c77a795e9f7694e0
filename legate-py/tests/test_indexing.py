"""Indexing: basic and by arrays, reading and writing, and NumPy's refusals."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from support import check, outcome

import legate
import legate.numpy as np

SHAPE = (4, 5, 6)

BASIC = [
    (),
    0,
    -1,
    slice(None),
    slice(1, 3),
    slice(None, None, -1),
    slice(10, 20),
    slice(-100, 2**70),
    None,
    ...,
    (1, 2),
    (1, 2, 3),
    (slice(None), 2),
    (..., 2),
    (1, ..., None, 3),
    (None, None),
    (slice(3, None, -2), slice(None, None, 2), -6),
    numpy.int8(2),
    numpy.array(2),
    (numpy.uint8(1), slice(None)),
]

ADVANCED = [
    [0, 2],
    [[0, 2], [1, 3]],
    ([0, 1], [2, 3]),
    (slice(None), [0, 4]),
    ([0, 2], slice(None), 1),
    numpy.array([3, 0, 3]),
    numpy.array([], dtype=int),
    True,
    False,
    [True, False, True, False],
    numpy.arange(4) > 1,
    (numpy.arange(4) > 1, 2),
    (1, numpy.arange(5) > 2, None),
    numpy.arange(120).reshape(SHAPE) % 3 == 0,
]

REFUSED = [
    4,
    -5,
    (0, 5),
    (0, 0, 0, 0),
    (..., ...),
    1.5,
    "a",
    slice(None, None, 0),
    slice(1.5),
    [1.5],
    [9],
    numpy.arange(3) > 1,
    object(),
    (None, 4),
    2**70,
    ([0, 1], [1, 2, 3]),
]


@pytest.mark.parametrize("key", BASIC + ADVANCED + REFUSED, ids=repr)
def test_get(key):
    check(lambda m, x: x[key], numpy.arange(120.0).reshape(SHAPE))


@pytest.mark.parametrize("key", BASIC + ADVANCED + REFUSED, ids=repr)
def test_set(key):
    def call(m, x):
        x[key] = -1.5
        return x

    check(call, numpy.arange(120.0).reshape(SHAPE))


@pytest.mark.parametrize("key", [0, (slice(None), 1), ..., [0, 2], numpy.arange(4) > 1, (slice(None, None, -1), 0)], ids=repr)
@pytest.mark.parametrize("shape", [(), (6,), (5, 6), (1, 6), (2, 5, 6), (7,), (4, 5, 6)])
def test_set_broadcasts_values(key, shape):
    def call(m, x, value):
        x[key] = value
        return x

    check(call, numpy.arange(120.0).reshape(SHAPE), numpy.arange(float(numpy.prod(shape, dtype=int))).reshape(shape))


@pytest.mark.parametrize("value", [1, 1.5, True, 2j, 300, 2**40, 2**70, [1, 2, 3], [[1], [2]], "7", "x", None, numpy.float32(2.5)])
@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "f4", "f8", "c8"])
def test_set_casts_values(value, dtype):
    def call(m, x):
        x[1:] = value
        return x

    check(call, numpy.ones(4, dtype))


def test_legate_arrays_as_keys():
    x = numpy.arange(20.0).reshape(4, 5)
    check(lambda m, x: x[m.array([0, 2])], x)
    check(lambda m, x: x[m.array([True, False, True, True])], x)
    check(lambda m, x: x[x > 7], x)
    check(lambda m, x: x[m.array(2)], x)
    check(lambda m, x: x[m.argmax(x[:, 0])], x)
    check(lambda m, x: x[: m.argmax(x[0])], x)


def test_masked_assignment_is_native():
    def call(m, x):
        x[x > 7] = 0
        x[x < 2] += 5
        return x

    check(call, numpy.arange(20.0).reshape(4, 5))
    with legate.fallback("error"):
        x = np.arange(10)
        x[x > 5] = -1
        assert x.tolist() == [0, 1, 2, 3, 4, 5, -1, -1, -1, -1]


def test_augmented_assignment():
    def call(m, x):
        x[1] += 1
        x[1:3] *= 2
        x[0, 0] -= 5
        x[[0, 1]] += 1
        return x

    check(call, numpy.arange(20.0).reshape(4, 5))


def test_a_scalar_read_keeps_its_value():
    def call(m, x):
        before = x[0]
        x[0] = 5
        return before, x[0]

    check(call, numpy.arange(3.0))
    check(call, numpy.arange(300000.0))


def test_unchanged_after_a_refusal():
    x = np.arange(6)
    for write in (lambda: x.__setitem__(9, 1), lambda: x.__setitem__(slice(0, 2), [1, 2, 3]), lambda: x.__setitem__(0, "a")):
        assert isinstance(outcome(write), Exception)
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


@given(data=st.data())
def test_random_basic_keys(data):
    shape = data.draw(stn.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    key = data.draw(stn.basic_indices(shape, allow_newaxis=True, max_dims=6))
    x = numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape)
    check(lambda m, x: x[key], x)

    def write(m, x):
        x[key] = 99
        return x

    check(write, x)


@given(data=st.data())
def test_random_integer_keys(data):
    shape = data.draw(stn.array_shapes(min_dims=1, max_dims=3, max_side=5))
    key = data.draw(stn.integer_array_indices(shape))
    check(lambda m, x: x[key], numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape))


def test_deletion_is_refused():
    with pytest.raises(ValueError, match="cannot delete array elements"):
        del np.arange(3)[0]
