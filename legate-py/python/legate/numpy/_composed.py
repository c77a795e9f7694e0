"""Functions that are a few native operations one after the other. What they do not cover goes to NumPy."""

import math
import operator

import numpy

from legate import _native
from legate.numpy._base import asanyarray, asarray, borrowed, fall_back, native, normalize_axes, normalize_axis, ufunc

__all__ = [
    "append",
    "average",
    "column_stack",
    "diff",
    "dstack",
    "fill_diagonal",
    "isneginf",
    "isposinf",
    "meshgrid",
    "nan_to_num",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nansum",
    "ptp",
    "roll",
    "tile",
    "trapezoid",
    "tri",
    "tril",
    "triu",
]

concatenate, where, arange = native["concatenate"], native["where"], native["arange"]
isnan = ufunc("isnan")


# ---------------------------------------------------------------------------------------------------------------------
# Reductions
# ---------------------------------------------------------------------------------------------------------------------


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """The mean of `a` along `axis`, weighted."""
    a = asanyarray(a)
    if weights is None:
        mean = a.mean(axis, keepdims=keepdims)
        scale = mean.dtype.type(a.size / asanyarray(mean).size)
    else:
        weights = asanyarray(weights)
        if a.shape != weights.shape:
            return borrowed("average", a, axis, weights, returned, keepdims=keepdims)
        dtype = numpy.result_type(a.dtype, weights.dtype, *(["f8"] if a.dtype.kind in "biu" else []))
        scale = weights.sum(axis=axis, dtype=dtype, keepdims=keepdims)
        if bool(asanyarray(scale == 0).any()):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = ufunc("multiply")(a, weights, dtype=dtype).sum(axis=axis, keepdims=keepdims) / scale
    if not returned:
        return mean
    return mean, broadcast_copy(scale, asanyarray(mean).shape)


def broadcast_copy(value, shape):
    """`value` stretched to `shape`, as an array of its own (a scalar stays one)."""
    value = asanyarray(value)
    if value.shape == shape:
        return value[()]
    out = native["empty"](shape, value.dtype)
    out[...] = value
    return out


def ptp(a, axis=None, out=None, keepdims=False):
    """The range of values, maximum - minimum, along `axis`."""
    a = asanyarray(a)
    return ufunc("subtract")(a.max(axis=axis, keepdims=keepdims), a.min(axis=axis, keepdims=keepdims), out=out)


def _without_nan(a, value):
    a = asanyarray(a)
    return where(isnan(a), a.dtype.type(value), a) if a.dtype.kind in "fc" else a


def nansum(a, axis=None, dtype=None, out=None, keepdims=False, **rest):
    """The sum along `axis`, NaN counted as 0."""
    return _without_nan(a, 0).sum(axis=axis, dtype=dtype, out=out, keepdims=keepdims, **rest)


def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, **rest):
    """The product along `axis`, NaN counted as 1."""
    return _without_nan(a, 1).prod(axis=axis, dtype=dtype, out=out, keepdims=keepdims, **rest)


def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, **rest):
    """The mean along `axis` of what is not NaN."""
    a = asanyarray(a)
    if rest or out is not None or a.dtype.kind not in "fc":
        return a.mean(axis=axis, dtype=dtype, out=out, keepdims=keepdims, **rest)
    total = nansum(a, axis, dtype, keepdims=keepdims)
    present = (~isnan(a)).sum(axis=axis, keepdims=keepdims)
    return (total / present).astype(total.dtype, copy=False)


def _nan_extremum(name, a, axis, out, keepdims, rest):
    a = asanyarray(a)
    method = name.removeprefix("nan")
    if a.dtype.kind in "biu":
        return getattr(a, method)(axis=axis, out=out, keepdims=keepdims, **rest)
    if rest or out is not None or a.dtype.kind != "f" or a.size == 0:
        return borrowed(name, a, axis=axis, out=out, keepdims=keepdims, **rest)
    missing = isnan(a)
    worst = -numpy.inf if name == "nanmax" else numpy.inf
    found = getattr(where(missing, a.dtype.type(worst), a), method)(axis=axis, keepdims=keepdims)
    return where(missing.all(axis=axis, keepdims=keepdims), a.dtype.type(numpy.nan), found)[()]


