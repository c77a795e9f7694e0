"""What the ranks send each other in a step of one of the five programs, as their transport counts it.

    legate messages.py heat --size 3000            # under a launcher, or with LEGATE_SIM_RANKS=4

Each process prints a JSON object: for each pair of ranks of which it is (or plays) the sender, messages and bytes per step. What the beginning and the end of a run send is taken out: two runs of
different lengths are compared.
"""

import argparse
import importlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir, "programs"))

import legate
import legate.numpy as np
from legate import _native

SHORT = 3
KINDS = ("values", "control", "link")


def sent_by(run, state, steps):
    """What a run sends, by pair of ranks, with its end: all of its values are wanted. And its steps, which may be fewer than asked for."""
    before = traffic()
    result = run(np, state, steps)
    result.checksum(np)
    legate.fence()
    after = traffic()
    nothing = ((0, 0),) * len(KINDS)
    grown = {pair: difference(counts, before.get(pair, nothing)) for pair, counts in after.items()}
    return grown, result.iterations


def difference(later, earlier):
    return [(now[0] - then[0], now[1] - then[1]) for now, then in zip(later, earlier)]


def traffic():
    return {(sender, receiver): counts for sender, receiver, counts in _native._traffic()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--iterations", type=int, default=23)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    program = importlib.import_module(args.program)
    state = program.setup(np, args)
    sent_by(program.run, state, SHORT)
    short, few = sent_by(program.run, state, SHORT)
    long, many = sent_by(program.run, state, args.iterations)
    pairs = []
    for pair, counts in sorted(long.items()):
        steps = difference(counts, short.get(pair, ((0, 0),) * len(KINDS)))
        kinds = {kind: [messages / (many - few), size / (many - few)] for kind, (messages, size) in zip(KINDS, steps)}
        pairs.append({"from": pair[0], "to": pair[1], **kinds})
    print(json.dumps({"program": args.program, "size": args.size, "steps": many - few, "pairs": pairs}))


if __name__ == "__main__":
    main()
