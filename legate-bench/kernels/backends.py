"""How each library runs a case: turns the inputs into its own arrays, makes the call that is timed, waits for its end.

A library that speaks NumPy's language gets the case's own body. Those that have another language have a table of bodies of their own
(`peers_numexpr.py`, `peers_numba.py`); a case that is not in it is left out for them.
"""

import importlib
import os

import numpy


class Absent(Exception):
    """The library has no way to say this case."""


class Plain:
    """A module with NumPy's names; `wait` ends when everything asked for is computed."""

    def __init__(self, module, wait=lambda result: None):
        self.module = module
        self.wait = wait

    def prepare(self, case, inputs):
        """A function without arguments that runs the case to its end and returns its result."""
        own = [self.module.array(value) if isinstance(value, numpy.ndarray) else value for value in inputs]
        module, body, wait = self.module, case.body, self.wait

        def call():
            result = body(module, *own)
            wait(result)
            return result

        return call

    def values(self, result):
        """The result's arrays as NumPy arrays."""
        return [numpy.asarray(value) for value in tuple_of(result)]


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
        return lambda: self.jax.block_until_ready(compiled(*own))


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


class Table:
    """A library with a language of its own: a table from the name of a case to a function that makes its call."""

    def __init__(self, table):
        self.table = table

    def prepare(self, case, inputs):
        if case.name not in self.table:
            raise Absent("not written for this library")
        return self.table[case.name](*inputs)

    def values(self, result):
        return [numpy.asarray(value) for value in tuple_of(result)]


def legate():
    module = importlib.import_module("legate.numpy")
    fence = importlib.import_module("legate").fence
    return Plain(module, lambda result: fence())


def cupynumeric():
    module = importlib.import_module("cupynumeric")
    runtime = importlib.import_module("legate.core").get_legate_runtime()
    return Plain(module, lambda result: runtime.issue_execution_fence(block=True))


def numexpr():
    return Table(importlib.import_module("peers_numexpr").CASES)


def numba():
    return Table(importlib.import_module("peers_numba").CASES)


BACKENDS = {
    "numpy": lambda: Plain(numpy),
    "legate": legate,
    "numexpr": numexpr,
    "numba": numba,
    "jax": Jax,
    "dask": Dask,
    "cupynumeric": cupynumeric,
}


def tuple_of(result):
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)
