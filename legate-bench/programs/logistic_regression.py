"""Logistic regression by full gradient descent: two products with a tall, thin matrix and a sum over all samples per step."""

import harness

FEATURES = 32
LEARNING_RATE = 10.0


def sigmoid(np, z):
    return 1.0 / (1.0 + np.exp(-z))


def setup(np, args):
    np.random.seed(args.seed)
    X = np.random.rand(args.size, FEATURES) - 0.5
    truth = 8.0 * (np.random.rand(FEATURES) - 0.5)
    # A sample belongs to the class with the probability that the model with these weights gives it.
    y = (np.random.rand(args.size) < sigmoid(np, X.dot(truth))).astype(np.float64)
    return X, y


def gradient(np, X, y, weights):
    error = sigmoid(np, X.dot(weights)) - y
    return X.T.dot(error) / X.shape[0]


def run(np, state, iterations):
    X, y = state
    weights = np.zeros(X.shape[1])
    for i in range(iterations):
        weights = weights - LEARNING_RATE * gradient(np, X, y, weights)
    return harness.Result([weights], iterations)


def loss(np, X, y, weights):
    """Mean negative log-likelihood: log(1 + e^z) - y z."""
    z = X.dot(weights)
    return float(np.mean(np.log(1.0 + np.exp(z)) - y * z))


def check(np, args, state, result):
    X, y = state
    weights = result.values[0]
    before = loss(np, X, y, np.zeros(X.shape[1]))
    after = loss(np, X, y, weights)
    harness.require("loss relative to the start", after / before, 1.0 - 1e-6)
    # The gradient against differences of the loss along it. At the start it is far from zero; the error is of order h^2.
    start = np.zeros(X.shape[1])
    g = gradient(np, X, y, start)
    h = 1e-2
    slope = (loss(np, X, y, start + h * g) - loss(np, X, y, start - h * g)) / (2.0 * h)
    square = float(np.dot(g, g))
    harness.require("gradient against differences", abs(slope - square) / square, 1e-6)


def traffic(args):
    return 8 * args.size * (FEATURES + 1)  # X once and y


if __name__ == "__main__":
    harness.main("logistic_regression", __doc__, 500_000, f"number of samples of {FEATURES} features", 30, setup, run, check, traffic)
