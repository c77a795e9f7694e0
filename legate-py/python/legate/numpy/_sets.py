"""Distinct rows."""

import numpy

from legate import _native
from legate.numpy._base import asanyarray, native, normalize_axis

__all__ = []


def no_hashes(ar, **options):
    """NumPy finds distinct elements by hashing where it is not asked for their order; here they are sorted all the same."""
    return NotImplemented


def unique_along(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, sorted=True):  # noqa: A002 (NumPy's name)
    """The distinct sub-arrays of `ar` along `axis`, in lexicographic order: columns are sorted one after the other, the last one first."""
    ar = asanyarray(ar)
    if axis is None or not isinstance(ar, _native.Array) or ar.dtype.kind not in "biuf" or ar.size == 0:
        return NotImplemented
    from legate.numpy import moveaxis

    axis = normalize_axis(axis, ar.ndim)
    moved = moveaxis(ar, axis, 0)
    rows = moved.reshape(moved.shape[0], -1)
    order = _order_of(rows)
    rows = rows.take(order, axis=0)
    is_first = native["concatenate"]([native["ones"](1, bool), (rows[1:] != rows[:-1]).any(axis=1)])
    first = native["flatnonzero"](is_first)
    results = [moveaxis(rows.take(first, axis=0).reshape(first.size, *moved.shape[1:]), 0, axis)]
    if return_index:
        results.append(order.take(first))
    if return_inverse:
        inverse = native["empty"](order.size, numpy.intp)
        inverse[order] = native["cumsum"](is_first) - 1
        results.append(inverse)
    if return_counts:
        ends = native["concatenate"]([first[1:], native["full"](1, order.size, numpy.intp)])
        results.append(ends - first)
    return results[0] if len(results) == 1 else tuple(results)


def _order_of(rows):
    order = native["argsort"](rows[:, -1], stable=True)
    for column in range(rows.shape[1] - 2, -1, -1):
        order = order.take(native["argsort"](rows[:, column].take(order), stable=True))
    return order
