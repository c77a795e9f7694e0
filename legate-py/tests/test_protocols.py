"""What Python and other libraries ask of an array."""

import copy
import gc
import math
import operator
import pickle
import weakref

import numpy
import pytest
from support import DTYPES, SHAPES, assert_same, check, outcome, plain, values

import legate.numpy as np
from legate import _native


def shown(function, shape, dtype):
    """The text that `function` makes of both modules' arrays."""
    n = values(shape, dtype)
    return function(np.array(n)), function(n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_printing(shape, dtype):
    for function in (repr, str, "{}".format):
        actual, expected = shown(function, shape, dtype)
        assert actual == expected


def test_printing_of_large_arrays_and_options():
    x = numpy.arange(5000.0)
    assert repr(np.array(x)) == repr(x)
    with np.printoptions(precision=2, suppress=True):
        assert str(np.array([1 / 3])) == "[0.33]"
    assert np.array2string(np.arange(3)) == "[0 1 2]"
    assert np.array_repr(np.arange(3)) == "array([0, 1, 2])"


def test_formatting():
    check(lambda m: format(m.array(3.14159), ".2f"))
    check(lambda m: f"{m.arange(3.0).sum():8.3e}")
    check(lambda m: format(m.arange(3), ".2f"))
    check(lambda m: "%5.1f" % m.ones(3).sum())
    check(lambda m: "%d" % m.arange(3).sum())


@pytest.mark.parametrize("convert", [float, int, complex, bool, operator.index, len, list, math.sqrt, round, hash])
@pytest.mark.parametrize("shape", SHAPES)
def test_conversions(convert, shape):
    for dtype in ("?", "i4", "u8", "f4", "f8", "c16"):
        n = numpy.ones(shape, dtype)
        expected, actual = outcome(convert, n), outcome(convert, np.array(n))
        if isinstance(expected, Exception):
            assert type(actual) is type(expected), (actual, expected)
            if convert not in (hash, math.sqrt, round):
                assert str(actual) == str(expected)
        else:
            assert_same(actual, expected)


def test_scalars_behave_as_numpys():
    expected = numpy.arange(4.0).sum()
    actual = np.arange(4.0).sum()
    for function in (float, int, complex, bool, str, repr, hash, abs, round, operator.neg, math.floor, math.ceil, math.trunc):
        assert plain(function(actual)) == function(expected)
    assert f"{actual:.3f}" == f"{expected:.3f}"
    assert actual.hex() == expected.hex() and actual.is_integer()
    assert round(actual, 1) == 6 and actual.item() == 6 and actual.dtype == expected.dtype
    assert actual == 6 and actual != 7 and 5 < actual <= 6 and actual in (6, 7)
    assert {actual: 1}[6.0] == 1
    assert actual.shape == () and actual.ndim == 0 and actual.size == 1
    with pytest.raises(TypeError):
        actual[0] = 1
    with pytest.raises(TypeError):
        iter(actual)
    with pytest.raises(AttributeError):
        actual.nonsense  # noqa: B018 (the access is the test)
    count = np.arange(5).max()
    assert [10, 11, 12, 13, 14][count] == 14 and list(range(count)) == [0, 1, 2, 3]
    assert numpy.zeros(5)[count] == 0 and np.zeros(5)[count] == 0
    assert isinstance(pickle.loads(pickle.dumps(actual)), numpy.float64)


def test_control_flow_on_values():
    x, steps = np.arange(1000.0), 0
    while x.sum() > 10:
        x *= 0.5
        steps += 1
    n, expected = numpy.arange(1000.0), 0
    while n.sum() > 10:
        n *= 0.5
        expected += 1
    assert steps == expected


def test_truth():
    for n in (numpy.array([]), numpy.array([0]), numpy.array([1.5]), numpy.array([1, 2]), numpy.array(0), numpy.zeros((1, 1))):
        check(lambda m, x: bool(x), n)
    check(lambda m, x: x and 1, numpy.arange(3))


def test_iteration():
    x = numpy.arange(6).reshape(2, 3)
    check(lambda m, x: list(x), x)
    check(lambda m, x: [list(row) for row in x], x)
    check(lambda m, x: list(reversed(x)), x)
    check(lambda m, x: list(zip(x[0], x[1])), x)
    check(lambda m, x: [*enumerate(x[0])], x)
    check(lambda m, x: list(x.flat), x)
    check(lambda m, x: list(iter(m.array(3))), x)
    check(lambda m, x: 4 in x, x)
    check(lambda m, x: 40 in x, x)
    a, b = np.arange(2)
    assert (a, b) == (0, 1)

    def running(m, x):
        for i, value in enumerate(x):
            if i + 1 < len(x):
                x[i + 1] += value  # iteration sees what it writes
        return x

    check(running, numpy.arange(6))


@pytest.mark.parametrize("shape", [(5000,), (3, 5000), (60, 70)])
def test_loops_over_elements(shape):
    """Reads of single elements, of an array computed by the runtime, with and without writes in between."""

    def read(m, x):
        y = x * 2 + 1
        total = 0.0
        for i in range(40):
            total += y[(0,) * (y.ndim - 1) + (i * 100 % y.shape[-1],)]
            total += y[(-1,) * y.ndim]
        return float(total)

    def write(m, x):
        y = (x * 2 + 1).reshape(-1)
        for i in range(1, 30):
            y[i] = y[i - 1] + y[-i]
        return y

    def write_elsewhere(m, x):
        y = x * 2
        z = y.reshape(-1)
        seen = []
        for i in range(30):
            seen.append(float(y[(0,) * y.ndim]))
            if i % 12 == 11:
                z[0] += 1
                m.add(y, 1, out=y)
                y.T.fill(i)
        return seen

    x = numpy.arange(float(numpy.prod(shape))).reshape(shape)
    for loop in (read, write, write_elsewhere):
        check(loop, x)


def test_elements_as_python_objects():
    for dtype in DTYPES:
        n = values((2, 3), dtype)
        x = np.array(n)
        assert repr(x.tolist()) == repr(n.tolist())
        assert repr(x.item(4)) == repr(n.item(4)) and repr(x.item(1, 2)) == repr(n.item(1, 2))
        assert x.tobytes() == n.tobytes()
    check(lambda m, x: x.item(), numpy.arange(3))
    check(lambda m, x: x.item(7), numpy.arange(3))
    check(lambda m, x: x.item(0, 0), numpy.arange(3))
    check(lambda m, x: type(x[0].item()) is int, numpy.arange(3))


def test_flat():
    def write(m, x):
        x.flat[2] = 9
        x.T.flat[1] = 7
        x.flat[3:5] = [1, 2]
        return x

    check(write, numpy.zeros((2, 3)))

    def assign(m, x):
        x.T.flat = [1, 2, 3]
        return x

    check(assign, numpy.zeros((2, 3)))
    check(lambda m, x: x.flat[4], numpy.arange(6).reshape(2, 3))
    check(lambda m, x: x.T.flat[1:4], numpy.arange(6).reshape(2, 3))
    check(lambda m, x: len(x.flat), numpy.arange(6).reshape(2, 3))


def test_attributes():
    for shape in SHAPES:
        for dtype in DTYPES:
            n = numpy.zeros(shape, dtype)
            x = np.array(n)
            for name in ("shape", "ndim", "size", "itemsize", "nbytes", "dtype"):
                assert getattr(x, name) == getattr(n, name) and type(getattr(x, name)) is type(getattr(n, name))
    x = np.zeros((2, 3))
    assert x.strides == (24, 8) and x.device == "cpu" and x.data.shape == (2, 3)
    for name in ("shape", "size", "T"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(x, name, "nonsense")
    with pytest.raises(AttributeError):
        x.nonsense = 1
    with pytest.raises(AttributeError):
        x.nonsense  # noqa: B018 (the access is the test)


def test_real_and_imaginary_parts():
    z = numpy.array([1 + 2j, 3 - 4j])
    for name in ("real", "imag"):
        check(lambda m, z: getattr(z, name), z)
        check(lambda m, z: getattr(m, name)(z), z)

        def write(m, z):
            setattr(z, name, [9, 8])
            getattr(z, name)[0] = 5
            return z

        check(write, z)
    check(lambda m, x: x.imag, numpy.arange(3.0))
    check(lambda m, x: x.conj(), z)
    check(lambda m, x: m.conjugate(x), z)
    x = np.arange(3.0)
    assert x.real is x and x.conj() is x
    with pytest.raises(TypeError):
        x.imag = 1


def test_flags():
    x = np.zeros((2, 3))
    assert x.flags.c_contiguous and x.flags["C"] and not x.flags.f_contiguous and x.flags.owndata and x.flags.writeable
    assert x.T.flags.f_contiguous and not x.T.flags.owndata
    assert repr(x.flags) == repr(numpy.zeros((2, 3)).flags)
    x.setflags(write=False)
    assert not x.flags.writeable
    with pytest.raises(KeyError):
        x.flags["nonsense"]


def test_copying():
    x = np.arange(6.0).reshape(2, 3)
    for duplicate in (copy.copy(x), copy.deepcopy(x), x.copy(), np.copy(x), pickle.loads(pickle.dumps(x))):
        assert_same(duplicate, plain(x))
        duplicate[0, 0] = 99
        assert x[0, 0] == 0
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert_same(pickle.loads(pickle.dumps(x[:, ::2], protocol)), plain(x)[:, ::2])
    assert pickle.loads(pickle.dumps(np.add)) is np.add
    assert pickle.loads(pickle.dumps(np.sum)) is np.sum
    state = {"a": x, "b": [x, x]}
    again = copy.deepcopy(state)
    assert again["b"][0] is again["a"]


def test_hash_is_refused():
    with pytest.raises(TypeError, match="unhashable"):
        hash(np.arange(3))
    with pytest.raises(TypeError):
        {np.arange(3): 1}


def test_weak_references_and_release():
    x = np.arange(10)
    reference = weakref.ref(x)
    view = x[1:]
    del x
    assert reference() is not None  # the view keeps its base, as NumPy's do
    del view
    gc.collect()
    assert reference() is None


def test_buffers():
    for dtype in DTYPES:
        n = values((2, 3), dtype)
        view = memoryview(np.array(n))
        assert view.readonly and view.shape == (2, 3) and view.format == memoryview(n).format
        assert bytes(view) == n.tobytes()
    assert bytes(np.arange(3, dtype="u1")) == b"\0\1\2"
    with pytest.raises(TypeError):
        bytearray(4)[:] = 1
    with pytest.raises((BufferError, TypeError)):
        memoryview(np.arange(3))[0] = 1


def test_array_interface():
    x = np.arange(6.0).reshape(2, 3)
    assert x.__array_interface__["shape"] == (2, 3) and x.__array_interface__["typestr"] == "<f8"

    class Wrapper:
        def __init__(self, array):
            self.__array_interface__ = array.__array_interface__

    assert_same(np.array(numpy.asarray(Wrapper(x))), plain(x))
    assert_same(np.array(numpy.asarray(Wrapper(np.zeros((0, 2))))), numpy.zeros((0, 2)))


def test_array_method():
    x = np.arange(3)
    assert type(x.__array__()) is numpy.ndarray
    assert x.__array__("f8").dtype == float
    assert x.__array__(copy=True).flags.writeable
    with pytest.raises(ValueError):
        x.__array__("f8", copy=False)


def test_dlpack():
    x = np.arange(6.0).reshape(2, 3)
    assert (numpy.from_dlpack(x) == plain(x)).all()
    assert x.__dlpack_device__() == (1, 0)
    assert_same(np.from_dlpack(numpy.arange(3)), numpy.arange(3))


def test_array_api():
    x = np.arange(3)
    assert x.__array_namespace__() is np
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError):
        x.to_device("gpu")


# ---------------------------------------------------------------------------------------------------------------------
# Subclasses
# ---------------------------------------------------------------------------------------------------------------------


class Labelled(np.ndarray):
    def __new__(cls, values, label=None):
        self = np.asarray(values).view(cls)
        self.label = label
        return self

    def __array_finalize__(self, other):
        self.label = getattr(other, "label", None)

    def doubled(self):
        return self * 2


def test_subclasses_survive_operations():
    x = Labelled([1.0, 2.0, 3.0], "metres")
    assert type(x) is Labelled and x.label == "metres"
    for result in (x + 1, 1 + x, x[1:], x.T, -x, np.sqrt(x), x.reshape(3, 1), x.copy(), x.doubled(), np.zeros_like(x)):
        assert type(result) is Labelled and result.label == "metres"
    assert_same(np.asarray(x.doubled()), numpy.array([2.0, 4.0, 6.0]))
    assert type(x.sum()) is Labelled and x.sum().shape == ()  # as with NumPy
    assert type(pickle.loads(pickle.dumps(x))) is Labelled
    assert repr(x) == "Labelled([1., 2., 3.])"


def test_constructor():
    assert np.ndarray((2, 3)).shape == (2, 3)
    assert np.ndarray((2,), "i4", b"\1\0\0\0\2\0\0\0").tolist() == [1, 2]
    assert np.ndarray(shape=3, dtype=complex).dtype == complex
    assert repr(np.ndarray) == "<class 'legate.numpy.ndarray'>"
    with pytest.raises(TypeError):
        np.ndarray()
