"""Functions that only look at an array differently: each result is a view, where NumPy's is one."""

import operator

import numpy

from legate import _fallback
from legate.numpy._base import asanyarray, asarray, fall_back, native, normalize_axes, normalize_axis

__all__ = [
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "dsplit",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "imag",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "real",
    "rollaxis",
    "rot90",
    "split",
    "unstack",
    "vsplit",
]

permute_dims = native["transpose"]


def _each(function, arrays):
    results = tuple([function(asanyarray(array)) for array in arrays])
    return results[0] if len(results) == 1 else results


def atleast_1d(*arys):
    """`arys`, scalars as arrays of one element."""
    return _each(lambda a: a.reshape(1) if a.ndim == 0 else a, arys)


def atleast_2d(*arys):
    """`arys` with axes of length 1 in front, up to two dimensions."""
    return _each(lambda a: a.reshape(1, 1) if a.ndim == 0 else a[None, :] if a.ndim == 1 else a, arys)


def atleast_3d(*arys):
    """`arys` with axes of length 1 around, up to three dimensions."""

    def raised(a):
        if a.ndim == 0:
            return a.reshape(1, 1, 1)
        if a.ndim == 1:
            return a[None, :, None]
        return a[:, :, None] if a.ndim == 2 else a

    return _each(raised, arys)


def broadcast_to(array, shape, subok=False):
    """`array` stretched to `shape`: a read-only view."""
    array = asanyarray(array) if subok else asarray(array)
    if not hasattr(array, "_broadcast_to"):
        return fall_back("broadcast_to", array, shape, subok=subok)
    try:
        return array._broadcast_to(tuple(shape) if numpy.iterable(shape) else (shape,))
    except (TypeError, ValueError):
        _fallback.refuse(numpy.broadcast_to, (array, shape), {})  # has NumPy's words
        raise


def broadcast_arrays(*args, subok=False):
    """`args`, all stretched to their common shape."""
    arrays = [asanyarray(arg) for arg in args]
    shape = numpy.broadcast_shapes(*[a.shape for a in arrays])
    return tuple([a if a.shape == shape else broadcast_to(a, shape) for a in arrays])


def expand_dims(a, axis):
    """`a` with axes of length 1 at the positions `axis` of the result."""
    a = asanyarray(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(axes)
    axes = normalize_axes(tuple(axes), ndim)
    return a[tuple([None if d in axes else slice(None) for d in range(ndim)])]


def flip(m, axis=None):
    """`m` with the order along `axis` (all axes if None) reversed."""
    m = asanyarray(m)
    if axis is None and m.ndim == 1:
        return m[::-1]
    axes = range(m.ndim) if axis is None else normalize_axes(axis, m.ndim)
    return m[tuple([slice(None, None, -1) if d in axes else slice(None) for d in range(m.ndim)])]


def fliplr(m):
    """`m` with its columns in reverse order."""
    m = asanyarray(m)
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return m[:, ::-1]


def flipud(m):
    """`m` with its rows in reverse order."""
    m = asanyarray(m)
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return m[::-1, ...]


def rot90(m, k=1, axes=(0, 1)):
    """`m` turned by `k` quarter turns in the plane of `axes`, from the first towards the second."""
    axes = tuple(axes)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    m = asanyarray(m)
    if axes[0] == axes[1] or abs(axes[0] - axes[1]) == m.ndim:
        raise ValueError("Axes must be different.")
    if not all(-m.ndim <= axis < m.ndim for axis in axes):
        raise ValueError(f"Axes={axes} out of range for array of ndim={m.ndim}.")
    k %= 4
    if k == 0:
        return m[:]
    if k == 2:
        return flip(flip(m, axes[0]), axes[1])
    if k == 1:
        return flip(m, axes[1]).swapaxes(*axes)
    return flip(m.swapaxes(*axes), axes[1])


def matrix_transpose(x, /):
    """`x` with its last two axes exchanged."""
    x = asanyarray(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return x.swapaxes(-1, -2)


def moveaxis(a, source, destination):
    """`a` with the axes `source` at the positions `destination`, the others in their order."""
    a = asanyarray(a)
    source = normalize_axes(source, a.ndim, "source")
    destination = normalize_axes(destination, a.ndim, "destination")
    if len(source) != len(destination):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [d for d in range(a.ndim) if d not in source]
    for position, axis in sorted(zip(destination, source)):
        order.insert(position, axis)
    return a.transpose(order)


def rollaxis(a, axis, start=0):
    """`a` with `axis` moved in front of the axis `start`."""
    a = asanyarray(a)
    axis = normalize_axis(axis, a.ndim)
    n = a.ndim
    if not -n <= start < n + 1:
        raise numpy.exceptions.AxisError(f"'start' arg requires {-n} <= start < {n + 1}, but {start} was passed in")
    start += n if start < 0 else 0
    if axis < start:
        start -= 1
    if axis == start:
        return a[...]
    order = [d for d in range(n) if d != axis]
    order.insert(start, axis)
    return a.transpose(order)


def real(val):
    """The real part of `val`: a view."""
    return asanyarray(val).real if not hasattr(val, "real") else val.real


def imag(val):
    """The imaginary part of `val`: a view of complex arrays."""
    return asanyarray(val).imag if not hasattr(val, "imag") else val.imag


# ---------------------------------------------------------------------------------------------------------------------
# Splitting
# ---------------------------------------------------------------------------------------------------------------------


def array_split(ary, indices_or_sections, axis=0):
    """`ary` cut along `axis`, at the given indices or into that many parts as equal as possible."""
    ary = asanyarray(ary)
    total = ary.shape[axis]
    try:
        cuts = [0, *indices_or_sections, total]
    except TypeError:
        cuts = _even_cuts(total, int(indices_or_sections))
    axis = normalize_axis(axis, ary.ndim)
    before = (slice(None),) * axis
    return [ary[(*before, slice(start, stop))] for start, stop in zip(cuts[:-1], cuts[1:])]


def _even_cuts(total, sections):
    if sections <= 0:
        raise ValueError("number sections must be larger than 0.")
    each, extras = divmod(total, sections)
    return [each * i + min(i, extras) for i in range(sections + 1)]


def split(ary, indices_or_sections, axis=0):
    """`ary` cut along `axis`, at the given indices or into that many equal parts."""
    if not numpy.iterable(indices_or_sections):
        ary = asanyarray(ary)
        if ary.shape[axis] % operator.index(indices_or_sections):
            raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


def hsplit(ary, indices_or_sections):
    """`ary` cut along its columns (a vector: along itself)."""
    ary = asanyarray(ary)
    if ary.ndim == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


def vsplit(ary, indices_or_sections):
    """`ary` cut along its rows."""
    ary = asanyarray(ary)
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


def dsplit(ary, indices_or_sections):
    """`ary` cut along its third axis."""
    ary = asanyarray(ary)
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)


def unstack(x, /, *, axis=0):
    """The sub-arrays of `x` along `axis`, as a tuple."""
    x = asanyarray(x)
    if x.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    return tuple(moveaxis(x, axis, 0))
