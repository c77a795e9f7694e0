"""Calls on small arrays, timed side by side in legate.numpy and numpy.

Prints one JSON object a line: {"name", "group", "n", "numpy_ns", "legate_ns", "ratio", "best_ratio"}; ratios above 1 say
that Legate is faster. Both sides run the same text in one process, in short rounds that take turns; a time is the least of
many rounds (what the call costs when nothing disturbs it). `ratio` is the median of the ratios of neighbouring rounds,
`best_ratio` the ratio of the two times: on a machine that does other work meanwhile, only the latter means something.

    python calls.py                  all groups
    python calls.py --group common   one group: add, common, chain, import
    python calls.py --only sum       calls whose name contains a text
    python calls.py --table          a table for people instead of JSON

The groups: `add` is x + y with 1, 100 and 1000 elements; `common` is what programs of small arrays call, on 10 elements; `chain` is ten
operations on 1000 elements; `import` is the time to import, in fresh processes.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time

# The names that the calls use. `np` is the library under test, `f` a Python float; arrays have n elements.
SETUP = """
x = np.arange(1.0, n + 1.0)
y = np.arange(2.0, n + 2.0)
z = np.arange(3.0, n + 3.0)
b = x > 3.0
i = np.arange(n)
a = np.arange(2.0 * n).reshape(2, n)
one = np.float64(1.0)
f = 2.5
row = [float(k) for k in range(n)]
r = np.array([(7 * k) % n + 0.5 for k in range(n)])
j = np.array([0, n // 2, n - 1, -1])
s = x[:4]
"""

# Name: statement.
COMMON = {
    "x + y": "x + y",
    "x * 2.0": "x * f",
    "x + np.float64(1)": "x + one",
    "2.0 - x": "f - x",
    "x / y": "x / y",
    "x ** 2": "x ** 2",
    "-x": "-x",
    "x < y": "x < y",
    "b & b": "b & b",
    "i + 1": "i + 1",
    "z += y": "z += y",
    "z *= 1.0": "z *= 1.0",
    "np.add(x, y)": "np.add(x, y)",
    "np.add(x, y, out=z)": "np.add(x, y, out=z)",
    "np.sqrt(x)": "np.sqrt(x)",
    "np.exp(-x)": "np.exp(x)",
    "np.maximum(x, 0.0)": "np.maximum(x, 0.0)",
    "np.abs(x)": "np.abs(x)",
    "np.where(b, x, y)": "np.where(b, x, y)",
    "np.clip(x, 2, 5)": "np.clip(x, 2.0, 5.0)",
    "x.sum()": "x.sum()",
    "np.sum(x)": "np.sum(x)",
    "x.mean()": "x.mean()",
    "np.mean(x)": "np.mean(x)",
    "x.max()": "x.max()",
    "x.std()": "x.std()",
    "b.any()": "b.any()",
    "x.argmax()": "x.argmax()",
    "a.sum(axis=0)": "a.sum(axis=0)",
    "np.dot(x, y)": "np.dot(x, y)",
    "x @ y": "x @ y",
    "a @ x": "a @ x",
    "np.zeros(n)": "np.zeros(n)",
    "np.ones(n)": "np.ones(n)",
    "np.empty(n)": "np.empty(n)",
    "np.full(n, 2.5)": "np.full(n, f)",
    "np.zeros_like(x)": "np.zeros_like(x)",
    "np.array(list)": "np.array(row)",
    "np.asarray(x)": "np.asarray(x)",
    "np.arange(n)": "np.arange(n)",
    "np.linspace(0, 1, n)": "np.linspace(0.0, 1.0, n)",
    "x.copy()": "x.copy()",
    "i.astype(float)": "i.astype(float)",
    "x[3]": "x[3]",
    "x[2:5]": "x[2:5]",
    "x[::-1]": "x[::-1]",
    "a[1]": "a[1]",
    "a[:, 2]": "a[:, 2]",
    "x[3] = 1.5": "x[3] = 1.5",
    "x[2:5] = y[4:7]": "x[2:5] = y[4:7]",
    "a[0] = x": "a[0] = x",
    "x.reshape(2, -1)": "x.reshape(2, -1)",
    "a.ravel()": "a.ravel()",
    "a.T": "a.T",
    "np.transpose(a)": "np.transpose(a)",
    "np.concatenate": "np.concatenate((x, y))",
    "len(x)": "len(x)",
    "x.shape": "x.shape",
    "x.dtype": "x.dtype",
    "float(x[0])": "float(x[0])",
    "x[0].item()": "x[0].item()",
    "x.tolist()": "x.tolist()",
    "x.sum() * 2.0 + 1.0": "x.sum() * 2.0 + 1.0",
    "if x[0] > 0.5": "if x[0] > 0.5: pass",
    "for v in x": "for v in x: pass",
    "x == y": "x == y",
    "b & (x < y)": "b & (x < y)",
    "~b": "~b",
    "i % 3": "i % 3",
    "i // 2": "i // 2",
    "x ** 0.5": "x ** 0.5",
    "x[b]": "x[b]",
    "x[j]": "x[j]",
    "x[list]": "x[[0, 2, 4]]",
    "x[b] = 0.0": "z[b] = 0.0",
    "x[j] = s": "z[j] = s",
    "x[j] = 0.0": "z[j] = 0.0",
    "x[j] += 1.0": "z[j] += 1.0",
    "x[2:5] = 0.0": "z[2:5] = 0.0",
    "x[:] = y": "z[:] = y",
    "x[1:] - x[:-1]": "x[1:] - x[:-1]",
    "x[:, None]": "x[:, None]",
    "a[..., 0]": "a[..., 0]",
    "a[1, 2]": "a[1, 2]",
    "a[1, 2] = 1.5": "a[1, 2] = 1.5",
    "a[:, 2] = 0.0": "a[:, 2] = 0.0",
    "a + x": "a + x",
    "a * a[:, :1]": "a * a[:, :1]",
    "a.sum()": "a.sum()",
    "a.sum(axis=1)": "a.sum(axis=1)",
    "np.sum(a, axis=0)": "np.sum(a, axis=0)",
    "a.mean(axis=0)": "a.mean(axis=0)",
    "a.max(axis=1)": "a.max(axis=1)",
    "a.min()": "a.min()",
    "x.var()": "x.var()",
    "x.prod()": "x.prod()",
    "b.all()": "b.all()",
    "b.sum()": "b.sum()",
    "np.any(b)": "np.any(b)",
    "np.argmin(x)": "np.argmin(x)",
    "np.argmax(a, axis=1)": "np.argmax(a, axis=1)",
    "x.cumsum()": "x.cumsum()",
    "np.cumsum(x)": "np.cumsum(x)",
    "np.diff(x)": "np.diff(x)",
    "x.dot(y)": "x.dot(y)",
    "a @ a.T": "a @ a.T",
    "a.dot(x)": "a.dot(x)",
    "np.outer(x, y)": "np.outer(x, y)",
    "np.linalg.norm(x)": "np.linalg.norm(x)",
    "np.sort(x)": "np.sort(r)",
    "np.argsort(x)": "np.argsort(r)",
    "x.sort()": "z.sort()",
    "x.argsort()": "r.argsort()",
    "np.unique(x)": "np.unique(r)",
    "np.searchsorted(x, 3.0)": "np.searchsorted(x, 3.0)",
    "x.take(j)": "x.take(j)",
    "np.take(x, j)": "np.take(x, j)",
    "np.nonzero(b)": "np.nonzero(b)",
    "b.nonzero()": "b.nonzero()",
    "np.where(b)": "np.where(b)",
    "np.flatnonzero(b)": "np.flatnonzero(b)",
    "np.where(b, x, 0.0)": "np.where(b, x, 0.0)",
    "x.clip(2, 5)": "x.clip(2.0, 5.0)",
    "np.minimum(x, y)": "np.minimum(x, y)",
    "np.sin(x)": "np.sin(x)",
    "np.log(x)": "np.log(x)",
    "np.floor(x)": "np.floor(x)",
    "np.isnan(x)": "np.isnan(x)",
    "np.isfinite(x).all()": "np.isfinite(x).all()",
    "np.round(x, 2)": "np.round(x, 2)",
    "np.sqrt(2.0)": "np.sqrt(f)",
    "np.exp(np.float64)": "np.exp(one)",
    "np.maximum(2.0, 1.0)": "np.maximum(f, 1.0)",
    "np.multiply(x, 2, out=z)": "np.multiply(x, 2.0, out=z)",
    "np.add.reduce(x)": "np.add.reduce(x)",
    "np.stack((x, y))": "np.stack((x, y))",
    "np.stack((x, y), 1)": "np.stack((x, y), 1)",
    "np.vstack((x, y))": "np.vstack((x, y))",
    "np.hstack((x, y))": "np.hstack((x, y))",
    "np.concatenate list": "np.concatenate([x, y, s])",
    "np.concatenate axis=1": "np.concatenate((a, a), axis=1)",
    "np.append(x, 1.0)": "np.append(x, 1.0)",
    "np.split(x, 2)": "np.split(x, 2)",
    "np.repeat(x, 2)": "np.repeat(x, 2)",
    "np.tile(x, 2)": "np.tile(x, 2)",
    "np.flip(x)": "np.flip(x)",
    "np.roll(x, 1)": "np.roll(x, 1)",
    "np.zeros((2, 5))": "np.zeros((2, 5))",
    "np.zeros(n, dtype=int)": "np.zeros(n, dtype=int)",
    "np.zeros(n, int)": "np.zeros(n, int)",
    "np.empty_like(x)": "np.empty_like(x)",
    "np.ones_like(x)": "np.ones_like(x)",
    "np.full_like(x, 1.0)": "np.full_like(x, 1.0)",
    "np.eye(3)": "np.eye(3)",
    "np.arange(0, 1, 0.1)": "np.arange(0.0, 1.0, 0.1)",
    "np.array([1, 2, 3])": "np.array([1, 2, 3])",
    "np.array(nested)": "np.array([[1.0, 2.0], [3.0, 4.0]])",
    "np.array(x)": "np.array(x)",
    "np.asarray(list)": "np.asarray(row)",
    "np.asarray(x, float)": "np.asarray(x, float)",
    "np.asarray(x, dtype=float)": "np.asarray(x, dtype=float)",
    "np.array(list, dtype=float)": "np.array(row, dtype=float)",
    "np.array(2.5)": "np.array(f)",
    "np.copy(x)": "np.copy(x)",
    "x.astype(np.float32)": "x.astype('f4')",
    "x.reshape((2, -1))": "x.reshape((2, -1))",
    "np.reshape(x, (2, -1))": "np.reshape(x, (2, -1))",
    "a.reshape(-1)": "a.reshape(-1)",
    "a.flatten()": "a.flatten()",
    "a.transpose()": "a.transpose()",
    "np.squeeze(a[:1])": "np.squeeze(a[:1])",
    "np.expand_dims(x, 0)": "np.expand_dims(x, 0)",
    "np.broadcast_to": "np.broadcast_to(x, (2, n))",
    "np.ravel(a)": "np.ravel(a)",
    "x.item(3)": "x.item(3)",
    "x.sum().item()": "x.sum().item()",
    "float(x.sum())": "float(x.sum())",
    "int(i[3])": "int(i[3])",
    "x.size": "x.size",
    "x.ndim": "x.ndim",
    "x.T": "x.T",
    "x.fill(1.5)": "z.fill(1.5)",
    "list(x)": "list(x)",
    "max(x)": "max(x)",
    "np.array_equal(x, y)": "np.array_equal(x, y)",
    "np.allclose(x, y)": "np.allclose(x, y)",
    "np.all(x == y)": "np.all(x == y)",
    "isinstance(x, np.ndarray)": "isinstance(x, np.ndarray)",
}

CHAIN = """t = x + y
t = t * 2.0
t = t - x
t = np.sqrt(t)
t = t / y
t = np.maximum(t, 0.5)
t = t * t
t += x
t = np.abs(t)
s = t.sum()"""

# Seconds that one round takes, about.
ROUND = 0.0015


class Timer:
    """Runs a statement in a loop of its own, as `timeit` does, with one library in the place of `np`."""

    def __init__(self, module, statement, n):
        names = {"np": module, "n": n}
        exec(SETUP, names)  # noqa: S102 (our own text)
        parameters = ", ".join(k for k in names if not k.startswith("__"))
        body = "\n        ".join(statement.splitlines())
        source = f"def run(times, clock, {parameters}):\n    start = clock()\n    for _ in times:\n        {body}\n    return clock() - start\n"
        scope = {}
        exec(source, scope)  # noqa: S102
        self._run = scope["run"]
        self._names = {k: v for k, v in names.items() if not k.startswith("__")}

    def round(self, times):
        """Seconds for this many calls."""
        import itertools

        return self._run(itertools.repeat(None, times), time.perf_counter, **self._names)


def measure(modules, statement, n, rounds):
    """Nanoseconds a call of each module, and the median ratio of the first to the second."""
    numpy_timer, legate_timer = (Timer(module, statement, n) for module in modules)
    times = {}
    for timer in (numpy_timer, legate_timer):
        count = 10
        while timer.round(count) < ROUND / 4 and count < 1 << 20:
            count *= 2
        times[timer] = max(1, int(count * ROUND / max(timer.round(count), 1e-9)))
    pairs = []
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            pairs.append(tuple(timer.round(times[timer]) / times[timer] * 1e9 for timer in (numpy_timer, legate_timer)))
    finally:
        if enabled:
            gc.enable()
    numpy_ns, legate_ns = (min(side) for side in zip(*pairs, strict=True))
    return numpy_ns, legate_ns, statistics.median(a / b for a, b in pairs)


def import_times(rounds):
    """Milliseconds to import numpy and legate.numpy in a fresh process, the start of the interpreter left out."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    least = {}
    for _ in range(rounds):
        for name in ("numpy", "legate.numpy"):
            seconds = float(subprocess.run([sys.executable, "-c", code.format(name)], check=True, capture_output=True, text=True).stdout)
            least[name] = min(least.get(name, 1e9), seconds)
    return least["numpy"] * 1e9, least["legate.numpy"] * 1e9


def rows(arguments):
    """The measured rows, one by one."""
    import numpy

    import legate.numpy

    modules = (numpy, legate.numpy)
    cases = [("add", "x + y", "x + y", n) for n in (1, 100, 1000)]
    cases += [("common", name, statement, 10) for name, statement in COMMON.items()]
    cases.append(("chain", "ten operations", CHAIN, 1000))
    for group, name, statement, n in cases:
        if arguments.group not in (None, group) or arguments.only not in name:
            continue
        numpy_ns, legate_ns, ratio = measure(modules, statement, n, arguments.rounds)
        yield {"name": name, "group": group, "n": n, "numpy_ns": round(numpy_ns, 1), "legate_ns": round(legate_ns, 1), "ratio": round(ratio, 3), "best_ratio": round(numpy_ns / legate_ns, 3)}
    if arguments.group in (None, "import") and not arguments.only:
        numpy_ns, legate_ns = import_times(max(5, arguments.rounds // 2))
        yield {"name": "import", "group": "import", "n": 0, "numpy_ns": numpy_ns, "legate_ns": legate_ns, "ratio": round(numpy_ns / legate_ns, 3), "best_ratio": round(numpy_ns / legate_ns, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", choices=("add", "common", "chain", "import"))
    parser.add_argument("--only", default="", help="calls whose name contains this")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    ratios = []
    for row in rows(arguments):
        if not arguments.table:
            print(json.dumps(row), flush=True)
            continue
        print(f"{row['group']:8} {row['name']:24} {row['n']:6} {row['numpy_ns']:12.0f} {row['legate_ns']:12.0f} {row['ratio']:7.2f} {row['best_ratio']:7.2f}", flush=True)
        if row["group"] == "common":
            ratios.append((row["ratio"], row["best_ratio"]))
    if ratios:
        for kind, values in zip(("median ratio", "ratio of best times"), zip(*ratios, strict=True), strict=True):
            print(f"common, {kind}: median {statistics.median(values):.2f}, least {min(values):.2f}, below 0.6: {sum(v < 0.6 for v in values)}")


if __name__ == "__main__":
    main()
