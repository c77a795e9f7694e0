"""What is not native goes to NumPy: arguments are gathered, NumPy is called, its results are wrapped.

A function that falls back says so once per name and user line (``LEGATE_FALLBACK=error|warn|silent``), and is counted.
NumPy gets read-only snapshots, so a function that would write to its argument raises instead of losing the write; the
functions that are known to write get writable copies, which are stored back.
"""

import functools
import operator
import os
import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar

import numpy

from legate import _native

POLICIES = ("warn", "error", "silent")

FallbackWarning = RuntimeWarning


class FallbackError(NotImplementedError):
    """Raised for a function that is not native when the policy is ``error``."""


# The policy of the innermost :func:`fallback` block.
_scoped = ContextVar("legate_fallback", default=None)


def checked(policy, what="policy"):
    """`policy`, if it is one.

    Raises
    ------
    ValueError
        If it is not one of ``warn``, ``error``, ``silent``.
    """
    if policy not in POLICIES:
        raise ValueError(f"{what} must be one of {', '.join(POLICIES)}, not {policy!r}")
    return policy


def fallback(policy):
    """A context in which functions that are not native warn, raise or keep silent.

    Parameters
    ----------
    policy : {'warn', 'error', 'silent'}

    Examples
    --------
    >>> import legate, legate.numpy as np
    >>> with legate.fallback("silent"):
    ...     np.linalg.det(2 * np.eye(2))
    np.float64(4.0)
    """
    return _scope(checked(policy))


@contextmanager
def _scope(policy):
    token = _scoped.set(policy)
    try:
        yield
    finally:
        _scoped.reset(token)


# ---------------------------------------------------------------------------------------------------------------------
# Telling
# ---------------------------------------------------------------------------------------------------------------------

_counts = Counter()
_native_names = set()
_INTERNAL = tuple(os.path.dirname(os.path.abspath(m.__file__)) + os.sep for m in (sys.modules["legate"], numpy))


def report(name):
    """Counts a fall-back of `name` and tells the user, as the policy says: the innermost :func:`fallback` block of this context, else
    ``LEGATE_FALLBACK``, else ``warn``."""
    _counts[name] += 1
    policy = _scoped.get() or _native.fallback_setting() or "warn"
    if policy == "warn":
        _warn_at_user_line(_told(name))
    elif policy == "error":
        raise FallbackError(_told(name))
    else:
        checked(policy, "LEGATE_FALLBACK")  # else it is silent


@functools.lru_cache(maxsize=None)
def _told(name):
    return (
        f"legate.numpy has not implemented '{name}' and is falling back to canonical numpy. "
        "You may notice significantly decreased performance for this function call."
    )


def _warn_at_user_line(message):
    frame = _user_frame()
    if frame is None:
        warnings.warn(message, FallbackWarning, stacklevel=3)
        return
    scope, line = frame.f_globals, frame.f_lineno
    registry = scope.setdefault("__warningregistry__", {})
    # Most calls are not the first ones from their lines. What was said there under the filters in force is in the registry; to find
    # that out by `warn_explicit` takes longer than many a function.
    if (message, FallbackWarning, line) in registry and _are_in_force(registry.get(_FILTERS)):
        return
    warnings.warn_explicit(
        message,
        FallbackWarning,
        filename=frame.f_code.co_filename,
        lineno=line,
        module=scope.get("__name__", "<unknown>"),
        registry=registry,
    )
    registry[_FILTERS] = (warnings.filters, list(warnings.filters))


# Where a module's registry holds the list of filters that its entries were made under, and what was in it.
_FILTERS = "legate.numpy filters"


def _are_in_force(filters):
    return filters is not None and filters[0] is warnings.filters and filters[1] == warnings.filters


