"""Sums of products of one vector with a shorter one moved along it: what `convolve` and `correlate` are made of."""

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, at_hand, native, ufunc

__all__ = []

MODES = {"v": "valid", "s": "same", "f": "full", 0: "valid", 1: "same", 2: "full"}

# Longer ones are moved along with one product for each element, in place: there the ends need no care of their own.
LONGEST_KERNEL = 256


def correlate_as_is(a, v, mode="valid"):
    """The products of `a` with `v` moved along it, summed; which of the two is longer does not show in the result."""
    result, _ = _correlate(numpy.convolve, a, v, mode)
    return result


def correlate_conjugated(a, v, mode="valid"):
    """The cross-correlation of `a` with `v`: ``c[k] = sum over n of a[n + k] * conj(v[n])``."""
    v = asanyarray(v)
    result, is_swapped = _correlate(numpy.correlate, a, ufunc("conjugate")(v) if v.dtype.kind == "c" else v, mode)
    return result[::-1] if is_swapped else result


def _correlate(function, a, v, mode):
    a, v = asanyarray(a), asanyarray(v)
    name = MODES.get(mode[:1] if isinstance(mode, str) else mode)
    if a.ndim != 1 or v.ndim != 1 or a.size == 0 or v.size == 0 or name is None or (isinstance(mode, str) and mode != name):
        # Refused, or warned of: NumPy has the words.
        _fallback.refuse(function, (a, v, mode), {})
    is_swapped = a.size < v.size
    if is_swapped:
        a, v = v, a
    if not all(isinstance(x, _native.Array) for x in (a, v)) or at_hand(a, v):
        return _native.call(numpy.convolve, (a, v[::-1], name), {}), is_swapped
    dtype = numpy.result_type(a.dtype, v.dtype)
    a, v = a.astype(dtype, copy=False), v.astype(dtype, copy=False)
    n = v.size
    left, right = {"valid": (0, 0), "same": (n // 2, n - n // 2 - 1), "full": (n - 1, n - 1)}[name]
    if n > LONGEST_KERNEL:
        return _accumulated(a, v, left, right), is_swapped
    parts = [_at_start(a[: n - 1], v, left), _whole(a, v), _at_end(a[a.size - n + 1 :], v, right)]
    parts = [part for part in parts if part is not None]
    return parts[0] if len(parts) == 1 else native["concatenate"](parts), is_swapped


def _whole(a, v):
    """Where all of `v` lies beside elements of `a`."""
    length = a.size - v.size + 1
    total = a[:length] * v[:1]
    for j in range(1, v.size):
        total = total + a[j : j + length] * v[j : j + 1]
    return total


def _at_start(a, v, count):
    """The last `count` places before that, where the first elements of `v` lie before `a`."""
    beside = numpy.arange(v.size) - numpy.arange(count, 0, -1)[:, None]
    return _sums(a, v, beside) if count else None


def _at_end(a, v, count):
    """The first `count` places after that, where the last elements of `v` lie beyond `a`."""
    beside = numpy.arange(v.size) + numpy.arange(count)[:, None]
    return _sums(a, v, beside) if count else None


def _sums(a, v, beside):
    """For each row of `beside` the products of `v` with the elements of `a` named there; outside of `a` there are none."""
    inside = native["asarray"]((beside >= 0) & (beside < a.size))
    products = a.take(native["asarray"](numpy.clip(beside, 0, a.size - 1))) * v
    # What lies outside is left out, not multiplied by 0: that would make NaN of infinite elements.
    kept = native["where"](inside, products, a.dtype.type(0))
    return kept.any(axis=1) if a.dtype.kind == "b" else kept.sum(axis=1, dtype=a.dtype)


def _accumulated(a, v, left, right):
    total = native["zeros"](a.size + left + right - v.size + 1, a.dtype)
    for j in range(v.size):
        # Element `k` of the result has `v[j]` beside `a[k + j - left]`.
        first, last = max(left - j, 0), min(a.size + left - j, total.size)
        part = total[first:last]
        part += a[first + j - left : last + j - left] * v[j : j + 1]
    return total
