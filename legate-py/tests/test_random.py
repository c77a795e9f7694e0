"""Random numbers are NumPy's own, however large the draw and whoever computes it."""

import copy
import pickle

import numpy
import pytest
from support import assert_same, outcome

import legate
import legate.numpy as np
from legate.numpy import random as ours

LARGE = ours.NATIVE_FROM + 77


@pytest.fixture(params=["small draws by NumPy", "all draws native"])
def threshold(request, monkeypatch):
    """Natively drawn numbers are the same at any size; small ones are tested natively too."""
    if request.param == "all draws native":
        monkeypatch.setattr(ours, "NATIVE_FROM", 1)


LEGACY = [
    lambda r: r.rand(5),
    lambda r: r.rand(3, 4),
    lambda r: r.rand(),
    lambda r: r.random(7),
    lambda r: r.random_sample((2, 3)),
    lambda r: r.random_sample(),
    lambda r: r.ranf(4),
    lambda r: r.sample((1, 2)),
    lambda r: r.randint(0, 100, 6),
    lambda r: r.uniform(2, 5, 6),
    lambda r: r.uniform(-1.5, 2.5, (700,)),
    lambda r: r.uniform(3),
    lambda r: r.exponential(size=5),
    lambda r: r.permutation(8),
    lambda r: r.choice(10, 4),
    lambda r: r.poisson(3, 5),
    lambda r: r.rand(1250),
    lambda r: r.rand(0),
    lambda r: r.rand(2, 0, 3),
    lambda r: r.bytes(5),
]


@pytest.mark.usefixtures("threshold")
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, [1, 2, 3], numpy.arange(5)], ids=repr)
def test_the_legacy_stream_is_numpys(seed):
    numpy.random.seed(seed)
    expected = [draw(numpy.random) for draw in LEGACY * 2]
    np.random.seed(seed)
    for draw, value in zip(LEGACY * 2, expected):
        assert_same(draw(np.random), value)


@pytest.mark.usefixtures("threshold")
def test_both_modules_share_one_stream():
    numpy.random.seed(7)
    expected = [numpy.random.rand(3), numpy.random.randn(3), numpy.random.rand(4), numpy.random.randint(0, 9, 3)]
    np.random.seed(7)
    assert_same(np.random.rand(3), expected[0])
    assert (numpy.random.randn(3) == expected[1]).all()
    assert_same(np.random.rand(4), expected[2])
    assert (numpy.random.randint(0, 9, 3) == expected[3]).all()


