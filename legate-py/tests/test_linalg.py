"""Products and norms."""

import numpy
import pytest
from support import DTYPES, check

import legate
import legate.numpy as np

SHAPES = [(), (3,), (4,), (2, 3), (3, 4), (4, 3), (1, 3), (3, 1), (0,), (0, 3), (2, 3, 4), (2, 4, 3)]


def numbers(shape, dtype="f8"):
    return (numpy.arange(1, 1 + numpy.prod(shape, dtype=int)).reshape(shape) % 7).astype(dtype)


@pytest.mark.parametrize("name", ["dot", "matmul", "inner", "outer", "vdot", "tensordot"])
@pytest.mark.parametrize("left", SHAPES)
def test_products_of_every_pair_of_shapes(name, left):
    for right in SHAPES:
        check(lambda m, a, b: getattr(m, name)(a, b), numbers(left), numbers(right))


@pytest.mark.parametrize("name", ["dot", "matmul", "inner", "outer", "vdot"])
@pytest.mark.parametrize("left", DTYPES)
def test_products_of_every_pair_of_dtypes(name, left):
    for right in DTYPES:
        check(lambda m, a, b: getattr(m, name)(a, b), numbers((4,), left), numbers((4,), right))
        if name in ("dot", "matmul"):
            check(lambda m, a, b: getattr(m, name)(a, b), numbers((2, 3), left), numbers((3, 2), right))


@pytest.mark.parametrize("n", [64, 200])
def test_larger_products(n):
    rng = numpy.random.default_rng(0)
    a, b = rng.integers(-3, 4, (n, n + 3)).astype(float), rng.integers(-3, 4, (n + 3, n - 5)).astype(float)
    check(lambda m, a, b: a @ b, a, b)
    check(lambda m, a, b: a.T[:, ::2] @ a[::2], a, b)
    check(lambda m, a, b: a @ b[:, 0], a, b)
    check(lambda m, a, b: a[1] @ b, a, b)
    check(lambda m, a, b: m.dot(a, b[:, ::-1]), a, b)
    check(lambda m, a, b: (a @ b).sum(), a, b)


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i4"])
def test_products_whose_tiles_and_folds_are_shared(dtype):
    """Large enough to be cut: into a grid of tiles, and, where a long dimension is folded into a small result, along that."""
    rng = numpy.random.default_rng(1)
    whole = lambda *shape: rng.integers(-3, 4, shape).astype(dtype)
    a, b = whole(600, 310), whole(310, 530)
    check(lambda m, a, b: a @ b, a, b)
    check(lambda m, a, b: (a @ b) @ b.T + a, a, b)
    x, y = whole(9000, 20), whole(9000, 3)
    check(lambda m, x: x.T @ x, x)
    check(lambda m, x, y: x.T @ y, x, y)
    check(lambda m, x, y: y.T[:, ::-1] @ x[::-1], x, y)


def test_out():
    a, b = numbers((2, 3)), numbers((3, 2))

    def call(m, a, b):
        out = m.zeros((2, 2))
        assert m.dot(a, b, out=out) is out
        return out

    check(call, a, b)
    check(lambda m, a, b: m.dot(a, b, out=m.zeros((2, 3))), a, b)
    check(lambda m, a, b: m.dot(a, b, out=m.zeros((2, 2), "f4")), a, b)
    check(lambda m, a, b: m.matmul(a, b, out=m.zeros((2, 2))), a, b)
    check(lambda m, a, b: m.matmul(a, b, out=m.zeros((3, 2))), a, b)
    check(lambda m, a, b: m.outer(a, b, out=m.zeros((6, 6))), a, b)


def test_of_lists():
    check(lambda m: m.dot([1, 2], [3, 4]))
    check(lambda m: m.dot(2, [3, 4]))
    check(lambda m: m.dot(2, 3))
    check(lambda m: m.matmul([[1, 2]], [3, 4]))
    check(lambda m: m.inner([1, 2], 3))
    check(lambda m: m.outer([1, 2], 3))


