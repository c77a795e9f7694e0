"""Arrays and the world: DLPack, the array API, pickles and files, NumPy's wrapping of results."""

import os
import pickle

import numpy

from legate import _native

Array = _native.Array


# ---------------------------------------------------------------------------------------------------------------------
# DLPack and the array API
# ---------------------------------------------------------------------------------------------------------------------


def dlpack(self, /, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule.

    Elements are no memory that others may write to: they may lie on several ranks, and operations that are still to come may write them. So the capsule holds
    a copy, except that with ``copy=False``, and for read-only arrays, values at hand are lent as they are, marked read-only (which
    consumers understand from version 1.0 on).
    """
    lends = copy is False or (copy is None and not self.flags.writeable)
    if lends and max_version is not None and tuple(max_version) >= (1, 0) and self._is_ready() and self.flags.c_contiguous:
        return self._snapshot().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    if copy is False:
        raise BufferError("Cannot export without a copy: the values do not lie in memory that can be lent to this consumer.")
    return numpy.array(self._snapshot()).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device)


def dlpack_device(self, /):
    """The type and number of the device: host memory."""
    return (1, 0)


def from_dlpack(x, /, *, device=None, copy=None):
    """An array with the values of `x`, which has `__dlpack__`: of another library's array a copy, of one of ours a view.

    Parameters
    ----------
    x : object
    device : {'cpu', None}
    copy : bool, optional
        ``False`` refuses what NumPy cannot look at without a copy.
    """
    if isinstance(x, Array):
        numpy.from_dlpack(numpy.empty(0), device=device)  # refuses what NumPy refuses
        return x.copy() if copy else x._view_as(_native.ndarray)
    array = numpy.from_dlpack(x, device=device, copy=copy)
    adopted = _native.adopt(array)
    if adopted is not array:
        adopted.setflags(write=True)
    return adopted


def to_device(self, device, /, *, stream=None):
    """The array itself: there is one device."""
    if stream is not None:
        raise ValueError("The stream argument in to_device() is not supported")
    if not isinstance(device, str):
        raise TypeError(f"to_device() argument 1 must be str, not {type(device).__name__}")
    if device != "cpu":
        raise ValueError(f"Unsupported device: {device}. Only 'cpu' is accepted.")
    return self


def array_namespace(self, /, *, api_version=None):
    """`legate.numpy`."""
    import legate.numpy

    if api_version is not None:
        numpy.empty(0).__array_namespace__(api_version=api_version)
    return legate.numpy


# ---------------------------------------------------------------------------------------------------------------------
# Wrapping
# ---------------------------------------------------------------------------------------------------------------------


def array_wrap(self, array, context=None, return_scalar=False, /):
    """`array`, which a function has made of arrays like this one, as an array of this one's class."""
    if not isinstance(array, (numpy.ndarray, Array)):
        raise TypeError(f"__array_wrap__() argument 1 must be numpy.ndarray, not {type(array).__name__}")
    wrapped = _native.wrap(array) if isinstance(array, numpy.ndarray) else array
    if not isinstance(wrapped, Array):
        return wrapped
    if type(self) is _native.deferred_scalar:
        return wrapped if wrapped.ndim else wrapped[()]
    if return_scalar and type(self) is _native.ndarray and not wrapped.ndim:
        return wrapped[()]
    return wrapped if type(wrapped) is type(self) else wrapped._view_as(type(self), self)


# ---------------------------------------------------------------------------------------------------------------------
# Pickles and files
# ---------------------------------------------------------------------------------------------------------------------


def reduce(self):
    """What pickle stores: how to make an empty array of this class, and what to give its `__setstate__`."""
    if isinstance(self, _native.deferred_scalar):
        return self._snapshot()[()].__reduce__()
    fortran = self.flags.fnc
    state = (1, self.shape, self.dtype, fortran, self.tobytes("F" if fortran else "C"))
    return reconstruct, (type(self), (0,), b"b"), state


def reduce_ex(self, protocol, /):
    """As `__reduce__`; from protocol 5 on with the elements as a buffer, which may travel beside the pickle."""
    if protocol < 5 or type(self) is not _native.ndarray:
        return self.__reduce__()
    fortran = self.flags.fnc
    values = (self.T if fortran else self)._snapshot()
    return from_buffer, (pickle.PickleBuffer(values), self.dtype, self.shape, "F" if fortran else "C")


def reconstruct(kind, shape, dtype):
    """An array of the class `kind`, still without its values."""
    return _native.ndarray.__new__(kind, shape, dtype)


def from_buffer(buffer, dtype, shape, order):
    """The array that :func:`reduce_ex` described."""
    return _native.adopt(numpy.frombuffer(buffer, dtype).copy().reshape(shape, order=order))


def setstate(self, state, /):
    """Makes the array what a pickle says."""
    values = numpy.empty(0)
    values.__setstate__(state)
    adopted = _native.adopt(values)
    if adopted is values:
        raise TypeError(f"arrays of dtype {values.dtype} have no native form")
    self._become(adopted)


def dump(self, file, /):
    """Pickles the array into a file, or into the file of this name."""
    if isinstance(file, (str, bytes, os.PathLike)):
        with open(file, "wb") as opened:
            pickle.dump(self, opened, protocol=2)
    else:
        pickle.dump(self, file, protocol=2)


def dumps(self, /):
    """The pickle as bytes."""
    return pickle.dumps(self, protocol=2)
