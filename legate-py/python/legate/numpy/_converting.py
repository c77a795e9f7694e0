"""Arguments as arrays, and results of the arguments' class: what NumPy's Python asks of `_array_converter`."""

import numpy

from legate import _native
from legate.numpy._base import asanyarray

__all__ = []


def broadcast(*arguments):
    """NumPy's `broadcast`, whose shape is what is asked for: the elements of arrays are not fetched for that."""
    return numpy.broadcast(*[_of_its_shape(x) if isinstance(x, _native.Array) else x for x in arguments])


def _of_its_shape(array):
    return numpy.broadcast_to(numpy.zeros((), bool), array.shape)


class ArrayConverter:
    """Several arguments as arrays.

    Attributes
    ----------
    scalar_input : tuple of bool
        Which of them were scalars.
    """

    def __init__(self, *arguments):
        self._arguments = arguments
        self._arrays = tuple(map(asanyarray, arguments))
        self._are_weak = tuple([type(argument) in (int, float, complex) for argument in arguments])
        self.scalar_input = tuple([weak or isinstance(x, (numpy.generic, _native.deferred_scalar, bool)) for weak, x in zip(self._are_weak, arguments)])

    def __len__(self):
        return len(self._arrays)

    def __getitem__(self, index):
        return self._arrays[index]

    def as_arrays(self, *, subok=True, pyscalars="convert_if_no_array"):
        """The arrays; Python's numbers stay what they are beside arrays (or always, or never, as `pyscalars` says)."""
        is_kept = pyscalars == "preserve" or pyscalars == "convert_if_no_array" and not all(self._are_weak)
        arrays = self._arrays if subok else map(_as_base, self._arrays)
        return tuple([x if weak and is_kept else a for x, a, weak in zip(self._arguments, arrays, self._are_weak)])

    def result_type(self, extra_dtype=None, ensure_inexact=False):
        """The common dtype of all, with `extra_dtype`, a floating one if that is asked for."""
        types = [x if weak else a.dtype for x, a, weak in zip(self._arguments, self._arrays, self._are_weak)]
        types += [extra_dtype] if extra_dtype is not None else []
        return numpy.result_type(*types, *([0.0] if ensure_inexact else []))

    def wrap(self, array, /, to_scalar=None):
        """`array` in the class of the arguments; as a scalar, if it is one and all of them were."""
        if isinstance(array, _native.Array):
            kind = next((type(x) for x in self._arguments if isinstance(x, _native.ndarray) and type(x) is not _native.ndarray), None)
            if isinstance(kind, type) and issubclass(kind, _native.Array):
                array = array.view(kind)
        if to_scalar or to_scalar is None and all(self.scalar_input):
            return array[()]
        return asanyarray(array)


def _as_base(array):
    if isinstance(array, _native.ndarray) and isinstance(array, _native.Array) and type(array) is not _native.ndarray:
        return array.view(_native.ndarray)
    return array
