"""Writes what NumPy makes of difficult values, for `tests/it/numpy_values.rs`: `python numpy_values.py > numpy_values.txt`.

The first line lists shifts. A line `values dtype x…` lists the arguments of a type, in hexadecimal bytes as they lie in memory. Any other
line is `function input-dtype output-dtype z…`: of each value, or, for functions of two arguments, of `x[i]` and `x[(i + shift) % n]` for each
shift and each `i`. A dash stands for a pair that NumPy refuses.
"""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1.5, 3.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, 5e-324, -7.25]
INTEGERS = [0, 1, -1, 2, 3, -3, 7, -8, 100, -128, 127, 2**63 - 1, -(2**63), 255, 65, 63]
COMPLEX_PARTS = [0.0, -0.0, 1.0, -2.5, np.inf, np.nan, 0.75]
SHIFTS = [int(k) for k in sys.argv[2].split(",")] if len(sys.argv) > 2 else [0, 1, 2, 5, 11]

UNARY = """positive negative absolute fabs sign rint floor ceil trunc exp exp2 expm1 log log2 log10 log1p sqrt cbrt square
reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg logical_not invert
bitwise_count isnan isinf isfinite signbit spacing conjugate""".split()
BINARY = """add subtract multiply divide floor_divide remainder fmod power float_power maximum minimum fmax fmin greater
greater_equal less less_equal equal not_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor left_shift
right_shift arctan2 hypot copysign nextafter heaviside logaddexp logaddexp2 gcd lcm""".split()
KINDS = sys.argv[1].split(",") if len(sys.argv) > 1 else ["bool", "int8", "uint8", "int64", "float64", "complex128"]


def values(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        return np.array([v % 2**bits for v in INTEGERS], dtype=f"u{dtype.itemsize}").view(dtype)
    if dtype.kind == "f":
        return np.array(FLOATS).astype(dtype)
    z = np.empty(len(COMPLEX_PARTS) ** 2, dtype)
    z.real = np.repeat(COMPLEX_PARTS, len(COMPLEX_PARTS))
    z.imag = np.tile(COMPLEX_PARTS, len(COMPLEX_PARTS))
    return z


def text(array):
    return [element.tobytes().hex() for element in np.atleast_1d(array)]


def loop(function, dtype, arity):
    """The output type of the loop whose inputs are all `dtype`, or None."""
    char = np.dtype(dtype).char
    for types in function.types:
        inputs, output = types.split("->")
        if inputs == char * arity:
            return np.dtype(output)
    return None


print("shifts", *SHIFTS)
for dtype in KINDS:
    print("values", dtype, *text(values(dtype)))

for name in UNARY:
    for dtype in KINDS:
        function, x = getattr(np, name), values(dtype)
        # Integer reciprocals of 0 are what the C compiler made of them.
        if loop(function, dtype, 1) is None or (name == "reciprocal" and x.dtype.kind in "iu"):
            continue
        z = function(x)
        print(name, dtype, z.dtype, *text(z))

for name in BINARY:
    for dtype in KINDS:
        function, x = getattr(np, name), values(dtype)
        if loop(function, dtype, 2) is None:
            continue
        results = []
        for shift in SHIFTS:
            for i in range(len(x)):
                j = (i + shift) % len(x)
                if name == "power" and x.dtype.kind in "iu" and x[j] < 0:
                    results.append("-")
                    continue
                # One by one: NumPy's vector loops differ from its scalar ones in signs of zero.
                z = function(x[i : i + 1], x[j : j + 1])
                results += text(z)
        print(name, dtype, z.dtype, *results)
