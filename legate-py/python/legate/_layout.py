"""How an array lies in memory, seen and changed: flags, views of other element types, fields, resizing."""

import math
import operator

import numpy

from legate import _fallback, _native

Array = _native.Array


class Flags:
    """How an array lies in memory and whether it may be written to: NumPy's `flags`.

    Arrays here are always aligned, and never copies that are written back.
    """

    __slots__ = ("_array",)

    _ALIASES = {
        "C": "c_contiguous",
        "C_CONTIGUOUS": "c_contiguous",
        "CONTIGUOUS": "c_contiguous",
        "F": "f_contiguous",
        "F_CONTIGUOUS": "f_contiguous",
        "FORTRAN": "f_contiguous",
        "O": "owndata",
        "OWNDATA": "owndata",
        "W": "writeable",
        "WRITEABLE": "writeable",
        "A": "aligned",
        "ALIGNED": "aligned",
        "X": "writebackifcopy",
        "WRITEBACKIFCOPY": "writebackifcopy",
        "FNC": "fnc",
        "FORC": "forc",
        "B": "behaved",
        "BEHAVED": "behaved",
        "CA": "carray",
        "CARRAY": "carray",
        "FA": "farray",
        "FARRAY": "farray",
    }
    _SETTABLE = {"writeable", "aligned", "writebackifcopy"}

    def __init__(self, array):
        object.__setattr__(self, "_array", array)

    c_contiguous = contiguous = property(lambda self: self._array._layout()[0])
    f_contiguous = fortran = property(lambda self: self._array._layout()[1])
    owndata = property(lambda self: self._array._layout()[2])
    writeable = property(lambda self: self._array._layout()[3])
    aligned = property(lambda self: True)
    writebackifcopy = property(lambda self: False)
    fnc = property(lambda self: self.f_contiguous and not self.c_contiguous)
    forc = property(lambda self: self.f_contiguous or self.c_contiguous)
    behaved = property(lambda self: self.writeable)
    carray = property(lambda self: self.writeable and self.c_contiguous)
    farray = property(lambda self: not self.c_contiguous)  # NumPy does not ask more

    @property
    def num(self):
        """The flags as bits of an integer, as NumPy has them."""
        c, f, own, writeable = self._array._layout()
        return c | f << 1 | own << 2 | 1 << 8 | writeable << 10

    def __setattr__(self, name, value):
        if name == "writeable":
            self._array._set_writeable(bool(value))
        elif name == "writebackifcopy" and value:
            raise ValueError("cannot set WRITEBACKIFCOPY flag to True")
        elif name not in self._SETTABLE:
            if not hasattr(type(self), name):
                raise AttributeError(f"'numpy._core.multiarray.flagsobj' object has no attribute '{name}'")
            raise AttributeError(f"attribute '{name}' of 'numpy._core.multiarray.flagsobj' objects is not writable")

    def __delattr__(self, name):
        if name in self._SETTABLE:
            raise AttributeError(f"Cannot delete flags {name} attribute")
        setattr(self, name, None)

    def __getitem__(self, key):
        try:
            return getattr(self, self._ALIASES[key])
        except (KeyError, TypeError):
            raise KeyError("Unknown flag") from None

    def __setitem__(self, key, value):
        name = self._ALIASES.get(key) if isinstance(key, str) else None
        if name not in self._SETTABLE:
            raise KeyError("Unknown flag")
        setattr(self, name, value)

    def __eq__(self, other):
        return isinstance(other, (Flags, type(_EMPTY.flags))) and self.num == other.num

    def __hash__(self):
        raise TypeError("unhashable type: 'numpy._core.multiarray.flagsobj'")

    def __repr__(self):
        names = ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA", "WRITEABLE", "ALIGNED", "WRITEBACKIFCOPY")
        return "".join(f"  {name} : {self[name]}\n" for name in names)


_EMPTY = numpy.empty(0)


def setflags(self, /, write=None, align=None, uic=None):
    """Sets whether the array may be written to. Whether it is aligned cannot be changed: it is."""
    if uic:
        raise ValueError("cannot set WRITEBACKIFCOPY flag to True")
    if write is not None:
        self._set_writeable(bool(write))


# ---------------------------------------------------------------------------------------------------------------------
# Other element types
# ---------------------------------------------------------------------------------------------------------------------


def view(self, /, *args, **kwargs):
    """The same memory as elements of another dtype, or as an array of another class; writes are seen by both.

    Parameters
    ----------
    dtype : data-type or ndarray sub-class, optional
    type : Python type, optional
    """
    dtype, kind = _view_arguments(*args, **kwargs)
    if isinstance(dtype, type) and issubclass(dtype, (Array, numpy.ndarray)):
        if kind is not None:
            raise ValueError("Cannot specify output type twice.")
        dtype, kind = None, dtype
    if kind is not None and not (isinstance(kind, type) and issubclass(kind, (Array, numpy.ndarray))):
        raise ValueError("Type must be a sub-type of ndarray type")
    if kind is not None and issubclass(kind, numpy.ndarray):  # matrices, masked arrays: NumPy's
        return self._snapshot().view(*([] if dtype is None else [dtype]), kind)
    result = self if dtype is None else seen_as(self, numpy.dtype(dtype))
    if kind is None or kind is Array:
        return result if result is not self else self[...]
    return result._view_as(kind) if isinstance(result, Array) else result


