"""Jacobi's iteration for a dense system: one matrix-vector product and two element-wise operations per step."""

import harness


def setup(np, args):
    np.random.seed(args.seed)
    n = args.size
    # The talk's matrix of random numbers has no dominant diagonal, so the iteration would diverge; n on the diagonal makes it contract by about 1/2.
    A = np.random.rand(n, n) + np.diag(np.full(n, float(n)))
    b = np.random.rand(n)
    return A, b


def run(np, state, iterations):
    A, b = state
    x = np.zeros(A.shape[1])
    d = np.diag(A)
    R = A - np.diag(d)
    for i in range(iterations):
        x = (b - np.dot(R, x)) / d
    return harness.Result([x], iterations)


def check(np, args, state, result):
    A, b = state
    r = b - np.dot(A, result.values[0])
    residual = float(np.sqrt(np.dot(r, r) / np.dot(b, b)))
    harness.require("relative residual", residual, max(1e-13, 2 * 0.75**result.iterations))


def traffic(args):
    return 8 * args.size**2  # R


if __name__ == "__main__":
    harness.main("jacobi", __doc__, 4000, "order of the matrix", 50, setup, run, check, traffic)
