"""How a piece of a program ran, and why so: what was fused and what was not, what was computed at once, how long it took."""

import os
import statistics
import types
from collections import Counter, namedtuple

from legate import _fallback, _native

Operation = namedtuple("Operation", "name file line")
Operation.__doc__ = """One call as the runtime sees it: its name (several for a call that is several steps), the user's file and line."""

AtOnce = namedtuple("AtOnce", "name file line points")
AtOnce.__doc__ = """A call that was computed where it was made, on `points` points: its arrays are small, and their values were at hand."""

Window = namedtuple("Window", "operations ended_by line")
Window.__doc__ = """How many operations were looked at together, why no more were, and the (file, line) that ended it, or None."""


class Group:
    """Operations that ran as one pass over their points.

    Attributes
    ----------
    operations : list of Operation
        In the order of the program.
    shape : tuple of int
        Of the points that they run over.
    own_points : int
        How many of them this rank computes; all, where each rank computes all.
    apart : str
        Why the first of them did not join an earlier group.
    apart_from : tuple of str and int, or None
        The file and line of the operation that it did not join.
    bytes : int
        Memory that was read or written, each array once.
    unstored, unstored_bytes : int
        Results that nobody else needs: how many, and the memory that they did not take.
    walk : int, or None
        It ran block of rows by block of rows together with its neighbours, in one walk over what they share: the place in
        :attr:`Explanation.groups` of the first of them, which has the figures of all.
    dead : bool
        Nobody needs any of its results: it did not run.
    chunks, threads : int
        Into how many pieces it was cut, and how many threads worked on them.
    predicted_s, measured_s : float
        Seconds by the cost model, and from the start of the first piece to the end of the last.
    busy_s : float
        Seconds of all threads together.
    """

    def __init__(self, told):
        self.__dict__.update(told)
        self.operations = [Operation(name, file, line) for name, (file, line) in told["operations"]]
        self.shape = tuple(told["shape"])

    def __repr__(self):
        return f"<Group of {len(self.operations)} on {self.shape}>"


class Explanation:
    """What :func:`explain` has seen. Printing it shows the report.

    Attributes
    ----------
    groups : list of Group
    at_once : list of AtOnce
    windows : list of Window
    fallbacks : dict of str to int
        Calls that were left to NumPy.
    copies, copied_bytes : int
        Copies of arrays, beside what groups read and write.
    messages, message_bytes : int
        Between (simulated) ranks.
    fetched_bytes : int
        Of values that the program looked at: they came to every rank.
    result : object
        What the callable returned.
    """

    def __init__(self, told, before, after, fallbacks, result):
        self.groups = [Group(group) for group in told["groups"]]
        self.at_once = [AtOnce(name, file, line, points) for name, (file, line), points in told["at_once"]]
        self.windows = [Window(*window) for window in told["windows"]]
        self.copies, self.copied_bytes = told["copies"], told["copied_bytes"]
        self.messages = after["messages"] - before["messages"]
        self.message_bytes = after["message_bytes"] - before["message_bytes"]
        self.fetched_bytes = after["fetched_bytes"] - before["fetched_bytes"]
        self.fallbacks = fallbacks
        self.result = result

    def __str__(self):
        parts = [self._head(), *self._group_texts(), self._at_once_text(), self._rest()]
        return "\n".join(part for part in parts if part)

    __repr__ = __str__

    def _head(self):
        operations = sum(len(group.operations) for group in self.groups)
        fused = sum(len(group.operations) for group in self.groups if len(group.operations) > 1)
        lines = [
            f"{_number(operations, 'operation')} in {_number(len(self.groups), 'group')}, {fused} of them fused; "
            f"{_number(len(self.at_once), 'call')} computed at once"
        ]
        if self.groups:
            seconds = sum(group.measured_s for group in self.groups)
            lines.append(
                f"{_size(sum(group.bytes for group in self.groups))} read or written in {_time(seconds)}; "
                f"{_size(sum(group.unstored_bytes for group in self.groups))} of results not stored"
            )
        return "\n".join(lines)

    def _group_texts(self):
        """One text for groups that differ in their times alone: the rounds of a loop."""
        alike = {}
        for k, group in enumerate(self.groups):
            leader = None if group.walk in (None, k) else self.groups[group.walk].operations[0]
            key = (tuple(group.operations), group.shape, group.apart, group.apart_from, group.dead, leader)
            alike.setdefault(key, []).append(group)
        return [_group_text(groups, key[-1]) for key, groups in alike.items()]

    def _at_once_text(self):
        calls = Counter(self.at_once)
        if not calls:
            return ""
        width = max(len(_place(call)) for call in calls)
        lines = [f"    {_place(call):<{width}}  {call.name} on {_number(call.points, 'point')}{_times(count)}" for call, count in calls.items()]
        return "\n".join(["\nat once, since the arrays are small and their values at hand:", *lines])

    def _rest(self):
        lines = []
        ends = Counter(window.ended_by + (f" at {_file(*window.line)}" if window.line else "") for window in self.windows)
        lines += [f"window ended{_times(count)}: {why}" for why, count in ends.items()]
        if self.copies:
            lines.append(f"copies: {self.copies}, {_size(self.copied_bytes)}")
        if self.messages:
            lines.append(f"messages: {self.messages}, {_size(self.message_bytes)}")
        lines += [f"left to NumPy{_times(count)}: {name}" for name, count in self.fallbacks.items()]
        return "\n" + "\n".join(lines) if lines else ""