def _view_arguments(dtype=None, type=None):  # noqa: A002 (NumPy's name)
    return dtype, type


def seen_as(array, dtype):
    """`array` as elements of `dtype`: a view; a read-only copy by NumPy if that dtype is not native."""
    if dtype == array.dtype:
        return array[...]
    bits = array._bits_as(dtype)
    if bits is not None:
        return bits
    size, shape, strides = array.itemsize, array.shape, array.strides
    if dtype.itemsize != size:
        shape, strides = _with_last(shape, strides, size, dtype.itemsize)
    seen = array._retyped(dtype, array._offset(), shape, strides)
    return _fallback.call_method(array, "view", (dtype,), {}) if seen is None else seen


def _with_last(shape, strides, old, new):
    """Shape and strides of an array whose elements of `old` bytes become ones of `new` bytes.

    Raises
    ------
    ValueError
        NumPy's, where that cannot be.
    """
    if not shape:
        raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
    *outer, last = shape
    if last != 1 and math.prod(shape) and strides[-1] != old:
        raise ValueError("To change to a dtype of a different size, the last axis must be contiguous")
    if new < old:
        if new == 0 or old % new:
            raise ValueError("When changing to a smaller dtype, its size must be a divisor of the size of original dtype")
    elif last * old % new:
        raise ValueError(
            "When changing to a larger dtype, its size must be a divisor of the total size in bytes of the last axis of the array."
        )
    return [*outer, last * old // new], [*strides[:-1], new]


def set_dtype(array, dtype):
    """`array.dtype = dtype`: the array shows its memory so from now on."""
    try:
        dtype = numpy.dtype(dtype)
    except TypeError:
        raise TypeError("invalid data-type for array") from None
    seen = seen_as(array, dtype)
    if not isinstance(seen, Array):
        raise TypeError(f"arrays of dtype {dtype} have no native form: use .view(dtype)")
    array._become(seen)


def getfield(self, /, dtype, offset=0):
    """A view of part of each element: `dtype.itemsize` bytes from `offset` on."""
    dtype = numpy.dtype(dtype)
    numpy.zeros(1, self.dtype).getfield(dtype, offset)  # refuses what NumPy refuses
    seen = self._retyped(dtype, self._offset() + operator.index(offset), self.shape, self.strides)
    return _fallback.call_method(self, "getfield", (dtype, offset), {}) if seen is None else seen


def setfield(self, /, val, dtype, offset=0):
    """Puts `val` into part of each element."""
    dtype = numpy.dtype(dtype)
    numpy.zeros(1, self.dtype).getfield(dtype, offset)
    seen = self._retyped(dtype, self._offset() + operator.index(offset), self.shape, self.strides)
    if seen is None:
        _fallback.call_method(self, "setfield", (val, dtype, offset), {})
    else:
        seen[...] = val


# Per size of elements, what is done to them: neighbours of so many bits change places, which a mask tells apart.
_SWAPS = {
    2: (("u2", 8, 0x00FF),),
    4: (("u4", 8, 0x00FF00FF), ("u4", 16, 0x0000FFFF)),
    8: (("u8", 8, 0x00FF00FF00FF00FF), ("u8", 16, 0x0000FFFF0000FFFF), ("u8", 32, 0x00000000FFFFFFFF)),
}


def byteswap(self, /, inplace=False):
    """The elements with their bytes in reverse; written back if `inplace`."""
    if inplace and not self.flags.writeable:
        raise ValueError("array to be byte-swapped is read-only")
    target = self if inplace else self.copy()
    parts = [target.real, target.imag] if self.dtype.kind == "c" else [target]
    for part in parts:
        part[...] = _swapped(part)
    return target


def _swapped(array):
    if array.itemsize == 1:
        return array
    bits = array.copy().view(f"u{array.itemsize}")
    for word, shift, mask in _SWAPS[array.itemsize]:
        mask, shift = numpy.dtype(word).type(mask), numpy.dtype(word).type(shift)
        bits = ((bits >> shift) & mask) | ((bits & mask) << shift)
    return bits.view(array.dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Resizing
# ---------------------------------------------------------------------------------------------------------------------


def resize(self, /, *new_shape, refcheck=True, **kwargs):
    """Changes shape and size in place: the values stay in their order in memory, what is new is zero.

    Other arrays that are views of this one keep the memory as it was, so there is nothing that `refcheck` has to prevent.
    """
    for name in kwargs:
        raise TypeError(f"'{name}' is an invalid keyword argument for this function")
    if not new_shape or new_shape == (None,):
        return
    shape = new_shape[0] if len(new_shape) == 1 else new_shape
    shape = tuple(map(operator.index, shape)) if numpy.iterable(shape) else (operator.index(shape),)
    if any(extent < 0 for extent in shape):
        raise ValueError("negative dimensions not allowed")
    flags = self.flags
    if not flags.forc:
        raise ValueError("resize only works on single-segment arrays")
    if not flags.owndata:
        raise ValueError("cannot resize this array: it does not own its data")
    from legate.numpy._base import native

    fortran = flags.fnc
    resized = native["zeros"](shape[::-1] if fortran else shape, self.dtype)
    kept = min(resized.size, self.size)
    resized.reshape(-1)[:kept] = self.ravel("K")[:kept]
    self._become(resized.T if fortran else resized)