def _user_frame():
    """The innermost frame that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None and _is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


@functools.lru_cache(maxsize=1024)
def _is_internal(file):
    return file.startswith(_INTERNAL)


class Coverage:
    """What ran natively and what fell back, with the number of calls. Printing it shows the table.

    Attributes
    ----------
    native : dict of str to int
        Calls of each native function, ufunc and method that exists, also those with none.
    fallen_back : dict of str to int
        Calls of each name that went to NumPy.
    """

    def __init__(self, native, fallen_back):
        self.native = dict(sorted(native.items()))
        self.fallen_back = dict(sorted(fallen_back.items(), key=lambda item: (-item[1], item[0])))

    def __repr__(self):
        calls = sum(self.native.values())
        lines = [f"native: {len(self.native)} names, {calls} calls"]
        used = sorted(((n, c) for n, c in self.native.items() if c), key=lambda item: (-item[1], item[0]))
        lines += [f"  {count:>10}  {name}" for name, count in used]
        lines.append(f"fallen back to NumPy: {len(self.fallen_back)} names, {sum(self.fallen_back.values())} calls")
        lines += [f"  {count:>10}  {name}" for name, count in self.fallen_back.items()]
        return "\n".join(lines)


def coverage():
    """What ran natively and what fell back, so far in this process."""
    native = dict.fromkeys(_native_names, 0)
    native.update(_native.calls())
    return Coverage(native, _counts)


def register_native(names):
    """Adds names to the native part of the coverage report (functions composed of native operations in Python)."""
    _native_names.update(names)


# ---------------------------------------------------------------------------------------------------------------------
# Gathering and wrapping
# ---------------------------------------------------------------------------------------------------------------------


gather = _native.gather


class _Gatherer:
    """Gathers the arguments of one call. Arrays in positions that the call writes to become writable copies, stored back by
    :meth:`finish`; a result that is one of the gathered arrays becomes the Legate array it came from."""

    def __init__(self):
        self.copies = []

    def writable(self, value):
        if isinstance(value, tuple):
            return tuple([self.writable(item) for item in value])
        if isinstance(value, numpy.ndarray):
            self.copies.append((value, value))
        if not isinstance(value, _native.Array):
            return gather(value)
        copy = numpy.array(value._snapshot())
        self.copies.append((value, copy))
        return copy

    def arguments(self, args, kwargs, written):
        """Positional and keyword arguments, those at the positions `written` and `out=` writable."""
        args = tuple([self.writable(arg) if i in written else gather(arg) for i, arg in enumerate(args)])
        return args, {key: self.writable(value) if key == "out" else gather(value) for key, value in kwargs.items()}

    def finish(self, result):
        for original, copy in self.copies:
            if original is not copy:
                original[...] = copy
        return self._restore(result)

    def _restore(self, result):
        for original, copy in self.copies:
            if result is copy:
                return original
        if type(result) is tuple and self.copies:
            return tuple([self._restore(item) for item in result])
        return _native.wrap(result)


# Positions of the arguments that a function writes to (`out=` and `a.at` are known to everybody).
WRITES = {
    "copyto": (0,),
    "fill_diagonal": (0,),
    "imatmul": (0,),
    "place": (0,),
    "put": (0,),
    "put_along_axis": (0,),
    "putmask": (0,),
    "random.shuffle": (0,),
}


def invoke(name, function, args, kwargs):
    """Calls NumPy's `function` on gathered arguments, without telling anybody."""
    return _invoke(function, args, kwargs, WRITES.get(name, ()))


def _invoke(function, args, kwargs, written=()):
    if not written and "out" not in kwargs:
        return _native.call(function, args, kwargs)
    gatherer = _Gatherer()
    args, kwargs = gatherer.arguments(args, kwargs, written)
    return gatherer.finish(function(*args, **kwargs))


def otherwise(name, function, args, kwargs):
    """The result of a call that the native `name` does not cover, `NotImplemented` if there is no other native way. (`legate.numpy` puts a better one here.)"""
    return NotImplemented


def call(name, function, args, kwargs):
    """Calls NumPy's `function` on gathered arguments and tells the user."""
    result = otherwise(name, function, args, kwargs)
    if result is not NotImplemented:
        return result
    report(name)
    return _invoke(function, args, kwargs, WRITES.get(name, ()))


# Methods that change their array.
MUTATING_METHODS = {"byteswap", "fill", "partition", "put", "setfield", "sort"}
# Methods whose result is bytes, a file, or Python objects: values have to come to the host whoever computes them.
READING_METHODS = {"dump", "dumps", "tobytes", "tofile", "tolist"}


def call_method(array, name, args, kwargs):
    """Calls the method `name` of NumPy's `ndarray` on gathered arguments and tells the user."""
    result = otherwise(f"ndarray.{name}", None, (array, *args), kwargs)
    if result is not NotImplemented:
        return result
    if name not in READING_METHODS:
        report(f"ndarray.{name}")
    if name not in MUTATING_METHODS:
        return _invoke(getattr(array._snapshot(), name), args, kwargs)
    gatherer = _Gatherer()
    method = getattr(gatherer.writable(array), name)
    args, kwargs = gatherer.arguments(args, kwargs, ())
    return gatherer.finish(method(*args, **kwargs))


def call_ufunc(function, method, args, kwargs):
    """Calls a NumPy ufunc, or its method (``reduce``, ``accumulate``, ``outer``, ``reduceat``, ``at``), on gathered arguments
    and tells the user."""
    plainer = _plainer(kwargs)
    if plainer is not None:
        result = getattr(_ufunc_of(function), method)(*args, **plainer)
        return _native.functions()["asarray"](result) if kwargs.get("out") is ... else result
    name = function.__name__
    report(name if method == "__call__" else f"{name}.{method}")
    if method == "__call__":
        written = range(function.nin, len(args))
    else:
        written = (0,) if method == "at" else ()
    return _invoke(getattr(function, method), args, kwargs, written)


def _ufunc_of(function):
    from legate import _namespace

    return _namespace.ufunc_of(function)


