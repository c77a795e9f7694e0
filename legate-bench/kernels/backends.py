"""How each library runs a case: turns the inputs into its own arrays, makes the call that is timed, waits for the end of some calls.

A library that speaks NumPy's language gets the case's own body. Those that have another language have a table of bodies of their own
(`peers_numexpr.py`, `peers_numba.py`); a case that is not in it is left out for them.
"""

import importlib
import os

import numpy


class Absent(Exception):
    """The library has no way to say this case."""


class Plain:
    """A module with NumPy's names. `wait(results)` ends when all results of several calls are computed."""

    def __init__(self, module, wait=lambda results: None):
        self.module = module
        self.wait = wait

    def prepare(self, case, inputs):
        """A function without arguments that asks for the case and returns its result, computed or not."""
        own = [self.module.array(value) if isinstance(value, numpy.ndarray) else value for value in inputs]
        module, body = self.module, case.body
        return lambda: body(module, *own)

    def values(self, result):
        """The result's arrays as NumPy arrays."""
        return [numpy.asarray(value) for value in tuple_of(result)]

    def fallbacks(self):
        """How often the library has left each function to NumPy, so far."""
        return {}


class Legate(Plain):
    """Ours."""

    def __init__(self):
        os.environ.setdefault("LEGATE_FALLBACK", "silent")  # reported with the figures
        self.legate = importlib.import_module("legate")
        super().__init__(importlib.import_module("legate.numpy"), lambda results: self.legate.fence())

    def fallbacks(self):
        return self.legate.coverage().fallen_back


class Jax(Plain):
    """The body under `jax.jit`; bodies that write in place or whose shapes depend on data cannot be traced."""

    def __init__(self):
        os.environ["JAX_ENABLE_X64"] = "1"
        os.environ["JAX_PLATFORMS"] = "cpu"
        self.jax = importlib.import_module("jax")
        super().__init__(importlib.import_module("jax.numpy"), self.jax.block_until_ready)

    def prepare(self, case, inputs):
        if not case.pure:
            raise Absent("the body cannot be traced")
        own = [self.module.array(value) if isinstance(value, numpy.ndarray) else value for value in inputs]
        compiled = self.jax.jit(lambda *arrays: case.body(self.module, *arrays))
        return lambda: compiled(*own)


class Dask(Plain):
    """Chunked arrays that lie in memory. `persist` computes the result in chunks and leaves them there: the cheapest end that Dask has."""

    def __init__(self):
        self.dask = importlib.import_module("dask")
        super().__init__(importlib.import_module("dask.array"))

    def prepare(self, case, inputs):
        if case.name.startswith("heat"):
            raise Absent("no views that write through")
        own = [self.own(value) for value in inputs]

        def call():
            result = case.body(self.module, *own)
            return self.dask.persist(*tuple_of(result))

        return call

    def own(self, value):
        if not isinstance(value, numpy.ndarray):
            return value
        # Copied by chunk, so that the chunks are arrays of their own.
        return self.module.from_array(value, chunks="auto").map_blocks(numpy.copy).persist()

    def values(self, result):
        return [numpy.asarray(value) for value in self.dask.compute(*tuple_of(result))]


class Table(Plain):
    """A library with a language of its own: a table from the name of a case to a function that makes its call."""

    def __init__(self, table):
        super().__init__(numpy)
        self.table = table

    def prepare(self, case, inputs):
        if case.name not in self.table:
            raise Absent("not written for this library")
        return self.table[case.name](*inputs)


def cupynumeric():
    module = importlib.import_module("cupynumeric")
    runtime = importlib.import_module("legate.core").get_legate_runtime()
    return Plain(module, lambda results: runtime.issue_execution_fence(block=True))


def numexpr():
    return Table(importlib.import_module("peers_numexpr").CASES)


def numba():
    return Table(importlib.import_module("peers_numba").CASES)


BACKENDS = {
    "numpy": lambda: Plain(numpy),
    "legate": Legate,
    "numexpr": numexpr,
    "numba": numba,
    "jax": Jax,
    "dask": Dask,
    "cupynumeric": cupynumeric,
}


def tuple_of(result):
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)
