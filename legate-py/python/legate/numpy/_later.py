"""Functions that are found when a program first asks for them: their modules would make a good part of the import time."""

import importlib

import numpy

# Names by the module beside this one that has them.
MODULES = {}

# Functions that NumPy has in Python: its code runs on this namespace (see `_borrowed`).
BORROWED = (
    # statistics
    "corrcoef cov median percentile quantile histogram2d "
    "nanargmax nanargmin nancumprod nancumsum nanstd nanvar "
    # mathematics
    "angle cross cumulative_prod cumulative_sum ediff1d fix gradient i0 kron real_if_close sinc unwrap convolve correlate "
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


def find(name):
    """The function of that name, one of `NAMES`."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"legate.numpy.{_PLACES[name]}"), name)
    from legate.numpy import _borrowed

    return _borrowed.borrow(getattr(numpy, name))
