"""What the composed functions are written in: the native functions and ufuncs, and argument conversion."""

import numpy

from legate import _fallback, _namespace, _native

try:
    from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
except ImportError:  # NumPy 1
    from numpy.core.multiarray import normalize_axis_index
    from numpy.core.numeric import normalize_axis_tuple

native = _native.functions()
asarray = native["asarray"]
asanyarray = native["asanyarray"]


def ufunc(name):
    """Our ufunc called `name`."""
    return _namespace.ufunc_of(getattr(numpy, name))


def normalize_axis(axis, ndim):
    """`axis` as a number in ``0..ndim``.

    Raises
    ------
    numpy.exceptions.AxisError
    """
    return normalize_axis_index(axis, ndim)


def normalize_axes(axis, ndim, argname=None, allow_duplicate=False):
    """One axis or several as a tuple of numbers in ``0..ndim``, each once (unless `allow_duplicate`)."""
    return normalize_axis_tuple(axis, ndim, argname, allow_duplicate)


def fall_back(name, *args, **kwargs):
    """Lets NumPy do what the native form of `name` does not."""
    origin = numpy
    for part in name.split("."):
        origin = getattr(origin, part)
    return _fallback.call(name, origin, args, kwargs)


def borrowed(name, *args, **kwargs):
    """Calls NumPy's own Python for `name` on this namespace: what our form of it leaves out."""
    from legate.numpy import _borrowed

    return _borrowed.borrow(getattr(numpy, name))(*args, **kwargs)


# Fewer elements NumPy has dealt with before a dozen operations could be called.
SMALL = 1 << 10


def at_hand(*arrays):
    """Whether all are small arrays whose values are there: then NumPy's own function is the fastest way."""
    return all([type(a) is _native.ndarray and a.size <= SMALL and a._is_ready() for a in arrays])
