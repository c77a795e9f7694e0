"""Functions that are found when a program first asks for them: their modules would make a good part of the import time."""

import importlib

import numpy

# Names by the module beside this one that has them.
MODULES = {
    "_choosing": "choose compress extract ravel_multi_index unravel_index",
    "_statistics": "histogram histogramdd",
    "_mathematics": "i0",
    "_sorting": "argpartition lexsort partition sort_complex",
}

# Functions that NumPy has in Python: its code runs on this namespace (see `_borrowed`).
BORROWED = (
    # statistics
    "corrcoef cov median percentile quantile histogram2d histogram_bin_edges "
    "nanargmax nanargmin nancumprod nancumsum nanmedian nanpercentile nanquantile nanstd nanvar "
    # mathematics
    "angle cross cumulative_prod cumulative_sum ediff1d fix gradient kron real_if_close sinc unwrap convolve correlate einsum einsum_path "
    # shaping
    "apply_along_axis apply_over_axes asarray_chkfinite astype block pad require resize row_stack "
    # sets
    "intersect1d setdiff1d setxor1d union1d unique_all unique_counts unique_inverse unique_values "
    # creation
    "bartlett blackman fromfunction geomspace hamming hanning kaiser logspace vander "
    # indexing
    "delete diag_indices diag_indices_from indices insert ix_ mask_indices piecewise put_along_axis select take_along_axis "
    "tril_indices tril_indices_from trim_zeros triu_indices triu_indices_from "
    # polynomials
    "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots "
).split()

_PLACES = {name: module for module, names in MODULES.items() for name in names.split()}
NAMES = {name for name in (*BORROWED, *_PLACES) if hasattr(numpy, name)}

# Functions that cover the common calls, by the name of NumPy's: its code, borrowed, covers the others.
WHOLE = frozenset("average hstack isin linspace nan_to_num nanmax nanmean nanmin nanprod nansum stack unique vstack".split())

# What ours do not cover, in the modules beside this one: functions that answer `NotImplemented` for what they do not cover either.
REMAINDERS = {
    "any": ("_statistics", "any_of"),
    "arange": ("_mathematics", "complex_range"),
    "argsort": ("_sorting", "complex_order"),
    "ndarray.argsort": ("_sorting", "complex_order"),
    "ndarray.sort": ("_sorting", "sort_complex_in_place"),
    "bincount": ("_statistics", "counted"),
    "sort": ("_sorting", "sorted_complex"),
    "unique": ("_sets", "unique_along"),
}


def otherwise(name, function, args, kwargs):
    """The result of a call that the native function of that name does not cover; `NotImplemented` where NumPy itself has to be called."""
    if any(map(_holds_objects, args)):
        return NotImplemented
    if name in REMAINDERS:
        module, remainder = REMAINDERS[name]
        result = getattr(importlib.import_module(f"legate.numpy.{module}"), remainder)(*args, **kwargs)
        if result is not NotImplemented:
            return result
    if name not in WHOLE:
        return NotImplemented
    from legate.numpy import _borrowed

    return _borrowed.borrow(function)(*args, **kwargs)


def _holds_objects(value):
    if isinstance(value, (list, tuple)):
        return bool(value) and _holds_objects(value[0])
    return isinstance(value, (str, bytes)) or isinstance(value, numpy.ndarray) and value.dtype.kind not in "biufc"


def find(name):
    """The function of that name, one of `NAMES`."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"legate.numpy.{_PLACES[name]}"), name)
    from legate.numpy import _borrowed

    return _borrowed.borrow(getattr(numpy, name))
