"""`numpy.random`: NumPy's generators, with the large uniform and normal draws computed by the runtime.

The states are NumPy's own: the legacy functions share the one global state of `numpy.random`, so that a program may seed with
one module and draw with the other, and what is not native continues the same stream. Uniform numbers are NumPy's bits. A large
normal draw (`NATIVE_FROM` elements) is seeded from the stream but has bits of its own: NumPy's method draws as many numbers as
it happens to reject, which cannot be spread over ranks; small ones are NumPy's.
"""

import operator as _operator
import os as _os
import sys as _sys

import numpy as _numpy
from numpy import random as _origin

from legate import _fallback, _namespace, _native, _ranks

# Below this many elements NumPy's own loop is done before the runtime has begun.
NATIVE_FROM = 1 if _os.environ.get("LEGATE_INLINE") == "0" else 1 << 18

# The state: NumPy's functions, unchanged.
get_state = _origin.get_state
seed = _origin.seed
set_state = _origin.set_state


def _extents(size):
    """`size` as a tuple; None for a single number."""
    if size is None:
        return None
    return tuple(map(_operator.index, size)) if _numpy.iterable(size) else (_operator.index(size),)


def _is_large(extents):
    """Whether the runtime should draw. NumPy gets what is small, and what it has to refuse (negative extents)."""
    if extents is None or any(n < 0 for n in extents):
        return False
    count = 1
    for n in extents:
        count *= n
    return count >= NATIVE_FROM


def _is_surely_small(size):
    """Whether NumPy draws, as far as can be told at a glance: what most programs of small draws ask for."""
    if type(size) is tuple and len(size) == 1:
        size = size[0]
    return type(size) is int and size < NATIVE_FROM


def _are_scalars(*values):
    return all(isinstance(value, (bool, int, float)) for value in values)


# ---------------------------------------------------------------------------------------------------------------------
# The legacy functions
# ---------------------------------------------------------------------------------------------------------------------

_legacy = _origin.mtrand._rand


def _is_mersenne_twister():
    return _legacy._bit_generator.__class__ is _origin.MT19937


def random_sample(size=None):
    """Uniform numbers in [0, 1): NumPy's own bits."""
    if _is_surely_small(size):
        return _native.call(_origin.random_sample, (size,), {})
    extents = _extents(size)
    if not _is_large(extents) or not _is_mersenne_twister():
        return _native.call(_origin.random_sample, (size,), {})
    with _legacy._bit_generator.lock:
        state = _legacy._bit_generator.state
        key, position = state["state"]["key"], state["state"]["pos"]
        array, key, position = _native.mt19937_sample(key.tobytes(), position, extents)
        state["state"] = {"key": _numpy.frombuffer(key, _numpy.uint32), "pos": position}
        _legacy._bit_generator.state = state
    return array


def random(size=None):
    """Uniform numbers in [0, 1): NumPy's own bits."""
    return random_sample(size)


ranf = sample = random


def rand(*args):
    """Uniform numbers in [0, 1) of the shape `args`: NumPy's own bits."""
    return random_sample(size=args) if args else random_sample()


def uniform(low=0.0, high=1.0, size=None):
    """Uniform numbers in [low, high)."""
    if _is_surely_small(size) or not _is_large(_extents(size)) or not _are_scalars(low, high):
        return _namespace.quiet(_origin.uniform, low, high, size)
    extent = float(high) - float(low)
    if not _numpy.isfinite(extent):
        raise OverflowError("Range exceeds valid bounds")
    return low + extent * random_sample(size)


def standard_normal(size=None):
    """Standard normal numbers; see the module's notes on large draws."""
    extents = None if _is_surely_small(size) else _extents(size)
    if not _is_large(extents):
        return _native.call(_origin.standard_normal, (size,), {})
    return _native.normal_sample([int(word) for word in _origin.randint(0, 1 << 32, 4, _numpy.uint32)], extents)


def randn(*args):
    """Standard normal numbers of the shape `args`; see the module's notes on large draws."""
    return standard_normal(size=args) if args else standard_normal()


def normal(loc=0.0, scale=1.0, size=None):
    """Normal numbers; see the module's notes on large draws."""
    if _is_surely_small(size) or not _is_large(_extents(size)) or not _are_scalars(loc, scale):
        return _namespace.quiet(_origin.normal, loc, scale, size)
    if scale < 0:
        raise ValueError("scale < 0")
    return loc + scale * standard_normal(size)