def explain(program, *args, **kwargs):
    """Runs something and tells how the runtime went about it.

    Parameters
    ----------
    program : callable or str
        What to run: a function, or Python code in which `np` is `legate.numpy`.
    *args, **kwargs
        What the callable is called with.

    Returns
    -------
    Explanation
        After everything that the program asked for is computed.

    Notes
    -----
    Times are those of this one run: the first run of a program compiles its fused loops, so explain the second. What the
    program lets go of without reading is not computed, and told as such.

    Examples
    --------
    >>> import legate, legate.numpy as np
    >>> x = np.ones(1_000_000)
    >>> print(legate.explain(lambda: 2.0 * x + 1.0))  # doctest: +SKIP
    """
    if isinstance(program, str):
        program = _compiled(program)
    recording = _native.Recording()
    stats, fallen_back = _native.stats(), Counter(_fallback.coverage().fallen_back)
    try:
        result = program(*args, **kwargs)
    finally:
        told = recording.finish()
    fallbacks = Counter(_fallback.coverage().fallen_back) - fallen_back
    return Explanation(told, stats, _native.stats(), dict(fallbacks), result)


def _compiled(code):
    """A function without arguments that runs `code` in a namespace with `np` in it; the namespace keeps the results alive."""
    import legate
    import legate.numpy

    namespace = {"np": legate.numpy, "legate": legate, "__name__": "__main__"}
    function = types.FunctionType(compile(code, "<explained>", "exec"), namespace)

    def run():
        function()
        return namespace

    return run


# ---------------------------------------------------------------------------------------------------------------------
# Words
# ---------------------------------------------------------------------------------------------------------------------


def _group_text(groups, leader):
    first = groups[0]
    shape = "scalars" if first.shape == () else " x ".join(f"{extent}" for extent in first.shape)
    lines = [f"\n{_number(len(first.operations), 'operation')} on {shape}{_times(len(groups))}"]
    width = max(len(_place(operation)) for operation in first.operations)
    lines += [f"    {_place(operation):<{width}}  {operation.name}" for operation in first.operations]
    if first.dead:
        lines.append("  not computed: nobody holds a result")
    elif leader:
        lines.append(f"  in the walk over rows that begins with {_place(leader)}")
    else:
        lines.append(_times_text(groups))
        if first.walk is not None:
            lines.append("  the figures are of a walk over rows, block by block, that other groups share")
    if first.unstored:
        lines.append(f"  {_number(first.unstored, 'result')} not stored, {_size(first.unstored_bytes)}")
    if first.apart:
        after = f", after {_file(*first.apart_from)}" if first.apart_from else ""
        lines.append(f"  begins a group{after}: {first.apart}")
    return "\n".join(lines)


def _times_text(groups):
    measured = statistics.median(group.measured_s for group in groups)
    moved = statistics.median(group.bytes for group in groups)
    rate = f", {1e-9 * moved / measured:.3g} GB/s" if measured > 0 else ""
    threads = max(group.threads for group in groups)
    return (
        f"  {_size(moved)} read or written in {_time(measured)}{rate}; predicted {_time(groups[0].predicted_s)}; "
        f"{_number(groups[0].chunks, 'chunk')} on {_number(threads, 'thread')}"
    )


def _place(operation):
    return _file(operation.file, operation.line)


def _file(file, line):
    """Without folders: reports are read beside the program."""
    return f"{os.path.basename(file)}:{line}" if file else "<unknown>"


def _number(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(count):
    return f", {count} times" if count > 1 else ""


def _size(count):
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"


def _time(seconds):
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
