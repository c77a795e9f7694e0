"""Writes values of the mathematical functions, for `tests/it/accuracy.rs`: `python functions.py > functions.txt` (needs mpmath).

A line is a function's name, its arguments, and the exact value as the sum of two doubles; numbers are the bits of a double in hexadecimal.
Complex arguments and values are given by their parts. The arguments are also exact in single precision.
"""

import random
import struct

from mpmath import mp, mpc, mpf

mp.prec = 400
random.seed(20)


def bits(x):
    return struct.pack(">d", float(x)).hex()


def two(x):
    high = float(x)
    return f"{bits(high)} {bits(float(x - mpf(high)))}"


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def uniform(low, high):
    return lambda: single(random.uniform(low, high))


def powers(low, high, signed=True):
    """Numbers of many sizes between 10^low and 10^high."""
    sign = (lambda: random.choice((-1, 1))) if signed else (lambda: 1)
    return lambda: single(sign() * 10 ** random.uniform(low, high))


COUNT = 40
UNARY = {
    "exp": (mp.exp, [uniform(-87, 88), uniform(-1, 1), powers(-20, 0)]),
    "exp2": (lambda x: mpf(2) ** x, [uniform(-125, 127), uniform(-1, 1), powers(-20, 0)]),
    "expm1": (mp.expm1, [uniform(-20, 88), uniform(-1, 1), powers(-30, 0)]),
    "log": (mp.log, [powers(-37, 38, False), uniform(0.5, 2)]),
    "log2": (lambda x: mp.log(x, 2), [powers(-37, 38, False), uniform(0.5, 2)]),
    "log10": (lambda x: mp.log(x, 10), [powers(-37, 38, False), uniform(0.5, 2)]),
    "log1p": (mp.log1p, [powers(-37, 38, False), uniform(-0.99, 2), powers(-20, -1)]),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), [powers(-37, 38)]),
    "sin": (mp.sin, [uniform(-7, 7), powers(-20, 0), powers(0, 8), powers(8, 30)]),
    "cos": (mp.cos, [uniform(-7, 7), powers(-20, 0), powers(0, 8), powers(8, 30)]),
    "tan": (mp.tan, [uniform(-7, 7), powers(-20, 0), powers(0, 8), powers(8, 30)]),
    "arcsin": (mp.asin, [uniform(-1, 1), powers(-20, 0)]),
    "arccos": (mp.acos, [uniform(-1, 1), powers(-20, 0)]),
    "arctan": (mp.atan, [uniform(-4, 4), powers(-30, 30)]),
    "sinh": (mp.sinh, [uniform(-88, 88), uniform(-3, 3), powers(-30, 0)]),
    "cosh": (mp.cosh, [uniform(-88, 88), uniform(-3, 3), powers(-30, 0)]),
    "tanh": (mp.tanh, [uniform(-9, 9), uniform(-1, 1), powers(-30, 0)]),
    "arcsinh": (mp.asinh, [uniform(-4, 4), powers(-30, 30)]),
    "arccosh": (mp.acosh, [uniform(1, 4), powers(0, 30, False)]),
    "arctanh": (mp.atanh, [uniform(-1, 1), powers(-30, 0)]),
    "erf": (mp.erf, [uniform(-6, 6), uniform(-1, 1), powers(-30, 0)]),
}
BINARY = {
    "power": (mp.power, [(uniform(0.1, 10), uniform(-30, 30)), (powers(-6, 6, False), uniform(-6, 6)), (uniform(0.9, 1.1), uniform(-800, 800))]),
    "arctan2": (mp.atan2, [(uniform(-4, 4), uniform(-4, 4)), (powers(-9, 9), powers(-9, 9))]),
    "hypot": (mp.hypot, [(uniform(-4, 4), uniform(-4, 4)), (powers(-9, 9), powers(-9, 9))]),
    "logaddexp": (lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), [(uniform(0, 9), uniform(0, 9))]),
    "logaddexp2": (lambda x, y: mp.log(mpf(2) ** x + mpf(2) ** y, 2), [(uniform(0, 9), uniform(0, 9))]),
}
COMPLEX = {
    "exp": mp.exp, "log": mp.log, "sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "sinh": mp.sinh, "cosh": mp.cosh,
    "tanh": mp.tanh, "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh,
}

for name, (function, ranges) in UNARY.items():
    for draw in ranges:
        for _ in range(COUNT):
            x = draw()
            print("unary", name, bits(x), two(function(mpf(x))))
for name, (function, ranges) in BINARY.items():
    for draw_x, draw_y in ranges:
        for _ in range(COUNT):
            x, y = draw_x(), draw_y()
            print("binary", name, bits(x), bits(y), two(function(mpf(x), mpf(y))))
for name, function in COMPLEX.items():
    for draw in (uniform(-3, 3), powers(-8, 1)):
        for _ in range(COUNT // 2):
            x, y = draw(), draw()
            z = function(mpc(x, y))
            print("complex", name, bits(x), bits(y), two(z.real), two(z.imag))
