"""Means and spreads of chosen elements, around a mean that is known, or with another name for `ddof`: what the native reductions leave out."""

import warnings

import numpy

from legate.numpy._base import asanyarray, native, ufunc


def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    """The mean along `axis` of the elements chosen by `where`."""
    a = asanyarray(a)
    chosen = _count(a, axis, keepdims, where)
    if bool(asanyarray(chosen == 0).any()):
        warnings.warn("Mean of empty slice.", RuntimeWarning, stacklevel=3)
    total = a.sum(axis, dtype or _inexact(a), keepdims=keepdims, where=where)
    return _quotient(total, chosen, out)


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """The variance along `axis` of the elements chosen by `where`, around `mean` if that is given."""
    return _spread(numpy.var, lambda value: value, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
    """The standard deviation along `axis` of the elements chosen by `where`, around `mean` if that is given."""
    return _spread(numpy.std, ufunc("sqrt"), a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _spread(function, finish, a, axis, dtype, out, ddof, keepdims, where, mean, correction):
    a = asanyarray(a)
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if where is True and mean is None:
        name = function.__name__
        return native[name](a, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims)
    chosen = _count(a, axis, keepdims, where)
    if bool(asanyarray(ddof >= chosen).any()):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=4)
    dtype = dtype or _inexact(a)
    if mean is None:
        mean = a.sum(axis, dtype, keepdims=True, where=where) / _count(a, axis, True, where)
    x = ufunc("subtract")(a, mean)
    squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else ufunc("square")(x)
    total = squares.sum(axis, None if squares.dtype.kind != x.dtype.kind else dtype, keepdims=keepdims, where=where)
    return _quotient(total, ufunc("maximum")(chosen - ddof, 0), out, finish)


def _count(a, axis, keepdims, where):
    """How many elements are chosen."""
    from legate.numpy._views import broadcast_to

    return broadcast_to(where, a.shape).sum(axis, numpy.intp, keepdims=keepdims)


def _inexact(a):
    """The dtype to compute in where the elements' will not do."""
    return numpy.dtype("f8") if a.dtype.kind in "biu" else None


def _quotient(total, count, out, finish=lambda value: value):
    quotient = finish((total / count).astype(total.dtype, copy=False))
    if out is None:
        return quotient
    if asanyarray(quotient).shape != out.shape:
        numpy.add.reduce(numpy.empty((1, *asanyarray(quotient).shape)), axis=0, out=numpy.empty(out.shape))
    out[...] = quotient
    return out
