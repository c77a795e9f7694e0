"""Printing as NumPy prints. Of arrays that are summarised only what is shown is fetched."""

import functools
import itertools
import mmap

import numpy

from legate import _fallback, _native

Array = _native.Array


def array_repr(array):
    """``repr(array)``."""
    stand_in = shown(array)
    name = type(array).__name__
    if name in ("ndarray", "deferred_scalar"):
        return repr(stand_in)
    return numpy.array_repr(stand_in.view(type(name, (numpy.ndarray,), {})))


def array_str(array):
    """``str(array)``."""
    return str(shown(array))


def of_values(function):
    """NumPy's printing `function` (`array2string`, …) for our arrays."""

    @functools.wraps(function)
    def printing(a, *args, **kwargs):
        if isinstance(a, Array) and not isinstance(a, _native.deferred_scalar):
            stand_in = shown(a, kwargs.get("threshold"), kwargs.get("edgeitems"))
            if function is numpy.array_repr and type(a) is not _native.ndarray:
                stand_in = stand_in.view(type(type(a).__name__, (numpy.ndarray,), {}))
            a = stand_in
        return _native.call(function, (a, *args), kwargs)

    printing.__module__ = "legate.numpy"
    return printing


def shown(array, threshold=None, edgeitems=None):
    """An array of NumPy's that prints as `array` does: its values, or a summarised one's first and last along each axis, where NumPy looks."""
    options = numpy.get_printoptions()
    threshold = options["threshold"] if threshold is None else threshold
    edge = options["edgeitems"] if edgeitems is None else edgeitems
    if isinstance(array, _native.deferred_scalar):
        return array._snapshot()[()]
    if array.size <= threshold or all(extent <= 2 * edge for extent in array.shape):
        return array._snapshot()
    stand_in = _unwritten(array.shape, array.dtype)
    for part in itertools.product(*(_ends(extent, edge) for extent in array.shape)):
        stand_in[part] = array[part]._snapshot()
    return stand_in


def _ends(extent, edge):
    """The parts of an axis that are shown."""
    return [slice(None)] if extent <= 2 * edge else [slice(0, edge), slice(extent - edge, extent)]


def _unwritten(shape, dtype):
    """An array that takes memory only where it is written: a distributed array may be larger than this process's memory."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    reserve = getattr(mmap, "MAP_NORESERVE", 0x4000)
    if size < 1 << 30 or not hasattr(mmap, "MAP_ANONYMOUS"):
        return numpy.zeros(shape, dtype)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | reserve)
    return numpy.frombuffer(memory, dtype).reshape(shape)


_fallback.register_native(["array2string", "array_repr", "array_str"])
