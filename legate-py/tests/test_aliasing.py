"""Views are views exactly where NumPy's are: what is written through one is seen through all, on any number of ranks."""

import copy
import pickle

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_same, check, plain, values

import legate.numpy as np
from legate import _native

# Each makes something of a matrix of shape (4, 6) that may be a view of it.
VIEWS = {
    "slice": lambda m, x: x[1:3],
    "backwards": lambda m, x: x[::-1, ::-2],
    "column": lambda m, x: x[:, 2],
    "new axis": lambda m, x: x[:, None],
    "ellipsis": lambda m, x: x[...],
    "T": lambda m, x: x.T,
    "mT": lambda m, x: x.mT,
    "transpose": lambda m, x: m.transpose(x),
    "permute_dims": lambda m, x: m.permute_dims(x, (1, 0)),
    "swapaxes": lambda m, x: x.swapaxes(0, 1),
    "reshape": lambda m, x: x.reshape(3, 8),
    "reshape of T": lambda m, x: x.T.reshape(3, 8),
    "reshape in F order": lambda m, x: x.reshape(8, 3, order="F"),
    "ravel": lambda m, x: x.ravel(),
    "ravel of T": lambda m, x: x.T.ravel(),
    "ravel of T in F order": lambda m, x: x.T.ravel("F"),
    "ravel of T in memory order": lambda m, x: x.T.ravel("K"),
    "flatten": lambda m, x: x.flatten(),
    "squeeze": lambda m, x: x[None].squeeze(),
    "expand_dims": lambda m, x: m.expand_dims(x, 1),
    "moveaxis": lambda m, x: m.moveaxis(x[None], 0, 2),
    "rollaxis": lambda m, x: m.rollaxis(x, 1),
    "atleast_1d": lambda m, x: m.atleast_1d(x),
    "atleast_3d": lambda m, x: m.atleast_3d(x),
    "flip": lambda m, x: m.flip(x, 0),
    "fliplr": lambda m, x: m.fliplr(x),
    "rot90": lambda m, x: m.rot90(x),
    "split": lambda m, x: m.split(x, 2)[1],
    "hsplit": lambda m, x: m.hsplit(x, 3)[1],
    "array_split": lambda m, x: m.array_split(x, 3)[2],
    "unstack": lambda m, x: m.unstack(x)[1],
    "asarray": lambda m, x: m.asarray(x),
    "asarray in F order": lambda m, x: m.asarray(x, order="F"),
    "asarray of T in F order": lambda m, x: m.asarray(x.T, order="F"),
    "asanyarray": lambda m, x: m.asanyarray(x),
    "array without copy": lambda m, x: m.array(x, copy=None),
    "array": lambda m, x: m.array(x),
    "ascontiguousarray": lambda m, x: m.ascontiguousarray(x),
    "ascontiguousarray of T": lambda m, x: m.ascontiguousarray(x.T),
    "asfortranarray": lambda m, x: m.asfortranarray(x),
    "asfortranarray of T": lambda m, x: m.asfortranarray(x.T),
    "require": lambda m, x: m.require(x, requirements=["C"]),
    "copy": lambda m, x: x.copy(),
    "astype": lambda m, x: x.astype(float, copy=False),
    "view": lambda m, x: x.view(),
    "bits": lambda m, x: x.view("i8"),
    "halves": lambda m, x: x.view("i4"),
    "bytes": lambda m, x: x.view("u1"),
    "pairs": lambda m, x: x.view(complex),
    "rows as pairs": lambda m, x: x[1:].view(complex),
    "strided rows as halves": lambda m, x: x[::2].view("f4"),
    "field": lambda m, x: x.getfield("i4", 4),
    "field of a part": lambda m, x: x[1:, ::2].getfield("u2", 6),
    "real": lambda m, x: x.real,
    "real of pairs": lambda m, x: x.view(complex).real,
    "imag of pairs": lambda m, x: x.view(complex).imag,
    "as_strided": lambda m, x: m.lib.stride_tricks.as_strided(x, (3, 4), (48, 8)),
    "take": lambda m, x: x.take([1, 2], 0),
    "mask": lambda m, x: x[x > 0],
    "integers": lambda m, x: x[[1, 2]],
}


def written_both_ways(m, x, make):
    """What each sees when the other is written."""
    view = make(m, x)
    x[1, 2] = 8.0
    seen = view.copy()
    writeable = view.flags.writeable
    if writeable:
        view[...] = 3
        view[-1:] += 1
        x *= 2
    moving = [stride for stride, extent in zip(view.strides, view.shape) if extent > 1]
    return seen, view.copy(), x, writeable, view.flags.c_contiguous, view.flags.f_contiguous, moving, view.shape


