"""Keys that mix slices, integers, arrays, masks, bools and new axes: what they choose, its shape, and what writing through them does."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import check, plain

import legate
import legate.numpy as np

VIEWS = {
    "whole": lambda x: x,
    "transposed": lambda x: x.T,
    "backward": lambda x: x[..., ::-1] if x.ndim else x,
    "every other": lambda x: x[::2] if x.ndim else x,
    "inner": lambda x: x[..., 1:] if x.ndim else x,
}


@pytest.fixture(autouse=True)
def all_native():
    with legate.fallback("error"):
        yield


@st.composite
def entries(draw, shape):
    """A key for an array of this shape; now and then it is wrong."""
    joint = draw(st.sampled_from([(2,), (3,), (2, 3), (2, 1), (0,)]))
    key, d, has_ellipsis = [], 0, False
    while d < len(shape) and draw(st.integers(0, 15)):
        n = shape[d]
        kind = draw(st.sampled_from(["int", "slice", "slice", "integers", "integers", "integers", "mask", "new", "flag", "..."]))
        if kind == "int":
            key.append(draw(st.integers(-n, n)) if n else 0)
        elif kind == "slice":
            key.append(slice(*[draw(st.none() | st.integers(-3, 3).filter(bool)) for _ in range(3)]))
        elif kind == "integers":
            highest = n - 1 if draw(st.integers(0, 20)) else n
            values = [draw(st.integers(-n, highest)) if n else 0 for _ in range(int(numpy.prod(joint)))]
            values = numpy.array(values, draw(st.sampled_from(["i8", "i4", "i2"]))).reshape(joint)
            key.append(draw(st.sampled_from([values, values[:1], values.tolist() if values.size else values])))
        elif kind == "mask":
            rank = draw(st.integers(1, min(2, len(shape) - d)))
            extents = shape[d : d + rank] if draw(st.integers(0, 20)) else (7,)
            mask = [draw(st.booleans()) for _ in range(int(numpy.prod(extents)))]
            key.append(numpy.array(mask, bool).reshape(extents))
            d += rank - 1
        elif kind == "new":
            key.append(None)
            continue
        elif kind == "flag":
            key.append(draw(st.sampled_from([True, False, numpy.True_])))
            continue
        elif not has_ellipsis:
            has_ellipsis = True
            key.append(...)
            d += draw(st.integers(0, len(shape) - d))
            continue
        d += 1
    return tuple(key) if len(key) != 1 or draw(st.booleans()) else key[0]


def ours(m, key):
    """The key's arrays as the module's own."""
    if type(key) is tuple:
        return tuple(ours(m, entry) for entry in key)
    return m.array(key) if isinstance(key, numpy.ndarray) else key


def example(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=4)))
    x = numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape).astype(data.draw(st.sampled_from(["f8", "i4", "c16", "u1"])))
    view = VIEWS[data.draw(st.sampled_from(sorted(VIEWS)))]
    return x, view, data.draw(entries(view(x).shape))


@given(data=st.data())
def test_reading(data):
    x, view, key = example(data)
    check(lambda m, x: view(x)[ours(m, key)], x)


@given(data=st.data())
def test_writing(data):
    x, view, key = example(data)
    try:
        chosen = numpy.asarray(view(x)[key])
    except IndexError:
        chosen = numpy.zeros(())
    shape = tuple(n if data.draw(st.integers(0, 3)) else 1 for n in chosen.shape)[data.draw(st.integers(0, chosen.ndim)) :]
    value = 7 if data.draw(st.booleans()) else numpy.arange(100, 100 + numpy.prod(shape, dtype=int)).reshape(shape)

    def write(m, x):
        view(x)[ours(m, key)] = m.array(value) if isinstance(value, numpy.ndarray) else value
        return x

    check(write, x)


@given(data=st.data())
def test_adding_at(data):
    x, view, key = example(data)
    if x.dtype.kind == "u":
        x = x.astype("f4")

    def add(m, x):
        m.add.at(view(x), ours(m, key), 1)
        return x

    try:
        view(x)[key]
    except IndexError:
        return
    if any(isinstance(entry, (list, numpy.ndarray)) for entry in (key if type(key) is tuple else (key,))):
        check(add, x)


@pytest.mark.parametrize("dtype", ["f8", "i4", "c16", "?"])
def test_the_last_of_several_wins(dtype):
    rng = numpy.random.default_rng(7)
    places = rng.integers(-50, 50, 20_000)

    def write(m, x):
        x[m.array(places)] = m.arange(20_000).astype(dtype)
        return x

    check(write, numpy.zeros(50, dtype))


def test_results_lie_as_numpys():
    x, y = numpy.zeros((3, 4, 5)), np.zeros((3, 4, 5))
    for key in ((slice(None), [0, 1]), ([0, 1], slice(None), [0, 1]), (slice(None), [0, 1], [[0], [1]]), (0, slice(None), [0, 1])):
        assert y[key].strides == x[key].strides, key
    for key in ([0, 1], ([0, 1], [1, 2])):
        assert y.T[key].strides == x.T[key].strides, key


def test_a_value_that_overlaps_is_read_first():
    def moved(m, x):
        x[1:] = x[:-1]
        x[[0, 1, 2]] = x[[2, 0, 1]]
        x[m.array([0, 3, 4])] = x[1:4]
        x[x > 2] = x[x > 2][::-1]
        return x

    check(moved, numpy.arange(6.0))


def test_a_zero_dimensional_array_gives_a_copy():
    x = np.zeros((3, 2))
    row = x[np.array(1)]
    row[...] = 7
    assert plain(x).sum() == 0 and row.shape == (2,)
    x[np.array(1)] = 5
    assert plain(x)[1].tolist() == [5, 5]


def test_what_may_not_be_written():
    x = np.arange(6).reshape(2, 3)
    x.flags.writeable = False
    for key in ([0, 1], (slice(None), [1]), True, plain(x) > 2):
        with pytest.raises(ValueError, match="assignment destination is read-only"):
            x[key] = 1
