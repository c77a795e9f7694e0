"""Views are views exactly where NumPy's are: writing through one is seen through all others."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_same, check

import legate.numpy as np

# Functions from a (4, 6) array to something that may be a view of it.
LOOKS = {
    "row": lambda m, x: x[1],
    "rows": lambda m, x: x[1:3],
    "step": lambda m, x: x[::2, 1::3],
    "reversed": lambda m, x: x[::-1, ::-2],
    "column": lambda m, x: x[:, 2],
    "new axis": lambda m, x: x[:, None],
    "ellipsis": lambda m, x: x[..., 1],
    "all": lambda m, x: x[...],
    "empty": lambda m, x: x[2:2],
    "transposed": lambda m, x: x.T,
    "transpose": lambda m, x: m.transpose(x, (1, 0)),
    "swapaxes": lambda m, x: x.swapaxes(0, 1),
    "moveaxis": lambda m, x: m.moveaxis(x, 0, 1),
    "reshape": lambda m, x: x.reshape(2, 12),
    "reshape -1": lambda m, x: x.reshape(-1),
    "reshape transposed": lambda m, x: x.T.reshape(-1),
    "reshape part": lambda m, x: x[:, :3].reshape(-1),
    "reshape order F": lambda m, x: x.reshape((6, 4), order="F"),
    "ravel": lambda m, x: x.ravel(),
    "ravel part": lambda m, x: x[1:3].ravel(),
    "ravel columns": lambda m, x: x[:, 1:3].ravel(),
    "flatten": lambda m, x: x.flatten(),
    "squeeze": lambda m, x: x[:1].squeeze(),
    "expand_dims": lambda m, x: m.expand_dims(x, (0, 2)),
    "flip": lambda m, x: m.flip(x, 1),
    "rot90": lambda m, x: m.rot90(x),
    "split": lambda m, x: m.split(x, 2)[1],
    "hsplit": lambda m, x: m.hsplit(x, 3)[1],
    "atleast_3d": lambda m, x: m.atleast_3d(x),
    "copy": lambda m, x: x.copy(),
    "astype same": lambda m, x: x.astype(x.dtype, copy=False),
    "astype": lambda m, x: x.astype("f4"),
    "asarray": lambda m, x: m.asarray(x),
    "array": lambda m, x: m.array(x),
    "ascontiguousarray": lambda m, x: m.ascontiguousarray(x),
    "ascontiguousarray of columns": lambda m, x: m.ascontiguousarray(x[:, 1:]),
    "real": lambda m, x: x.real,
    "view": lambda m, x: x.view(),
    "bits": lambda m, x: x.view("i8"),
    "unstack": lambda m, x: m.unstack(x, axis=1)[1],
    "diagonal written": lambda m, x: m.diagonal(x[:, :4]),
    "broadcast": lambda m, x: m.broadcast_to(x, (2, 4, 6)),
    "diag": lambda m, x: m.diag(x),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_write_to_the_array_is_seen_through_the_view(name):
    def call(m, x):
        view = LOOKS[name](m, x)
        x[...] = x * 10 + 1
        return view

    check(call, numpy.arange(24.0).reshape(4, 6))


@pytest.mark.parametrize("name", LOOKS)
def test_a_write_to_the_view_is_seen_in_the_array(name):
    def call(m, x):
        view = LOOKS[name](m, x)
        view[...] = -1
        return x

    check(call, numpy.arange(24.0).reshape(4, 6))


@pytest.mark.parametrize("name", LOOKS)
def test_views_lie_as_numpys_do(name):
    expected = LOOKS[name](numpy, numpy.arange(24.0).reshape(4, 6).copy())
    x = np.array(numpy.arange(24.0).reshape(4, 6))
    actual = LOOKS[name](np, x)
    assert actual.shape == expected.shape
    if expected.size > 1:
        moving = [d for d, n in enumerate(expected.shape) if n > 1]
        assert [actual.strides[d] for d in moving] == [expected.strides[d] for d in moving]
    for flag in ("c_contiguous", "f_contiguous", "writeable"):
        assert getattr(actual.flags, flag) == getattr(expected.flags, flag), flag


@pytest.mark.parametrize("name", LOOKS)
def test_shared_memory_is_known(name):
    n, x = numpy.arange(24.0).reshape(4, 6).copy(), np.array(numpy.arange(24.0).reshape(4, 6))
    expected, actual = LOOKS[name](numpy, n), LOOKS[name](np, x)
    assert np.shares_memory(actual, x) == numpy.shares_memory(expected, n)
    assert np.may_share_memory(actual, x) or not numpy.shares_memory(expected, n)


def test_interleaved_views_share_nothing():
    x = np.arange(10)
    assert not np.shares_memory(x[::2], x[1::2])
    assert np.shares_memory(x[::2], x[::3])
    assert not np.shares_memory(x, np.arange(10))
    assert not np.shares_memory(x, numpy.arange(10))


def test_base():
    x = np.zeros((3, 4))
    assert x.base is None
    assert x[1:].base is x
    assert x[1:][1:].T.base is x
    assert x.copy().base is None
    assert (x + 1).base is None


# ---------------------------------------------------------------------------------------------------------------------
# Chains of views
# ---------------------------------------------------------------------------------------------------------------------


@st.composite
def programs(draw):
    """A few views, each of an earlier one, and writes between them."""
    steps = []
    for _ in range(draw(st.integers(1, 6))):
        steps.append(
            draw(
                st.one_of(
                    st.tuples(
                        st.just("slice"),
                        st.integers(0, 5),
                        st.lists(
                            st.builds(
                                slice,
                                st.none() | st.integers(-7, 7),
                                st.none() | st.integers(-7, 7),
                                st.sampled_from([None, 1, 2, 3, -1, -2]),
                            ),
                            max_size=2,
                        ),
                    ),
                    st.tuples(st.just("transpose"), st.integers(0, 5)),
                    st.tuples(st.just("flatten view"), st.integers(0, 5)),
                    st.tuples(st.just("new axis"), st.integers(0, 5)),
                    st.tuples(st.just("write"), st.integers(0, 5), st.integers(-9, 9)),
                    st.tuples(st.just("add"), st.integers(0, 5), st.integers(0, 5)),
                )
            )
        )
    return steps


def run_views(m, steps, shape):
    size = int(numpy.prod(shape))
    known = [m.arange(size).reshape(shape)]
    for step in steps:
        target = known[step[1] % len(known)]
        if step[0] == "slice":
            known.append(target[tuple(step[2][: target.ndim])])
        elif step[0] == "transpose":
            known.append(target.T)
        elif step[0] == "flatten view":
            known.append(target.reshape(-1))
        elif step[0] == "new axis" and target.ndim < 5:
            known.append(target[None])
        elif step[0] == "write":
            target[...] = step[2]
        elif step[0] == "add":
            other = known[step[2] % len(known)]
            if other.shape == target.shape:
                target += other
    return known


@given(steps=programs(), shape=st.sampled_from([(12,), (4, 6), (2, 3, 4), (60, 50)]))
def test_programs_of_views(steps, shape):
    expected = run_views(numpy, steps, shape)
    actual = run_views(np, steps, shape)
    assert_same(actual, expected)


# ---------------------------------------------------------------------------------------------------------------------
# Overlap
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [7, 3000])
def test_overlapping_assignment(n):
    def shift(m, x):
        x[1:] = x[:-1]
        return x

    def back(m, x):
        x[:-1] = x[1:]
        return x

    def turn(m, x):
        x[...] = x[::-1]
        return x

    def smooth(m, x):
        x[1:-1] = (x[:-2] + x[1:-1] + x[2:]) / 3
        return x

    def accumulate(m, x):
        x[1:] += x[:-1]
        return x

    for program in (shift, back, turn, smooth, accumulate):
        check(program, numpy.arange(float(n)))


def test_overlapping_assignment_of_matrices():
    def transpose(m, x):
        x[...] = x.T
        return x

    def block(m, x):
        x[1:, 1:] = x[:-1, :-1]
        return x

    for program in (transpose, block):
        check(program, numpy.arange(60.0 * 60).reshape(60, 60))


def test_read_only():
    x = np.arange(6.0)
    x.flags.writeable = False

    def iadd():
        y = x
        y += 1

    for write in (lambda: x.__setitem__(0, 1), iadd, lambda: x.fill(0), lambda: x.__setitem__(x > 1, 0), lambda: x.sort()):
        with pytest.raises(ValueError, match="read-only"):
            write()
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    x.flags.writeable = True
    x[0] = 7
    assert x[0] == 7
    view = np.broadcast_to(x, (2, 6))
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    with pytest.raises(ValueError):
        view.flags.writeable = True
