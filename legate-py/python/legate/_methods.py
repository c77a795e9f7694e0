"""The methods of arrays that are not native: each of NumPy's that our class lacks is added, falling back."""

import functools
import operator

import numpy

from legate import _fallback, _native

Array = _native.Array


class Flags:
    """How an array lies in memory and whether it may be written to: NumPy's `flags`."""

    _ALIASES = {
        "C": "c_contiguous",
        "C_CONTIGUOUS": "c_contiguous",
        "CONTIGUOUS": "c_contiguous",
        "F": "f_contiguous",
        "F_CONTIGUOUS": "f_contiguous",
        "FORTRAN": "f_contiguous",
        "O": "owndata",
        "OWNDATA": "owndata",
        "W": "writeable",
        "WRITEABLE": "writeable",
        "A": "aligned",
        "ALIGNED": "aligned",
        "X": "writebackifcopy",
        "WRITEBACKIFCOPY": "writebackifcopy",
        "FNC": "fnc",
        "FORC": "forc",
        "B": "behaved",
        "BEHAVED": "behaved",
        "CA": "carray",
        "CARRAY": "carray",
        "FA": "farray",
        "FARRAY": "farray",
    }

    def __init__(self, array):
        object.__setattr__(self, "_array", array)

    c_contiguous = contiguous = property(lambda self: self._array._layout()[0])
    f_contiguous = fortran = property(lambda self: self._array._layout()[1])
    owndata = property(lambda self: self._array._layout()[2])
    aligned = property(lambda self: True)
    writebackifcopy = property(lambda self: False)
    fnc = property(lambda self: self.f_contiguous and not self.c_contiguous)
    forc = property(lambda self: self.f_contiguous or self.c_contiguous)
    behaved = property(lambda self: self.writeable)
    carray = property(lambda self: self.writeable and self.c_contiguous)
    farray = property(lambda self: self.writeable and self.fnc)

    @property
    def writeable(self):
        return self._array._layout()[3]

    @writeable.setter
    def writeable(self, value):
        self._array._set_writeable(bool(value))

    def __setattr__(self, name, value):
        if name != "writeable":
            raise AttributeError(f"attribute '{name}' of flags cannot be set")
        object.__setattr__(self, name, value)

    def __getitem__(self, key):
        try:
            return getattr(self, self._ALIASES[key])
        except KeyError:
            raise KeyError("Unknown flag") from None

    def __setitem__(self, key, value):
        setattr(self, self._ALIASES.get(key, key), value)

    def __eq__(self, other):
        return isinstance(other, Flags) and repr(self) == repr(other)

    __hash__ = None

    def __repr__(self):
        names = ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA", "WRITEABLE", "ALIGNED", "WRITEBACKIFCOPY")
        return "".join(f"  {name} : {self[name]}\n" for name in names)


class FlatIterator:
    """An array as if it had one dimension, in row-major order: NumPy's `flat`. Writing through it writes to the array."""

    def __init__(self, array):
        self.base = array
        self.index = 0

    coords = property(lambda self: tuple(map(int, numpy.unravel_index(self.index, self.base.shape))))

    def _view(self):
        return self.base.reshape(-1)

    def __len__(self):
        return self.base.size

    def __iter__(self):
        return self

    def __next__(self):
        if self.index >= self.base.size:
            raise StopIteration
        value = self.base[numpy.unravel_index(self.index, self.base.shape)] if self.base.ndim else self.base[()]
        self.index += 1
        return value

    def __getitem__(self, key):
        value = self._view()[key]
        return value.copy() if isinstance(value, Array) and value.ndim else value

    def __setitem__(self, key, value):
        flat = self._view()
        value = numpy.asarray(_fallback.gather(value)).ravel() if numpy.ndim(value) > 1 else value
        flat[key] = value
        if not flat._may_overlap(self.base):  # a copy had to be made
            self.base[...] = flat.reshape(self.base.shape)

    def copy(self):
        return self.base.flatten()

    def __array__(self, dtype=None, copy=None):
        return numpy.asarray(self.base.flatten(), dtype=dtype)

    def _compare(function):
        def compare(self, other):
            return function(self.base.flatten(), other)

        return compare

    __eq__, __ne__ = _compare(operator.eq), _compare(operator.ne)
    __lt__, __le__, __gt__, __ge__ = map(_compare, (operator.lt, operator.le, operator.gt, operator.ge))
    __hash__ = None


