"""Heat diffusion on a square plate: a five-point stencil written with shifted views of one grid, as in the talk."""

import math

import harness


def diffuse(np, grid, iterations):
    """Lets the heat spread for some steps, in place. Returns the sum of the changes of each step."""
    center = grid[1:-1, 1:-1]
    north = grid[0:-2, 1:-1]
    east = grid[1:-1, 2:]
    west = grid[1:-1, 0:-2]
    south = grid[2:, 1:-1]
    deltas = []
    for i in range(iterations):
        average = center + north + east + west + south
        work = 0.2 * average
        delta = np.sum(np.absolute(work - center))
        center[:] = work
        deltas.append(delta)
    return deltas


def setup(np, args):
    return args.size


def run(np, state, iterations):
    n = state
    grid = np.zeros((n + 2, n + 2))
    grid[:, 0] = -273.15
    grid[:, -1] = -273.15
    grid[-1, :] = -273.15
    grid[0, :] = 40.0
    deltas = diffuse(np, grid, iterations)
    return harness.Result([grid] + deltas, iterations)


def check(np, args, state, result):
    grid = result.values[0]
    # A mean of five points lies between them, so the grid stays between its coldest and its warmest rim.
    harness.require("warmest point", float(np.max(grid)), 40.0 + 1e-9)
    harness.require("minus the coldest point", -float(np.min(grid)), 273.15 + 1e-9)
    harness.require("difference from the mirror image", float(np.max(np.absolute(grid - grid[:, ::-1]))), 1e-9)

    # One sine wave on a plate with cold rims keeps its form and shrinks by a known factor in each step.
    n, steps = 62, 20
    wave = np.sin(np.arange(n + 2) * (math.pi / (n + 1)))
    plate = wave.reshape(n + 2, 1) * wave
    shrunk = plate * ((1.0 + 4.0 * math.cos(math.pi / (n + 1))) / 5.0) ** steps
    diffuse(np, plate, steps)
    harness.require("error of a sine wave", float(np.max(np.absolute(plate - shrunk))), 1e-13)


def traffic(args):
    return 8 * 2 * args.size**2  # the grid, read once and written once


if __name__ == "__main__":
    harness.main("heat", __doc__, 2000, "inner points along an edge", 50, setup, run, check, traffic)
