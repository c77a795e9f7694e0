"""Functions that are found when a program first asks for them: their modules would make a good part of the import time."""

import importlib

import numpy

# Names by the module beside this one that has them.
MODULES = {
    "_statistics": "histogram",
    "_sorting": "argpartition lexsort partition",
    "_bits": "packbits unpackbits",
}

# Functions that NumPy has in Python: its code runs on this namespace (see `_borrowed`).
BORROWED = (
    # statistics
    "corrcoef cov median percentile quantile histogram2d histogram_bin_edges histogramdd "
    "nanargmax nanargmin nancumprod nancumsum nanmedian nanpercentile nanquantile nanstd nanvar "
    # mathematics
    "angle cross cumulative_prod cumulative_sum ediff1d fix gradient i0 kron real_if_close sinc unwrap convolve correlate einsum einsum_path "
    # shaping
    "apply_along_axis apply_over_axes asarray_chkfinite astype block pad require resize sort_complex "
    # sets
    "intersect1d setdiff1d setxor1d union1d unique_all unique_counts unique_inverse unique_values "
    # creation
    "bartlett blackman fromfunction geomspace hamming hanning kaiser logspace vander "
    # polynomials
    "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots "
).split()

_PLACES = {name: module for module, names in MODULES.items() for name in names.split()}
NAMES = {name for name in (*BORROWED, *_PLACES) if hasattr(numpy, name)}

# Functions that cover the common calls, by the name of NumPy's: its code, borrowed, covers the others.
WHOLE = frozenset("average isin linspace nan_to_num nanmax nanmean nanmin nanprod nansum unique".split())


def otherwise(name, function, args, kwargs):
    """NumPy's `function`, borrowed, for a call that ours does not cover; `None` where NumPy itself has to be called."""
    if name not in WHOLE or any(map(_holds_objects, args)):
        return None
    from legate.numpy import _borrowed

    return _borrowed.borrow(function)


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
