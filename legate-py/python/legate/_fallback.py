"""What is not native goes to NumPy: arguments are gathered, NumPy is called, its results are wrapped.

A function that falls back says so once per name and user line (``LEGATE_FALLBACK=error|warn|silent``), and is counted.
NumPy gets read-only snapshots, so a function that would write to its argument raises instead of losing the write; the
functions that are known to write get writable copies, which are stored back.
"""

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


class _Policy:
    """The policy in force: the innermost :func:`fallback` block of this context, else ``LEGATE_FALLBACK``, else ``warn``."""

    def __init__(self):
        self._scoped = ContextVar("legate_fallback", default=None)
        self._checked = None

    def __call__(self):
        return self._scoped.get() or self._from_environment()

    def _from_environment(self):
        value = os.environ.get("LEGATE_FALLBACK", "warn") or "warn"
        if value != self._checked:
            self._checked = checked(value, "LEGATE_FALLBACK")
        return value

    @contextmanager
    def scope(self, policy):
        token = self._scoped.set(policy)
        try:
            yield
        finally:
            self._scoped.reset(token)


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


_policy = _Policy()


def fallback(policy):
    """A context in which functions that are not native warn, raise or keep silent.

    Parameters
    ----------
    policy : {'warn', 'error', 'silent'}

    Examples
    --------
    >>> import legate, legate.numpy as np
    >>> with legate.fallback("silent"):
    ...     np.einsum("i,i", np.ones(2), np.ones(2))
    np.float64(2.0)
    """
    return _policy.scope(checked(policy))


# ---------------------------------------------------------------------------------------------------------------------
# Telling
# ---------------------------------------------------------------------------------------------------------------------

_counts = Counter()
_native_names = set()
_INTERNAL = tuple(os.path.dirname(os.path.abspath(m.__file__)) + os.sep for m in (sys.modules["legate"], numpy))


def report(name):
    """Counts a fall-back of `name` and tells the user, as the policy says."""
    _counts[name] += 1
    policy = _policy()
    if policy == "silent":
        return
    message = (
        f"legate.numpy has not implemented '{name}' and is falling back to canonical numpy. "
        "You may notice significantly decreased performance for this function call."
    )
    if policy == "error":
        raise FallbackError(message)
    _warn_at_user_line(message)


def _warn_at_user_line(message):
    frame = _user_frame()
    if frame is None:
        warnings.warn(message, FallbackWarning, stacklevel=3)
        return
    scope = frame.f_globals
    warnings.warn_explicit(
        message,
        FallbackWarning,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=scope.get("__name__", "<unknown>"),
        registry=scope.setdefault("__warningregistry__", {}),
    )


def _user_frame():
    """The innermost frame that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_INTERNAL):
        frame = frame.f_back
    return frame


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


def gather(value):
    """`value` with every Legate array in it (also inside lists, tuples, dicts, slices) replaced by a read-only snapshot."""
    if isinstance(value, _native.Array):
        return value._snapshot()
    kind = type(value)
    if kind is list:
        return [gather(item) for item in value]
    if kind is tuple:
        return tuple([gather(item) for item in value])
    if kind is dict:
        return {key: gather(item) for key, item in value.items()}
    if kind is slice:
        return slice(gather(value.start), gather(value.stop), gather(value.step))
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make([gather(item) for item in value])
    if kind is _native.ufunc:
        return value.numpy
    return value


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

    def call(self, function, args, kwargs):
        if not self.copies:
            return _native.call(function, args, kwargs)
        return self.finish(function(*args, **kwargs))

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
    "place": (0,),
    "put": (0,),
    "put_along_axis": (0,),
    "putmask": (0,),
    "random.shuffle": (0,),
}


def invoke(name, function, args, kwargs):
    """Calls NumPy's `function` on gathered arguments, without telling anybody."""
    gatherer = _Gatherer()
    writes = WRITES.get(name, ())
    args = tuple([gatherer.writable(arg) if i in writes else gather(arg) for i, arg in enumerate(args)])
    kwargs = {key: gatherer.writable(value) if key == "out" else gather(value) for key, value in kwargs.items()}
    return gatherer.call(function, args, kwargs)