# ---------------------------------------------------------------------------------------------------------------------
# Generators
# ---------------------------------------------------------------------------------------------------------------------


class Generator(_origin.Generator):
    """NumPy's `Generator`, whose large uniform and normal draws from PCG64 the runtime computes; its other methods fall back."""

    def _is_native(self, extents):
        return _is_large(extents) and type(self.bit_generator) is _origin.PCG64

    def random(self, size=None, dtype=_numpy.float64, out=None):
        """Uniform numbers in [0, 1): NumPy's own bits."""
        extents = _extents(size)
        if out is not None or _numpy.dtype(dtype) != _numpy.float64 or not self._is_native(extents):
            return _namespace.quiet(super().random, size=size, dtype=dtype, out=out)
        with self.bit_generator.lock:
            before = self.bit_generator.state
            array = _native.pcg64_sample(before["state"]["state"], before["state"]["inc"], extents)
            self.bit_generator.advance(array.size)
            # `advance` drops the half word that 32-bit draws keep; `random` does not.
            kept = {name: before[name] for name in ("has_uint32", "uinteger")}
            self.bit_generator.state = {**self.bit_generator.state, **kept}
        return array

    def uniform(self, low=0.0, high=1.0, size=None):
        """Uniform numbers in [low, high)."""
        if not self._is_native(_extents(size)) or not _are_scalars(low, high):
            return _namespace.quiet(super().uniform, low, high, size)
        extent = float(high) - float(low)
        if not 0 <= extent < _numpy.inf:
            return _namespace.quiet(super().uniform, low, high, size)  # refused in NumPy's words
        return low + extent * self.random(size)

    def standard_normal(self, size=None, dtype=_numpy.float64, out=None):
        """Standard normal numbers; see the module's notes on large draws."""
        extents = _extents(size)
        if out is not None or _numpy.dtype(dtype) != _numpy.float64 or not self._is_native(extents):
            return _namespace.quiet(super().standard_normal, size=size, dtype=dtype, out=out)
        words = self.bit_generator.random_raw(2).view(_numpy.uint32)
        return _native.normal_sample([int(word) for word in words], extents)

    def normal(self, loc=0.0, scale=1.0, size=None):
        """Normal numbers; see the module's notes on large draws."""
        if not self._is_native(_extents(size)) or not _are_scalars(loc, scale):
            return _namespace.quiet(super().normal, loc, scale, size)
        if scale < 0:
            raise ValueError("scale < 0")
        return loc + scale * self.standard_normal(size)

    def spawn(self, n_children):
        """Independent generators."""
        return [type(self)(bits) for bits in self.bit_generator.spawn(n_children)]

    def __reduce__(self):
        return type(self), (self.bit_generator,)


def _falling_back(name):
    origin = getattr(_origin.Generator, name)

    def method(self, *args, **kwargs):
        return _fallback.call(f"random.Generator.{name}", origin.__get__(self), args, kwargs)

    method.__name__, method.__qualname__, method.__doc__ = name, f"Generator.{name}", origin.__doc__
    return method


for _name in dir(_origin.Generator):
    if not _name.startswith("_") and _name not in vars(Generator) and callable(getattr(_origin.Generator, _name)):
        setattr(Generator, _name, _falling_back(_name))


def default_rng(seed=None):
    """A generator: PCG64, unless `seed` is a bit generator or a generator."""
    if isinstance(seed, Generator):
        return seed
    if isinstance(seed, _origin.Generator):
        return Generator(seed.bit_generator)
    seed = _ranks.Entropy.next() if seed is None else _fallback.gather(seed)
    return Generator(_origin.default_rng(seed).bit_generator)


_fallback.WRITES.update({"random.Generator.shuffle": (0,)})
_fallback.register_native(
    f"random.{name}"
    for name in (
        "default_rng",
        "normal",
        "rand",
        "randn",
        "random",
        "random_sample",
        "ranf",
        "sample",
        "seed",
        "standard_normal",
        "uniform",
        "Generator.normal",
        "Generator.random",
        "Generator.standard_normal",
        "Generator.uniform",
    )
)
__all__ = list(_origin.__all__)


def __getattr__(name):
    value = getattr(_origin, name) if name.startswith("_") else _namespace.adopt(_origin, name)
    setattr(_sys.modules[__name__], name, value)
    return value


def __dir__():
    return sorted({*globals(), *dir(_origin)})
