"""Elements that masks and integers choose, and running sums: native, and what NumPy gives."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from support import DTYPES, check, plain, values

import legate
import legate.numpy as np


@pytest.fixture
def all_native():
    """Nothing goes to NumPy."""
    with legate.fallback("error"):
        yield


# ---------------------------------------------------------------------------------------------------------------------
# Running sums and products
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (3, 4), (2, 0, 3), (2, 3, 4)], ids=str)
def test_scans(name, dtype, shape):
    x = values(shape, dtype)
    # NumPy's complex products are rounded as its instruction set has it.
    ulp = 4 if numpy.dtype(dtype).kind == "c" else 0
    for axis in [None, *range(-len(shape), len(shape))]:
        check(lambda m, x: getattr(m, name)(x, axis), x, ulp=ulp)
        check(lambda m, x: getattr(x, name)(axis=axis), x, ulp=ulp)


@pytest.mark.parametrize("dtype", ["f4", "i2", "c16", "?"])
def test_scan_dtypes(dtype):
    check(lambda m, x: m.cumsum(x, dtype=dtype), values((7,), "i4"))
    check(lambda m, x: m.cumsum(x, dtype=dtype), values((7,), "f8"))


def test_scans_of_views_and_into_outputs(all_native):
    x = numpy.arange(60.0).reshape(5, 12)
    check(lambda m, x: m.cumsum(x[::-2, ::3], 0), x)
    check(lambda m, x: m.cumsum(x.T, 1).flags.f_contiguous, x)
    check(lambda m, x: m.cumprod(x.T[1:], 0), x)
    check(lambda m, x: m.cumsum(x, 1, out=x), x)

    def into(m, x):
        out = m.zeros((5, 12))
        assert m.cumsum(x, axis=0, out=out) is out
        return out

    check(into, x)


def test_scan_refusals():
    x = numpy.arange(6.0).reshape(2, 3)
    check(lambda m, x: m.cumsum(x, 2), x)
    check(lambda m, x: m.cumsum(x, axis=-3), x)
    check(lambda m, x: m.cumsum(x, out=m.zeros(5)), x)
    check(lambda m, x: m.cumsum(x, dtype="q", out=m.zeros(6)), x)


def test_long_sums_are_as_exact_as_numpys(all_native):
    rng = numpy.random.default_rng(5)
    for n in (1000, 1024, 1025, 70_000, 300_000):
        x = rng.random(n)
        exact = numpy.cumsum(x.astype(numpy.longdouble)).astype("f8")
        error = numpy.abs(plain(np.cumsum(np.array(x))) - exact).max()
        assert error <= max(numpy.abs(numpy.cumsum(x) - exact).max(), numpy.spacing(exact[-1]))
        ints = rng.integers(-9, 9, n)
        assert (plain(np.cumsum(np.array(ints))) == numpy.cumsum(ints)).all()
    columns = rng.integers(-9, 9, (3000, 70))
    for axis in (0, 1):
        assert (plain(np.array(columns).cumsum(axis)) == columns.cumsum(axis)).all()


# ---------------------------------------------------------------------------------------------------------------------
# Masks
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_of_every_type(dtype, all_native):
    x = values((4, 5), dtype)
    mask = values((4, 5), "?")
    check(lambda m, x, k: x[k], x, mask)
    check(lambda m, x, k: x[k[:, 0]], x, mask)
    check(lambda m, x, k: x[:, k[0]], x, mask)
    check(lambda m, x, k: x.T[k.T], x, mask)
    check(lambda m, x: m.nonzero(x), x)
    check(lambda m, x: m.flatnonzero(x), x)
    check(lambda m, x: m.where(x), x)
    check(lambda m, x: x.nonzero(), x)


def test_masks_of_large_arrays(all_native):
    rng = numpy.random.default_rng(3)
    for n in (4095, 4096, 4097, 200_000):
        x, mask = rng.random(n), rng.random(n) > 0.4
        check(lambda m, x, k: x[k], x, mask)
        check(lambda m, x, k: x[::-1][k], x, mask)
        check(lambda m, x, k: x[::2][k[1::2]], x[: n // 2 * 2], mask[: n // 2 * 2])
        check(lambda m, x: x[x > 2], x)
        check(lambda m, x: x[x < 2], x)
        check(lambda m, k: m.flatnonzero(k), mask)


def test_assignment_by_masks(all_native):
    def assign(value, view=lambda x: x):
        def run(m, x, k):
            view(x)[view(k)] = value(m)
            return x

        return run

    x, mask = numpy.arange(24.0).reshape(4, 6), numpy.arange(24).reshape(4, 6) % 3 == 1
    check(assign(lambda m: -1), x, mask)
    check(assign(lambda m: m.arange(8)), x, mask)
    check(assign(lambda m: [7]), x, mask)
    check(assign(lambda m: m.arange(4.0)), x.ravel()[:12], mask.ravel()[:12])
    check(assign(lambda m: m.arange(2), lambda a: a[::2]), x.ravel()[:12], mask.ravel()[:12])
    x, mask = numpy.zeros(100_000), numpy.random.default_rng(0).random(100_000) > 0.5
    check(assign(lambda m: m.arange(int(mask.sum()))), x, mask)


def test_refusals_of_masks():
    x = numpy.arange(12.0).reshape(3, 4)
    for mask in [numpy.ones(2, bool), numpy.ones((3, 3), bool), numpy.ones((3, 4, 1), bool), numpy.ones((4, 3), bool)]:
        check(lambda m, x: x[mask], x)
        check(lambda m, x: x[m.array(mask)], x)
        check(lambda m, x: x.__setitem__(m.array(mask), 1), x)
    for value in [numpy.arange(3), numpy.arange(5), numpy.ones((2, 2))]:
        check(lambda m, x, v: x.__setitem__(x > 7, v), x, value)


# ---------------------------------------------------------------------------------------------------------------------
# Integers
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_gathers_of_every_type(dtype, all_native):
    x = values((4, 5), dtype)
    for index in [numpy.array([3, -4, 0]), numpy.array([[1, 2], [-1, -2]]), numpy.array([], int), numpy.uint8([1, 2])]:
        check(lambda m, x, i: x[i], x, index)
        check(lambda m, x, i: x[:, i], x, index)
        check(lambda m, x, i: x[..., i], x, index)
        check(lambda m, x, i: x[i, i], x, index)
        check(lambda m, x, i: x.T[i], x, index)
        check(lambda m, x, i: x[1:][:, ::-1][i[:0]], x, index)
        for axis in (None, 0, 1, -1):
            check(lambda m, x, i: m.take(x, i, axis), x, index)
            check(lambda m, x, i: x.take(i, axis, mode="wrap"), x, index + 9)
            check(lambda m, x, i: x.take(i, axis, mode="clip"), x, index + 2)
    check(lambda m, x: x[[0, 2]], x)
    check(lambda m, x: x[[]], x)
    check(lambda m, x: x[m.array([0, 2]), m.array([[1], [3]])], x)


def test_gathers_of_large_arrays(all_native):
    rng = numpy.random.default_rng(4)
    x, i = rng.random(100_000), rng.integers(-100_000, 100_000, 150_000)
    check(lambda m, x, i: x[i], x, i)
    check(lambda m, x, i: x[::3][i // 3], x[:99_999], i[(i > -99_000) & (i < 99_000)])
    rows = rng.random((1000, 7))
    check(lambda m, x, i: x[i], rows, i[:3000] % 1000)
    check(lambda m, x, i: x[i, i % 7], rows, i[:3000] % 1000)
    check(lambda m, x, i: m.take(x, i, 1), rows, i[:300] % 7)


def test_scatters(all_native):
    def assign(value):
        def run(m, x, i):
            x[i] = value(m)
            return x

        return run

    x, i = numpy.arange(20.0).reshape(5, 4), numpy.array([3, 1, 3, -5])
    check(assign(lambda m: 7), x, i)
    check(assign(lambda m: m.arange(4)), x, i)
    check(assign(lambda m: m.arange(16).reshape(4, 4)), x, i)
    check(assign(lambda m: m.arange(4).reshape(4, 1)), x, i)
    check(assign(lambda m: [1, 2, 3, 4]), x[:, 0].copy(), i)
    check(assign(lambda m: m.arange(0.0)), x[:, 0].copy(), i[:0])

    def into_itself(m, x):
        x[m.arange(5)[::-1]] = x
        return x

    check(into_itself, x)

    def two(m, x):
        x[m.array([0, 1, 0]), m.array([2, 2, 2])] = m.array([1, 2, 3])
        x[::2][m.array([1])] = 50
        return x

    check(two, x)
    rng = numpy.random.default_rng(8)
    x, i, v = numpy.zeros(50_000), rng.integers(-50_000, 50_000, 200_000), rng.random(200_000)

    def large(m, x, i, v):
        x[i] = v
        return x

    check(large, x, i, v)


def test_refusals_of_integers():
    x = numpy.arange(12.0).reshape(3, 4)
    for key in [[3], [-4], [0, 5, -9], numpy.arange(100_000), ([0, 1], [0, 4]), ([0, 1], [0, 1, 2]), [1.0], (slice(None), [4])]:
        check(lambda m, x: x[key], x)
        check(lambda m, x: x.__setitem__(key, 0), x)
    check(lambda m, x: m.take(x, [12]), x)
    check(lambda m, x: m.take(x, [3], 0), x)
    check(lambda m, x: m.take(x, [0], 2), x)
    check(lambda m, x: m.take(x, [0], mode="other"), x)
    check(lambda m, x: m.take(x[:0], [0], 0), x)
    check(lambda m, x: x.__setitem__([0, 1], m.arange(3)), x)
    check(lambda m: m.nonzero(m.array(3)))

    def locked(m, x):
        x.flags.writeable = False
        x[[0]] = 1

    check(locked, x)


@given(data=st.data(), shape=stn.array_shapes(min_dims=1, max_dims=3, max_side=5))
def test_advanced_keys(data, shape):
    x = numpy.arange(float(numpy.prod(shape))).reshape(shape)
    if data.draw(st.booleans()):
        key = data.draw(stn.arrays(bool, shape[: data.draw(st.integers(1, len(shape)))]))
    else:
        key = data.draw(stn.integer_array_indices(shape, result_shape=stn.array_shapes(min_dims=1, max_dims=2, max_side=4)))
    check(lambda m, x: x[key], x)

    def assign(m, x):
        x[key] = m.arange(x[key].size).reshape(x[key].shape)
        return x

    check(assign, x)
    view = (slice(None, None, -1),) * len(shape)
    check(lambda m, x: x[view][key], x)
