"""Bits in bytes."""

import operator

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, at_hand, fall_back, native, normalize_axis

__all__ = ["packbits", "unpackbits"]

# Places of bits in a byte, by their order.
SHIFTS = {"big": numpy.arange(7, -1, -1, dtype=numpy.uint8), "little": numpy.arange(8, dtype=numpy.uint8)}


def packbits(a, /, axis=None, bitorder="big"):
    """The elements of `a`, zero or not, as the bits of bytes, eight along `axis` in each (None: in row-major order)."""
    x = asanyarray(a)
    if not isinstance(x, _native.Array):
        return fall_back("packbits", a, axis, bitorder)
    if x.dtype.kind not in "biu" or bitorder not in SHIFTS:
        _fallback.refuse(numpy.packbits, (x, axis, bitorder), {})
    if at_hand(x):
        return _native.call(numpy.packbits, (x, axis, bitorder), {})
    x, axis = _along_last(x, axis)
    extent = x.shape[-1]
    if extent % 8:
        x = native["concatenate"]([x, native["zeros"]((*x.shape[:-1], -extent % 8), x.dtype)], -1)
    total = None
    for k, shift in enumerate(SHIFTS[bitorder]):
        bit = (x[..., k::8] != 0) * numpy.left_shift(numpy.uint8(1), shift)
        total = bit if total is None else total | bit
    return total.swapaxes(axis, -1)


def unpackbits(a, /, axis=None, count=None, bitorder="big"):
    """The bits of the bytes `a` along `axis` (None: in row-major order), as bytes; `count` of them, or all but so many if it is negative."""
    x = asanyarray(a)
    if not isinstance(x, _native.Array):
        return fall_back("unpackbits", a, axis, count, bitorder)
    if x.dtype != numpy.uint8 or bitorder not in SHIFTS:
        _fallback.refuse(numpy.unpackbits, (x, axis, count, bitorder), {})
    if at_hand(x):
        return _native.call(numpy.unpackbits, (x, axis, count, bitorder), {})
    x, axis = _along_last(x, axis)
    bits = native["empty"]((*x.shape[:-1], 8 * x.shape[-1]), numpy.uint8)
    for k, shift in enumerate(SHIFTS[bitorder]):
        bits[..., k::8] = (x >> shift) & numpy.uint8(1)
    if count is not None:
        bits = _cut(bits, operator.index(count))
    return bits.swapaxes(axis, -1)


def _cut(bits, count):
    extent = bits.shape[-1]
    if count <= extent:
        if count < -extent:
            raise ValueError("-count larger than number of elements")
        return bits[..., :count]
    return native["concatenate"]([bits, native["zeros"]((*bits.shape[:-1], count - extent), bits.dtype)], -1)


def _along_last(x, axis):
    """`x` with `axis` last, and where it was."""
    if axis is None:
        return x.ravel(), -1
    axis = normalize_axis(axis, x.ndim)
    return x.swapaxes(axis, -1), axis
