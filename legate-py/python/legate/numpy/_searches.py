"""Functions that look elements up among sorted ones: searches and what is made of what they find."""

import functools
import operator

import numpy

from legate import _native
from legate.numpy._base import asanyarray, borrowed, fall_back, native, ufunc

__all__ = ["digitize", "interp", "isin"]

searchsorted, unique, where = native["searchsorted"], native["unique"], native["where"]
isnan = ufunc("isnan")

# Fewer elements NumPy has interpolated before a dozen operations could be called.
INTERPOLATED_FROM = 1 << 12

# So many numbers are compared with one by one sooner than they are searched.
FEW = 16


def _are_real(*arrays):
    return all(type(a) is _native.ndarray and a.dtype.kind in "biuf" for a in arrays)


def digitize(x, bins, right=False):
    """The bin that each element of `x` lies in: how many of the edges `bins` lie before it. Waits for the edges."""
    a, edges = asanyarray(x), asanyarray(bins)
    if not _are_real(a, edges) or edges.ndim != 1:
        return fall_back("digitize", x, bins, right)
    side = "left" if right else "right"
    before, after = edges[:-1], edges[1:]
    if bool((before <= after).all()):
        return searchsorted(edges, a, side)
    if bool((before >= after).all()):
        return edges.size - searchsorted(edges[::-1], a, side)
    return _native.call(numpy.digitize, (a, edges, right), {})  # refused, or NaN is an edge: NumPy knows what it makes of that


def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    """Whether each element is one of `test_elements`. Waits for those."""
    a, tests = asanyarray(element), asanyarray(test_elements)
    # Signed and unsigned integers of 64 bits have no common type that holds them.
    kinds = {a.dtype.kind, tests.dtype.kind}
    if kind is not None or not _are_real(a, tests) or kinds == {"i", "u"} or a.ndim == 0 or tests.size == 0:
        return borrowed("isin", element, test_elements, assume_unique, invert, kind=kind)
    tests = unique(tests)
    if tests.size <= FEW:
        # Compared with all: one pass. Slices keep their type, which numbers would not.
        equal = [ufunc("equal")(a, tests[k : k + 1]) for k in range(tests.size)]
        found = functools.reduce(operator.or_, equal)
        return ~found if invert else found
    if a.dtype.kind in "iu" and tests.dtype.kind in "iu" and a.size >= INTERPOLATED_FROM:
        low, high = int(tests[0]), int(tests[-1])
        if high - low <= 6 * a.size and numpy.iinfo(a.dtype).min <= low and high <= min(numpy.iinfo(a.dtype).max, numpy.iinfo(numpy.intp).max):
            return _in_table(a, tests, low, high, invert)
    # Beyond the last one there is nothing to compare with: the last one will do.
    found = tests.take(searchsorted(tests, a), mode="clip")
    return ufunc("not_equal")(found, a) if invert else ufunc("equal")(found, a)


def _in_table(a, tests, low, high, invert):
    """Which integers are among `tests`, all of which lie in ``low..=high``: a table says which of those are."""
    table = native["zeros"](high - low + 1, bool)
    table[tests.astype(numpy.intp, copy=False) - low] = True
    is_within = (a >= low) & (a <= high)
    found = table.take(where(is_within, a, low).astype(numpy.intp, copy=False) - low) & is_within
    return ~found if invert else found


def interp(x, xp, fp, left=None, right=None, period=None):
    """Piecewise linear interpolation between the points ``(xp, fp)``."""
    if getattr(x, "size", 0) < INTERPOLATED_FROM:
        return _native.call(numpy.interp, (x, xp, fp, left, right, period), {})
    a, points, values = asanyarray(x), asanyarray(xp), asanyarray(fp)
    fits = points.ndim == 1 and points.shape == values.shape and points.size > 1
    if period is not None or values.dtype.kind == "c" and fits:
        return borrowed("interp", x, xp, fp, left, right, period)
    if not fits or not _are_real(a, points, values):
        return fall_back("interp", x, xp, fp, left, right, period)
    return interpolated(a, points, values, left, right)


def interpolated_complex(x, xp, fp, left=None, right=None):
    """As :func:`interpolated`, between complex values."""
    fp = asanyarray(fp)
    ends = [(None, None) if end is None else (end.real, end.imag) for end in (left, right)]
    real, imag = (interpolated(x, xp, part, ends[0][k], ends[1][k]) for k, part in enumerate((fp.real, fp.imag)))
    result = native["empty"](real.shape, complex)
    result.real, result.imag = real, imag
    return result


def interpolated(x, xp, fp, left=None, right=None):
    """Between points in ascending order."""
    a, points, values = asanyarray(x), asanyarray(xp), asanyarray(fp)
    a, points, values = (v.astype(float, copy=False) for v in (a, points, values))
    last = points.size - 1
    place = searchsorted(points, a, "right") - 1

    def at(array, place):
        return array.take(place, mode="clip")  # places outside are answered below

    with numpy.errstate(divide="ignore", invalid="ignore"):
        slope = at((values[1:] - values[:-1]) / (points[1:] - points[:-1]), place)
        x0, y0, y1 = at(points, place), at(values, place), at(values, place + 1)
        between = slope * (a - x0) + y0
        # Between infinite values: from the other end there may be a number, and between equals there is.
        other = slope * (a - at(points, place + 1)) + y1
    other = where(isnan(other) & (y0 == y1), y0, other)
    between = where(isnan(between), other, between)
    between = where(a == x0, y0, between)
    beyond = where(a == points[last], values[last], values[last] if right is None else right)
    result = where(place < last, between, beyond)
    result = where(place < 0, values[0] if left is None else left, result)
    return where(isnan(a), a, result)
