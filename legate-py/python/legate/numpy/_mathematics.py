"""Functions of elements that are sums of others."""

import numpy

from legate import _native
from legate.numpy import _borrowed
from legate.numpy._base import asanyarray, native, ufunc

__all__ = ["i0"]


def i0(x):
    """The modified Bessel function of the first kind, order 0."""
    x = asanyarray(x)
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    if not isinstance(x, _native.Array):
        return native["asarray"](_native.call(numpy.i0, (x,), {}))
    x = ufunc("absolute")(x if x.dtype.kind == "f" else x.astype(float))
    near, far = (_borrowed.helper(numpy.i0, name) for name in ("_i0_1", "_i0_2"))
    with numpy.errstate(all="ignore"):
        return native["where"](x <= 8.0, near(x), far(x))


def complex_range(*args, dtype=None, **rest):
    """Numbers in steps, as complex ones."""
    positional = list(args)
    if dtype is None and len(positional) == 4:
        dtype = positional.pop()
    if dtype is None or numpy.dtype(dtype).kind != "c" or any(map(numpy.iscomplexobj, (*positional, *rest.values()))):
        return NotImplemented
    return native["arange"](*positional, dtype=numpy.dtype(dtype).char.lower(), **rest).astype(dtype)