@pytest.mark.parametrize("name", VIEWS)
def test_views(name):
    check(lambda m, x: written_both_ways(m, x, VIEWS[name]), values((4, 6), "f8"))
    n = values((4, 6), "f8")
    x = np.array(n)
    view, theirs = VIEWS[name](np, x), VIEWS[name](numpy, n)
    assert np.shares_memory(view, x) == numpy.shares_memory(theirs, n)
    assert np.may_share_memory(view, x) == numpy.may_share_memory(theirs, n)
    assert (view is x) == (theirs is n)
    if numpy.shares_memory(theirs, n) and theirs is not n:
        assert view.base is x


@pytest.mark.parametrize("name", ["diagonal", "broadcast_to", "broadcast_arrays", "sliding_window_view"])
def test_views_that_are_read_only(name):
    make = {
        "diagonal": lambda m, x: x.diagonal(1),
        "broadcast_to": lambda m, x: m.broadcast_to(x, (2, 4, 6)),
        "broadcast_arrays": lambda m, x: m.broadcast_arrays(x, m.ones((2, 1, 1)))[0],
        "sliding_window_view": lambda m, x: m.lib.stride_tricks.sliding_window_view(x, (2, 3)),
    }[name]
    check(lambda m, x: make(m, x), values((4, 6), "f8"))

    def written(m, x):
        view = make(m, x)
        x[...] = 5
        x[1:, 2] = 7
        return view, x

    check(written, values((4, 6), "f8"))
    view = make(np, np.zeros((4, 6)))
    if name != "broadcast_arrays":
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1


DTYPES = ["?", "i1", "u2", "i4", "f4", "i8", "f8", "c8", "c16"]


@pytest.mark.parametrize("new", DTYPES)
@pytest.mark.parametrize("old", DTYPES)
def test_views_of_other_types(old, new):
    """Bytes that are of another type: each sees what is written through the other, be it a part."""
    bits = numpy.arange(96, dtype="u1").reshape(3, 32)
    if "?" in (old, new):
        bits %= 2

    def both(m):
        x = m.array(bits).view(old).copy()
        view = x.view(new)
        x[1, 1:] = x[0, 0]
        seen = view.copy()
        view[:, :1] = view[2, -1:]
        view.T[0] = view.T[-1]
        y = x[1:].view(new)
        y[...] = y[::-1]
        return seen, x.view("u1"), view.view("u1"), x[::2].view(new).view("u1")

    theirs, ours = both(numpy), both(np)
    for one, other in zip(ours, theirs):
        assert plain(one).tobytes() == other.tobytes() and one.shape == other.shape and one.dtype == other.dtype


def test_several_views_of_other_types():
    def program(m, x):
        a, b, c = x.view("u1"), x.view("f4"), x[1:].view(complex)
        a[:, 7] = 0x40
        b[0, ::2] = 1
        c.imag[...] = 2
        x[-1] += 1
        m.add(a, 1, out=a)
        m.negative(c, out=c)
        a[0].sort()
        b[:, 1] = b[:, 3]
        x[2, :] = m.arange(6.0)
        x.view("i8")[3] >>= 1
        return x, a.view("f8"), b.view("u4"), c.view("i8")

    theirs, ours = program(numpy, values((5, 6), "f8")), program(np, np.array(values((5, 6), "f8")))
    for one, other in zip(ours, theirs):
        assert plain(one).tobytes() == other.tobytes()


def test_views_of_other_types_outlive_what_they_are_views_of():
    def program(m):
        view = m.arange(4.0).view("i4")
        view[1] = 5
        bytes_ = view.view("u1")
        del view
        return bytes_[:8]

    check(program)


def test_large_views_of_other_types():
    """Large enough to be the runtime's."""

    def program(m):
        x = m.arange(120_000.0).reshape(400, 300)
        x = x * 0.5
        pairs, halves = x.view(complex), x.view("u4")
        pairs.imag[...] = 1
        halves[:, 1::4] ^= 1 << 31
        z = m.zeros((300, 300))
        z.view("i4")[::2, 1::2] = 1 << 20
        return x, pairs * 2, halves[::7].sum(), z.sum(), z.view("i8").max()

    check(program)


@given(st.data())
def test_programs_on_views(data):
    """Views of views, written in turn."""
    n = values((4, 6), "f8")
    names = data.draw(st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=6))
    places = data.draw(st.lists(st.integers(0, 23), min_size=len(names), max_size=len(names)))

    def program(m, x):
        views = []
        for name, place in zip(names, places):
            view = VIEWS[name](m, x)
            views.append(view)
            if view.size and view.flags.writeable:
                view.flat[place % view.size] = place
            x[place % 4, place % 6] = -place
        return x, *(view.copy() for view in views)

    theirs, ours = program(numpy, n.copy()), program(np, np.array(n))
    for one, other in zip(ours, theirs):
        assert plain(one).tobytes() == numpy.ascontiguousarray(other).tobytes()


# ---------------------------------------------------------------------------------------------------------------------
# Layouts
# ---------------------------------------------------------------------------------------------------------------------