def nanmax(a, axis=None, out=None, keepdims=False, **rest):
    """The largest element along `axis` that is not NaN; NaN where there is none."""
    return _nan_extremum("nanmax", a, axis, out, keepdims, rest)


def nanmin(a, axis=None, out=None, keepdims=False, **rest):
    """The smallest element along `axis` that is not NaN; NaN where there is none."""
    return _nan_extremum("nanmin", a, axis, out, keepdims, rest)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of `y` along `axis` by the trapezoidal rule."""
    y = asanyarray(y)
    if x is None:
        d = dx
    else:
        x = asanyarray(x)
        d = diff(x) if x.ndim == 1 else diff(x, axis=axis)
        if x.ndim == 1:
            d = d.reshape([d.shape[0] if k == normalize_axis(axis, y.ndim) else 1 for k in range(y.ndim)])
    upper, lower = _along(y, axis, slice(1, None)), _along(y, axis, slice(None, -1))
    return (d * (upper + lower) / 2.0).sum(axis)


# ---------------------------------------------------------------------------------------------------------------------
# Neighbours and rearrangement
# ---------------------------------------------------------------------------------------------------------------------


def _along(a, axis, item):
    axis = normalize_axis(axis, a.ndim)
    return a[(*(slice(None),) * axis, item)]


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """The `n`-th differences of neighbours along `axis`."""
    a = asanyarray(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    if n == 0:
        return a
    axis = normalize_axis(axis, a.ndim)
    parts = [_edge(part, a, axis) for part in (prepend, a, append) if part is not None]
    a = concatenate(parts, axis) if len(parts) > 1 else a
    minus = ufunc("not_equal" if a.dtype.kind == "b" else "subtract")
    for _ in range(n):
        a = minus(_along(a, axis, slice(1, None)), _along(a, axis, slice(None, -1)))
    return a


def _edge(part, a, axis):
    part = asanyarray(part)
    if part.ndim == 0:
        return broadcast_copy(part, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))
    return part


def roll(a, shift, axis=None):
    """`a` with its elements moved by `shift` along `axis` (None: in row-major order), from the end to the front."""
    a = asanyarray(a)
    if axis is None:
        return roll(a.ravel(), shift, 0).reshape(a.shape)
    axes = normalize_axes(axis, a.ndim)
    shifts = numpy.broadcast(shift, axes)
    if shifts.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    amounts = dict.fromkeys(range(a.ndim), 0)
    for amount, d in shifts:
        amounts[int(d)] += int(amount)
    result = a
    for d, amount in amounts.items():
        amount %= a.shape[d] or 1
        if amount:
            result = concatenate([_along(result, d, slice(-amount, None)), _along(result, d, slice(None, -amount))], d)
    return result if result is not a else a.copy()


def append(arr, values, axis=None):
    """`arr` and behind it `values`, along `axis` (None: both raveled)."""
    if axis is None:
        arr, values, axis = flat(arr), flat(values), 0
    return concatenate((arr, values), axis)


def flat(a):
    a = asanyarray(a)
    return a if a.ndim == 1 else a.ravel()


def tile(A, reps):  # noqa: N803 (NumPy's name)
    """`A` repeated `reps` times along each axis."""
    a = asanyarray(A)
    if type(reps) is int and 1 <= reps <= 8 and a.ndim == 1:
        return concatenate((a,) * reps)
    reps = tuple(reps) if numpy.iterable(reps) else (reps,)
    ndim = max(a.ndim, len(reps))
    reps = (1,) * (ndim - len(reps)) + tuple(map(operator.index, reps))
    a = a.reshape((1,) * (ndim - a.ndim) + a.shape)
    split = [extent for pair in zip(reps, a.shape) for extent in pair]
    out = native["empty"](split, a.dtype)
    out[...] = a.reshape([extent for n in a.shape for extent in (1, n)])
    return out.reshape([r * n for r, n in zip(reps, a.shape)])


def column_stack(tup):
    """The arrays of `tup` side by side, vectors as columns."""
    arrays = [asanyarray(a) for a in tup]
    return concatenate([a.reshape(-1, 1) if a.ndim < 2 else a for a in arrays], 1)


def dstack(tup):
    """The arrays of `tup` behind each other, along the third axis."""
    from legate.numpy._views import atleast_3d

    return concatenate([atleast_3d(a) for a in tup], 2)


def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Coordinate arrays of the grid spanned by the vectors `xi`."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    arrays = [asanyarray(x).reshape((1,) * i + (-1,) + (1,) * (ndim - 1 - i)) for i, x in enumerate(xi)]
    if indexing == "xy" and ndim > 1:
        arrays = [a.swapaxes(0, 1) for a in arrays]
    if not sparse:
        from legate.numpy._views import broadcast_arrays

        arrays = broadcast_arrays(*arrays)
    return tuple([a.copy() for a in arrays]) if copy else tuple(arrays)


# ---------------------------------------------------------------------------------------------------------------------
# Triangles and diagonals
# ---------------------------------------------------------------------------------------------------------------------


def tri(N, M=None, k=0, dtype=float, *, like=None):  # noqa: N803 (NumPy's names)
    """Ones on and below the `k`-th diagonal, zeros above."""
    columns = N if M is None else M
    return (arange(N)[:, None] >= arange(-k, columns - k)).astype(dtype, copy=False)


def tril(m, k=0):
    """The elements of `m` on and below the `k`-th diagonal, zeros above."""
    m = asanyarray(m)
    return where(tri(*m.shape[-2:], k=k, dtype=bool), m, m.dtype.type(0))


def triu(m, k=0):
    """The elements of `m` on and above the `k`-th diagonal, zeros below."""
    m = asanyarray(m)
    return where(tri(*m.shape[-2:], k=k - 1, dtype=bool), m.dtype.type(0), m)


def fill_diagonal(a, val, wrap=False):
    """Writes `val`, repeated, along the main diagonal of `a`."""
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    end = None
    if a.ndim == 2:
        step = a.shape[1] + 1
        end = None if wrap else a.shape[1] * a.shape[1]  # tall matrices have one diagonal, unless it wraps
    else:
        if len(set(a.shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        step = 1 + sum(math.prod(a.shape[:d]) for d in range(1, a.ndim))
    a.flat[:end:step] = val


# ---------------------------------------------------------------------------------------------------------------------
# Infinities and NaN
# ---------------------------------------------------------------------------------------------------------------------


def isposinf(x, out=None):
    """Where `x` is positive infinity."""
    return ufunc("logical_and")(ufunc("isinf")(x), ~ufunc("signbit")(x), out=out)


def isneginf(x, out=None):
    """Where `x` is negative infinity."""
    return ufunc("logical_and")(ufunc("isinf")(x), ufunc("signbit")(x), out=out)


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """`x` with NaN and the infinities replaced by numbers."""
    a = asarray(x)
    if not isinstance(a, _native.Array) or a.dtype.kind == "c" or not copy or not all(map(numpy.isscalar, (nan,))):
        return borrowed("nan_to_num", x, copy, nan, posinf, neginf)
    if a.dtype.kind != "f":
        return a.copy()[()]
    limits = numpy.finfo(a.dtype)
    scalar = a.dtype.type
    a = where(isnan(a), scalar(nan), a)
    a = where(isposinf(a), scalar(limits.max if posinf is None else posinf), a)
    return where(isneginf(a), scalar(limits.min if neginf is None else neginf), a)[()]
