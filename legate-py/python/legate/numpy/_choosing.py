"""Functions that choose elements by numbers or conditions, and that tell numbers of elements from coordinates."""

import math
import operator

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, asarray, native, normalize_axis, ufunc

__all__ = ["choose", "compress", "extract", "ravel_multi_index", "unravel_index"]

arange, copyto, empty, flatnonzero, stack, where = (
    native[name] for name in ("arange", "copyto", "empty", "flatnonzero", "stack", "where")
)


def _as_places(index):
    """`index` as int64 numbers; refuses what is not safely cast to them."""
    index = asarray(index)
    if not numpy.can_cast(index.dtype, numpy.intp, "same_kind") or index.dtype.kind == "f":
        numpy.empty(0, index.dtype).astype(numpy.intp, casting="safe")
    return index.astype(numpy.intp, copy=False)


def _bounded(index, n, mode):
    """Numbers of `n` choices; ``mode="raise"`` waits for them."""
    if mode in ("raise", 2, None):
        if index.size and bool(((index < 0) | (index >= n)).any()):
            raise ValueError("invalid entry in choice array")
        return index
    if mode in ("wrap", 1):
        return ufunc("remainder")(index, n)
    if mode in ("clip", 0):
        return index.clip(0, n - 1)
    numpy.choose([0], [[0]], mode=mode)  # refused
    raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got '{mode}')")


def choose(a, choices, out=None, mode="raise"):
    """For each element of `a` the element at its place of the choice that it numbers."""
    choices = [asarray(choice) for choice in choices]
    if not choices or not all(isinstance(choice, _native.Array) for choice in choices):
        return _fallback.call("choose", numpy.choose, (a, choices, out, mode), {})
    index = _as_places(a)
    dtype = numpy.result_type(*[choice.dtype for choice in choices])
    shape = numpy.broadcast_shapes(index.shape, *[choice.shape for choice in choices])
    index = _bounded(index, len(choices), mode)
    result = empty(shape, dtype)
    result[...] = choices[0]
    for number, choice in enumerate(choices[1:], 1):
        copyto(result, choice, casting="unsafe", where=index == number)
    if out is None:
        return result if result.ndim else result[()]
    return _stored(result, out)


def _stored(result, out):
    if out.shape != result.shape:
        raise ValueError("output array does not match result of " + "ndarray.choose")
    copyto(out, result, casting="unsafe")
    return out


def compress(condition, a, axis=None, out=None):
    """The slices of `a` along `axis` (None: the elements, row-major) that `condition`, a vector, selects. Waits for it."""
    condition = asarray(condition)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return asanyarray(a).take(flatnonzero(condition), axis, out)


def extract(condition, arr):
    """The elements of `arr` where `condition` is true, as a vector. Waits for the condition."""
    return asanyarray(arr).ravel().take(flatnonzero(condition))


# ---------------------------------------------------------------------------------------------------------------------
# Numbers of elements and coordinates
# ---------------------------------------------------------------------------------------------------------------------


def _steps(dims, order):
    if order not in ("C", "F"):
        numpy.unravel_index(0, (1,), order=order)  # refused
    steps = []
    for d in range(len(dims)):
        steps.append(math.prod(dims[d + 1 :] if order == "C" else dims[:d]))
    return steps


def _is_ours(value):
    if isinstance(value, (tuple, list)):
        return any(map(_is_ours, value))
    return isinstance(value, _native.Array)


def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    """The numbers of the elements at these coordinates of an array of extents `dims`."""
    if not _is_ours(multi_index):
        return _native.wrap(numpy.ravel_multi_index(multi_index, dims, mode, order))
    dims = tuple(map(operator.index, dims)) if numpy.iterable(dims) else (operator.index(dims),)
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    steps = _steps(dims, order)
    if len(multi_index) != len(dims):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(dims)}")
    total = None
    for index, n, step, how in zip(multi_index, dims, steps, modes):
        index = asarray(index)
        if index.dtype.kind not in "iu":
            raise TypeError("only int indices permitted")
        index = index.astype(numpy.intp, copy=False)
        if how == "raise":
            if index.size and bool(((index < 0) | (index >= n)).any()):
                raise ValueError("invalid entry in coordinates array")
        else:
            index = _bounded(index, n, how)
        term = index * step
        total = term if total is None else total + term
    return total


def unravel_index(indices, shape, order="C"):
    """The coordinates of the elements of these numbers in an array of extents `shape`: an array for each dimension."""
    if not _is_ours(indices):
        return _native.wrap(numpy.unravel_index(indices, shape, order))
    shape = tuple(map(operator.index, shape)) if numpy.iterable(shape) else (operator.index(shape),)
    places = asarray(indices)
    steps = _steps(shape, order)
    if places.dtype.kind not in "iu":
        raise TypeError("only int indices permitted")
    places = places.astype(numpy.intp, copy=False)
    size = math.prod(shape)
    if places.size:
        wrong = (places < 0) | (places >= size)
        if bool(wrong.any()):
            first = int(places.reshape(-1)[flatnonzero(wrong)[0]])
            raise ValueError(f"index {first} is out of bounds for array with size {size}")
    divide, remainder = ufunc("floor_divide"), ufunc("remainder")
    return tuple([remainder(divide(places, max(step, 1)), max(n, 1)) for n, step in zip(shape, steps)])