MADE = {
    "copy": lambda m, x, order: x.copy(order),
    "np.copy": lambda m, x, order: m.copy(x, order),
    "astype": lambda m, x, order: x.astype("f4", order=order),
    "array": lambda m, x, order: m.array(x, order=order),
    "asarray": lambda m, x, order: m.asarray(x, order=order),
    "zeros_like": lambda m, x, order: m.zeros_like(x, order=order),
    "ones_like": lambda m, x, order: m.ones_like(x, order=order),
    "empty_like": lambda m, x, order: m.empty_like(x, order=order).shape,
    "full_like": lambda m, x, order: m.full_like(x, 7, order=order),
    "full_like of a row": lambda m, x, order: m.full_like(x, x[0, :, 0:1] * 0 + 3, order=order),
    "ravel": lambda m, x, order: x.ravel(order),
    "flatten": lambda m, x, order: x.flatten(order),
    "tobytes": lambda m, x, order: x.tobytes(order) if order in "CF" else b"",
}


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
@pytest.mark.parametrize("name", MADE)
def test_layouts(name, order):
    arrays = [values((2, 3, 4), "f8"), values((2, 3, 4), "f8").T, values((3, 2, 4), "f8").transpose(1, 0, 2), values((4, 6, 8), "f8")[::2, ::2, ::2]]
    for n in arrays:

        def made(m, x):
            result = MADE[name](m, x, order)
            return result, getattr(result, "strides", None)

        expected, actual = made(numpy, n), made(np, np.array(n) if n.flags.forc else np.array(n.copy())[...])
        if n.flags.forc:
            assert_same(actual[0], expected[0])
            assert actual[1] == expected[1]


@pytest.mark.parametrize("order", ["C", "F"])
def test_new_arrays_lie_as_they_are_asked_to(order):
    for make in (
        lambda m: m.zeros((2, 3), order=order),
        lambda m: m.ones((2, 3), "i4", order=order),
        lambda m: m.full((2, 3), 5, order=order),
        lambda m: m.full((2, 3), [1, 2, 3], order=order),
        lambda m: m.eye(2, 3, 1, order=order),
        lambda m: m.array([[1, 2], [3, 4]], order=order),
        lambda m: m.asarray([[1, 2], [3, 4]], order=order),
    ):
        check(make)
        assert make(np).strides == make(numpy).strides and make(np).flags.owndata


def test_columns_stay_columns():
    n = numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))
    assert np.array(n).strides == np.asarray(n).strides == n.strides
    for x in (np.array(n), np.arange(6.0).reshape(3, 2).T):
        for duplicate in (copy.copy(x), copy.deepcopy(x), *(pickle.loads(pickle.dumps(x, p)) for p in range(6))):
            assert duplicate.strides == x.strides and duplicate.flags.owndata
            assert_same(duplicate, plain(x))


# ---------------------------------------------------------------------------------------------------------------------
# Changing how an array shows its memory
# ---------------------------------------------------------------------------------------------------------------------


def test_attributes_that_are_set():
    def shape(m, x):
        view = x[...]
        view.shape = 3, 8
        view[0] = 1
        return x

    def dtype(m, x):
        y = x.copy()
        y.dtype = "i4"
        y[0, 1] = 3
        return y, y.shape

    def strides(m, x):
        y = x[:2, :2]
        y.strides = 8, 48
        y[0, 1] = 77
        return x, y

    for change in (shape, dtype, strides):
        check(change, values((4, 6), "f8"))


def test_resizing():
    def resized(m, x, *shape):
        x.resize(*shape, refcheck=False)
        return x, x.strides if x.size else None

    for shape in [(4, 2), ((2, 2),), (20,), (0,), ((2, 3, 4),)]:
        check(lambda m, x: resized(m, x, *shape), values((3, 4), "f8"))
        check(lambda m, x: resized(m, m.asfortranarray(x), *shape), values((3, 4), "f8"))


def test_bytes_in_reverse():
    for dtype in ["u1", "i2", "u4", "i8", "f4", "f8", "c8", "c16"]:
        n = values((3, 4), dtype)
        x = np.array(n)
        assert x.byteswap().tobytes() == n.byteswap().tobytes()
        assert x[::2, ::-1].byteswap(inplace=True).tobytes() == n[::2, ::-1].byteswap().tobytes()
        n[::2, ::-1].byteswap(inplace=True)
        assert x.tobytes() == n.tobytes()


def test_what_numpy_holds_is_an_array_too():
    for array in (numpy.arange(3), numpy.array(["a"]), numpy.ma.masked_array([1]), numpy.array([None])):
        assert isinstance(array, np.ndarray) and issubclass(type(array), np.ndarray)
    assert not isinstance(1.0, np.ndarray) and not isinstance(numpy.float64(1), np.ndarray) and not issubclass(float, np.ndarray)
    assert isinstance(np.arange(3), np.ndarray) and not isinstance(np.arange(3), numpy.ndarray)
    assert not isinstance(numpy.arange(3), _native.Array)