def test_methods_and_contractions():
    a = numbers((3, 4))
    check(lambda m, a: a.dot(a.T), a)
    check(lambda m, a: a.trace(), a)
    check(lambda m, a: m.trace(a, 1), a)
    check(lambda m, a: a.diagonal(1), a)
    check(lambda m, a: m.tensordot(a, a, axes=([0], [0])), a)
    check(lambda m, a: m.tensordot(a, a.T, axes=1), a)
    check(lambda m, a: m.tensordot(a, a, axes=0), a)
    check(lambda m, a: m.tensordot(a, a, axes=([0, 1], [0, 1])), a)
    check(lambda m, a: m.linalg.multi_dot([a, a.T, a]), a)
    check(lambda m, a: m.linalg.outer(a[0], a[1]), a)
    check(lambda m, a: m.linalg.outer(a, a[1]), a)
    check(lambda m, a: m.linalg.trace(a), a)
    check(lambda m, a: m.linalg.diagonal(a), a)
    check(lambda m, a: m.linalg.matmul(a, a.T), a)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 0, -1, 0.5, numpy.inf, -numpy.inf, "fro", "nuc", "wild"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (1, 0), 5])
def test_norm(order, axis):
    a = numbers((3, 4)) - 2.5
    for keepdims in (False, True):
        check(lambda m, a: m.linalg.norm(a, order, axis, keepdims), a, ulp=16)
    check(lambda m, a: m.linalg.norm(a[0], order, axis), a, ulp=16)
    check(lambda m, a: m.linalg.norm(a + 1j, order, axis), a, ulp=16)


def test_vector_norm():
    a = numbers((3, 4)) - 2.5
    check(lambda m, a: m.linalg.vector_norm(a), a, ulp=16)
    check(lambda m, a: m.linalg.vector_norm(a, axis=0, ord=1), a, ulp=16)
    check(lambda m, a: m.linalg.vector_norm(a, keepdims=True), a, ulp=16)


def test_the_rest_falls_back():
    a = numpy.array([[4.0, 1.0], [1.0, 3.0]])
    for name in ("inv", "det", "cholesky", "eigvalsh", "svd", "qr", "eigh", "pinv", "matrix_rank", "slogdet"):
        with pytest.warns(RuntimeWarning, match=f"'linalg.{name}'"), legate.fallback("warn"):
            result = getattr(np.linalg, name)(np.array(a))
        check(lambda m, a: getattr(m.linalg, name)(a), a)
        assert not isinstance(result, numpy.ndarray)
    check(lambda m, a: m.linalg.solve(a, [1.0, 2.0]), a)
    assert np.linalg.LinAlgError is numpy.linalg.LinAlgError
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(np.zeros((2, 2)))


# ---------------------------------------------------------------------------------------------------------------------
# Linear equations
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "?"])
@pytest.mark.parametrize("n", [1, 3, 16, 17, 65, 300])
def test_solutions(n, dtype):
    rng = numpy.random.default_rng(n)
    a = (rng.integers(-9, 10, (n, n)) + 30 * numpy.eye(n)).astype(dtype if dtype != "?" else "f8")
    a = numpy.tri(n).astype("?")[::-1].copy() if dtype == "?" else a
    with legate.fallback("error"):
        for b in (rng.random(n).astype("f4"), rng.integers(0, 9, (n, 3)), rng.random((5, n)).T, a):
            expected = numpy.linalg.solve(a, b)
            for m in (a, a.T[::-1].T):
                x = np.linalg.solve(np.array(m), np.array(b))
                assert x.dtype == expected.dtype and x.shape == expected.shape
                residual = numpy.abs(m.astype("f8") @ numpy.array(x) - b).max()
                assert residual <= 30 * n * numpy.finfo(x.dtype).eps * (1 + numpy.abs(expected).max())


def test_equations_without_solution():
    for a in ([[1.0, 2.0], [2.0, 4.0]], [[0.0]], numpy.zeros((100, 100))):
        check(lambda m, a: m.linalg.solve(a, a[0]), numpy.array(a))


def test_refused_and_unusual_equations():
    a = numpy.eye(3) + 1
    for b in (numpy.ones(2), numpy.ones((2, 3)), numpy.ones(()), numpy.ones((0,)), numpy.ones((3, 0)), numpy.ones((2, 3, 1))):
        check(lambda m, a, b: m.linalg.solve(a, b), a, b, ulp=8)
    check(lambda m, a: m.linalg.solve(a[:2], a[0]), a)
    check(lambda m, a: m.linalg.solve(a[0], a[0]), a)
    check(lambda m, a: m.linalg.solve(a * 1j, a[0]), a, ulp=8)
    check(lambda m: m.linalg.solve(m.zeros((0, 0)), m.zeros(0)))
    check(lambda m, a: m.linalg.solve(m.stack([a, 2 * a]), a), a, ulp=8)
    check(lambda m, a: m.linalg.solve([[1.0, 2.0], [3.0, 5.0]], [1.0, 2.0]), a, ulp=8)