def test_large_legacy_draws():
    numpy.random.seed(11)
    expected = [numpy.random.rand(LARGE), numpy.random.rand(3), numpy.random.rand(2, LARGE // 2), numpy.random.rand()]
    np.random.seed(11)
    assert_same(np.random.rand(LARGE), expected[0])
    assert_same(np.random.rand(3), expected[1])
    assert_same(np.random.rand(2, LARGE // 2), expected[2])
    assert_same(np.random.rand(), expected[3])


def test_state():
    np.random.seed(3)
    np.random.rand(LARGE)
    state = np.random.get_state()
    first = np.random.rand(LARGE)
    np.random.set_state(state)
    assert_same(np.random.rand(LARGE), numpy.array(first))
    np.random.seed(3)
    if ours.NATIVE_FROM > 1:
        np.random.randn(1)  # leaves a normal deviate behind, which uniform numbers do not touch
        np.random.rand(LARGE)
        assert np.random.get_state()[3] == 1


GENERATOR = [
    lambda g: g.random(),
    lambda g: g.random(5),
    lambda g: g.random((2, 3)),
    lambda g: g.random(4, dtype="f4"),
    lambda g: g.random(3),
    lambda g: g.integers(0, 100, 5),
    lambda g: g.integers(0, 100, 3, dtype="i4"),
    lambda g: g.random(1300),
    lambda g: g.uniform(-2, 3, 6),
    lambda g: g.exponential(size=3),
    lambda g: g.permutation(6),
    lambda g: g.random(0),
]


@pytest.mark.usefixtures("threshold")
@pytest.mark.parametrize("seed", [0, 42, 2**100, [1, 2], numpy.random.SeedSequence(5)], ids=repr)
def test_generators_are_numpys(seed):
    theirs = numpy.random.default_rng(copy.deepcopy(seed))
    mine = np.random.default_rng(copy.deepcopy(seed))
    for draw in GENERATOR * 2:
        assert_same(draw(mine), draw(theirs))


def test_large_generator_draws():
    theirs, mine = numpy.random.default_rng(5), np.random.default_rng(5)
    for _ in range(2):
        assert_same(mine.random(LARGE), theirs.random(LARGE))
        assert_same(mine.random(2, dtype="f4"), theirs.random(2, dtype="f4"))
        assert_same(mine.random((3, LARGE)), theirs.random((3, LARGE)))
        assert_same(mine.integers(0, 5, 3), theirs.integers(0, 5, 3))


@pytest.mark.parametrize("bits", ["MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_other_bit_generators(bits):
    theirs = numpy.random.Generator(getattr(numpy.random, bits)(3))
    mine = np.random.Generator(getattr(np.random, bits)(3))
    assert_same(mine.random(LARGE), theirs.random(LARGE))
    assert_same(mine.normal(size=4), theirs.normal(size=4))


def test_generators_are_generators():
    mine = np.random.default_rng(1)
    assert isinstance(mine, numpy.random.Generator)
    assert np.random.default_rng(mine) is mine
    theirs = numpy.random.default_rng(1)
    shared = np.random.default_rng(theirs)
    assert shared.bit_generator is theirs.bit_generator
    again = pickle.loads(pickle.dumps(mine))
    assert type(again) is type(mine)
    assert_same(again.random(4), numpy.array(mine.random(4)))
    assert len(mine.spawn(2)) == 2 and type(mine.spawn(1)[0]) is np.random.Generator


def test_random_state_falls_back():
    with legate.fallback("silent"):
        assert (np.random.RandomState(3).rand(4) == numpy.random.RandomState(3).rand(4)).all()


def test_shuffle_writes_to_its_array():
    numpy.random.seed(2)
    expected = numpy.arange(10)
    numpy.random.shuffle(expected)
    np.random.seed(2)
    actual = np.arange(10)
    np.random.shuffle(actual)
    assert_same(actual, expected)
    expected = numpy.arange(10)
    numpy.random.default_rng(2).shuffle(expected)
    actual = np.arange(10)
    np.random.default_rng(2).shuffle(actual)
    assert_same(actual, expected)


# ---------------------------------------------------------------------------------------------------------------------
# Normal numbers
# ---------------------------------------------------------------------------------------------------------------------


def test_small_normal_draws_are_numpys():
    numpy.random.seed(4)
    expected = [numpy.random.randn(3), numpy.random.normal(2, 3, 5), numpy.random.standard_normal((2, 2)), numpy.random.randn()]
    np.random.seed(4)
    if ours.NATIVE_FROM > 10:
        assert_same(np.random.randn(3), expected[0])
        assert_same(np.random.normal(2, 3, 5), expected[1])
        assert_same(np.random.standard_normal((2, 2)), expected[2])
        assert_same(np.random.randn(), expected[3])


@pytest.mark.parametrize("make", [lambda: np.random, lambda: np.random.default_rng(9)], ids=["legacy", "generator"])
def test_large_normal_draws_are_normal(make):
    np.random.seed(9)
    source = make()
    x = numpy.array(source.normal(2, 3, 4 * LARGE))
    z = (x - 2) / 3
    n = z.size
    assert abs(z.mean()) < 5 / n**0.5
    assert abs(z.var() - 1) < 8 / n**0.5
    assert abs((z**3).mean()) < 20 / n**0.5
    quantiles = numpy.quantile(z, [0.01, 0.25, 0.5, 0.75, 0.99])
    # The standard error of the outer ones is 3.7 / sqrt(n).
    assert numpy.abs(quantiles - [-2.3263479, -0.6744898, 0, 0.6744898, 2.3263479]).max() < 19 / n**0.5
    assert not (numpy.array(source.standard_normal(LARGE)) == z[:LARGE]).any()


def test_large_normal_draws_repeat():
    for make in (lambda: np.random, lambda: np.random.default_rng(9)):
        np.random.seed(9)
        first = numpy.array(make().standard_normal(LARGE))
        np.random.seed(9)
        assert_same(make().standard_normal(LARGE), first)


def test_refusals():
    for call in (
        lambda m: m.random.rand(-1),
        lambda m: m.random.rand("a"),
        lambda m: m.random.random_sample((2, -3)),
        lambda m: m.random.default_rng(1).random(3, dtype="i4"),
        lambda m: m.random.default_rng(-1),
        lambda m: m.random.normal(0, -1, 3),
        lambda m: m.random.seed(-1),
        lambda m: m.random.default_rng(1).uniform(3, 2, 4),
    ):
        expected, actual = outcome(call, numpy), outcome(call, np)
        assert_same(actual, expected)
