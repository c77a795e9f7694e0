"""What of NumPy is native here, and how it runs on several ranks: the tables of `docs/numpy-coverage.md`.

Nothing in them is written by hand: the namespaces are walked, and every sample call (`samples.py`) is run on three simulated ranks with arrays that
all ranks share. A name is native if none of its calls left anything to NumPy. Where it ran is read off the groups of launches that `legate.explain` tells.

    python numpy_coverage.py             prints the page
    python numpy_coverage.py --least     fails if less is native than was promised
"""

import os
import sys
from collections import Counter, namedtuple
from pathlib import Path

# Before the runtime starts.
os.environ.update(
    LEGATE_SIM_RANKS="3",
    LEGATE_INLINE="0",
    LEGATE_MAPPER=str(Path(__file__).with_name("tiny_tiles.toml")),
    LEGATE_FALLBACK="silent",
)

import numpy  # noqa: E402
import samples  # noqa: E402

import legate  # noqa: E402
import legate.numpy as np  # noqa: E402

# Elements of the arrays that calls run on. Sums are cut at multiples of 1024.
MANY = 6 * 1024
# What is smaller than this is not worth spreading.
LARGE = 1024

# Shares of native names, in percent, below which a table must not fall.
LEAST = {"ndarray": 100, "ufuncs": 100, "main namespace": 97}

NATIVE, LIMITED, FALLS_BACK, SAME = "native", "native with limits", "falls back", "NumPy's own"
DISTRIBUTED, PARTLY, REPLICATED, GATHERED, NOTHING = "distributed", "partly distributed", "replicated", "gathered", "–"

# Calls that NumPy answers and we do not.
FAILED = []

Row = namedtuple("Row", "name status ranks limits")


def tables():
    """For each namespace its title and its rows."""
    calls = {}
    for sample in samples.samples():
        calls.setdefault(sample.name, []).append(sample.text)
    ufuncs = [name for name in numpy.__all__ if isinstance(getattr(numpy, name), numpy.ufunc)]
    others = [name for name in numpy.__all__ if name not in ufuncs]
    methods = {}
    for name, texts in calls.items():
        function, _, method = name.partition(".")
        if method and function in ufuncs:
            methods.setdefault(f"ufunc.{method}", []).extend(texts)
    yield "ufuncs", [row(name, getattr(np, name), getattr(numpy, name), calls.get(name)) for name in sorted(ufuncs)]
    yield "methods of ufuncs", [row(name, None, None, methods[name]) for name in sorted(methods)]
    yield "main namespace", [row(name, getattr(np, name), getattr(numpy, name), calls.get(name)) for name in sorted(others)]
    names = [f"ndarray.{name}" for name in dir(numpy.ndarray)]
    yield "ndarray", [row(name, None, None, calls.get(name)) for name in names]
    for module in ("linalg", "fft", "random"):
        yield module, [row(f"{module}.{name}", *both(module, name), calls.get(f"{module}.{name}")) for name in sorted(names_of(module))]


def names_of(module):
    return [name for name in getattr(numpy, module).__all__ if not isinstance(getattr(getattr(numpy, module), name), type(numpy))]


def both(module, name):
    return getattr(getattr(np, module), name), getattr(getattr(numpy, module), name)


def row(name, ours, theirs, texts):
    """What the calls of a name show; what its object shows, where there is none."""
    if theirs is not None and ours is theirs or isinstance(theirs, type(numpy)) or name == "newaxis":
        return Row(name, SAME, NOTHING, [])
    if isinstance(ours, type) and not issubclass(ours, numpy.vectorize):
        return Row(name, NATIVE, NOTHING, [])
    ran = [told for text in texts or () if (told := run(text)) is not None]
    if not ran:
        return Row(name, FALLS_BACK if is_fallback(ours) or texts is None else NATIVE, NOTHING, [])
    left = [text for text, native, _ in ran if not native]
    status = NATIVE if not left else LIMITED if len(left) < len(ran) else FALLS_BACK
    return Row(name, status, placed([place for _, _, place in ran]), left if status == LIMITED else [])


def is_fallback(value):
    return getattr(value, "falls_back", False)


