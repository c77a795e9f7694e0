"""What two scalar products cost whose values Python reads, as in a step of conjugate gradients, beside two bare allreduces of the message-passing library.

    mpirun -n 2 legate latency.py --elements 20000     # of each rank

Each rank takes its own times; the first prints a JSON object with medians in microseconds. Started alone it does what one rank has to compute, and no message-passing.
"""

import argparse
import json
import statistics
import time

WARM_UP = 200


def median_us(step, repeats):
    """The median of single times, in microseconds: what disturbs a few of them does not count."""
    for _ in range(WARM_UP):
        step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        step()
        times.append(time.perf_counter_ns() - start)
    return 1e-3 * statistics.median(times)


def bare_us(repeats):
    """Two allreduces of eight bytes. The values are the same on all ranks, as in the other case; here nothing says in which order they are added."""
    import numpy
    from mpi4py import MPI

    mine, all_ = numpy.ones(1), numpy.zeros(1)
    world = MPI.COMM_WORLD

    def step():
        world.Allreduce(mine, all_)
        float(all_[0])
        world.Allreduce(mine, all_)
        float(all_[0])

    return median_us(step, repeats)


def vectors(np, elements):
    return np.linspace(1.0, 2.0, elements), np.linspace(2.0, 1.0, elements)


def products_us(np, elements, repeats):
    """Two products, one after the other: the second waits for the first's value."""
    p, r = vectors(np, elements)

    def step():
        float(p.dot(r))
        float(r.dot(r))

    return median_us(step, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3000)
    args = parser.parse_args()

    import numpy
    import legate.numpy as np
    from legate._ranks import standing

    figures = {"ranks": standing.ranks, "elements": args.elements}
    figures["products_us"] = products_us(np, args.elements * standing.ranks, args.repeats)
    figures["numpy_us"] = products_us(numpy, args.elements, args.repeats)
    if standing.ranks > 1:
        figures["library"] = standing.library
        figures["bare_us"] = bare_us(args.repeats)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
