"""Every sample call gives with `legate.numpy` what it gives with NumPy: value, dtype, shape, class, exception, what it leaves in its arguments, and
whose memory its result shares."""

import numpy
import pytest
import samples
from support import plain

import legate.numpy as np
from legate import _native

BY_NAME = {}
for _sample in samples.samples():
    BY_NAME.setdefault(_sample.name, []).append(_sample.text)


@pytest.mark.parametrize("name", BY_NAME)
def test_samples(name):
    wrong = [told for text in BY_NAME[name] for layout in samples.LAYOUTS if (told := differs(text, layout))]
    assert not wrong, "\n" + "\n".join(wrong)


def test_what_is_read():
    text = "# words\nadd\n    v + w\n\n    np.add(v, w)\nsin\n    np.sin(v)\n"
    assert samples.read(text) == [("add", "v + w"), ("add", "np.add(v, w)"), ("sin", "np.sin(v)")]
    for wrong, told in [("    v + w", "without a name"), ("add\nsin\n  v", "no call of add"), ("add\n  v\nsin", "no call of sin")]:
        with pytest.raises(ValueError, match=told):
            samples.read(wrong)


def differs(text, layout):
    """How a call differs from NumPy's; `None` if it does not."""
    call = samples.call(text)
    theirs, ours = call.arguments(numpy, layout), call.arguments(np, layout)
    expected, actual = call.run(theirs), call.run(ours)
    told = difference(actual, expected)
    for name in () if told else call.fixtures:
        told = told or shared(name, actual, ours, expected, theirs) or difference(ours[name], theirs[name])
        told = told and f"{name}: {told}"
    return told and f"{text}  ({layout}): {told}"


def shared(name, actual, ours, expected, theirs):
    """Whether one result is a view of an argument and the other is not."""
    both = isinstance(expected, numpy.ndarray) and all(isinstance(mine, _native.Array) for mine in (actual, ours[name]))
    if not both or expected.size == 0 or not isinstance(theirs[name], numpy.ndarray):
        return None
    is_view, should_be = np.shares_memory(actual, ours[name]), numpy.shares_memory(expected, theirs[name])
    return None if is_view == should_be else f"the result {'is' if is_view else 'is not'} a view"


def difference(actual, expected):
    """In what the two differ, in words; `None` if they agree."""
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        same = isinstance(actual, type(expected)) and str(actual) == str(expected)
        return None if same else f"expected {short(expected)}, got {short(actual)}"
    if isinstance(expected, (tuple, list)):
        if not isinstance(actual, (tuple, list)) or type(actual).__name__ != type(expected).__name__ or len(actual) != len(expected):
            return f"expected {short(expected)}, got {short(actual)}"
        return next(filter(None, map(difference, actual, expected)), None)
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or list(actual) != list(expected):
            return f"expected {short(expected)}, got {short(actual)}"
        return next(filter(None, map(difference, actual.values(), expected.values())), None)
    if isinstance(expected, numpy.ndarray):
        if not isinstance(actual, (_native.ndarray, numpy.ndarray)):
            return f"expected an array, got {short(actual)}"
        if type(actual).__name__ != type(expected).__name__:
            return f"expected a {type(expected).__name__}, got a {type(actual).__name__}"
        return values_differ(actual, expected)
    if isinstance(expected, numpy.generic):
        if not isinstance(actual, (numpy.generic, _native.deferred_scalar)):
            return f"expected {short(expected)}, got {short(actual)}"
        return values_differ(actual, expected)
    return objects_differ(actual, expected)


def values_differ(actual, expected):
    actual, expected = numpy.asarray(plain(actual)), numpy.asarray(expected)
    if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        return f"expected {expected.dtype} of shape {expected.shape}, got {actual.dtype} of shape {actual.shape}"
    if not close(actual, expected):
        return f"expected {short(expected)}, got {short(actual)}"
    return None


def close(actual, expected):
    """Equal; floats up to 64 units in the last place of the largest."""
    if expected.dtype.kind not in "fc":
        return numpy.array_equal(actual, expected, equal_nan=expected.dtype.kind in "mM") or objects_equal(actual, expected)
    finite = numpy.abs(expected[numpy.isfinite(expected)])
    largest = finite.max(initial=0).astype("f8")
    return numpy.allclose(actual, expected, rtol=0, atol=64 * numpy.finfo(expected.dtype).eps * largest, equal_nan=True)


def objects_equal(actual, expected):
    return expected.dtype == object and repr(actual.tolist()) == repr(expected.tolist())


def objects_differ(actual, expected):
    """Objects of other kinds: of one name; and equal, or told alike."""
    if type(actual).__name__ != type(expected).__name__:
        return f"expected {short(expected)}, got {short(actual)}"
    if actual == expected or tell(actual) == tell(expected):
        return None
    return f"expected {short(expected)}, got {short(actual)}"


def tell(value):
    """Without addresses, and whose module it is."""
    if isinstance(value, memoryview):
        return value.format, value.shape, value.tobytes()
    return repr(value).split(" at 0x")[0].replace("legate.numpy", "numpy")


def short(value):
    text = " ".join(repr(plain(value)).split())
    return text if len(text) < 200 else f"{text[:200]}..."