def run(text):
    """The text, whether all of it was native, where it ran; `None` if that says nothing: NumPy refuses the call for arrays of this size, or elements are
    no numbers."""
    call = samples.call(text)
    if {"words", "objects"} & set(call.fixtures):
        return None
    expected = call.run(call.arguments(numpy, n=MANY))
    has_no_numbers = isinstance(expected, (numpy.ndarray, numpy.generic)) and expected.dtype.kind in "OSUVT"
    if isinstance(expected, Exception) or has_no_numbers:
        return None
    arguments = call.arguments(np, "computed", MANY)
    explained = legate.explain(call.run, arguments)
    if isinstance(explained.result, Exception):
        FAILED.append(f"{text}: {explained.result!r}")
    return text, not explained.fallbacks, place(explained)


def place(explained):
    if explained.fallbacks or explained.fetched_bytes >= LARGE * 8:
        return GATHERED
    groups = [group for group in explained.groups if not group.dead and numpy.prod(group.shape, dtype=float) >= LARGE]
    shared = [group.own_points < numpy.prod(group.shape, dtype=float) for group in groups]
    # What an index moves between ranks is no launch.
    if explained.message_bytes >= LARGE * 8 and not groups:
        return DISTRIBUTED
    if not groups:
        return NOTHING
    return DISTRIBUTED if all(shared) else PARTLY if any(shared) else REPLICATED


def placed(places):
    """One word for all calls of a name."""
    found = set(places) - {NOTHING}
    if not found:
        return NOTHING
    if len(found) == 1:
        return found.pop()
    return PARTLY if found & {DISTRIBUTED, PARTLY} else GATHERED


# ---------------------------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------------------------

HEAD = """# What of NumPy is native

Written by `cargo xtask coverage`, from the code: every name of NumPy's namespaces, and what its sample calls (`legate-py/tests/calls`) did on three ranks
with arrays that all ranks share. NumPy {version}.

- **native**: no call left anything to NumPy. **native with limits**: some did; they are shown. **falls back**: NumPy computes it, on gathered values, and says so.
  **NumPy's own**: types, constants, settings and functions that see no array's values are NumPy's very objects; they are not counted.
- **distributed**: the ranks share the work. **replicated**: each does all of it. **partly distributed**: some steps or calls are the one, some the other. **gathered**: all values
  come to every rank. **–**: nothing is computed (views, questions about shape and type, small results).
- Strings, objects and structured types are NumPy's arrays here, whatever the function.
"""


def page(all_tables):
    yield HEAD.format(version=numpy.__version__)
    yield "| namespace | native | with limits | fall back | native, with or without limits |"
    yield "|---|---:|---:|---:|---:|"
    for title, rows in all_tables:
        counts = Counter(row.status for row in rows)
        yield f"| {title} | {counts[NATIVE]} | {counts[LIMITED]} | {counts[FALLS_BACK]} | {share(rows):.0f} % |"
    for title, rows in all_tables:
        yield f"\n## {title[0].upper()}{title[1:]}\n\n| name | | ranks | falls back for |\n|---|---|---|---|"
        for row in rows:
            if row.status != SAME:
                limits = "; ".join(f"`{escaped(text)}`" for text in row.limits[:3])
                yield f"| `{row.name}` | {row.status} | {row.ranks} | {limits}{' …' if len(row.limits) > 3 else ''} |"


def escaped(text):
    return text.replace("|", "\\|")


def share(rows):
    """Percent of the names that are native."""
    counts = Counter(row.status for row in rows)
    native = counts[NATIVE] + counts[LIMITED]
    return 100 * native / max(native + counts[FALLS_BACK], 1)


def main(arguments):
    all_tables = list(tables())
    print("\n".join(page(all_tables)))
    short = [title for title, rows in all_tables if share(rows) < LEAST.get(title, 0)]
    if FAILED:
        sys.exit("\n".join(["these calls fail:", *FAILED]))
    if "--least" in arguments and short:
        sys.exit(f"less is native than was promised: {', '.join(short)}")


if __name__ == "__main__":
    main(sys.argv[1:])
