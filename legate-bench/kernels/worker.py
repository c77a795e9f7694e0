"""One library in a process of its own, driven line by line: `python worker.py numpy`.

Each line of input is a JSON object, each answer too. `cargo xtask bench` starts one worker for each library and lets them work in turn, so that
all meet the same minute of the machine.

    {"do": "list"}                                         the table of cases
    {"do": "traffic", "case": "sum", "size": 1000}         bytes that a step must move
    {"do": "prepare", "case": "sum", "size": 1000}         inputs, first calls; answers checksums and the time of a call
    {"do": "time", "seconds": 0.2}                         calls for about that long; answers the median time of a step
    {"do": "release"}                                      lets go of the inputs

An answer with "absent" says why the library has no such case; one with "error", what went wrong.
"""

import gc
import json
import resource
import statistics
import sys
import time
import zlib

import numpy

import cases
from backends import BACKENDS, Absent

# Calls shorter than this are timed several at a time, so that reading the clock costs nothing.
SHORTEST = 200e-6
# Elements of a checksum that are looked at together: its temporaries must not outweigh the case.
STRIP = 1 << 20


class Worker:
    def __init__(self, name):
        self.backend = BACKENDS[name]()
        self.case = self.call = None

    def prepare(self, case, size):
        self.release()
        self.case = cases.BY_NAME[case]
        rng = numpy.random.default_rng(zlib.crc32(case.encode()) + size)
        before = self.backend.fallbacks()
        self.call = self.backend.prepare(self.case, self.case.inputs(rng, size))
        # The checksum is that of the first call: a body that works in place has another result in the second.
        result = self.call()
        checksums = [checksum(value) for value in self.backend.values(result)]
        del result
        self.seconds(1)
        fallbacks = [name for name, count in self.backend.fallbacks().items() if count > before.get(name, 0)]
        return {"checksums": checksums, "call_s": self.seconds(1), "fallbacks": fallbacks}

    def seconds(self, calls):
        """The time of some calls until all their results are there. They are kept until then: what nobody holds need not be computed."""
        call = self.call
        start = time.perf_counter()
        results = [call() for _ in range(calls)]
        self.backend.wait(results)
        return time.perf_counter() - start

    def time(self, seconds):
        """The median time of a step. Calls follow each other until `seconds` are over, at least two besides those that are not counted."""
        batch = max(1, round(SHORTEST / max(self.seconds(1), 1e-9)))
        if batch > 1:
            self.seconds(batch)
        times = []
        gc.disable()
        end = time.perf_counter() + seconds
        while len(times) < 2 or time.perf_counter() < end:
            times.append(self.seconds(batch) / batch)
        gc.enable()
        return {"step_s": statistics.median(times) / self.case.steps, "calls": len(times) * batch}

    def release(self):
        self.case = self.call = None
        gc.collect()
        return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}

    def answer(self, request):
        match request:
            case {"do": "list"}:
                return {"cases": cases.table()}
            case {"do": "traffic", "case": case, "size": size}:
                return {"bytes": cases.BY_NAME[case].traffic(size)}
            case {"do": "prepare", "case": case, "size": size}:
                return self.prepare(case, size)
            case {"do": "time", "seconds": seconds}:
                return self.time(seconds)
            case {"do": "release"}:
                return self.release()
        raise ValueError(f"no such request: {request}")


def checksum(array):
    """Number of elements, sum, sum weighted by position (so that a permutation shows), sum of absolute values, sum of squares."""
    flat = array.reshape(-1)
    plain = weighted = absolute = squares = 0.0
    for first in range(0, flat.size, STRIP):
        strip = flat[first : first + STRIP].astype("float64")
        plain += float(strip.sum())
        weighted += float(strip @ (1.0 + numpy.arange(first, first + strip.size) % 1009 / 1009))
        absolute += float(numpy.absolute(strip).sum())
        squares += float(strip @ strip)
    return {"count": flat.size, "sum": plain, "weighted": weighted, "absolute": absolute, "squares": squares}


def main(name):
    answers = sys.stdout
    # What a library prints must not get between the answers.
    sys.stdout = sys.stderr
    worker = Worker(name)
    print(json.dumps({"ready": name}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except Absent as reason:
            answer = {"absent": str(reason)}
        except Exception as error:  # a library that fails at one case must not end the run
            worker.release()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