def call(name, function, args, kwargs):
    """Calls NumPy's `function` on gathered arguments and tells the user."""
    report(name)
    return invoke(name, function, args, kwargs)


# Methods that change their array.
MUTATING_METHODS = {"byteswap", "fill", "partition", "put", "setfield", "sort"}
# Methods whose result is bytes, a file, or Python objects: values have to come to the host whoever computes them.
READING_METHODS = {"dump", "dumps", "tobytes", "tofile", "tolist"}


def call_method(array, name, args, kwargs):
    """Calls the method `name` of NumPy's `ndarray` on gathered arguments and tells the user."""
    if name not in READING_METHODS:
        report(f"ndarray.{name}")
    gatherer = _Gatherer()
    subject = gatherer.writable(array) if name in MUTATING_METHODS else array._snapshot()
    args = tuple([gather(arg) for arg in args])
    kwargs = {key: gatherer.writable(value) if key == "out" else gather(value) for key, value in kwargs.items()}
    return gatherer.call(getattr(subject, name), args, kwargs)


def call_ufunc(function, method, args, kwargs):
    """Calls a NumPy ufunc, or its method (``reduce``, ``accumulate``, ``outer``, ``reduceat``, ``at``), on gathered arguments
    and tells the user."""
    name = function.__name__
    report(name if method == "__call__" else f"{name}.{method}")
    gatherer = _Gatherer()
    outputs = range(function.nin, function.nargs) if method == "__call__" else ()
    if method == "at":
        outputs = (0,)
    args = tuple([gatherer.writable(arg) if i in outputs else gather(arg) for i, arg in enumerate(args)])
    kwargs = {key: gatherer.writable(value) if key == "out" else gather(value) for key, value in kwargs.items()}
    return gatherer.call(getattr(function, method), args, kwargs)


def call_operator(name, ufunc, operands):
    """Applies an operator of Python's to NumPy arrays, so that NumPy decides what it means for other objects."""
    report(ufunc)
    return _native.call(getattr(operator, name), tuple([gather(operand) for operand in operands]), {})


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
    refuse(getattr(subject, name), args, kwargs)


def _as_zeros(value):
    if isinstance(value, _native.Array):
        return numpy.broadcast_to(numpy.zeros((), value.dtype), value.shape)  # takes no memory
    if type(value) in (list, tuple):
        return type(value)(map(_as_zeros, value))
    return value


def _as_output(value):
    if isinstance(value, _native.Array):
        return numpy.empty(value.shape, value.dtype)
    return tuple(map(_as_output, value)) if type(value) is tuple else value


# ---------------------------------------------------------------------------------------------------------------------
# Indexing with arrays
# ---------------------------------------------------------------------------------------------------------------------


def get_item(array, key):
    """``array[key]`` for a key of arrays, lists or bools: a copy."""
    key = gather(key)
    if not _selects(key):
        return _as_zeros(array)[key]  # not a key at all: NumPy raises
    report("ndarray.__getitem__")
    return _native.call(operator.getitem, (array._snapshot(), key), {})


def set_item(array, key, value):
    """``array[key] = value`` for keys or values that are not native: the array is gathered, written to, and stored back."""
    key = gather(key)
    if not array.flags.writeable:
        raise ValueError("assignment destination is read-only")
    if _selects(key):
        report("ndarray.__setitem__")
    copy = numpy.array(array._snapshot())
    copy[key] = gather(value)
    array[...] = copy


def _selects(key):
    """Whether NumPy takes a key that is not basic for a selection of elements."""
    entries = key if type(key) is tuple else (key,)
    return any(isinstance(entry, (list, tuple, bool, numpy.bool_, numpy.ndarray)) for entry in entries)
