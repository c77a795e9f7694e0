"""What the five programs share: options, timing, the check of the result and the lines that are printed.

A program gives four functions and nothing else, so that each file is the numerics of the talk and no more:

    setup(np, args) -> state          the input data; not timed, never changed by `run`
    run(np, state, steps) -> Result   the computation; timed
    check(np, args, state, result)    says by `require` what must hold of the result, in another way than it was computed
    traffic(args) -> int              bytes per iteration that any implementation has to move to or from memory

Deferred libraries return before they have computed. The clock therefore stops when the checksum, which depends on every result,
has arrived in Python as a float; this is the same for NumPy.
"""

import argparse
import importlib
import resource
import sys
import time


class Result:
    """Arrays (or scalars) that a program computed, and in how many iterations."""

    def __init__(self, values, iterations):
        self.values = values
        self.iterations = iterations

    def checksum(self, np):
        """The sum of all elements of all values, as a Python float. Waits for them."""
        return sum(float(np.sum(value)) for value in self.values)


def arguments(description, size, size_help, iterations, argv):
    """The options that every program has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--size", type=positive, default=size, help=f"{size_help} (default {size})")
    parser.add_argument("--iterations", type=positive, default=iterations, help=f"iterations (default {iterations})")
    parser.add_argument("--seed", type=int, default=42, help="seed of the input data (default 42)")
    parser.add_argument("--module", default="legate.numpy", help="numpy or legate.numpy (default legate.numpy)")
    return parser.parse_args(argv)


def positive(text):
    """A whole number above zero, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not above zero")
    return value


def require(what, value, bound):
    """Prints a check and ends the program with status 1 if `value` is above `bound` (or is NaN)."""
    passed = value <= bound
    print(f"check {what}: {value:.3g} (bound {bound:.3g}) {'passed' if passed else 'FAILED'}")
    if not passed:
        sys.exit(1)


def main(name, description, size, size_help, iterations, setup, run, check, traffic, argv=None):
    """Runs one program: data, warm-up, timed run, check, checksum."""
    args = arguments(description, size, size_help, iterations, argv)
    np = importlib.import_module(args.module)
    print(f"program {name} module {args.module} size {args.size} iterations {args.iterations} seed {args.seed}")

    start = time.perf_counter()
    state = setup(np, args)
    set_up = time.perf_counter()
    run(np, state, min(2, args.iterations)).checksum(np)
    warm = time.perf_counter()
    result = run(np, state, args.iterations)
    checksum = result.checksum(np)
    seconds = time.perf_counter() - warm

    gigabytes = traffic(args) * 1e-9
    print(f"setup {set_up - start:.4f} s, warm-up {warm - set_up:.4f} s")
    print(f"time {seconds:.6f} s, {1e3 * seconds / result.iterations:.6f} ms per iteration")
    print(f"traffic {gigabytes:.6f} GB per iteration, {gigabytes * result.iterations / seconds:.2f} GB/s")
    # Before the check, which is no part of the computation. Linux counts in KiB.
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.1f} MB at most")
    check(np, args, state, result)
    print(f"checksum {checksum.hex()}")
