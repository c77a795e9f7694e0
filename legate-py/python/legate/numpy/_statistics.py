"""Counts in bins, and order statistics that pass over NaN."""

import operator
import warnings

import numpy

from legate import _native
from legate.numpy import _borrowed
from legate.numpy._base import asarray, at_hand, fall_back, native, normalize_axis, ufunc

__all__ = ["histogram", "histogramdd"]

where, sort, searchsorted = native["where"], native["sort"], native["searchsorted"]
isnan = ufunc("isnan")


# ---------------------------------------------------------------------------------------------------------------------
# Counts in bins
# ---------------------------------------------------------------------------------------------------------------------


def histogram(a, bins=10, range=None, density=None, weights=None):  # noqa: A002 (NumPy's name)
    """How many elements of `a` lie in each bin, or the sum of their `weights`; and the bins' edges. Waits for the least and the largest."""
    if at_hand(a) and (weights is None or at_hand(weights)):
        return _native.call(numpy.histogram, (a, bins, range, density, weights), {})
    values, weights = _borrowed.helper(numpy.histogram, "_ravel_and_check_weights")(a, weights)
    is_plain = isinstance(values, _native.Array) and values.dtype.kind in "iuf"
    if not is_plain or weights is not None and (weights.dtype.kind not in "biufc" or not isinstance(weights, _native.Array)):
        return fall_back("histogram", a, bins, range, density, weights)
    edges, uniform = _borrowed.helper(numpy.histogram, "_get_bin_edges")(values, bins, range, weights)
    if uniform is not None:
        counts = _sums_of(_bins_of_equal_width(values, edges, uniform), weights, uniform[2] + 1)[:-1]
    else:
        # Bins 0 and n + 1 are for what lies outside. The last bin has its right edge.
        places = searchsorted(edges, values, "right")
        places = where(values == edges[-1:], edges.size - 1, places) if edges.size else places
        counts = _sums_of(places, weights, edges.size + 1)[1:-1] if edges.size else _sums_of(places, weights, 1)[:0]
    if density:
        widths = (edges[1:] - edges[:-1]).astype(float)
        return counts / widths / counts.sum(), edges
    return counts, edges


def histogramdd(sample, bins=10, range=None, density=None, weights=None):  # noqa: A002 (NumPy's name)
    """How many points lie in each box of a grid; `sample` has a row for each point, or is a list of their coordinates."""
    if isinstance(sample, (list, tuple)) and all([isinstance(x, _native.Array) and x.ndim == 1 for x in sample]) and len({len(x) for x in sample}) == 1:
        sample = native["stack"](sample, 1)  # to read a list as an array would gather what is in it
    return _borrowed.borrow(numpy.histogramdd)(sample, bins, range, density, weights)


def _bins_of_equal_width(values, edges, uniform):
    """The bin of each element; one more than the last for what lies outside."""
    first, last, n = uniform
    subtract = _borrowed.helper(numpy.histogram, "_unsigned_subtract")
    kept = (values >= first) & (values <= last)
    values = values.astype(edges.dtype, copy=False)
    place = subtract(values, first) / subtract(last, first) * n
    place = where(kept, place, 0).astype(numpy.intp)
    place = place - (place == n)
    # What was computed may be one unit beside an edge, on the wrong side.
    edge = _edge(edges, float(first), float(last), n)
    place = place - (values < edge(place))
    place = place + ((values >= edge(place + 1)) & (place != n - 1))
    return where(kept, place, n)


def _edge(edges, first, last, n):
    """What gives the edge at a place. Computed as `linspace` computes it, if that gives these edges: then nothing is looked up, and all is one pass."""
    step = (last - first) / n
    computed = numpy.arange(n + 1) * step + first
    computed[-1] = last
    if numpy.array_equal(computed, numpy.asarray(edges)):
        return lambda place: where(place == n, last, place * step + first)
    return edges.take


def _sums_of(places, weights, n):
    """For each of `n` places the number of its elements, or the sum of their weights."""
    bincount = native["bincount"]
    if weights is None:
        return bincount(places, minlength=n)
    if weights.dtype.kind != "c":
        return bincount(places, weights, n).astype(weights.dtype)
    sums = native["empty"](n, weights.dtype)
    sums.real = bincount(places, weights.real.copy(), n)
    sums.imag = bincount(places, weights.imag.copy(), n)
    return sums


def any_of(a, *args, **kwargs):
    """What `any` gives for `None`, by which NumPy's quantiles say that no slice can have NaN."""
    return numpy.any(a, *args, **kwargs) if a is None else NotImplemented


def counted(x, /, weights=None, minlength=0):
    """What `bincount` gives for arrays that are no small ones at hand. Waits for the least and the largest element."""
    x = asarray(x)
    weights = None if weights is None else asarray(weights)
    least = -1 if minlength is None else operator.index(minlength)
    given = (x,) if weights is None else (x, weights)
    if not all([isinstance(a, _native.Array) for a in given]) or x.ndim != 1 or not numpy.can_cast(x.dtype, numpy.intp) or least < 0:
        return NotImplemented  # NumPy refuses it, or knows what to make of it
    if weights is not None and (weights.shape != x.shape or not numpy.can_cast(weights.dtype, float)):
        return NotImplemented
    x = x.astype(numpy.intp, copy=False)
    if x.size:
        lowest, highest = x.min(), x.max()  # both are found in one pass, before one is asked for
        if int(lowest) < 0:
            return NotImplemented
        least = max(least, int(highest) + 1)
    sums = native["zeros"](least, numpy.intp if weights is None else float)
    ufunc("add").at(sums, x, 1 if weights is None else weights)
    return sums


