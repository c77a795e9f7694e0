"""NumPy's namespace with our implementations in it: each public name is native, re-exported as it is, or a fall-back."""

import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import types

import numpy

from legate import _fallback, _native

# Functions that never see array values: re-exported unchanged. The printing functions are here because they only read.
AS_IS = {
    "base_repr",
    "binary_repr",
    "broadcast_shapes",
    "busday_count",
    "busday_offset",
    "datetime_as_string",
    "datetime_data",
    "format_float_positional",
    "format_float_scientific",
    "get_include",
    "get_printoptions",
    "getbufsize",
    "geterr",
    "geterrcall",
    "info",
    "is_busday",
    "isdtype",
    "isscalar",
    "issubdtype",
    "iterable",
    "mintypecode",
    "printoptions",
    "promote_types",
    "set_printoptions",
    "setbufsize",
    "seterr",
    "seterrcall",
    "show_config",
    "show_runtime",
    "test",
    "typename",
}

# Functions between the host and a person, a file or a buffer: their values are on the host whoever calls them, nobody need be told.
QUIET = set(
    "asmatrix bmat from_dlpack frombuffer fromfile fromiter fromregex fromstring genfromtxt load loadtxt "
    "save savetxt savez savez_compressed".split()
)
QUIET_MODULES = {"numpy.testing"}

# Submodules of NumPy that are not part of its array namespace.
FOREIGN_MODULES = {"numpy.f2py", "numpy.distutils", "numpy.typing", "numpy.dtypes", "numpy.exceptions", "numpy.core"}


def fallback_function(name, function, quiet=False):
    """`function` of NumPy behind gathering and wrapping. `name` is what the warning says ('linalg.svd')."""
    invoke = _fallback.invoke if quiet else _fallback.call

    def call(*args, **kwargs):
        return invoke(name, function, args, kwargs)

    functools.update_wrapper(call, function, updated=())
    call.__module__ = "legate.numpy"
    call.falls_back = True
    return call


class Grid:
    """An object of NumPy's that is used by indexing (`mgrid`, `r_`): NumPy's code on our namespace."""

    def __init__(self, name, origin):
        self._name = name
        self._origin = origin
        self.__doc__ = origin.__doc__

    def __getitem__(self, key):
        from legate.numpy import _borrowed

        return _borrowed.borrow(type(self._origin).__getitem__)(self, key)

    def __getattr__(self, name):
        from legate.numpy import _borrowed

        value = getattr(self._origin, name)
        return _borrowed.stand_in(value) if callable(value) else value

    def __len__(self):
        return len(self._origin)


class vectorize(numpy.vectorize):  # noqa: N801 (NumPy's name)
    __doc__ = numpy.vectorize.__doc__

    def __call__(self, *args, **kwargs):
        """Calls the function element by element, on the host."""
        return _fallback.call("vectorize", super().__call__, args, kwargs)


GRIDS = {"mgrid", "ogrid", "r_", "c_"}
CLASSES = {"vectorize": vectorize}

# Functions that print arrays: of large ones they only see what is shown.
PRINTING = {"array2string", "array_repr", "array_str"}

# Functions of submodules that are composed of native operations: module and name.
REPLACED = {
    "lib.stride_tricks.as_strided": ("legate.numpy._memory", "as_strided"),
    "lib.stride_tricks.sliding_window_view": ("legate.numpy._memory", "sliding_window_view"),
}


def adopt(module, name):
    """What `legate.numpy` shows for `name` of NumPy's `module`.

    Raises
    ------
    AttributeError
        As NumPy's, if it has no such name.
    """
    value = getattr(module, name)
    path = module.__name__.removeprefix("numpy").removeprefix(".")
    qualified = f"{path}.{name}" if path else name
    if isinstance(value, types.ModuleType):
        return _adopt_module(value, qualified)
    if isinstance(value, type):
        return CLASSES.get(qualified, value)
    if isinstance(value, numpy.ufunc):
        return ufunc_of(value)
    if qualified in GRIDS:
        return Grid(qualified, value)
    if qualified in PRINTING:
        return importlib.import_module("legate._printing").of_values(value)
    if qualified in REPLACED:
        module, replaced = REPLACED[qualified]
        return getattr(importlib.import_module(module), replaced)
    if callable(value) and name not in AS_IS:
        return fallback_function(qualified, value, quiet=name in QUIET or module.__name__ in QUIET_MODULES)
    return value


class _KindOfUfuncs(type):
    """The class of the class of ufuncs: NumPy's are instances of it too."""

    def __instancecheck__(cls, instance):
        return type.__instancecheck__(cls, instance) or isinstance(instance, numpy.ufunc)


_native.set_metaclass(_native.ufunc, _KindOfUfuncs)


@functools.lru_cache(maxsize=None)
def ufunc_of(function):
    """Our ufunc for NumPy's `function`: one object for all its names (`abs` and `absolute`)."""
    ufunc = _native.ufunc(function)
    ufunc._enable()
    return ufunc


def _adopt_module(module, qualified):
    """Our module for NumPy's, which is shown as `qualified`: what it is shown as need not be what it is called (`emath`)."""
    name = module.__name__
    if not name.startswith("numpy.") or name in FOREIGN_MODULES:
        return module
    if is_public(name):
        return importlib.import_module(f"legate.{name}")
    return FallbackModule(f"legate.numpy.{qualified}", module)


def is_public(name):
    """Whether no part of a dotted name is private."""
    return not any(part.startswith("_") for part in name.split("."))


class FallbackModule(types.ModuleType):
    """A submodule of NumPy's, each name of which is adopted when it is first asked for."""

    def __init__(self, name, origin):
        super().__init__(name, origin.__doc__)
        self.__dict__["_origin"] = origin
        if hasattr(origin, "__all__"):
            self.__all__ = list(origin.__all__)

    def __getattr__(self, name):
        if name == "__path__":
            raise AttributeError(name)
        value = getattr(self._origin, name) if name.startswith("_") else adopt(self._origin, name)
        setattr(self, name, value)
        return value

    def __dir__(self):
        return sorted({*super().__dir__(), *dir(self._origin)})


# Loader and finder have no base class: `importlib.abc` takes longer to import than all of this package.
class _Loader:
    def create_module(self, spec):
        return FallbackModule(spec.name, importlib.import_module(spec.name.removeprefix("legate.")))

    def exec_module(self, module):
        """Nothing: names are adopted when they are asked for."""


class _Finder:
    """Finds `legate.numpy.X` wherever NumPy has a public `numpy.X` and we have no file of that name (files are found first)."""

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith("legate.numpy."):
            return None
        origin = fullname.removeprefix("legate.")
        if not is_public(origin):
            return None
        try:
            found = importlib.util.find_spec(origin)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(), is_package=found.submodule_search_locations is not None)


def install():
    """Makes `import legate.numpy.fft` and its like work. Idempotent."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def resolve(module, name):
    """`legate.numpy`'s object for the public `name` of NumPy's `module`; None if it shows none there."""
    try:
        return getattr(importlib.import_module(f"legate.{module}"), name, None)
    except ImportError:
        return None


def quiet(function, *args, **kwargs):
    """NumPy's `function` on gathered arguments: for small cases of native functions, of which nobody need be told."""
    if kwargs.get("out") is None:
        return _native.call(function, args, kwargs)
    return _fallback.invoke(function.__name__, function, args, kwargs)