def _plainer(kwargs):
    """Keywords without NumPy's rarer notations: ``out=...`` (an array, also where a scalar is the rule), classes of dtypes, and the marker of what was not
    given. `None` if there are none."""
    plainer = {key: value for key, value in kwargs.items() if value is not numpy._NoValue and not (key == "out" and value is ...)}
    dtype = plainer.get("dtype")
    if isinstance(dtype, type(numpy.dtype)) and issubclass(dtype.type or object, (numpy.number, numpy.bool_)):
        plainer["dtype"] = numpy.dtype(dtype.type)
    elif len(plainer) == len(kwargs):
        return None
    return plainer


def call_operator(name, ufunc, operands):
    """Applies an operator of Python's to NumPy arrays, so that NumPy decides what it means for other objects."""
    report(ufunc)
    return _native.call(getattr(operator, name), operands, {})


# ---------------------------------------------------------------------------------------------------------------------
# Refusals
# ---------------------------------------------------------------------------------------------------------------------


def refuse_types(function, args, kwargs):
    """Lets NumPy raise what it raises for arguments of these types: it sees arrays of the same dtypes and no elements."""
    function(*map(_without_elements, args), **{key: _without_elements(value) for key, value in kwargs.items()})


def _without_elements(value):
    if isinstance(value, (_native.Array, numpy.ndarray)):
        return numpy.empty(0, value.dtype) if value.ndim else numpy.zeros((), value.dtype)
    if type(value) is tuple:
        return tuple(map(_without_elements, value))
    return value


def refuse(function, args, kwargs):
    """Lets NumPy raise what it raises for these arguments: it sees arrays of the same shapes and dtypes, all zeros."""
    writes = WRITES.get(getattr(function, "__name__", None), ())
    args = [_as_output(arg) if i in writes else _as_zeros(arg) for i, arg in enumerate(args)]
    kwargs = {key: _as_output(value) if key == "out" else _as_zeros(value) for key, value in kwargs.items()}
    function(*args, **kwargs)


def refuse_method(array, name, args, kwargs):
    """As :func:`refuse`, for the method `name` of an array."""
    subject = _as_output(array) if name in MUTATING_METHODS else _as_zeros(array)
    refuse(getattr(numpy.ndarray, name), (subject, *args), kwargs)


def refuse_ufunc(function, method, args, kwargs):
    """As :func:`refuse`, for a method of NumPy's ufunc `function`."""
    outputs = range(function.nin, len(args)) if method == "__call__" else (0,) if method == "at" else ()
    args = [_as_output(arg) if i in outputs else _as_zeros(arg) for i, arg in enumerate(args)]
    kwargs = {key: _as_output(value) if key == "out" else _as_zeros(value) for key, value in kwargs.items()}
    with numpy.errstate(all="ignore"):
        getattr(function, method)(*args, **kwargs)


def _as_zeros(value):
    if isinstance(value, _native.Array):
        return numpy.broadcast_to(numpy.zeros((), value.dtype), value.shape)  # takes no memory
    if type(value) in (list, tuple):
        return type(value)(map(_as_zeros, value))
    return value


def _as_output(value):
    if isinstance(value, (_native.Array, numpy.ndarray)):
        output = numpy.empty(value.shape, value.dtype)
        output.flags.writeable = value.flags.writeable
        return output
    return tuple(map(_as_output, value)) if type(value) is tuple else value


# ---------------------------------------------------------------------------------------------------------------------
# Indexing with arrays
# ---------------------------------------------------------------------------------------------------------------------


def get_item(array, key):
    """``array[key]`` for what is no key, which NumPy refuses; if it does not, a copy."""
    key = gather(key)
    refused = _as_zeros(array)[key]
    if not _selects(key):
        return refused
    report("ndarray.__getitem__")
    return _native.call(operator.getitem, (array._snapshot(), key), {})


def set_item(array, key, value):
    """``array[key] = value`` for keys or values that are not native: the array is gathered, written to, and stored back."""
    key, value = gather(key), gather(value)
    if not array.flags.writeable:
        raise ValueError("assignment destination is read-only")
    try:
        _as_zeros(array)[key]
    except IndexError as error:
        # NumPy looks at the value before it looks where indices lead.
        if _selects(key) and ("out of bounds" in str(error) or "shape mismatch" in str(error)):
            _check_value(array, value)
        raise
    _check_value(array, value)
    if _selects(key):
        report("ndarray.__setitem__")
    copy = numpy.array(array._snapshot())
    copy[key] = value
    array[...] = copy


def _check_value(array, value):
    if type(value) in (int, str, bytes):
        numpy.empty(1, array.dtype)[0] = value


def _selects(key):
    """Whether NumPy takes a key that is not basic for a selection of elements."""
    entries = key if type(key) is tuple else (key,)
    return any(isinstance(entry, (list, tuple, bool, numpy.bool_, numpy.ndarray)) for entry in entries)