# ---------------------------------------------------------------------------------------------------------------------
# Order statistics of what is not NaN
# ---------------------------------------------------------------------------------------------------------------------


def with_nan_of_lanes(data, result, axis):
    """`result`, made of the sorted `data`, with NaN for each lane that has one. What is an array is written to."""
    if data.size == 0 or data.dtype.kind not in "fcmM":
        return result
    last = data.take(-1, axis=axis)
    if isinstance(result, (numpy.generic, _native.deferred_scalar)):
        return where(isnan(last), last, result)[()]
    native["copyto"](result, last, where=isnan(last))
    return result


class _Lanes:
    """The elements along one axis (None: all of them) in ascending order, NaN last, and how many are not NaN."""

    def __init__(self, a, axis):
        a = a.reshape(-1) if axis is None else _moved_last(a, axis)
        self.shape = a.shape[:-1]
        self.length = a.shape[-1]
        self.sorted = sort(a, axis=-1).reshape(-1)
        self.count = (~isnan(a)).sum(axis=-1).reshape(-1)
        if bool((self.count == 0).any()):
            warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=6)
        self.start = native["arange"](0, self.count.size * self.length, self.length)

    def at(self, places):
        """The elements at `places` of each lane; its first one, which is NaN, where all are NaN."""
        places = ufunc("maximum")(ufunc("minimum")(places, self.count - 1), 0)
        return self.sorted.take(self.start + places)

    def result(self, found, extents, out):
        """What was found for each lane, in the shape of the result."""
        found = found.reshape((*extents, *self.shape))
        if out is None:
            return found[()]
        out[...] = found
        return out


def _moved_last(a, axis):
    from legate.numpy._views import moveaxis

    return moveaxis(a, normalize_axis(axis, a.ndim), -1)


def nanmedian_along(a, axis=None, out=None, overwrite_input=False):
    """The median along one axis, without NaN."""
    if a.dtype.kind not in "fcm" or not isinstance(a, _native.Array):
        return _borrowed.borrow(numpy.median)(a, axis, out=out)
    lanes = _Lanes(a, axis)
    low, high = lanes.at((lanes.count - 1) // 2), lanes.at(lanes.count // 2)
    mean = (low + high) / (2 if a.dtype.kind == "m" else low.dtype.type(2))
    return lanes.result(where(lanes.count % 2 == 1, low, mean), (), out)


def nanquantile_along(a, q, weights=None, axis=None, out=None, overwrite_input=False, method="linear", weak_q=False):
    """The quantiles `q` along one axis, without NaN."""
    if weights is not None or not isinstance(a, _native.Array):
        return _one_by_one(a, q, weights, axis, out, method, weak_q)
    ways = _borrowed.helper(numpy.quantile, "_QuantileMethods")
    if method not in ways or a.dtype.kind not in "f":
        rest = {"weak_q": True} if weak_q else {}  # NumPy 1 knows nothing of it
        return _borrowed.helper(numpy.quantile, "_quantile_unchecked")(a, q, axis, out, method=method, **rest)
    lanes = _Lanes(a, axis)
    quantiles = asarray(q).reshape(-1, 1)
    place = asarray(ways[method]["get_virtual_index"](lanes.count, quantiles))
    if place.dtype.kind in "iu":
        return lanes.result(lanes.at(place), q.shape, out)
    low = ufunc("floor")(place)
    share = _borrowed.helper(numpy.quantile, "_get_gamma")(place, low, ways[method])
    low = low.astype(numpy.intp)
    high = where(place < 0, 0, low + 1)
    dtype = a.dtype if weak_q else numpy.result_type(a.dtype, q.dtype)
    share = share.astype(dtype, copy=False)
    return lanes.result(_between(lanes.at(low), lanes.at(high), share), q.shape, out)


def _between(low, high, share):
    """From the nearer end, so that what is found never lies beyond either."""
    difference = high - low
    return where(share >= 0.5, high - difference * (1 - share), low + difference * share)


def _one_by_one(a, q, weights, axis, out, method, weak_q):
    """Each lane by itself: weights are sorted with their elements."""
    one = _borrowed.helper(numpy.nanquantile, "_nanquantile_1d")
    if axis is None or a.ndim == 1:
        found = one(a.ravel(), q, method=method, weights=weights.ravel(), weak_q=weak_q)
    else:
        a, weights = _moved_last(a, axis), _moved_last(weights, axis)
        found = native["empty"](q.shape + a.shape[:-1], a.dtype)
        for lane in numpy.ndindex(a.shape[:-1]):
            found[(..., *lane)] = one(a[lane], q, method=method, weights=weights[lane], weak_q=weak_q)
    if out is None:
        return found
    out[...] = found
    return out
