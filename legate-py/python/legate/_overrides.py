"""Other classes' part in calls: ``__array_ufunc__`` and ``__array_function__`` in NumPy's order, ``__array_wrap__``."""

import numpy

from legate import _fallback, _native

try:
    from numpy._core._internal import array_ufunc_errmsg_formatter
except ImportError:  # NumPy 1
    from numpy.core._internal import array_ufunc_errmsg_formatter

_DEFAULTS = (_native.Array.__array_ufunc__, numpy.ndarray.__array_ufunc__)

# What may be given by position after the inputs, in order.
_POSITIONAL = {
    "reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("axis", "dtype", "out"),
    "reduceat": ("indices", "axis", "dtype", "out"),
}


def call(ufunc, method, args, kwargs):
    """What the first class that wants to makes of ``getattr(ufunc, method)(*args, **kwargs)``; NotImplemented if there is no class to ask.

    Raises
    ------
    TypeError
        If a class has ``__array_ufunc__ = None``, or all that were asked decline.
    """
    inputs, kwargs = _normalized(ufunc, method, args, kwargs)
    asked = _in_order((*inputs, *kwargs.get("out", ())))
    if not asked:
        return NotImplemented
    for value in asked:
        if type(value).__array_ufunc__ is None:
            raise TypeError(f"operand '{type(value).__name__}' does not support ufuncs (__array_ufunc__=None)")
    for value in asked:
        given = [_fallback.gather(i) for i in inputs] if _is_on_host(value) else inputs
        result = type(value).__array_ufunc__(value, ufunc, method, *given, **kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(array_ufunc_errmsg_formatter(None, ufunc, method, *inputs, **kwargs))


def _is_on_host(value):
    """Whether `value` is of a library that computes with NumPy's arrays and takes no others for arrays."""
    return type(value).__module__.partition(".")[0] == "pandas"


def call_function(function, args, kwargs):
    """What the first class that wants to makes of ``function(*args, **kwargs)``, a function of this namespace.

    Raises
    ------
    TypeError
        If all that were asked decline.
    """
    asked = []
    for given in (*args, *kwargs.values()):
        for value in given if type(given) in (list, tuple) else (given,):
            kind = type(value)
            if not hasattr(kind, "__array_function__") or any(type(other) is kind for other in asked):
                continue
            # Left to right, but subclasses before the classes that they are of.
            place = next((i for i, other in enumerate(asked) if issubclass(kind, type(other))), len(asked))
            asked.insert(place, value)
    types = tuple([type(value) for value in asked])
    for value in asked:
        result = value.__array_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"numpy.{function.__name__}"
    raise TypeError(f"no implementation found for '{name}' on types that implement __array_function__: {list(types)}")


def _normalized(ufunc, method, args, kwargs):
    """Inputs and keywords as NumPy hands them to ``__array_ufunc__``: outputs as a tuple, everything else by keyword."""
    kwargs = dict(kwargs)
    if "sig" in kwargs:
        kwargs["signature"] = kwargs.pop("sig")
    count = ufunc.nin if method == "__call__" else 2 if method == "outer" else len(args) if method == "at" else 1
    inputs, rest = args[:count], args[count:]
    if method == "__call__":
        if rest:
            kwargs["out"] = (*rest, *[None] * (ufunc.nout - len(rest)))
    else:
        for name, value in zip(_POSITIONAL.get(method, ()), rest):
            if value is not numpy._NoValue:
                kwargs[name] = value
    if method == "reduceat" and "indices" in kwargs:
        inputs = (*inputs, kwargs.pop("indices"))
    if "out" in kwargs:
        out = kwargs.pop("out")
        out = out if isinstance(out, tuple) else (out,)
        if any(value is not None for value in out):
            kwargs["out"] = out
    return inputs, kwargs


def _in_order(values):
    """One value of each class that overrides ufuncs: left to right, but subclasses before the classes that they are of."""
    asked = []
    for value in values:
        kind = type(value)
        own = getattr(kind, "__array_ufunc__", _DEFAULTS[0])
        if own in _DEFAULTS or any(type(other) is kind for other in asked):
            continue
        place = next((i for i, other in enumerate(asked) if issubclass(kind, type(other))), len(asked))
        asked.insert(place, value)
    return asked


def wrap(model, value, ufunc, args, index):
    """`value`, output `index` of a call, as `model`, which has an ``__array_wrap__`` of its own, wants it."""
    is_scalar = not isinstance(value, _native.ndarray)
    array = _native.adopt(numpy.asarray(value)) if is_scalar else value
    if not isinstance(model, _native.Array):
        array = numpy.asarray(array)
    try:
        return model.__array_wrap__(array, (ufunc, args, index), is_scalar)
    except TypeError:  # as written for NumPy 1
        return model.__array_wrap__(array, (ufunc, args, index))
