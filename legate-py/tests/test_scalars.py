"""Scalars whose values are still to come behave as NumPy's scalars do, and wait only where a value is looked at."""

import cmath
import copy
import decimal
import math
import numbers
import operator
import pickle
import struct

import numpy
import pytest
from support import assert_same, outcome, plain

import legate.numpy as np
from legate import _native

# Enough elements for the runtime.
N = 40_000


def scalars(m):
    """A float, an integer, a complex number and a single."""
    return {
        "s": (m.ones(N) * 6.5).max(),
        "i": (m.arange(N) * 0 + 7).max(),
        "c": (m.ones(N) * (1 + 2j)).sum() / N,
        "f": (m.ones(N, "f4") * 3).max(),
    }


EXPRESSIONS = """
s.item(), s.dtype, s.shape, s.ndim, s.size, s.itemsize, s.nbytes, s.strides
s.astype(int), s.tolist(), s.tobytes(), s.astype("f4")
s.round(), s.round(1), round(s), round(s, 1)
s.conjugate(), s.conj(), s.real, s.imag, s.T
s.is_integer(), s.as_integer_ratio(), s.hex(), i.bit_count()
hash(s), bool(s), int(s), float(s), complex(s), int(c)
format(s, ".2f"), f"{s:8.3e}", "%5.1f" % s, "%d" % s, str(s), repr(s), "{}".format(s), f"{i:05d}", f"{s!r}"
divmod(s, 2), divmod(7, s), s // 2, s % 2, s**2, -s, +s, abs(s), 2**s, s - 1, 1 / s
isinstance(s, float), isinstance(s, numpy.floating), isinstance(s, numpy.generic), isinstance(s, numpy.float64)
isinstance(s, numbers.Real), isinstance(s, numbers.Number), isinstance(s, numbers.Integral), isinstance(s, int)
isinstance(i, numbers.Integral), isinstance(i, numpy.integer), isinstance(i, int), isinstance(f, float), isinstance(f, numpy.float32)
isinstance(c, complex), isinstance(c, numbers.Complex), isinstance(c, numpy.complexfloating)
isinstance(s, m.ndarray), m.isscalar(s), m.ndim(s), m.shape(s), m.size(s)
s == 6.5, s != 6.5, s < 7, s >= 7, 6.5 == s, s == None, s != None, s == "a"
{s: 1}[6.5], s in (6.5,), s in {6.5}, {6.5: 1}[s]
math.sqrt(s), math.floor(s), math.ceil(s), math.trunc(s), math.exp(s), math.isfinite(s), math.fsum([s, s]), math.hypot(s, s)
cmath.sqrt(s), cmath.phase(c), math.isclose(s, 6.5), math.comb(i, 2), math.factorial(i), math.gcd(i, 21)
operator.index(i), list(range(20))[i], list(range(i)), "a" * i, [1] * i, i * [1], (1,) * i, b"x" * i
m.arange(20.0)[i], m.arange(20.0)[:i], numpy.arange(20)[i], m.zeros(i).shape, m.zeros((i, 2)).shape, m.arange(14).reshape(i, 2)
i << 2, i & 3, ~i, i >> 1, i | 1, i ^ 5, bin(i), hex(i), oct(i), chr(i + 60)
struct.pack("d", s), struct.pack("i", i), decimal.Decimal(float(s)), bytes(i)
m.array(s), m.asarray(s), m.array([s, s]), numpy.array(s), numpy.array([s, 1]), numpy.sqrt(s)
m.array([1, 2.0]) + s, s * m.array([1, 2.0]), numpy.float64(2) + s, s + numpy.float64(2), numpy.ones(2) * s
max(s, 3), min(s, 3), sum([s, s]), sorted([s, 3, s]), any([s]), all([s, 0])
s.max(), s.sum(), s.mean(), s.any(), s.argmax(), s.cumsum(), s.ravel(), s.reshape(1), s.flatten(), s.repeat(2)
c.real, c.imag, abs(c), c.conjugate(), complex(c), c * 2
f.dtype, f * 2, f + 1.0, f.item(), f + s
m.sqrt(s), m.add(s, 1), m.maximum(s, 7), m.where(s > 3, 1, 2), m.clip(m.arange(3.0), 0, s), m.full(3, s), m.linspace(0, s, 3)
float(c)
iter(s)
len(s)
s.nonsense
operator.index(s)
range(s)
operator.setitem(s, 0, 1)
s[()]
s + "a"
s + [1, 2]
"yes" if s > 3 else "no"
""".strip().split("\n")


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_scalars(text):
    def evaluated(m):
        modules = {"numpy": numpy, "math": math, "cmath": cmath, "numbers": numbers, "operator": operator, "struct": struct}
        return outcome(eval, text, {"m": m, "decimal": decimal, **modules, **scalars(m)})

    expected, actual = evaluated(numpy), evaluated(np)
    if isinstance(expected, Exception):
        assert type(actual) is type(expected) and str(actual) == str(expected)
    else:
        assert_same(plain(actual), plain(expected))


def test_they_are_what_is_tested():
    assert all(type(s) is _native.deferred_scalar for s in scalars(np).values())


def test_arithmetic_stays_deferred():
    s = scalars(np)["s"]
    for result in (s + 1, 1 + s, s * s, -s, np.sqrt(s), s > 3, s.real + 1, s.astype("f4")):
        assert type(result) is _native.deferred_scalar


def test_asking_for_the_class_waits_for_nothing():
    failing = _native._failing_array([40_000], "it failed").sum()
    assert isinstance(failing, float) and isinstance(failing, numbers.Real) and not isinstance(failing, int)
    assert failing.dtype == float and failing.shape == () and np.isscalar(failing)
    with pytest.raises(Exception, match="it failed"):
        float(failing)


def test_pickles_and_copies():
    for name, s in scalars(np).items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(s, protocol))
            assert isinstance(again, numpy.generic) and again == s and again.dtype == s.dtype, name
        assert copy.copy(s) == s and copy.deepcopy([s])[0] == s


def test_rebinding_in_place():
    s = t = scalars(np)["s"]
    s += 1
    assert s == 7.5 and t == 6.5
    total = 0
    for _ in range(3):
        total += t
    assert total == 19.5
