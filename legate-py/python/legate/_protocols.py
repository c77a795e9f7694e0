"""The parts of the array protocols that are not worth writing in Rust: printing, pickling, NumPy's dispatch."""

import sys

import numpy

from legate import _fallback, _layout, _namespace, _native, _printing

def array_repr(array):
    """``repr(array)``."""
    return _printing.array_repr(array)


def array_str(array):
    """``str(array)``."""
    return _printing.array_str(array)


def flags(array):
    """NumPy's `flags`."""
    return _layout.Flags(array)


def set_dtype(array, dtype):
    """``array.dtype = dtype``."""
    _layout.set_dtype(array, dtype)


def ufunc_named(function):
    """Our ufunc for NumPy's `function`."""
    return _namespace.ufunc_of(function)


def array_interface(snapshot):
    """NumPy's `__array_interface__` of a snapshot, which is kept alive by the memory that it names."""
    if snapshot.dtype.kind in "mM":
        raise AttributeError("__array_interface__")  # times have no buffer
    interface = dict(snapshot.__array_interface__)
    interface["data"] = memoryview(snapshot) if snapshot.size else memoryview(b"")
    return interface


# ---------------------------------------------------------------------------------------------------------------------
# NumPy's dispatch to us
# ---------------------------------------------------------------------------------------------------------------------


def array_ufunc(array, function, method, inputs, kwargs):
    """NumPy's ufunc `function` was called with Legate arrays among its arguments."""
    out = kwargs.get("out", ())
    if not all(_is_ours(x) for x in (*inputs, *out)):
        return NotImplemented
    if all(x is None for x in out):
        kwargs.pop("out", None)
    ufunc = _namespace.ufunc_of(function)
    return (ufunc if method == "__call__" else getattr(ufunc, method))(*inputs, **kwargs)


def _is_ours(value):
    """Whether no other library wants to handle `value`."""
    if isinstance(value, (numpy.ndarray, _native.Array)):
        return type(value).__array_ufunc__ in (numpy.ndarray.__array_ufunc__, _native.Array.__array_ufunc__)
    return not hasattr(type(value), "__array_ufunc__") or isinstance(value, numpy.generic)


def array_function(function, types, args, kwargs):
    """NumPy's `function` was called with Legate arrays among its arguments: our function of that name is called."""
    if not all(issubclass(kind, (numpy.ndarray, _native.Array)) for kind in types):
        return NotImplemented
    ours = _ours(function)
    if ours is None:
        return _fallback.call(function.__name__, function, args, kwargs)
    # Whoever calls this has been asked already.
    return getattr(ours, "_implementation", ours)(*args, **kwargs)


_found = {}


def _ours(function):
    """`legate.numpy`'s function for NumPy's; None if it has none."""
    try:
        return _found[function]
    except KeyError:
        pass
    if function.__module__.startswith("legate.numpy"):
        return function
    module = sys.modules.get(function.__module__)
    ours = None
    if module is not None and getattr(module, function.__name__, None) is function and module.__name__.startswith("numpy"):
        ours = _namespace.resolve(module.__name__, function.__name__)
    _found[function] = ours
    return ours
