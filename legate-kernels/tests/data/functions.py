"""Writes values of complex functions and of `logaddexp`, for `tests/it/accuracy.rs`: `python functions.py > functions.txt` (needs mpmath).

The functions of one or two real numbers are checked by `tests/it/ulps.rs`, which computes its exact values itself. A line here is a function's name, its arguments, and the exact value as the sum of two doubles; numbers are the bits of a double in hexadecimal.
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
BINARY = {
    "logaddexp": (lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), [(uniform(0, 9), uniform(0, 9))]),
    "logaddexp2": (lambda x, y: mp.log(mpf(2) ** x + mpf(2) ** y, 2), [(uniform(0, 9), uniform(0, 9))]),
}
COMPLEX = {
    "exp": mp.exp, "log": mp.log, "sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "sinh": mp.sinh, "cosh": mp.cosh,
    "tanh": mp.tanh, "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh,
}

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
