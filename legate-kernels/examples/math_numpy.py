"""Times NumPy's functions on one thread: reads lines `name dtype points low high [low high]`, writes nanoseconds per element."""

import sys
import time

import numpy as np


def best(call, points):
    times = []
    for _ in range(60):
        start = time.perf_counter()
        for _ in range(10):
            call()
        times.append(time.perf_counter() - start)
    return min(times) / 10 / points * 1e9


rng = np.random.default_rng(1)
for line in sys.stdin:
    name, dtype, points, *bounds = line.split()
    function = getattr(np, name, None)
    points, bounds = int(points), [float(b) for b in bounds]
    if function is None:
        print("nan", flush=True)
        continue
    args = [rng.uniform(low, high, points).astype(dtype) for low, high in zip(bounds[::2], bounds[1::2])]
    if dtype.startswith("complex"):
        args = [x + 1j * rng.uniform(0, 1, points) for x in args]
    out = np.empty_like(args[0])
    with np.errstate(all="ignore"):
        print(best(lambda: function(*args, out=out), points), flush=True)
