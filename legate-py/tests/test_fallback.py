"""What is not native: told, counted, refused or silent; values gathered, results wrapped."""

import sys
import warnings
import weakref
from collections import namedtuple

import numpy
import pytest
from support import assert_same, check, plain, run_python

import legate
import legate.numpy as np
from legate import _methods, _namespace, _native

MESSAGE = (
    "legate.numpy has not implemented 'linalg.det' and is falling back to canonical numpy. "
    "You may notice significantly decreased performance for this function call."
)


@pytest.fixture(autouse=True)
def compress_falls_back(monkeypatch):
    """A function and a method that are not native, whatever else is."""
    monkeypatch.setattr(np, "compress", _namespace.fallback_function("compress", numpy.compress))
    monkeypatch.setattr(_native.Array, "compress", _methods._fallback_method("compress"))


def test_the_warning():
    with legate.fallback("warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.linalg.det(np.eye(3))
        line = sys._getframe().f_lineno - 1
    (warning,) = caught
    assert warning.category is RuntimeWarning
    assert str(warning.message) == MESSAGE
    assert warning.filename == __file__
    assert warning.lineno == line


def test_the_warning_through_numpy_is_at_the_users_line():
    with legate.fallback("warn"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numpy.linalg.det(np.eye(3))
        numpy.linalg.pinv(np.eye(3))
    assert [w.filename for w in caught] == [__file__] * 2
    assert caught[1].lineno == caught[0].lineno + 1


def test_once_per_name_and_line():
    finished = run_python(
        """
        import legate.numpy as np
        x = np.eye(3)
        for i in range(3):
            np.linalg.det(x)
            np.linalg.pinv(x)
        np.linalg.det(x)
        """
    )
    assert finished.returncode == 0, finished.stderr
    warned = [line for line in finished.stderr.splitlines() if "RuntimeWarning" in line]
    assert len(warned) == 3
    assert all(line.startswith("<string>:") for line in warned)
    assert sum("'linalg.det'" in line for line in warned) == 2


def test_filters_that_change_are_heeded():
    x = np.arange(3)

    def told(action, calls=3):
        with legate.fallback("warn"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            for _ in range(calls):
                np.compress([1, 1, 1], x)
        return len(caught)

    for _ in range(2):
        assert [told("default"), told("always"), told("ignore")] == [1, 3, 0]
    with legate.fallback("warn"), warnings.catch_warnings(record=True) as caught:
        for action, count in [("default", 1), ("error", 1), ("always", 2)]:
            warnings.simplefilter(action)
            if action == "error":
                with pytest.raises(RuntimeWarning, match="compress"):
                    np.compress([1, 1, 1], x)
                continue
            for _ in range(2):
                np.compress([1, 1, 1], x)
            assert len(caught) == count + (action == "always")


@pytest.mark.parametrize(
    "value",
    [[1, (2, {"a": 3})], slice(1, None), (), {}, "text", numpy.arange(3), range(3)],
    ids=repr,
)
def test_what_holds_no_arrays_is_gathered_as_it_is(value):
    gathered = legate._native.gather(value)
    assert type(gathered) is type(value) and repr(gathered) == repr(value)


def test_arrays_are_gathered_wherever_they_are():
    pair = namedtuple("pair", "x y")
    x = np.arange(3)
    found = legate._native.gather([x, (x, [x]), {"a": x}, slice(x, None, x), pair(x, 1), np.add])
    snapshots = [found[0], found[1][0], found[1][1][0], found[2]["a"], found[3].start, found[3].step, found[4].x]
    for snapshot in snapshots:
        assert type(snapshot) is numpy.ndarray and not snapshot.flags.writeable and snapshot.tolist() == [0, 1, 2]
    assert type(found[4]) is pair and found[5] is numpy.add


def test_policies():
    x = np.arange(3)
    with legate.fallback("error"), pytest.raises(legate.FallbackError, match="'compress'"):
        np.compress([1, 1, 1], x)
    with legate.fallback("error"), pytest.raises(NotImplementedError, match="'ndarray.compress'"):
        x.compress([1, 1, 1])
    with legate.fallback("silent"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(np.compress([1, 1, 1], x), numpy.array([0, 1, 2]))
    with pytest.raises(ValueError):
        legate.fallback("loud")
    with legate.fallback("error"):
        with legate.fallback("silent"):
            np.compress([1, 1, 1], x)
        with pytest.raises(legate.FallbackError):
            np.compress([1, 1, 1], x)


@pytest.mark.parametrize(
    ("policy", "code", "text"),
    [("warn", 0, "RuntimeWarning"), ("silent", 0, ""), ("error", 1, "FallbackError"), ("loud", 1, "ValueError"), ("", 0, "RuntimeWarning")],
)
def test_policy_of_the_environment(policy, code, text):
    finished = run_python(
        "import legate.numpy as np; np.fft.fft(np.arange(3))",
        env={"LEGATE_FALLBACK": policy},
    )
    assert finished.returncode == code
    assert text in finished.stderr and (text or not finished.stderr)


def test_coverage():
    before = legate.coverage()
    np.add(1, np.arange(3))
    np.sum(np.arange(3))
    np.arange(3).max()
    np.compress([1, 1, 1], np.arange(3))
    np.arange(3).compress([1, 1, 1])
    after = legate.coverage()
    grown = {n: c - before.native[n] for n, c in after.native.items() if c != before.native[n]}
    assert grown["add"] == 1 and grown["sum"] == 1 and grown["ndarray.max"] == 1 and grown["arange"] == 5
    assert after.fallen_back["compress"] == before.fallen_back.get("compress", 0) + 1
    assert after.fallen_back["ndarray.compress"] == before.fallen_back.get("ndarray.compress", 0) + 1
    assert np.random.rand(1).shape == (1,)  # the first use of a submodule tells what is native in it
    assert {"matmul", "linalg.norm", "random.rand", "where", "concatenate", "isclose"} <= set(legate.coverage().native)
    assert "fallen back to NumPy" in repr(after) and "compress" in repr(after)


def test_arguments_of_all_kinds_are_gathered():
    x, n = np.arange(4.0), numpy.arange(4.0)
    assert_same(np.interp([0.5, 1.5], x, x * 2), numpy.interp([0.5, 1.5], n, n * 2))
    assert_same(np.block([[x, x], [x + 1, x]]), numpy.block([[n, n], [n + 1, n]]))
    assert_same(np.select([x < 1, x > 2], [x, x * 10]), numpy.select([n < 1, n > 2], [n, n * 10]))
    assert_same(np.piecewise(x, [x < 2, x >= 2], [-1, 1]), numpy.piecewise(n, [n < 2, n >= 2], [-1, 1]))
    assert_same(np.histogram(x, bins=np.arange(3)), numpy.histogram(n, bins=numpy.arange(3)))
    assert_same(np.unique(x, return_counts=True), numpy.unique(n, return_counts=True))
    assert_same(np.gradient(x), numpy.gradient(n))
    assert_same(np.r_[x, 5, x], numpy.r_[n, 5, n])
    assert_same(np.c_[x, x], numpy.c_[n, n])
    assert_same(np.mgrid[0:3, 0:2], numpy.mgrid[0:3, 0:2])
    assert np.s_[1:3] == slice(1, 3)


def test_named_tuples_keep_their_type():
    result = np.linalg.eigh(np.eye(2))
    assert type(result) is type(numpy.linalg.eigh(numpy.eye(2)))
    assert isinstance(result.eigenvalues, np.ndarray)


def test_out_is_written():
    out = np.zeros(3)
    assert np.compress([1, 1, 1], np.arange(3.0), out=out) is out
    assert out.tolist() == [0, 1, 2]
    assert np.arange(3.0).cumprod(out=out) is out
    assert out.tolist() == [0, 0, 0]
    with pytest.raises(ValueError):
        np.compress([1, 1, 1], np.arange(3.0), out=np.zeros(2))


def test_results_that_numpy_would_share_are_read_only():
    x = np.arange(4.0)
    bits = x.view("S4")
    assert not bits.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        bits[0] = 1


LARGE = 20_000


@pytest.mark.parametrize(
    "made",
    [
        lambda kept: numpy.arange(LARGE),
        lambda kept: numpy.arange(LARGE).reshape(-1, 10),
        lambda kept: numpy.arange(LARGE)[: LARGE // 2],
        lambda kept: numpy.arange(LARGE).reshape(-1, 10).T,
        lambda kept: (numpy.arange(LARGE), [numpy.ones(LARGE), "text"]),
        lambda kept: kept,
        lambda kept: kept[1:],
        lambda kept: (kept, kept),
        lambda kept: numpy.frombuffer(bytearray(8 * LARGE)),
        lambda kept: weakly(numpy.arange(LARGE)),
    ],
)
def test_what_numpy_made_is_ours_and_what_others_have_is_copied(made):
    kept = numpy.arange(LARGE)
    expected = made(kept)
    result = legate._native.call(made, (kept,), {})
    for ours, numpys in zip(arrays_in(result), arrays_in(expected), strict=True):
        assert_same(ours, numpys.copy())
        ours += 1
        ours *= 3
        assert_same(ours, (numpys + 1) * 3)
    assert (kept == numpy.arange(LARGE)).all()


def test_what_is_taken_over_is_not_copied():
    finished = run_python(
        """
        import numpy, legate
        from legate import _native
        address = lambda array: array.__array_interface__["data"][0]
        made = []
        def make():
            array = numpy.ones(20_000)
            made.append(address(array))
            return array
        assert address(numpy.asarray(_native.call(make, (), {}))) == made[0]
        """,
        env={"LEGATE_SIM_RANKS": "0", "LEGATE_INLINE": "1"},
    )
    assert finished.returncode == 0, finished.stderr


def test_what_is_taken_over_lives_as_long_as_it_is_used():
    for _ in range(20):
        taken = np.tile(numpy.arange(LARGE), 2)
        view, snapshot = taken[5:], taken.__array__()
        del taken
        assert_same(view[:3], numpy.arange(5, 8))
        del view
        assert snapshot[LARGE] == 0


_weak = []


def weakly(array):
    _weak.append(weakref.ref(array))
    return array


def arrays_in(value):
    if isinstance(value, (tuple, list)):
        return [array for item in value for array in arrays_in(item)]
    return [] if isinstance(value, str) else [value]


def test_a_function_that_wants_to_write_to_its_argument_is_refused():
    x = np.arange(3.0)
    with pytest.raises(ValueError, match="read-only"):
        legate._fallback.call("f", lambda row: row.__iadd__(1), (x,), {})
    assert x.tolist() == [0, 1, 2]


def test_files(tmp_path):
    x = np.arange(6.0).reshape(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.save(tmp_path / "x.npy", x)
        np.savez(tmp_path / "x.npz", a=x, b=x + 1)
        np.savetxt(tmp_path / "x.txt", x)
        x.tofile(tmp_path / "x.bin")
    assert_same(np.load(tmp_path / "x.npy"), plain(x))
    assert (np.load(tmp_path / "x.npz")["b"] == plain(x) + 1).all()
    assert_same(np.loadtxt(tmp_path / "x.txt"), plain(x))
    assert_same(np.fromfile(tmp_path / "x.bin"), plain(x).ravel())


def test_vectorize_and_frompyfunc():
    check(lambda m, x: m.vectorize(lambda v: v + 0.5)(x), numpy.arange(3))
    check(lambda m, x: m.frompyfunc(lambda v: v + 1, 1, 1)(x), numpy.arange(3))
    check(lambda m, x: m.apply_along_axis(sum, 0, x), numpy.ones((2, 3)))


def test_private_functions_of_the_package_do_not_fall_back():
    """The compositions are native: none of them falls back on ordinary arguments."""
    x = np.arange(1.0, 13).reshape(3, 4)
    with legate.fallback("error"):
        np.average(x, axis=0, weights=x)
        np.isclose(x, x), np.allclose(x, x), np.array_equal(x, x)
        np.diff(x), np.roll(x, 1), np.tile(x, 2), np.tril(x), np.triu(x), np.meshgrid(x[0], x[1])
        np.nansum(x), np.nanmean(x), np.nanmax(x), np.count_nonzero(x), np.ptp(x), np.trapezoid(x)
        np.split(x, 2, axis=1), np.flip(x), np.rot90(x), np.moveaxis(x, 0, 1), np.broadcast_to(x, (2, 3, 4))
        np.vstack([x, x]), np.column_stack([x[0], x[1]]), np.dstack([x, x]), np.stack([x, x])
        np.nan_to_num(x), np.isposinf(x), np.copyto(x, 1), np.fill_diagonal(x, 2)
        np.linalg.norm(x), np.linalg.multi_dot([x, x.T]), np.random.rand(3), np.random.default_rng(1).random(3)
        x.T.copy().flat[3], x.tolist(), x.item(0), x.tobytes(), repr(x), np.where(x > 1, x, 0)
        x[x > 3] = 0
