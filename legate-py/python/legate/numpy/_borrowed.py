"""NumPy's functions that are themselves written in Python, over this namespace.

Much of NumPy (`gradient`, `pad`, `percentile`, `polyfit`) is a few lines of Python around array operations. Such a function is made native by
giving NumPy's own code other globals: each public name that it uses is ours, each private helper is another such function. So signatures, dtype rules,
exceptions and their texts are those of the NumPy that is installed, whichever it is, and the work is done by native operations on arrays wherever they are.

Functions are made when they are first asked for, with the globals that their code names: importing this module costs nothing.
What loops over elements in NumPy, or asks more of the C part than an operation, is written in the modules beside this one; they replace NumPy's helpers too (`REPLACED`).
"""

import importlib
import types

import numpy

import legate.numpy
from legate import _native

# What stands for NumPy's private functions of C, and for helpers that loop over elements: module beside this one, and name.
REPLACED = {
    "_array_converter": ("_converting", "ArrayConverter"),
    "broadcast": ("_converting", "broadcast"),
    "_unique_hash": ("_sets", "no_hashes"),
    "_median_nancheck": ("_statistics", "with_nan_of_lanes"),
    "_nanmedian": ("_statistics", "nanmedian_along"),
    "_nanquantile_ureduce_func": ("_statistics", "nanquantile_along"),
    "c_einsum": ("_einsum", "contract"),
    "interp": ("_searches", "interpolated"),
    "interp_complex": ("_searches", "interpolated_complex"),
    "correlate": ("_signal", "correlate_as_is"),
    "correlate2": ("_signal", "correlate_conjugated"),
}

# Modules whose functions are about arrays of their own.
NOT_OURS = ("numpy.ma", "numpy.matrixlib", "numpy.testing")

_rebound = {}
_globals = {}
_namespaces = {}
_DISPATCHER = type(numpy.sum)


def borrow(function):
    """NumPy's public `function`, or a private helper of one, on this namespace.

    Raises
    ------
    TypeError
        If it is not written in Python.
    """
    code = _python_part(function)
    if code is None:
        raise TypeError(f"{function!r} is not written in Python")
    if code not in _rebound:
        _rebound[code] = made = _bind(code)
        _provide(code.__code__, code.__globals__, made.__globals__)
    return _rebound[code]


def _python_part(function):
    function = getattr(function, "_implementation", function) if isinstance(function, _DISPATCHER) else function
    if type(function) is not types.FunctionType:
        return None
    module = function.__globals__.get("__name__", "")
    return function if module.startswith("numpy") and not module.startswith(NOT_OURS) else None


def _bind(function):
    made = types.FunctionType(
        function.__code__,
        _globals.setdefault(function.__globals__["__name__"], {"__builtins__": __builtins__, "__name__": "legate.numpy"}),
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__doc__ = function.__doc__
    made.__module__ = "legate.numpy"
    made.__qualname__ = function.__qualname__
    return made


def _provide(code, origin, target):
    """Puts what `code` names into the globals `target`."""
    for name in code.co_names:
        if name in origin and name not in target:
            target[name] = None  # it is being made: functions name each other
            target[name] = stand_in(origin[name], name)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _provide(constant, origin, target)


def stand_in(value, name=None):
    """What borrowed code sees in the place of `value`, a global of one of NumPy's modules or an attribute of one."""
    if isinstance(value, types.ModuleType):
        is_seen_through = value.__name__.startswith("numpy") and not value.__name__.startswith(NOT_OURS)
        return namespace(value) if is_seen_through else value
    if value is numpy.ndarray:
        return _native.ndarray
    if isinstance(value, type):
        return _replacement(value.__name__) if value.__name__ in REPLACED else value
    if callable(value):
        ours = _public(value, name)
        if ours is not None:
            return ours
        if getattr(value, "__name__", None) in REPLACED:
            return _replacement(value.__name__)
        return value if _python_part(value) is None else borrow(value)
    if type(value) is dict:
        return {key: stand_in(item) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(map(stand_in, value))
    return value


def _public(value, name):
    """Our object for a public one of NumPy's; `None` for what is not public."""
    for candidate in (name, getattr(value, "__name__", None)):
        if not candidate or candidate.startswith("_"):
            continue
        public = getattr(numpy, candidate, None)
        if public is value or public is not None and getattr(public, "_implementation", None) is value:
            return getattr(legate.numpy, candidate)
        if getattr(numpy.linalg, candidate, None) is value:
            return getattr(legate.numpy.linalg, candidate)
    return None


def _replacement(name):
    module, name = REPLACED[name]
    return getattr(importlib.import_module(f"legate.numpy.{module}"), name)


def helper(function, name):
    """The private `name` of the module of NumPy's that has the public `function`, on this namespace."""
    value = _python_part(function).__globals__[name]
    return stand_in(value, name)


def namespace(module):
    """What stands for a module of NumPy's."""
    if module.__name__ not in _namespaces:
        _namespaces[module.__name__] = _Namespace(module)
    return _namespaces[module.__name__]


class _Namespace:
    """A module as borrowed code sees it, each name of which is found when it is first used."""

    def __init__(self, origin):
        self._origin = origin

    def __getattr__(self, name):
        value = stand_in(getattr(self._origin, name), name)
        setattr(self, name, value)
        return value
