"""Writes promote.txt and resolve.txt from NumPy: run it here, with the NumPy whose tables they are to be."""

import numpy as np

LETTERS = "?bBhHiIlLefdFD"
TYPES = [np.dtype(letter) for letter in LETTERS]
WEAK = [int, float, complex]
UNARY = """absolute arccos arccosh arcsin arcsinh arctan arctanh bitwise_count cbrt ceil conjugate cos cosh deg2rad degrees
exp exp2 expm1 fabs floor invert isfinite isinf isnan log log10 log1p log2 logical_not negative positive rad2deg radians
reciprocal rint sign signbit sin sinh spacing sqrt square tan tanh trunc""".split()
BINARY = """add arctan2 bitwise_and bitwise_or bitwise_xor copysign divide equal float_power floor_divide fmax fmin fmod gcd
greater greater_equal heaviside hypot lcm left_shift less less_equal logaddexp logaddexp2 logical_and logical_or
logical_xor maximum minimum multiply nextafter not_equal power remainder right_shift subtract""".split()


def promotions():
    yield f"# np.promote_types and np.can_cast of NumPy {np.__version__}, rows and columns in the order {LETTERS}."
    for a in TYPES:
        yield " ".join(["promote"] + [np.promote_types(a, b).char for b in TYPES])
    for rule in ["no", "equiv", "safe", "same_kind", "unsafe"]:
        for a in TYPES:
            yield " ".join([rule] + [str(int(np.can_cast(a, b, rule))) for b in TYPES])
    for scalar in [1, 1.0, 1j]:
        yield " ".join(["weak"] + [np.result_type(a, scalar).char for a in TYPES])


def resolved(ufunc, inputs):
    try:
        found = ufunc.resolve_dtypes((*inputs, None))
    except TypeError:
        return "!" * (len(inputs) + 1)
    return "".join(dtype.char for dtype in found)


def resolutions():
    yield (
        f"# How NumPy {np.__version__} resolves its ufuncs: `ufunc.resolve_dtypes`. One line per ufunc and first input, in the order"
        f" {LETTERS}, int, float, complex;"
    )
    yield (
        "# entries for the second input in the same order: the characters of the loop's inputs and output, !!! where NumPy"
        " raises, ... for two Python numbers."
    )
    for name in sorted(UNARY + BINARY):
        ufunc = getattr(np, name)
        if name in UNARY:
            yield " ".join([name] + [resolved(ufunc, [a]) for a in TYPES])
            continue
        for a in TYPES + WEAK:
            entries = [resolved(ufunc, [a, b]) if not (a in WEAK and b in WEAK) else "..." for b in TYPES + WEAK]
            yield " ".join([name] + entries)


for path, lines in [("promote.txt", promotions()), ("resolve.txt", resolutions())]:
    with open(path, "w") as file:
        file.writelines(line + "\n" for line in lines)
