"""Functions that NumPy has in Python, on this namespace; and those written beside them: what samples of 24 elements do not show."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import assert_same, check, plain, values

import legate
import legate.numpy as np


def normal(*shape, seed=0):
    return numpy.random.default_rng([seed, *shape]).normal(0, 2, shape)


# ---------------------------------------------------------------------------------------------------------------------
# Borrowed code
# ---------------------------------------------------------------------------------------------------------------------


def test_they_look_like_numpys():
    import inspect

    for name in ("gradient", "pad", "median", "polyfit", "einsum", "union1d"):
        ours, theirs = getattr(np, name), getattr(numpy, name)
        assert ours.__name__ == name and ours.__module__ == "legate.numpy"
        assert ours.__doc__ == theirs.__doc__
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert getattr(np, name) is ours


def test_what_is_not_python_is_not_borrowed():
    from legate.numpy import _borrowed

    with pytest.raises(TypeError, match="not written in Python"):
        _borrowed.borrow(numpy.concatenate)


def test_nothing_in_them_falls_back():
    x = np.arange(200_000.0)
    with legate.fallback("error"):
        for y in (np.gradient(x), np.pad(x, 3, "reflect"), np.ediff1d(x), np.unwrap(x), np.sinc(x), np.convolve(x, x[:5]), np.kron(x, x[:2])):
            assert type(y) is np.ndarray and y.size >= x.size - 1, y


def test_warnings_are_at_the_users_line():
    with pytest.warns(RuntimeWarning, match="Degrees of freedom") as caught:
        np.nanvar(np.array([numpy.nan, numpy.nan]))
    assert caught[0].filename == __file__


# ---------------------------------------------------------------------------------------------------------------------
# Counts in bins
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 3000, 70_000])
@pytest.mark.parametrize("bins", [1, 7, 300, [-3, -1, 0, 0, 2.5], "auto"], ids=str)
def test_histograms(n, bins):
    x = normal(n)
    check(lambda m, x: m.histogram(x, bins), x, ulp=1)
    if bins != "auto":
        check(lambda m, x: m.histogram(x, bins, weights=m.arange(n) % 5), x, ulp=1)
        check(lambda m, x: m.histogram(x, bins, density=True), x, ulp=2)
        check(lambda m, x: m.histogram((x * 9).astype("i2"), bins), x, ulp=1)


def test_elements_on_edges_are_in_the_right_bins():
    for n in (100, 5000):
        check(lambda m: m.histogram(m.arange(n) % 10 / 10, 10, (0, 0.9)), ulp=1)
        check(lambda m: m.histogram(m.arange(n) % 10 / 10, m.arange(10) / 10), ulp=1)


@pytest.mark.parametrize("n", [5, 5000])
def test_counts(n):
    x = numpy.random.default_rng(3).integers(0, 50, n)
    for dtype in ("i8", "i4", "u1", "?"):
        check(lambda m, x: m.bincount(x), x.astype(dtype))
    check(lambda m, x: m.bincount(x, minlength=70), x)
    check(lambda m, x: m.bincount(x, m.arange(n)), x)
    check(lambda m, x: m.bincount(x - 5), x)
    check(lambda m, x: m.bincount(x * 0.5), x)
    check(lambda m, x: m.bincount(x, [1.0]), x)


# ---------------------------------------------------------------------------------------------------------------------
# Order statistics
# ---------------------------------------------------------------------------------------------------------------------

METHODS = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "linear"]
METHODS += ["median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_quantiles(method, dtype):
    x = values((7, 5), dtype) if dtype == "i4" else normal(7, 5).astype(dtype)
    q = [0, 0.13, 0.5, 0.77, 1]
    check(lambda m, x: m.quantile(x, q, axis=0, method=method), x, ulp=2)
    check(lambda m, x: m.quantile(x, 0.3, method=method), x, ulp=2)
    check(lambda m, x: m.nanquantile(x, q, axis=1, method=method), x, ulp=2)
    if dtype != "i4":
        x[[0, 2, 3], [1, 1, 4]] = numpy.nan
        x[:, 3] = numpy.nan
        check(lambda m, x: m.quantile(x, q, axis=0, method=method), x, ulp=2)
        check(lambda m, x: m.nanquantile(x, q, axis=0, method=method), x, ulp=2)
        check(lambda m, x: m.nanquantile(x, q, axis=(0, 1), method=method, keepdims=True), x, ulp=2)


@given(st.lists(st.sampled_from([1.0, 2.0, 3.5, -1.0, numpy.nan, numpy.inf]), min_size=1, max_size=9), st.floats(0, 1))
def test_quantiles_that_pass_over_nan(elements, q):
    x = numpy.array(elements)
    check(lambda m, x: m.nanquantile(x, q), x, ulp=2)
    check(lambda m, x: m.nanmedian(x), x)
    check(lambda m, x: m.median(x), x)
    check(lambda m, x: m.nanmedian(x.reshape(-1, 1), axis=1), x)


@pytest.mark.parametrize("n", [9, 2000])
def test_partitions(n):
    x = numpy.random.default_rng(5).permutation(n) / 4
    for kth in (0, n // 2, -1, [1, n - 2]):
        parts = plain(np.partition(np.array(x), kth))
        order = plain(np.argpartition(np.array(x), kth))
        sorted_x = numpy.sort(x)
        assert (parts[kth] == sorted_x[kth]).all() and (numpy.sort(parts) == sorted_x).all()
        assert (x[order][kth] == sorted_x[kth]).all() and (numpy.sort(order) == numpy.arange(n)).all()
    for kth in (n, -n - 1, 0.5, "text", [[1]]):
        check(lambda m, x: m.partition(x, kth), x)
        check(lambda m, x: m.argpartition(x, kth), x)


@given(st.lists(st.sampled_from([0, 1 + 1j, 1 - 1j, -2j, complex("nan"), complex(1, numpy.nan), complex(numpy.nan, 1)]), max_size=12))
def test_complex_numbers_in_order(elements):
    x = numpy.array(elements, complex)
    check(lambda m, x: m.sort(x), x)
    check(lambda m, x: m.argsort(x, stable=True), x)
    check(lambda m, x: m.sort_complex(x), x)
    check(lambda m, x: (x.sort(), x), x)
    check(lambda m, x: m.unique(x, return_index=True), x)


@given(st.integers(0, 3), st.integers(1, 40))
def test_orders_by_several_keys(more, n):
    rng = numpy.random.default_rng([more, n])
    keys = [rng.integers(0, 3, n), *[rng.integers(0, 4, n) / 2 for _ in range(more)]]
    check(lambda m: m.lexsort([m.array(key) for key in keys]))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 1))
def test_distinct_rows(rows, columns, axis):
    x = numpy.random.default_rng([rows, columns]).integers(0, 2, (rows, columns, 2))
    check(lambda m, x: m.unique(x, axis=axis, return_index=True, return_inverse=True, return_counts=True), x)


# ---------------------------------------------------------------------------------------------------------------------
# Sums of products
# ---------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["full", "same", "valid"]), st.sampled_from(["i8", "f8", "c16", "?"]))
def test_convolutions(n, k, mode, dtype):
    a, v = values((n,), "i1").astype(dtype), values((k,), "i1", seed=1).astype(dtype)
    check(lambda m, a, v: m.convolve(a, v, mode), a, v)
    check(lambda m, a, v: m.correlate(a, v, mode), a, v)


def test_long_convolutions():
    for n, k in [(5000, 3), (3000, 700)]:
        a, v = numpy.arange(n) % 17, numpy.arange(k) % 5
        for mode in ("full", "same", "valid"):
            check(lambda m, a, v: m.convolve(a, v, mode), a, v)
    a = normal(3000)
    a[[0, 1000, -1]] = numpy.inf, -numpy.inf, numpy.nan
    check(lambda m, a: m.convolve(a, a[10:13]), a, ulp=4)


LETTERS = st.lists(st.sampled_from("abcd"), min_size=0, max_size=4)


@given(st.lists(LETTERS, min_size=1, max_size=3), st.data())
def test_einstein_sums(terms, data):
    extents = {"a": 2, "b": 3, "c": 1, "d": 4}
    present = sorted({letter for term in terms for letter in term})
    result = data.draw(st.permutations(present)) if present else []
    result = result[: data.draw(st.integers(0, len(result)))]
    subscripts = ",".join("".join(term) for term in terms)
    arrays = [values(tuple(extents[letter] for letter in term), "i1", seed=k).astype("i8") for k, term in enumerate(terms)]
    for text in (subscripts, f"{subscripts}->{''.join(result)}"):
        for optimize in (False, True):
            check(lambda m: m.einsum(text, *map(m.array, arrays), optimize=optimize))


def test_large_einstein_sums():
    a, b = values((60, 70), "i1").astype(float), values((70, 80), "i1").astype(float)  # sums of integers are exact
    for text in ("ij,jk", "ij,jk->ki", "ij,jk->i", "ij,jk->j"):
        expected = numpy.einsum(text, a, b)
        with legate.fallback("error"):
            assert_same(np.einsum(text, np.array(a), np.array(b)), expected)


# ---------------------------------------------------------------------------------------------------------------------
# Bits
# ---------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([None, 0, 1, -1]), st.sampled_from(["big", "little"]), st.integers(-30, 30))
def test_bits(rows, columns, axis, order, count):
    x = values((rows, columns), "u1")
    check(lambda m, x: m.packbits(x % 3, axis, order), x)
    check(lambda m, x: m.unpackbits(x, axis, bitorder=order), x)
    check(lambda m, x: m.unpackbits(x, axis, count, order), x)


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "i1"])
def test_members_of_tables(dtype):
    x = numpy.random.default_rng(2).integers(-100, 100, 9000).astype(dtype)
    x[:2] = numpy.iinfo(dtype).min, numpy.iinfo(dtype).max
    for tests in (x[5:9], x[:1], x[1:2], x[:2], x[7:8].astype("i8")):
        for invert in (False, True):
            check(lambda m, x, tests: m.isin(x, tests, invert=invert), x, tests)
