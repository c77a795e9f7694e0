"""NumPy's namespace on the Legate runtime.

``import legate.numpy as np`` instead of ``import numpy as np``. Names are, in this order: native (the extension module's
functions and ufuncs), composed of native operations (the modules beside this file), NumPy's own (dtypes, constants,
exceptions), or fall-backs to NumPy that say so.
"""

import types as _types

import numpy as _numpy

from legate import _fallback, _methods, _namespace, _native
from legate._native import ndarray, ufunc

_namespace.install()

# --- native ----------------------------------------------------------------------------------------------------------
globals().update(_native.functions())

# --- composed of native operations -----------------------------------------------------------------------------------
from legate.numpy import _composed, _later, _memory, _queries, _searches, _views  # noqa: E402

for _module in (_composed, _memory, _queries, _searches, _views):
    globals().update({_name: getattr(_module, _name) for _name in _module.__all__})
    _fallback.register_native(_module.__all__)

# Most programs need few of the others: those are made when they are asked for.
_fallback.register_native(_later.NAMES)
_fallback.otherwise = _later.otherwise
_fallback.register_native(_namespace.REPLACED)

# --- NumPy's ---------------------------------------------------------------------------------------------------------
for _name, _value in list(vars(_numpy).items()):
    # Submodules are adopted when they are asked for: importing them all would cost more than NumPy's own import.
    if _name.startswith("_") or _name in _later.NAMES or isinstance(_value, _types.ModuleType):
        continue
    if _name not in globals():
        globals()[_name] = _namespace.adopt(_numpy, _name)

_methods.install()

# `random` is imported when it is asked for, as in NumPy: its own imports are a tenth of NumPy's.
from legate.numpy import linalg  # noqa: E402

__version__ = _numpy.__version__
__all__ = list(_numpy.__all__)
if hasattr(_numpy, "__array_api_version__"):
    __array_api_version__ = _numpy.__array_api_version__


def __getattr__(name):
    if name in _later.NAMES:
        value = _later.find(name)
    elif name.startswith("_"):
        value = getattr(_numpy, name)
    else:
        value = _namespace.adopt(_numpy, name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(dir(_numpy)))
