"""Printing: as NumPy prints; of what is summarised only the edges are fetched."""

import numpy
import pytest
from support import DTYPES, SHAPES, values

import legate
import legate.numpy as np
from legate import _native, _printing

LARGE = [(2000,), (1001,), (40, 50), (7, 200), (6, 400), (3, 4, 500), (20, 20, 20), (1, 2000, 1), (2000, 0)]


def both(shape, dtype="f8"):
    n = numpy.arange(numpy.prod(shape)).reshape(shape).astype(dtype)
    return np.array(n), n


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("dtype", ["f8", "i4", "c8", "?"])
def test_large_arrays_are_summarised(shape, dtype):
    x, n = both(shape, dtype)
    for text in (repr, str, "{}".format):
        assert text(x) == text(n)
        assert text(x.T) == text(n.T)
    assert np.array2string(x, edgeitems=1) == numpy.array2string(n, edgeitems=1)
    assert np.array2string(x, threshold=10) == numpy.array2string(n, threshold=10)
    assert np.array_repr(x[::2]) == numpy.array_repr(n[::2]) and np.array_str(x) == numpy.array_str(n)


OPTIONS = [
    {"precision": 3},
    {"precision": 2, "suppress": True},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"edgeitems": 2, "threshold": 10, "linewidth": 40},
    {"floatmode": "fixed", "precision": 4},
    {"sign": "+"},
    {"nanstr": "missing", "infstr": "endless"},
    {"formatter": {"float": lambda value: f"<{value:.1f}>"}},
    {"legacy": "1.13"},
    {"legacy": "1.25"},
    {"override_repr": lambda array: "an array"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ", ".join(options))
def test_options(options):
    for shape in ((), (3,), (40,), (4, 30)):
        n = values(shape, "f8")
        x = np.array(n)
        with np.printoptions(**options):
            assert repr(x) == repr(n) and str(x) == str(n)
            assert np.array2string(x) == numpy.array2string(n)


def test_arguments():
    x, n = both((3, 4))
    for kwargs in ({"separator": ", "}, {"prefix": "x = "}, {"suffix": ";"}, {"max_line_width": 12}, {"formatter": {"all": repr}}, {"sign": " "}):
        assert np.array2string(x / 7, **kwargs) == numpy.array2string(n / 7, **kwargs)
    assert np.array_repr(x / 7, 30, 2, True) == numpy.array_repr(n / 7, 30, 2, True)
    assert np.array_str(x / 7, 30, 2) == numpy.array_str(n / 7, 30, 2)
    assert np.array_repr(numpy.arange(3)) == "array([0, 1, 2])"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_small_arrays(shape, dtype):
    n = values(shape, dtype)
    for text in (repr, str, "{}".format, "{!r}".format):
        assert text(np.array(n)) == text(n)


def test_subclasses_are_named():
    class Metres(np.ndarray):
        pass

    assert repr(np.arange(3.0).view(Metres)) == "Metres([0., 1., 2.])"
    assert np.array_repr(np.arange(2000).view(Metres)).startswith("Metres([   0,    1,    2, ..., 1997")
    assert str(np.arange(3.0).view(Metres)) == "[0. 1. 2.]"


def test_only_edges_are_fetched(monkeypatch):
    fetched = []
    snapshot = _native.Array._snapshot

    class Counted:
        """The array, its snapshots counted."""

        def __init__(self, array):
            self.array = array

        def __getitem__(self, key):
            return Counted(self.array[key])

        def _snapshot(self):
            values = snapshot(self.array)
            fetched.append(values.nbytes)
            return values

        shape, size, dtype = (property(lambda self, name=name: getattr(self.array, name)) for name in ("shape", "size", "dtype"))

    x = np.ones((300, 400, 5)) * 2
    _printing.shown(Counted(x))
    assert sum(fetched) == 6 * 6 * 5 * 8 and len(fetched) == 4


def test_arrays_larger_than_memory():
    """A value repeated takes no memory; neither does printing it."""
    x = np.broadcast_to(np.float32(1.5), (1 << 20, 1 << 20))
    n = numpy.broadcast_to(numpy.float32(1.5), (1 << 20, 1 << 20))
    assert repr(x) == repr(n)


def test_printing_is_no_fallback():
    with legate.fallback("error"):
        repr(np.arange(5000)), str(np.ones(3)), np.array2string(np.arange(3)), f"{np.arange(3).sum():5}"