def _set_flat(array, value):
    values = numpy.asarray(_fallback.gather(value)).ravel()
    if values.size == 0:
        raise ValueError("Error setting single item of array.")
    array[...] = numpy.resize(values, array.shape)


def item(array, *args):
    """The element at an index as a Python scalar."""
    if args:
        index = args[0] if len(args) == 1 else args
        if isinstance(index, tuple):
            if len(index) != array.ndim:
                raise ValueError("incorrect number of indices for array")
            return numpy.asarray(array[tuple(map(operator.index, index))]).item()
        return numpy.asarray(array.reshape(-1)[operator.index(index)]).item()
    if array.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return numpy.asarray(array).item()


def view(array, dtype=None, type=None):  # noqa: A002 (NumPy's name)
    """The same elements as another class, or their bits as another dtype; where the sizes differ, a read-only copy."""
    if isinstance(dtype, builtin_type) and issubclass(dtype, (Array, numpy.ndarray)):
        dtype, type = None, dtype
    if dtype is not None and numpy.dtype(dtype) != array.dtype:
        bits = array._bits_as(dtype)
        return _fallback.call_method(array, "view", (dtype,), {}) if bits is None else bits
    if type is None or type is Array:
        return array[...]
    if issubclass(type, numpy.ndarray):
        return array._snapshot().view(type)
    return array._view_as(type)


builtin_type = type


def resize(array, *new_shape, refcheck=True):
    """Changes shape and size in place: the values stay in row-major order, what is new is zero."""
    shape = new_shape[0] if len(new_shape) == 1 else new_shape
    if not array.flags.owndata:
        raise ValueError("cannot resize this array: it does not own its data")
    copy = numpy.array(array._snapshot())
    copy.resize(shape, refcheck=False)
    array._become(_native.adopt(copy))


def setflags(array, write=None, align=None, uic=None):
    """Sets whether the array may be written to."""
    if write is not None:
        array._set_writeable(bool(write))


def dlpack(array, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule of a copy of the values."""
    return numpy.array(array._snapshot()).__dlpack__()


def to_device(array, device, /, *, stream=None):
    """The array itself: there is one device."""
    if device != "cpu":
        raise ValueError(f'Unsupported device "{device}". Only "cpu" is accepted.')
    return array


def array_namespace(array, *, api_version=None):
    """`legate.numpy`."""
    import legate.numpy

    if api_version is not None:
        numpy.empty(0).__array_namespace__(api_version=api_version)
    return legate.numpy


def array_wrap(array, result, context=None, return_scalar=False):
    """`result` as an array of this library."""
    wrapped = _native.wrap(result) if isinstance(result, numpy.ndarray) else result
    return wrapped[()] if return_scalar and isinstance(wrapped, Array) else wrapped


OWN = {
    "__array_namespace__": array_namespace,
    "__array_wrap__": array_wrap,
    "__dlpack__": dlpack,
    "__dlpack_device__": lambda array: (1, 0),
    "resize": resize,
    "setflags": setflags,
    "to_device": to_device,
    "view": view,
    "flags": property(Flags),
    "flat": property(FlatIterator, _set_flat),
    "data": property(memoryview),
    "ctypes": property(lambda array: array._snapshot().ctypes),
    "__array_struct__": property(lambda array: array._snapshot().__array_struct__),
}


def _fallback_method(name):
    origin = getattr(numpy.ndarray, name)

    @functools.wraps(origin, assigned=("__name__", "__doc__"), updated=())
    def method(self, *args, **kwargs):
        return _fallback.call_method(self, name, args, kwargs)

    method.__qualname__ = f"ndarray.{name}"
    return method


def install():
    """Completes the class. What it has already is kept."""
    for name, value in OWN.items():
        setattr(Array, name, value)
    for name in dir(numpy.ndarray):
        if not name.startswith("_") and not hasattr(Array, name) and callable(getattr(numpy.ndarray, name)):
            setattr(Array, name, _fallback_method(name))
    # Looked up before the class's own `__getattr__` would ask the value: names that no NumPy scalar has either.
    _fallback.register_native(f"ndarray.{name}" for name in OWN if not name.startswith("_"))
