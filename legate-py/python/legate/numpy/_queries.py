"""Questions about arrays that do not need their values, and comparisons of whole arrays."""

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, asarray, ufunc

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "can_cast",
    "common_type",
    "iscomplex",
    "iscomplexobj",
    "isclose",
    "isfortran",
    "isreal",
    "isrealobj",
    "may_share_memory",
    "min_scalar_type",
    "ndim",
    "result_type",
    "shape",
    "shares_memory",
    "size",
]


def shape(a):
    """The extents of `a`."""
    return a.shape if hasattr(a, "shape") else asanyarray(a).shape


def ndim(a):
    """The number of dimensions of `a`."""
    return a.ndim if hasattr(a, "ndim") else asanyarray(a).ndim


def size(a, axis=None):
    """The number of elements of `a`, or along `axis`."""
    extents = shape(a)
    if axis is None:
        return int(numpy.prod(extents, dtype=numpy.intp))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(numpy.prod([extents[d] for d in axes], dtype=numpy.intp))


def _typed(value):
    """Arrays promote by their dtype alone (NEP 50), so that their values need not be fetched."""
    return value.dtype if isinstance(value, _native.Array) else value


def result_type(*arrays_and_dtypes):
    """The dtype that NumPy's promotion gives these arrays, scalars and dtypes."""
    return numpy.result_type(*map(_typed, arrays_and_dtypes))


def can_cast(from_, to, casting="safe"):
    """Whether `from_` can be converted to the dtype `to` by the casting rule."""
    return numpy.can_cast(_typed(from_), to, casting)


def min_scalar_type(a, /):
    """The smallest dtype that holds the scalar `a`; of an array, its dtype."""
    if isinstance(a, _native.Array) and a.ndim:
        return a.dtype
    return numpy.min_scalar_type(_fallback.gather(a))


def common_type(*arrays):
    """The inexact scalar type common to `arrays`."""
    return numpy.common_type(*[numpy.empty(0, a.dtype) if isinstance(a, _native.Array) else a for a in arrays])


def iscomplexobj(x):
    """Whether `x` is of a complex type."""
    dtype = x.dtype if hasattr(x, "dtype") else asarray(x).dtype
    return issubclass(dtype.type, numpy.complexfloating)


def isrealobj(x):
    """Whether `x` is not of a complex type."""
    return not iscomplexobj(x)


def isfortran(a):
    """Whether `a` lies in column-major order and not in row-major order."""
    return bool(a.flags.fnc)


def may_share_memory(a, b, /, max_work=0):
    """Whether `a` and `b` may have an element in common: never wrongly False."""
    if isinstance(a, _native.Array) and isinstance(b, _native.Array):
        return a._may_overlap(b)
    if isinstance(a, _native.Array) or isinstance(b, _native.Array):
        return False
    return numpy.may_share_memory(a, b, max_work)


def shares_memory(a, b, /, max_work=-1):
    """Whether `a` and `b` have an element in common."""
    if not (isinstance(a, _native.Array) and isinstance(b, _native.Array)):
        return may_share_memory(a, b)
    if not a._may_overlap(b):
        return False
    # Two views of one base: NumPy decides exactly, on arrays of the same layout whose elements are never touched.
    return numpy.shares_memory(_layout_of(a), _layout_of(b), max_work)


def _layout_of(a):
    """An array of NumPy's that lies in the address space as `a` lies in its base; it must not be read."""
    origin = 1 << 40  # any address: strides may point to both sides of it
    interface = {
        "shape": a.shape,
        "strides": a.strides,
        "typestr": a.dtype.str,
        "data": (origin + a._offset(), True),
        "version": 3,
    }
    return numpy.asarray(type("Layout", (), {"__array_interface__": interface})())


# ---------------------------------------------------------------------------------------------------------------------
# Whole arrays
# ---------------------------------------------------------------------------------------------------------------------


def isreal(x):
    """Where the imaginary part of `x` is zero."""
    return asanyarray(x).imag == 0


def iscomplex(x):
    """Where the imaginary part of `x` is not zero."""
    return asanyarray(x).imag != 0


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where ``|a - b| <= atol + rtol * |b|``, or both are the same infinity (with `equal_nan`: both NaN)."""
    x, y = asanyarray(a), asanyarray(b)
    if y.dtype.kind in "biu":
        y = y.astype(numpy.result_type(y.dtype, 1.0))
    absolute, isfinite, isnan = ufunc("absolute"), ufunc("isfinite"), ufunc("isnan")
    with numpy.errstate(invalid="ignore"):
        near = absolute(x - y) <= atol + rtol * absolute(y)
        close = (near & isfinite(y)) | (x == y)
        if equal_nan:
            close = close | (isnan(x) & isnan(y))
    return close


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `a` and `b` are element-wise close."""
    return bool(asanyarray(isclose(a, b, rtol, atol, equal_nan)).all())


def array_equal(a1, a2, equal_nan=False):
    """Whether `a1` and `a2` have one shape and equal elements."""
    try:
        a1, a2 = asanyarray(a1), asanyarray(a2)
    except Exception:
        return False
    if a1.shape != a2.shape:
        return False
    equal = a1 == a2
    if equal_nan and a1.dtype.kind in "fc" and a2.dtype.kind in "fc":
        isnan = ufunc("isnan")
        equal = equal | (isnan(a1) & isnan(a2))
    return bool(equal.all())


def array_equiv(a1, a2):
    """Whether `a1` and `a2` are equal after stretching to a common shape."""
    try:
        a1, a2 = asanyarray(a1), asanyarray(a2)
        numpy.broadcast_shapes(a1.shape, a2.shape)
    except Exception:
        return False
    return bool((a1 == a2).all())
