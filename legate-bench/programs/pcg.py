"""Conjugate gradients with a preconditioner, both as dense matrices: control flow that depends on data in every step."""

import math

import harness


def preconditioned_solve(np, A, M, b, iterations):
    """Solves A x = b until the residual's norm is below 1e-10. Returns x and the number of steps."""
    x = np.zeros(A.shape[1])
    r = b - A.dot(x)
    z = M.dot(r)
    p = z
    rzold = r.dot(z)
    for i in range(iterations):
        Ap = A.dot(p)
        alpha = rzold / (p.dot(Ap))
        x = x + alpha * p
        r = r - alpha * Ap
        rznew = r.dot(r)
        if np.sqrt(rznew) < 1e-10:
            break
        z = M.dot(r)
        rznew = r.dot(z)
        beta = rznew / rzold
        p = z + beta * p
        rzold = rznew
    return x, i + 1


def setup(np, args):
    np.random.seed(args.seed)
    n = args.size
    B = np.random.rand(n, n)
    # The eigenvalues of this symmetric matrix lie within about 0.41 sqrt(n) of zero; with a larger diagonal it is positive definite.
    W = 0.5 * (B + B.T) - 0.5 + np.diag(math.sqrt(n) * (0.5 + 0.2 * np.random.rand(n)))
    # Rows and columns of very different size are what the preconditioner takes away.
    s = 1.0 + 9.0 * np.random.rand(n)
    A = s.reshape(n, 1) * W * s
    M = np.diag(1.0 / np.diag(A))
    b = np.random.rand(n)
    return A, M, b


def run(np, state, iterations):
    A, M, b = state
    x, steps = preconditioned_solve(np, A, M, b, iterations)
    return harness.Result([x], steps)


def check(np, args, state, result):
    A, M, b = state
    r = b - A.dot(result.values[0])
    residual = float(np.sqrt(r.dot(r) / b.dot(b)))
    # A run that stopped by itself has converged; the error of one that was cut short shrinks by about one half in each step.
    bound = 1e-10 if result.iterations < args.iterations else max(1e-10, 3 * 0.6**result.iterations)
    harness.require("relative residual", residual, bound)


def traffic(args):
    return 2 * 8 * args.size**2  # A and M


if __name__ == "__main__":
    harness.main("pcg", __doc__, 4000, "order of the matrix", 100, setup, run, check, traffic)
