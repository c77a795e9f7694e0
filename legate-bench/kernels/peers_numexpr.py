"""The element-wise cases as numexpr writes them: one expression string each."""

import math

import numexpr


def expression(text, *names):
    """A case that is one expression in its inputs."""
    return lambda *arrays: lambda: numexpr.evaluate(text, local_dict=dict(zip(names, arrays)))


ABSOLUTE = "where({0} < 0, -({0}), {0})"
CHAIN = "((((a + b)*c - a)*0.5 + b)**2) - c"


def chain(a, b, c):
    inner = ABSOLUTE.format(CHAIN)
    return expression(f"where({inner} + 1.0 > a, {inner} + 1.0, a)", "a", "b", "c")(a, b, c)


def cdf_polynomial(d):
    k = f"(1.0/(1.0 + 0.2316419*abs({d})))"
    poly = (
        f"{k}*(0.319381530 + {k}*(-0.356563782 + {k}*(1.781477937 + {k}*(-1.821255978 + {k}*1.330274429))))"
        f"*exp(-0.5*{d}*{d})/{math.sqrt(2.0 * math.pi)!r}"
    )
    return f"where({d} > 0, 1.0 - {poly}, {poly})"


def cdf_erf(d):
    x = f"({d}*{math.sqrt(0.5)!r})"
    t = f"(1.0/(1.0 + 0.3275911*abs({x})))"
    poly = f"{t}*(0.254829592 + {t}*(-0.284496736 + {t}*(1.421413741 + {t}*(-1.453152027 + {t}*1.061405429))))"
    return f"(0.5 + 0.5*where({x} < 0, -1.0, 1.0)*(1.0 - ({poly})*exp(-{x}*{x})))"


def black_scholes(cdf):
    def make(S, X, T):
        names = {"S": S, "X": X, "T": T, "R": 0.02, "V": 0.3}

        def evaluate(text, **more):
            return numexpr.evaluate(text, local_dict=names | more)

        def call():
            d1 = evaluate("(log(S/X) + (R + 0.5*V*V)*T)/(V*sqrt(T))")
            d2 = evaluate("d1 - V*sqrt(T)", d1=d1)
            c1, c2 = evaluate(cdf("d1"), d1=d1), evaluate(cdf("d2"), d2=d2)
            call = evaluate("S*c1 - X*exp(-R*T)*c2", c1=c1, c2=c2)
            put = evaluate("X*exp(-R*T)*(1.0 - c2) - S*(1.0 - c1)", c1=c1, c2=c2)
            return call, put

        return call

    return make


CASES = {
    "chain": chain,
    "chain_small": chain,
    "multiply_add": expression("a*b + c", "a", "b", "c"),
    "where_cast": expression("where(y > 0.0, i + x, -y)", "i", "x", "y"),
    "black_scholes": black_scholes(cdf_polynomial),
    "black_scholes_erf": black_scholes(cdf_erf),
    "sum": expression("sum(x)", "x"),
    "min": expression("min(x)", "x"),
    "sum_axis0": expression("sum(a, axis=0)", "a"),
    "sum_axis1": expression("sum(a, axis=1)", "a"),
}
CASES |= {f"math_{name}": expression(f"{name}(x)", "x") for name in ("exp", "sin", "tan", "tanh", "expm1", "log", "log1p", "sqrt", "arctan")}
CASES |= {"math_power": expression("x**y", "x", "y"), "math_arctan2": expression("arctan2(x, y)", "x", "y")}
