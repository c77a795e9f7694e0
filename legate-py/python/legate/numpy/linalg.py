"""`numpy.linalg`: what is native here, the rest by fall-back."""

import sys as _sys

import numpy.linalg as _origin

from legate import _fallback, _namespace
from legate._native import functions as _functions
from legate.numpy import _views
from legate.numpy._base import asanyarray as _asanyarray
from legate.numpy._base import native as _native
from legate.numpy._base import ufunc as _ufunc

norm = _functions()["linalg.norm"]
solve = _functions()["linalg.solve"]
matmul = _ufunc("matmul")
matrix_transpose = _views.matrix_transpose
tensordot = _native["tensordot"]


def outer(x1, x2, /):
    """The outer product of two vectors."""
    x1, x2 = _asanyarray(x1), _asanyarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"Input arrays must be one-dimensional, but they are x1.ndim={x1.ndim} and x2.ndim={x2.ndim}.")
    return _native["outer"](x1, x2)


def vecdot(x1, x2, /, *, axis=-1):
    """The products of vectors along `axis`, the first conjugated."""
    return _ufunc("vecdot")(x1, x2, axis=axis)


def trace(x, /, *, offset=0, dtype=None):
    """The sum along the diagonals of (a stack of) matrices."""
    return _native["trace"](x, offset, -2, -1, dtype)


def diagonal(x, /, *, offset=0):
    """The diagonals of (a stack of) matrices: a read-only view."""
    return _native["diagonal"](x, offset, -2, -1)


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):  # noqa: A002 (NumPy's name)
    """The `ord`-norm of vectors along `axis` (None: of all elements)."""
    x = _asanyarray(x)
    if axis is None and not keepdims:
        return norm(x.ravel(), ord)
    if axis is None or isinstance(axis, tuple):
        return _fallback.call("linalg.vector_norm", _origin.vector_norm, (x,), {"axis": axis, "keepdims": keepdims, "ord": ord})
    return norm(x, ord, axis, keepdims)


def multi_dot(arrays, *, out=None):
    """The product of several matrices, in the order that NumPy finds cheapest for three, else from left to right."""
    arrays = [_asanyarray(a) for a in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    dot = _native["dot"]
    if len(arrays) == 3 and all(a.ndim == 2 for a in arrays):
        (a, b), (_, c), (_, d) = (m.shape for m in arrays)
        if b * c * d + a * b * d < a * b * c + a * c * d:
            return dot(arrays[0], dot(arrays[1], arrays[2]), out)
    product = arrays[0]
    for factor in arrays[1:-1]:
        product = dot(product, factor)
    return dot(product, arrays[-1], out)


_fallback.register_native(
    f"linalg.{name}"
    for name in ("diagonal", "matmul", "matrix_transpose", "multi_dot", "outer", "tensordot", "trace", "vecdot", "vector_norm")
)
__all__ = [name for name in _origin.__all__]


def __getattr__(name):
    value = getattr(_origin, name) if name.startswith("_") else _namespace.adopt(_origin, name)
    setattr(_sys.modules[__name__], name, value)
    return value


def __dir__():
    return sorted({*globals(), *dir(_origin)})
