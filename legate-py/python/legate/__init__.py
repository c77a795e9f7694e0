"""Legate: NumPy programs on a distributed runtime.

``import legate.numpy as np`` is the NumPy namespace. This package holds what NumPy has no name for: what ran natively and
what did not (:func:`coverage`), what to do about the latter (:func:`fallback`), how a piece of a program ran and why so
(:func:`explain`), and the runtime's counters (:func:`stats`).

The runtime starts when the first array needs it; importing costs NumPy's import and a little more.
"""

import atexit as _atexit
import os as _os

from legate import _ranks

_ranks.join()  # before the first array

from legate._explain import Explanation, explain
from legate._fallback import FallbackError, FallbackWarning, coverage, fallback
from legate._native import ControlReplicationError, TaskError, __version__, _tell, _write_profile, fence, local, stats

__all__ = [
    "ControlReplicationError",
    "Explanation",
    "FallbackError",
    "FallbackWarning",
    "TaskError",
    "__version__",
    "coverage",
    "explain",
    "fallback",
    "fence",
    "local",
    "stats",
]


if _ranks.is_led() and _ranks.standing.rank > 0:
    _ranks.follow()


@_atexit.register
def _finish():
    """When the program has ended: tells what nobody has waited to hear, writes the profile that was asked for, and leaves the other ranks."""
    try:
        _tell()
    finally:
        path = _os.environ.get("LEGATE_PROFILE")
        if path:
            _write_profile(path)
        _ranks.finish()
