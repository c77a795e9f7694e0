"""Sample calls: for each name of NumPy's namespaces some calls, written once, in `calls/*.txt`.

They are what the differential tests run with NumPy and with `legate.numpy` (`test_samples.py`), and what the table of coverage is
made from (`coverage.py`). A file has names at the start of lines, and under each its calls, indented:

    pad
        np.pad(m, 1)
        x = np.pad(v, 2); x[0] = 7; x

A call is Python, in which `np` is the module in question; the last of its statements is an expression, whose value is compared. It may use
the arrays of :data:`FIXTURES` by name: those are made anew for each call, and what a call leaves in them is compared too.
"""

import ast
import copy
import functools
import io
import math
import operator
import pathlib
import pickle
import warnings
from collections import namedtuple

import numpy

FOLDER = pathlib.Path(__file__).parent / "calls"

Sample = namedtuple("Sample", "name text")

MODULES = {"copy": copy, "io": io, "math": math, "operator": operator, "pickle": pickle}


def samples():
    """All samples: file by file, then those of ufuncs."""
    return [sample for file in sorted(FOLDER.glob("*.txt")) for sample in read(file.read_text(), file.name)] + list(of_ufuncs())


def read(text, file="<text>"):
    """The samples that a file's text holds.

    Raises
    ------
    ValueError
        For a call without a name above it, and a name without a call under it.
    """
    found, name, calls = [], None, 1
    for number, line in enumerate([*text.splitlines(), "end"], 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            if name is None:
                raise ValueError(f"{file}:{number}: a call without a name")
            found.append(Sample(name, line.strip()))
            calls += 1
        else:
            if not calls:
                raise ValueError(f"{file}:{number}: no call of {name}")
            name, calls = line.strip(), 0
    return found


# Arguments of loops, by the letters of their types.
LETTERS = {
    **{"?": "b", "d": "v", "D": "c", "e": "h", "f": "f", "l": "i", "B": "u", "M": "d", "m": "e"},
    **{letter: f"i.astype('{letter}')" for letter in "bhHiILqQ"},
    "F": "c.astype('F')",
}


def of_ufuncs():
    """One call for each loop of each ufunc that goes element by element."""
    for name in sorted(numpy.__all__):
        function = getattr(numpy, name)
        if isinstance(function, numpy.ufunc) and function.signature is None:
            for inputs in dict.fromkeys(letters.split("->")[0] for letters in function.types):
                if set(inputs) <= LETTERS.keys():
                    first, *second = (LETTERS[letter] for letter in inputs)
                    yield Sample(name, f"np.{name}({', '.join([first, *(f'{x}[::-1]' for x in second)])})")


# ---------------------------------------------------------------------------------------------------------------------
# Fixtures
# ---------------------------------------------------------------------------------------------------------------------


def _normal(seed, *shape):
    return numpy.random.default_rng(seed).normal(0, 2, shape)


def _integers(low, high, *shape):
    return numpy.random.default_rng(high).integers(low, high, shape)


def _with_specials(n):
    values = _normal(9, n)
    values[[1, 5, 7]] = numpy.nan, numpy.inf, -numpy.inf
    return values


# For each name what makes its values: a function of `n`, 24 in tests; the larger it is the larger are the arrays.
FIXTURES = {
    "v": lambda n: _normal(1, n),
    "w": lambda n: _normal(2, n),
    "m": lambda n: _normal(3, n // 4, 4),
    "n": lambda n: _normal(4, 4, n // 4),
    "s": lambda n: _normal(5, 4, 4) + 8 * numpy.eye(4),
    "t": lambda n: _normal(6, 2, 3, n // 6),
    "i": lambda n: _integers(-5, 6, n),
    "p": lambda n: numpy.random.default_rng(7).permutation(n),
    "k": lambda n: numpy.array([4, 0, 5, 0, 2]),
    "u": lambda n: _integers(0, 256, n).astype("u1"),
    "b": lambda n: _integers(0, 2, n) == 1,
    "mask": lambda n: _integers(0, 3, n // 4, 4) > 0,
    "c": lambda n: _normal(8, n) + 1j * _normal(10, n),
    "f": lambda n: _normal(11, n).astype("f4"),
    "h": lambda n: _normal(12, n).astype("f2"),
    "d": lambda n: numpy.datetime64("2020-02-27") + _integers(-400, 400, n),
    "e": lambda n: _integers(-99, 100, n).astype("m8[h]"),
    "z": _with_specials,
    "empty": lambda n: numpy.empty(0),
    "one": lambda n: numpy.array(2.5),
    "words": lambda n: numpy.array(["pear", "fig", "plum", "fig"]),
    "objects": lambda n: numpy.array([1, None, "x", 2.5], dtype=object),
}


def _strided(np, values):
    """Every second element of a larger array, along each axis."""
    if not values.shape:
        return np.array(values)
    larger = np.zeros(tuple(2 * extent + 1 for extent in values.shape), values.dtype)
    view = larger[tuple(slice(1, None, 2) for _ in values.shape)]
    view[...] = values
    return view


def _turned(np, values):
    """The transpose of an array that lies backwards."""
    backwards = tuple(slice(None, None, -1) for _ in values.shape)
    return np.array(numpy.ascontiguousarray(values.T[backwards]))[backwards].T


def _computed(np, values):
    """Values that the runtime has made, and spread."""
    return np.array(values).copy()


# How the fixtures lie in memory.
LAYOUTS = {"plain": lambda np, values: np.array(values), "strided": _strided, "turned": _turned}


# ---------------------------------------------------------------------------------------------------------------------
# Calls
# ---------------------------------------------------------------------------------------------------------------------


class Call:
    """A sample, compiled."""

    def __init__(self, text):
        body = ast.parse(text).body
        if not isinstance(body[-1], ast.Expr):
            raise ValueError(f"a sample ends with an expression: {text}")
        whole = ast.Module([*body[:-1], ast.Assign([ast.Name("_result", ast.Store())], body[-1].value)], [])
        names = {node.id for node in ast.walk(whole) if isinstance(node, ast.Name)}
        self.fixtures = [name for name in FIXTURES if name in names]
        self.code = compile(ast.fix_missing_locations(whole), text, "exec")

    def arguments(self, np, layout="plain", n=24):
        """The namespace in which it runs: the fixtures that it names, made by `np`. `layout`: one of :data:`LAYOUTS`, or "computed"."""
        make = LAYOUTS.get(layout, _computed)
        made = {name: make(np, FIXTURES[name](n)) for name in self.fixtures}
        return {"np": np, **MODULES, **made}

    def run(self, arguments):
        """Its value, or its exception."""
        with warnings.catch_warnings(), numpy.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                exec(self.code, arguments)
            except Exception as error:  # the exception is what is compared
                return error
        return arguments.pop("_result")


call = functools.lru_cache(maxsize=None)(Call)
