"""The whole of NumPy's namespace is present."""

import importlib
import subprocess
import sys
import types

import numpy
import pytest
from support import run_python

import legate
import legate.numpy as np

MODULES = ["", "linalg", "fft", "random", "ma", "polynomial", "lib", "testing", "char", "strings", "rec", "ctypeslib", "lib.stride_tricks"]


def public(module):
    return [name for name in dir(module) if not name.startswith("_")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", MODULES)
def test_every_public_name_is_there(path):
    theirs = importlib.import_module(f"numpy.{path}".rstrip("."))
    ours = importlib.import_module(f"legate.numpy.{path}".rstrip("."))
    missing = [name for name in public(theirs) if not hasattr(ours, name)]
    assert not missing
    assert set(public(theirs)) <= set(dir(ours))
    for name in getattr(theirs, "__all__", []):
        assert callable(getattr(ours, name)) == callable(getattr(theirs, name))


def test_constants_types_and_exceptions_are_numpys():
    for name in ("pi", "e", "inf", "nan", "newaxis", "float64", "int8", "dtype", "generic", "True_", "finfo", "iinfo", "errstate", "exceptions"):
        assert getattr(np, name) is getattr(numpy, name)
    assert np.ndarray is not numpy.ndarray and np.ufunc is not numpy.ufunc


def test_every_public_method_is_there():
    for name in public(numpy.ndarray):
        assert hasattr(np.ndarray, name), name


def test_forms_of_import():
    finished = run_python(
        """
        from legate.numpy import *
        from legate.numpy import array, linalg
        from legate.numpy.linalg import norm, svd
        from legate.numpy.random import default_rng, randint
        import legate.numpy.fft as fft
        import legate.numpy.polynomial.polynomial
        import legate.numpy.lib.stride_tricks
        assert norm(array([3.0, 4.0])) == 5
        assert zeros(3).sum() == 0 and linalg.norm is norm
        """
    )
    assert finished.returncode == 0, finished.stderr
    with pytest.raises(ImportError):
        importlib.import_module("legate.numpy.nonsense")


@pytest.mark.filterwarnings("ignore")
def test_modules_under_another_name():
    assert complex(np.emath.sqrt(-1)) == 1j
    assert isinstance(np.emath.sqrt(np.array([-1.0, 4.0])), np.ndarray)


def test_missing_names_are_numpys_errors():
    for name in ("float_", "nonsense", "bool8"):
        with pytest.raises(AttributeError) as theirs:
            getattr(numpy, name)
        with pytest.raises(AttributeError) as ours:
            getattr(np, name)
        assert str(ours.value) == str(theirs.value)


def test_functions_describe_themselves():
    for name in ("sum", "zeros", "einsum", "concatenate", "add"):
        ours, theirs = getattr(np, name), getattr(numpy, name)
        assert ours.__name__ == theirs.__name__ and ours.__doc__ == theirs.__doc__
    assert np.sum.__module__ == "legate.numpy" and np.linalg.norm.__module__ == "legate.numpy.linalg"
    assert isinstance(np.linalg, types.ModuleType)


def test_import_does_not_start_the_runtime():
    finished = run_python("import legate, legate.numpy; import threading; print(legate.stats()['operations'], threading.active_count())")
    assert finished.stdout.split() == ["0", "1"], finished.stderr


def test_import_costs_little_more_than_numpys():
    """In CPU time, best of a few, so that it also holds on a busy machine."""

    def seconds(statement):
        code = f"import resource\n{statement}\nu = resource.getrusage(resource.RUSAGE_SELF)\nprint(u.ru_utime + u.ru_stime)"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(4)]
        return min(float(run.stdout) for run in runs)

    assert seconds("import legate.numpy") < seconds("import numpy") + 0.15


def test_version():
    assert legate.__version__.count(".") == 2
    assert np.__version__ == numpy.__version__
