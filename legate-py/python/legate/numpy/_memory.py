"""Arrays over memory that somebody has already: views by strides, windows, other libraries' arrays."""

import math
import operator

import numpy

from legate import _native
from legate._exchange import from_dlpack
from legate.numpy._base import asanyarray, asarray, fall_back, normalize_axes

__all__ = ["asfortranarray", "from_dlpack"]


def asfortranarray(a, dtype=None, *, like=None):
    """`a` as an array of one dimension or more that is column-major in memory: itself if it is so."""
    if like is not None:
        return fall_back("asfortranarray", a, dtype, like=like)
    a = asarray(a, dtype, order="F")
    return a if a.ndim else a.reshape(1)


def as_strided(x, shape=None, strides=None, subok=False, writeable=True):
    """A view of the memory of `x` with this shape and these strides.

    It has to stay inside the memory; what leaves it is NumPy's, on a copy. A view in which elements come several times is read-only: of two that are written at
    the same time none is the last.
    """
    x = asanyarray(x)
    if not isinstance(x, _native.Array):
        return fall_back("lib.stride_tricks.as_strided", x, shape, strides, subok, writeable)
    shape = x.shape if shape is None else tuple(map(operator.index, shape if numpy.iterable(shape) else (shape,)))
    strides = x.strides if strides is None else tuple(map(operator.index, strides))
    view = x._restrided(shape, strides, x._offset()) if len(shape) == len(strides) else None
    if view is None:
        return fall_back("lib.stride_tricks.as_strided", x, shape, strides, subok, writeable)
    if not writeable:
        view.flags.writeable = False
    return view if subok else view._view_as(_native.ndarray)


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """A view of windows of this shape that slide over `x`, their elements along new last dimensions."""
    window = tuple(window_shape) if numpy.iterable(window_shape) else (window_shape,)
    x = asanyarray(x)
    if not isinstance(x, _native.Array):
        return fall_back("lib.stride_tricks.sliding_window_view", x, window_shape, axis, subok=subok, writeable=writeable)
    if any(extent < 0 for extent in window):
        raise ValueError("`window_shape` cannot contain negative values")
    if axis is None:
        axes = tuple(range(x.ndim))
        if len(window) != x.ndim:
            raise ValueError(
                "Since axis is None, must provide window_shape for all dimensions of `x`; "
                f"got {len(window)} window_shape elements and `x.ndim` is {x.ndim}."
            )
    else:
        axes = normalize_axes(axis, x.ndim, None, allow_duplicate=True)
        if len(window) != len(axes):
            raise ValueError(
                "Must provide matching length window_shape and axis; "
                f"got {len(window)} window_shape elements and {len(axes)} axes elements."
            )
    strides = x.strides + tuple([x.strides[d] for d in axes])
    shape = list(x.shape)
    for d, extent in zip(axes, window):
        if shape[d] < extent:
            raise ValueError("window shape cannot be larger than input array shape")
        shape[d] -= extent - 1
    shape += window
    if not math.prod(shape):
        return fall_back("lib.stride_tricks.sliding_window_view", x, window_shape, axis, subok=subok, writeable=writeable)
    return as_strided(x, shape, strides, subok=subok, writeable=writeable)
