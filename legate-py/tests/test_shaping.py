"""Shapes: reshaping, joining, splitting, rearranging."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import check, outcome

import legate.numpy as np


@pytest.mark.parametrize("shape", [24, (24,), (2, 12), (4, -1), (-1, 2), (2, 3, 4), (1, 24, 1), -1, (5, 5), (-1, -1), (-1, 5), (0, -1), "a"])
@pytest.mark.parametrize("order", ["C", "F", "A"])
def test_reshape(shape, order):
    x = numpy.arange(24).reshape(4, 6)
    check(lambda m, x: x.reshape(shape, order=order), x)
    check(lambda m, x: m.reshape(x, shape, order=order), x)
    check(lambda m, x: x.T.reshape(shape, order=order), x)


def test_reshape_arguments():
    x = numpy.arange(24)
    check(lambda m, x: x.reshape(2, 3, 4), x)
    check(lambda m, x: x.reshape([2, 12]), x)
    check(lambda m, x: x.reshape(2.0, 12), x)
    check(lambda m, x: x.reshape(), x)
    check(lambda m, x: m.reshape([1, 2, 3, 4], (2, 2)), x)
    check(lambda m, x: x[:1].reshape(()), x)
    check(lambda m, x: x[:0].reshape(0, 5), x)
    check(lambda m, x: x[:0].reshape(0, -1), x)
    check(lambda m, x: m.reshape(x, (4, 6), copy=True), x)
    check(lambda m, x: m.reshape(x.reshape(4, 6).T, -1, copy=False), x)


def test_setting_the_shape():
    x = np.arange(6)
    x.shape = (2, 3)
    assert x.shape == (2, 3) and x[1, 0] == 3
    x.shape = -1
    assert x.shape == (6,)
    x.shape = 3, 2
    view = x.T
    with pytest.raises(AttributeError):
        view.shape = 6
    with pytest.raises(ValueError):
        x.shape = 7
    assert x.shape == (3, 2)


def test_ravel_and_flatten():
    x = numpy.arange(24).reshape(2, 3, 4)
    for order in "CFAK":
        check(lambda m, x: x.ravel(order), x)
        check(lambda m, x: x.flatten(order), x)
        check(lambda m, x: x.T.ravel(order), x)
        check(lambda m, x: x[:, ::2].flatten(order), x)


def test_transposing():
    x = numpy.arange(24).reshape(2, 3, 4)
    for axes in ((), (None,), (0, 2, 1), (-1, 0, 1), ((2, 1, 0),), (0, 1), (0, 0, 1), (0, 1, 3)):
        check(lambda m, x: x.transpose(*axes), x)
    check(lambda m, x: m.transpose(x, [1, 0, 2]), x)
    check(lambda m, x: m.permute_dims(x, (2, 0, 1)), x)
    check(lambda m, x: x.mT, x)
    check(lambda m, x: m.matrix_transpose(x), x)
    check(lambda m, x: m.matrix_transpose(x[0, 0]), x)
    for axes in ((0, 1), (0, -1), (1, 1), (0, 3)):
        check(lambda m, x: m.swapaxes(x, *axes), x)
    for source, destination in ((0, 2), (-1, 0), ((0, 1), (2, 0)), ((0, 0), (1, 2)), (0, (1, 2)), (5, 0)):
        check(lambda m, x: m.moveaxis(x, source, destination), x)
    for axis, start in ((2, 0), (0, 3), (1, 1), (-1, 1), (0, 5)):
        check(lambda m, x: m.rollaxis(x, axis, start), x)


def test_squeezing_and_expanding():
    x = numpy.arange(6).reshape(1, 2, 1, 3)
    for axis in (None, 0, 2, (0, 2), -2, 1, 4, (0, 0)):
        check(lambda m, x: m.squeeze(x, axis), x)
        check(lambda m, x: x.squeeze(axis=axis), x)
    for axis in (0, -1, 2, (0, 2), (0, 0), 9):
        check(lambda m, x: m.expand_dims(x, axis), x)
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        for value in (3, [1, 2], [[1], [2]], numpy.ones((2, 2, 2, 2))):
            check(lambda m: getattr(m, name)(value))
        check(lambda m: getattr(m, name)(1, [2]))


def test_turning():
    x = numpy.arange(24).reshape(2, 3, 4)
    for axis in (None, 0, -1, (0, 2), 3):
        check(lambda m, x: m.flip(x, axis), x)
    check(lambda m, x: m.fliplr(x), x)
    check(lambda m, x: m.flipud(x), x)
    check(lambda m, x: m.fliplr(x[0, 0]), x)
    for k in range(-1, 5):
        check(lambda m, x: m.rot90(x, k), x)
    check(lambda m, x: m.rot90(x, 1, (1, 2)), x)
    check(lambda m, x: m.rot90(x, 1, (1, 1)), x)
    check(lambda m, x: m.rot90(x, 1, (0, 5)), x)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, 2])
def test_concatenate(axis):
    a, b = numpy.arange(6).reshape(2, 3), numpy.arange(6.0).reshape(2, 3)
    check(lambda m, a, b: m.concatenate([a, b], axis=axis), a, b)
    check(lambda m, a, b: m.concatenate((a, b, a), axis), a, b)
    check(lambda m, a, b: m.concatenate([a, b[:, :2]], axis=axis), a, b)
    check(lambda m, a, b: m.stack([a, b], axis or 0), a, b)


def test_joining():
    a, b = numpy.arange(3), numpy.arange(3) * 1.5
    for name in ("vstack", "hstack", "column_stack", "dstack", "stack", "concatenate"):
        check(lambda m, a, b: getattr(m, name)([a, b]), a, b)
        check(lambda m, a, b: getattr(m, name)((a.reshape(1, 3), b.reshape(1, 3))), a, b)
        check(lambda m, a, b: getattr(m, name)([]), a, b)
        check(lambda m, a, b: getattr(m, name)([1, 2]), a, b)
        check(lambda m, a, b: getattr(m, name)([a, b[:2]]), a, b)
    check(lambda m, a, b: m.concatenate([a, b], dtype="f4"), a, b)
    check(lambda m, a, b: m.concatenate([a, b], dtype="i4"), a, b)
    check(lambda m, a, b: m.concatenate([a, b], out=m.zeros(6)), a, b)
    check(lambda m, a, b: m.concatenate([a, b], out=m.zeros(5)), a, b)
    check(lambda m, a, b: m.concatenate(a), a, b)
    check(lambda m, a, b: m.concatenate(a.reshape(3, 1)), a, b)
    check(lambda m, a, b: m.concatenate([a, [[1]]]), a, b)
    check(lambda m, a, b: m.append(a, b), a, b)


def test_splitting():
    x = numpy.arange(24).reshape(4, 6)
    for sections in (2, 3, [1, 3], [5, 2], 0, -1):
        for axis in (0, 1):
            check(lambda m, x: m.array_split(x, sections, axis), x)
            check(lambda m, x: m.split(x, sections, axis), x)
    check(lambda m, x: m.hsplit(x, 2), x)
    check(lambda m, x: m.vsplit(x, 2), x)
    check(lambda m, x: m.dsplit(x, 2), x)
    check(lambda m, x: m.dsplit(x.reshape(2, 3, 4), 2), x)
    check(lambda m, x: m.hsplit(x[0], 3), x)
    check(lambda m, x: m.vsplit(x[0], 3), x)
    check(lambda m, x: m.unstack(x, axis=1), x)


def test_rearranging():
    x = numpy.arange(24.0).reshape(4, 6)
    for shift, axis in ((1, None), (-2, 0), ((1, 2), (0, 1)), (3, (0, 1)), (100, 1), (0, 0), (1, 5)):
        check(lambda m, x: m.roll(x, shift, axis), x)
    for reps in (2, (2,), (2, 3), (2, 1, 2), 0, ()):
        check(lambda m, x: m.tile(x, reps), x)
        check(lambda m, x: m.tile(x[0], reps), x)
    check(lambda m, x: m.tile(5, 3), x)
    for indexing in ("xy", "ij"):
        check(lambda m, x: m.meshgrid(x[0], x[:, 0], indexing=indexing), x)
        check(lambda m, x: m.meshgrid(x[0], x[:, 0], x[1, :2], indexing=indexing, sparse=True), x)
    check(lambda m, x: m.meshgrid(x[0], indexing="no"), x)
    check(lambda m, x: m.repeat(x, 2, axis=0), x)


def test_broadcasting():
    x = numpy.arange(3)
    for shape in ((3,), (2, 3), (2, 2, 3), (3, 1), (), 3, (4,), (2, 0, 3)):
        check(lambda m, x: m.broadcast_to(x, shape), x)
        check(lambda m, x: m.broadcast_to(x[:1], shape), x)
    check(lambda m, x: m.broadcast_arrays(x, [[1], [2]]), x)
    check(lambda m, x: m.broadcast_arrays(x, [1, 2]), x)
    assert np.broadcast_shapes((3, 1), (4,)) == (3, 4)


def test_queries():
    x = numpy.arange(6.0).reshape(2, 3)
    check(lambda m, x: (m.shape(x), m.ndim(x), m.size(x), m.size(x, 1), m.size(x, (0, 1))), x)
    check(lambda m, x: (m.shape([[1], [2]]), m.ndim(3), m.size([1, 2])), x)
    check(lambda m, x: (m.iscomplexobj(x), m.isrealobj(x + 1j), m.isfortran(x.T), m.isfortran(x)), x)
    check(lambda m, x: (m.can_cast("i4", "f8"), m.can_cast("f8", "i4"), m.isscalar(3)), x)
    assert np.result_type(np.arange(3, dtype="i2"), 3) == numpy.dtype("i2")
    assert np.result_type(np.arange(3, dtype="i2"), np.ones(2, "f4")) == numpy.dtype("f4")
    assert np.min_scalar_type(300) == numpy.dtype("u2")
    assert np.common_type(np.arange(3), np.ones(2, "f4")) is numpy.float64
    check(lambda m, x: m.isreal(x + 0j), x)
    check(lambda m, x: m.iscomplex(x + 1j), x)


def test_comparing():
    x = numpy.array([1.0, numpy.nan, numpy.inf, 0.0])
    for call in (
        lambda m, x: m.isclose(x, x),
        lambda m, x: m.isclose(x, x, equal_nan=True),
        lambda m, x: m.allclose(x, x),
        lambda m, x: m.allclose(x, x, equal_nan=True),
        lambda m, x: m.isclose(x, x + 1e-9),
        lambda m, x: m.isclose(x, 1),
        lambda m, x: m.array_equal(x, x),
        lambda m, x: m.array_equal(x, x, equal_nan=True),
        lambda m, x: m.array_equal(x, x[:2]),
        lambda m, x: m.array_equiv([1, 2], [[1, 2], [1, 2]]),
        lambda m, x: m.isposinf(x),
        lambda m, x: m.isneginf(-x),
        lambda m, x: m.nan_to_num(x),
        lambda m, x: m.nan_to_num(x, nan=5.0, posinf=7.0),
        lambda m, x: m.nan_to_num([1, 2]),
    ):
        check(call, x)


@pytest.mark.parametrize("decimals", [0, 1, -1])
def test_choosing_and_limiting(decimals):
    x = numpy.array([[1.5, -2.5, 3.25], [10.0, numpy.nan, -7.125]])
    check(lambda m, x: m.where(x > 2, x, -x), x)
    check(lambda m, x: m.where(x > 2, 1, 0), x)
    check(lambda m, x: m.where(x > 2, x, [1, 2, 3]), x)
    check(lambda m, x: m.where(True, x, 0), x)
    check(lambda m, x: m.where(x > 2), x)
    check(lambda m, x: m.where(x > 2, x), x)
    check(lambda m, x: m.where(3, 1.5, 2), x)
    check(lambda m, x: m.where(x, x, m.ones(4)), x)
    check(lambda m, x: m.clip(x, -2, 3), x)
    check(lambda m, x: x.clip(-2, 3), x)
    check(lambda m, x: x.clip(max=3), x)
    check(lambda m, x: x.clip(min=[0, 1, 2]), x)
    check(lambda m, x: m.clip(x, None, None), x)
    check(lambda m, x: m.clip(x.astype("i4"), 0, 2.5), numpy.nan_to_num(x))
    check(lambda m, x: m.clip(x.astype("i1"), 0, 300), numpy.nan_to_num(x))
    check(lambda m, x: x.clip(0, 1, out=x), x)
    check(lambda m, x: m.round(x, decimals), x)
    check(lambda m, x: x.round(decimals), x)
    check(lambda m, x: x.astype(int).round(decimals), numpy.nan_to_num(x))


def test_copyto_and_friends():
    def copyto(m, x, **kwargs):
        m.copyto(x, [1.5, 2.5, 3.5], **kwargs)
        return x

    x = numpy.zeros((2, 3))
    check(copyto, x)
    check(copyto, x.astype("i4"))
    check(copyto, x.astype("i4"), casting="unsafe")
    check(copyto, x, where=numpy.array([True, False, True]))
    check(copyto, x[:, :2].copy())

    for name, args in (
        ("put", ([0, 4], [7, 8])),
        ("place", (numpy.array([[True, False, True]] * 2), [1, 2])),
        ("putmask", (numpy.array([[True, False, True]] * 2), 5)),
    ):

        def call(m, x):
            getattr(m, name)(x, *args)
            return x

        check(call, x)


def test_in_place_methods():
    x = numpy.array([[3.0, 1.0, 2.0], [9.0, 7.0, 8.0]])
    for call in (
        lambda x: x.sort(),
        lambda x: x.sort(axis=0),
        lambda x: x[:, ::-1].sort(),
        lambda x: x.partition(1),
        lambda x: x.fill(4),
        lambda x: x[0].fill(2.5),
        lambda x: x.put([0, 1], 5),
        lambda x: x.resize((4, 2), refcheck=False),
        lambda x: x.resize(2, 2, refcheck=False),
    ):

        def run(m, x):
            call(x)
            return x

        check(run, x)
    check(lambda m, x: x.fill([1, 2]), x)
    check(lambda m, x: x[0].resize(9), x)


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    data=st.data(),
)
def test_random_reshapes(shape, data):
    size = int(numpy.prod(shape))
    divisors = [d for d in range(1, size + 1) if size % d == 0]
    first = data.draw(st.sampled_from(divisors))
    second = data.draw(st.sampled_from([d for d in divisors if (size // first) % d == 0]))
    target = (first, second, size // first // second)
    axes = data.draw(st.permutations(range(len(shape))))
    x = numpy.arange(size).reshape(shape)
    check(lambda m, x: x.transpose(axes).reshape(target), x)
    check(lambda m, x: x[::-1].reshape(target)[..., ::-1].reshape(-1), x)


def test_refusals_keep_their_types():
    assert type(outcome(lambda: np.zeros((2,) * 65))) is type(outcome(lambda: numpy.zeros((2,) * 65)))
