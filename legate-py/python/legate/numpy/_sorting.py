"""Partitions and orders by several keys, by sorting: a sorted array is partitioned everywhere."""

import operator

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, at_hand, fall_back, native, normalize_axis

__all__ = ["argpartition", "lexsort", "partition"]

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
