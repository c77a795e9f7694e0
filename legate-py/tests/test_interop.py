"""What passes between programs: buffers, DLPack, files; subclasses. Other libraries are in `test_libraries.py`."""

import io
import pickle
import struct

import numpy
import pytest
from support import assert_same, check, plain, values

import legate
import legate.numpy as np


def test_buffers_that_are_read():
    n = values((3, 4), "f8")
    view = memoryview(np.array(n))
    assert view.readonly and view.shape == (3, 4) and view.format == "d" and view.tobytes() == n.tobytes()
    assert bytes(np.array(n)) == n.tobytes()


@pytest.mark.parametrize("size", [6, 30_000])
def test_buffers_that_are_written(size):
    """What a reader of files or messages puts into an array is its values afterwards."""
    n = numpy.arange(float(size))
    x = np.zeros(size)
    assert io.BytesIO(n.tobytes()).readinto(x) == n.nbytes
    assert_same(x, n)
    struct.pack_into("d", x, 8, 77.0)
    assert x[1] == 77 and x[2] == 2
    columns = np.zeros((size // 2, 2)).T
    io.BytesIO(n.tobytes()).readinto(columns)
    assert_same(columns, n.reshape(2, -1))
    readonly = np.zeros(3)
    readonly.flags.writeable = False
    with pytest.raises((BufferError, TypeError, ValueError)):
        io.BytesIO(b"x" * 24).readinto(readonly)
    assert readonly.tolist() == [0, 0, 0]


def test_dlpack_from_us():
    for n in (numpy.arange(6.0).reshape(2, 3), numpy.arange(4, dtype="i2"), numpy.arange(3) + 1j, numpy.zeros((0, 2), "f4"), numpy.float32(2) * numpy.ones(())):
        x = np.array(n)
        theirs = numpy.from_dlpack(x)
        assert (theirs == n).all() and theirs.dtype == n.dtype
        del x
        assert (theirs == n).all()  # it lives as long as it is used
    x = np.arange(3.0)
    theirs = numpy.from_dlpack(x)
    x[0] = 9
    assert theirs[0] == 0
    with pytest.raises(RuntimeError, match="stream"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError):
        x.__dlpack__(dl_device=(2, 0))


def test_dlpack_without_a_copy():
    x = np.array([1.0, 2.0, 3.0])
    if not x._is_ready():
        pytest.skip("all values are the runtime's")
    lent = numpy.from_dlpack(x, copy=False)
    assert not lent.flags.writeable and lent.tolist() == [1, 2, 3]
    x[0] = 5  # writes go elsewhere
    assert lent.tolist() == [1, 2, 3] and x.tolist() == [5, 2, 3]
    with pytest.raises(BufferError):
        x.__dlpack__(copy=False)  # an old consumer would not know that it is read-only
    assert numpy.from_dlpack(x, copy=True).flags.writeable


def test_dlpack_to_us():
    n = numpy.arange(6.0).reshape(2, 3)
    x = np.from_dlpack(n)
    assert isinstance(x, np.ndarray)
    assert_same(x, n)
    x[0, 0] = 5
    assert n[0, 0] == 0
    assert_same(np.from_dlpack(n.T, copy=True), n.T)
    view = np.from_dlpack(x)
    view[0, 1] = 8
    assert x[0, 1] == 8 and np.from_dlpack(x, copy=True).base is None
    with pytest.raises(ValueError):
        np.from_dlpack(x, device="gpu")


def test_pickles_with_buffers_beside_them():
    for x in (np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.arange(10)[::2]):
        buffers = []
        data = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
        assert len(buffers) == 1
        again = pickle.loads(data, buffers=buffers)
        assert_same(again, plain(x))
        again[0] = 1


def test_states():
    def restored(m, fortran):
        x = m.empty(0)
        x.__setstate__((1, (2, 2), numpy.dtype("i4"), fortran, bytes(range(16))))
        return x, x.strides

    for fortran in (False, True):
        check(restored, fortran)


def test_files(tmp_path):
    x = np.arange(6.0).reshape(2, 3)
    for write in (x.tofile, x.T.tofile):
        write(tmp_path / "values")
        assert numpy.fromfile(tmp_path / "values").size == 6
    x.dump(tmp_path / "pickle")
    assert_same(np.load(tmp_path / "pickle", allow_pickle=True), plain(x))
    assert_same(pickle.loads(x.dumps()), plain(x))
    np.save(tmp_path / "saved.npy", x.T)
    assert_same(np.load(tmp_path / "saved.npy"), plain(x).T)


def test_numpys_functions_give_ours():
    x = np.arange(6.0).reshape(2, 3)
    for result in (numpy.sin(x), numpy.concatenate([x, x]), numpy.transpose(x), numpy.sum(x, axis=0), numpy.where(x > 1, x, 0)):
        assert type(result) is np.ndarray
    assert numpy.asarray(x).tolist() == x.tolist() and numpy.array(x, copy=True).flags.writeable


def test_numpys_array_copies_once():
    x = np.arange(5.0)
    copied = numpy.array(x)
    copied[0] = 7
    assert x[0] == 0 and copied.flags.owndata


# ---------------------------------------------------------------------------------------------------------------------
# Subclasses
# ---------------------------------------------------------------------------------------------------------------------


def subclasses(m):
    class Labelled(m.ndarray):
        def __new__(cls, values, label=None):
            self = m.asarray(values).view(cls)
            self.label = label
            return self

        def __array_finalize__(self, other):
            super().__array_finalize__(other)
            self.label = getattr(other, "label", None)

    class Wrapping(m.ndarray):
        def __array_wrap__(self, array, context=None, return_scalar=False):
            return "wrapped", numpy.asarray(array).tolist()

    class Preferred(m.ndarray):
        __array_priority__ = 10

    class Watched(m.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            bare = [i.view(m.ndarray) if isinstance(i, Watched) else i for i in inputs]
            result = super().__array_ufunc__(ufunc, method, *bare, **kwargs)
            return result.view(Watched) if isinstance(result, m.ndarray) else result

    return {"L": Labelled, "W": Wrapping, "P": Preferred, "U": Watched}


CLASSES = """
x + 1, 1 + x, y + x, x + y, m.add(y, x), -x, m.sqrt(x), x == x, divmod(x, 2)[0]
x[1:], x[[0, 1]], x[x > 1], x.T, x.reshape(3, 1), x.ravel(), x.copy(), x.view(), x.astype("f4"), x.real
x.sum(), x.max(), x.mean(), x.std(), x.sum(axis=0), x.reshape(3, 1).sum(axis=0), x.cumsum(), x @ x, m.dot(x, x), x.argmax(), x[0]
m.asarray(x), m.asanyarray(x), m.array(x), m.array(x, subok=True), m.zeros_like(x), m.zeros_like(x, subok=False), x.astype("f4", subok=False)
x + p, p + x, y + p, m.add(x, p), m.add(y, p)
x.take([0]), x.repeat(2), x.clip(0, 1), x.round(), x.argsort(), m.sort(x), m.atleast_2d(x), m.flip(x), m.broadcast_to(x, (2, 3))
m.concatenate([x, x]), m.where(x > 0, x, x), m.broadcast_to(x, (2, 3), subok=True), x.view("i8"), x.byteswap()
u + 1, 1 + u, m.add(u, u), u.view(m.ndarray)
""".strip().split("\n")


@pytest.mark.parametrize("text", CLASSES)
def test_classes_of_results(text):
    def names(m):
        kinds = subclasses(m)
        ones = m.array([1.0, 2.0, 3.0])
        space = {"m": m, "x": kinds["L"](ones.copy(), "metres"), "y": ones, "p": ones.view(kinds["P"]), "u": ones.view(kinds["U"])}
        results = eval(text, space)
        return [("deferred" if "deferred" in type(r).__name__ else type(r).__name__, getattr(r, "label", None)) for r in results]

    for ours, theirs in zip(names(np), names(numpy)):
        assert ours == theirs or ours[0] == "deferred"


def test_overridden_ufuncs():
    """A subclass is asked by functions and by operators."""

    def names(m):
        class Named(m.ndarray):
            def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
                return ufunc.__name__, method

        x, ones = m.arange(3.0).view(Named), m.ones(3)
        return [x + 1, 1 + x, ones - x, x @ x, ones @ x, -x, abs(x), x < 1, x**2, m.sqrt(x), m.add(ones, x), m.add.reduce(x)]

    assert names(np) == names(numpy)


def test_overridden_functions():
    """The function that a class is asked about is ours."""

    def answers(m):
        class Picky(m.ndarray):
            def __array_function__(self, function, types, args, kwargs):
                if function is m.concatenate:
                    return "joined", len(args[0])
                return super().__array_function__(function, types, args, kwargs) if function is m.sum else NotImplemented

        x, ones = m.arange(3.0).view(Picky), m.ones(3)
        assert float(m.sum(x)) == 3 and float(m.sum(x, axis=0)) == 3
        with pytest.raises(TypeError) as refused:
            m.mean(x)
        return m.concatenate([x, x]), m.concatenate((ones, x)), str(refused.value).partition(":")[0]

    assert answers(np) == answers(numpy)


def test_wrapping_is_asked():
    for m in (numpy, np):
        w = m.array([1.0, 4.0]).view(subclasses(m)["W"])
        assert w + 1 == ("wrapped", [2.0, 5.0]) and m.sqrt(w) == ("wrapped", [1.0, 2.0])


def test_printing_of_the_class_of_types():
    assert repr(np.ndarray) == "<class 'legate.numpy.ndarray'>" and np.ndarray.__module__ == "legate.numpy"
    with pytest.raises(TypeError, match="unhashable type: 'numpy.ndarray'"):
        hash(np.arange(3))


def test_abstract_subclasses():
    import abc

    class Shape(np.ndarray, abc.ABC):
        @abc.abstractmethod
        def area(self):
            """Of each."""

    class Square(Shape):
        def area(self):
            return self**2

    square = np.arange(3.0).view(Square)
    assert isinstance(square, Shape) and issubclass(Square, Shape) and not isinstance(np.arange(3), Shape)
    assert square.area().tolist() == [0, 1, 4]


def test_methods_have_numpys_signatures():
    import inspect

    for name in "sum reshape astype sort take var clip swapaxes fill item dot partition byteswap getfield to_device".split():
        assert inspect.signature(getattr(np.ndarray, name)) == inspect.signature(getattr(numpy.ndarray, name)), name
        assert getattr(np.ndarray, name).__doc__ == getattr(numpy.ndarray, name).__doc__
    assert np.ndarray.shape.__doc__ == numpy.ndarray.shape.__doc__


def test_every_name_is_there():
    for name in dir(numpy.ndarray):
        assert hasattr(np.ndarray, name), name
    with legate.fallback("error"):
        x = np.ones((2, 3))
        x.partition(1), x.byteswap(), x.getfield("i4"), x.view("u1"), x.trace(dtype="f4"), x.resize(3)
