"""The methods of arrays that are not native: each of NumPy's that our class lacks is added, falling back."""

import abc
import functools
import operator
import types

import numpy

from legate import _exchange, _fallback, _layout, _native

Array = _native.Array


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
        base, place = self.base, self.index
        if place >= base.size:
            raise StopIteration
        self.index += 1
        if base.ndim == 1:
            return base[place]
        return base[numpy.unravel_index(place, base.shape)] if base.ndim else base[()]

    def __getitem__(self, key):
        if type(key) is tuple:
            if len(key) > 1:
                raise IndexError("unsupported iterator index")
            key = key[0] if key else Ellipsis
        if type(key) is int and not -self.base.size <= key < self.base.size:
            raise IndexError(f"index {key} is out of bounds for size {self.base.size}")
        value = self._view()[key]
        return value.copy() if isinstance(value, Array) and value.ndim else value

    def __setitem__(self, key, value):
        if type(key) is tuple and len(key) == 1:
            key = key[0]
        base = self.base
        if type(key) is int:
            if not -base.size <= key < base.size:
                raise IndexError(f"index {key} is out of bounds for size {base.size}")
            base[numpy.unravel_index(key % base.size, base.shape) if base.ndim else ()] = value
            return
        if type(key) is slice and base.flags.c_contiguous:
            target = self._view()[key]
        else:
            target = None
        values = _native.functions()["asarray"](value).reshape(-1)
        if values.size == 0:
            raise ValueError("Error setting single item of array.")
        if target is not None and values.size in (1, target.size):
            target[...] = value if type(value) in (int, float, complex, bool) else values
            return
        places = _native.functions()["arange"](base.size)[key]
        # Values are repeated, and those that are too many are left out.
        _native.functions()["put"](base, places, value if type(value) is int else values)

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
    FlatIterator(array)[...] = value


def choose(array, choices, out=None, mode="raise"):
    """For each element the element at its place of the choice that it numbers."""
    import legate.numpy

    return legate.numpy.choose(array, choices, out, mode)


def compress(array, condition, axis=None, out=None):
    """The slices along `axis` that `condition`, a vector, selects."""
    import legate.numpy

    return legate.numpy.compress(condition, array, axis, out)


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


def partition(self, kth, /, axis=-1, kind="introselect", order=None):
    """Puts the elements at the places `kth` where sorting would; smaller ones before, larger ones behind. (All are sorted.)"""
    if not self.flags.writeable:
        raise ValueError("partition array is read-only")
    _check_partition(self, kth, axis, kind, order)
    self.sort(axis)


def argpartition(self, kth, /, axis=-1, kind="introselect", order=None):
    """The indices that would partition the array. (They would sort it.)"""
    _check_partition(self, kth, axis, kind, order)
    return self.argsort(axis)


def _check_partition(array, kth, axis, kind, order):
    """Refuses what NumPy refuses, which sees an array of this one's extent along the axis."""
    extents = (array.size,) if axis is None else array.shape
    axis = -1 if axis is None else operator.index(axis)
    inside = -len(extents) <= axis < len(extents)
    extent = extents[axis] if inside else 1
    places = kth if isinstance(kth, (tuple, list)) else (kth,)
    plain = all(isinstance(place, int) and -extent <= place < extent for place in places)
    if not (inside and plain and kind == "introselect" and order is None):
        shape = tuple([n if d == axis % len(extents) else 1 for d, n in enumerate(extents)]) if inside else (1,) * len(extents)
        numpy.broadcast_to(numpy.zeros((), array.dtype), shape).copy().partition(_fallback.gather(kth), axis, kind, order)


class Kind(abc.ABCMeta):
    """The class of `ndarray`: an array of NumPy's is an instance too. Arrays of strings, objects and records are NumPy's here, and
    libraries hand programs NumPy's arrays; what asks whether something is an array means those as well.

    It extends `ABCMeta` so that subclasses of arrays may be abstract base classes, as NumPy's may.
    """

    def __instancecheck__(cls, instance):
        if cls is _native.ndarray:
            return type.__instancecheck__(cls, instance) or isinstance(instance, numpy.ndarray)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass):
        if cls is _native.ndarray:
            return type.__subclasscheck__(cls, subclass) or issubclass(subclass, numpy.ndarray)
        return super().__subclasscheck__(subclass)


_native.set_metaclass(_native.ndarray, Kind)


def array_struct(array):
    """NumPy's structure of a snapshot. It has no place for units of time: arrays of times are asked by `__array__`."""
    if array.dtype.kind in "mM":
        raise AttributeError("__array_struct__")
    return array._snapshot().__array_struct__


OWN = {
    "choose": choose,
    "compress": compress,
    "__array_namespace__": _exchange.array_namespace,
    "__array_wrap__": _exchange.array_wrap,
    "__dlpack__": _exchange.dlpack,
    "__dlpack_device__": _exchange.dlpack_device,
    "__reduce__": _exchange.reduce,
    "__reduce_ex__": _exchange.reduce_ex,
    "__setstate__": _exchange.setstate,
    "argpartition": argpartition,
    "byteswap": _layout.byteswap,
    "dump": _exchange.dump,
    "dumps": _exchange.dumps,
    "getfield": _layout.getfield,
    "partition": partition,
    "resize": _layout.resize,
    "setfield": _layout.setfield,
    "setflags": _layout.setflags,
    "to_device": _exchange.to_device,
    "view": _layout.view,
    "flat": property(FlatIterator, _set_flat),
    "data": property(memoryview),
    "ctypes": property(lambda array: array._snapshot().ctypes),
    "__array_struct__": property(array_struct),
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
        origin = getattr(numpy.ndarray, name, None)
        if isinstance(value, types.FunctionType):
            value.__name__, value.__qualname__ = name, f"ndarray.{name}"
            value.__doc__ = origin and origin.__doc__ or value.__doc__
        setattr(Array, name, value)
    for name in dir(numpy.ndarray):
        if not name.startswith("_") and not hasattr(Array, name) and callable(getattr(numpy.ndarray, name)):
            setattr(Array, name, _fallback_method(name))
    # Looked up before the class's own `__getattr__` would ask the value: names that no NumPy scalar has either.
    _fallback.register_native(f"ndarray.{name}" for name in OWN if not name.startswith("_"))
