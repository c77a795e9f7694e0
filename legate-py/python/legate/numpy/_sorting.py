"""Partitions, orders by several keys and of complex numbers, all by sorting: a sorted array is partitioned everywhere."""

import operator

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, at_hand, fall_back, native, normalize_axis, ufunc

__all__ = ["argpartition", "lexsort", "partition", "sort_complex"]

sort, argsort = native["sort"], native["argsort"]


def partition(a, kth, axis=-1, kind="introselect", order=None):
    """A copy of `a` in which the elements `kth` along `axis` (None: of all, in one row) are where sorting would put them, no larger one before them
    and no smaller one behind them."""
    return _partition("partition", sort, a, kth, axis, kind, order)


def argpartition(a, kth, axis=-1, kind="introselect", order=None):
    """The indices that would partition `a`."""
    return _partition("argpartition", argsort, a, kth, axis, kind, order)


def _partition(name, function, a, kth, axis, kind, order):
    a = asanyarray(a)
    if not isinstance(a, _native.Array) or order is not None:
        return fall_back(name, a, kth, axis, kind, order)
    if at_hand(a):
        return _native.call(getattr(numpy, name), (a, kth, axis, kind), {})
    if not _fits(a, kth, axis) or kind != "introselect":
        # Refused, or found fit after all: NumPy has the words.
        _fallback.refuse(getattr(numpy, name), (a, kth, axis, kind), {})
    return function(a.ravel() if axis is None or a.ndim == 0 else a, axis=-1 if axis is None or a.ndim == 0 else axis)


def _fits(a, kth, axis):
    """Whether `kth` are plainly numbers of elements along `axis`."""
    try:
        extent = a.size if axis is None else a.shape[normalize_axis(axis, a.ndim)]
        kth = [operator.index(kth)] if numpy.ndim(kth) == 0 else list(map(operator.index, kth))
    except (TypeError, ValueError):
        return False
    return all([-extent <= k < extent for k in kth])


def lexsort(keys, axis=-1):
    """The indices that sort by several keys along `axis`: by the last one, where that is equal by the one before it, and so on."""
    try:
        arrays = [asanyarray(key) for key in keys]
    except TypeError:
        arrays = []
    fits = arrays and all([isinstance(a, _native.Array) and a.shape == arrays[0].shape for a in arrays])
    if not fits or at_hand(*arrays) or any([a.dtype.kind == "c" for a in arrays]):
        return _native.call(numpy.lexsort, (keys, axis), {})
    return _lexsorted(arrays, axis)


def _lexsorted(arrays, axis):
    if arrays[0].ndim == 0:
        return native["zeros"]((), numpy.intp)[()]
    axis = normalize_axis(axis, arrays[0].ndim)
    if arrays[0].ndim == 1:
        return _ordered(arrays, native["take"])
    from legate import numpy as np

    arrays = [a.swapaxes(axis, -1) for a in arrays]
    return _ordered(arrays, lambda a, order: np.take_along_axis(a, order, -1)).swapaxes(axis, -1)


def _ordered(keys, chosen):
    order = argsort(keys[0], -1, stable=True)
    for key in keys[1:]:
        order = chosen(order, argsort(chosen(key, order), -1, stable=True))
    return order


# ---------------------------------------------------------------------------------------------------------------------
# Complex numbers
# ---------------------------------------------------------------------------------------------------------------------


def sort_complex(a):
    """A sorted copy of `a`, by real and then by imaginary parts, as complex numbers."""
    a = sort(asanyarray(a))
    if a.dtype.kind == "c":
        return a
    return a.astype("F" if a.dtype.char in "bhBH" else "G" if a.dtype.char == "g" else "D")


def complex_order(a, axis=-1, kind=None, order=None, *, stable=None):
    """What sorts complex numbers: by their real parts, where these are equal by the imaginary ones; those with NaN last."""
    a = asanyarray(a)
    if not isinstance(a, _native.Array) or a.dtype.kind != "c" or order is not None or kind is not None and stable is not None:
        return NotImplemented
    if axis is None or a.ndim == 0:
        a, axis = a.ravel(), -1
    real, imag = a.real, a.imag
    isnan = ufunc("isnan")
    # Those without NaN, those with an imaginary NaN, those with a real one, those with both.
    place = 2 * isnan(real).astype(numpy.int8) + isnan(imag).astype(numpy.int8)
    return _lexsorted([imag, real, place], axis)


def sorted_complex(a, axis=-1, kind=None, order=None, *, stable=None):
    """Complex numbers, sorted."""
    found = complex_order(a, axis, kind, order, stable=stable)
    if found is NotImplemented:
        return found
    a = asanyarray(a)
    if axis is None or a.ndim == 1:
        return a.ravel().take(found)
    from legate import numpy as np

    return np.take_along_axis(a, found, axis)


def sort_complex_in_place(array, axis=-1, kind=None, order=None, *, stable=None):
    """What `array.sort()` does to complex numbers."""
    found = NotImplemented if axis is None else sorted_complex(array, axis, kind, order, stable=stable)
    if found is not NotImplemented:
        array[...] = found
        found = None
    return found
