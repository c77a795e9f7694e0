"""Einstein's summation: subscripts name the axes of operands; products are summed over the names that the result does not have.

Each operand first loses what it alone has (diagonals, sums); operands are then contracted pair by pair, from left to right, by matrix products.
"""

import numpy

from legate import _fallback, _native
from legate.numpy._base import asanyarray, at_hand, native, ufunc

__all__ = []

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class _Invalid(Exception):
    """The subscripts do not fit: NumPy says why."""


def contract(*operands, out=None, dtype=None, order="K", casting="safe", **unknown):
    """The sum of products that the subscripts describe. A view, if it is one operand of which nothing is summed."""
    keywords = {key: value for key, value in (("out", out), ("dtype", dtype)) if value is not None}
    keywords.update(order=order, casting=casting)
    if unknown:
        numpy.einsum("", 0, **unknown)  # refused
    try:
        terms, result, arrays = _parsed(operands)
        if not all([isinstance(a, _native.Array) for a in arrays]):
            return _fallback.call("einsum", numpy.einsum, operands, keywords)
        if out is None and len(arrays) > 1 and at_hand(*arrays):
            return _native.call(numpy.einsum, operands, keywords)
        terms, result = _without_ellipses(terms, result, arrays)
        extents = _extents(terms, arrays)
    except _Invalid:
        _fallback.refuse(numpy.einsum, operands, keywords)
        raise AssertionError(f"NumPy takes these subscripts: {operands[0]!r}") from None
    wanted = numpy.dtype(dtype) if dtype is not None else numpy.result_type(*[a.dtype for a in arrays])
    casts = [(a.dtype, wanted) for a in arrays] + ([(wanted, out.dtype)] if out is not None else [])
    shape = tuple([extents[label] for label in result])
    if not all([numpy.can_cast(one, other, casting) for one, other in casts]) or out is not None and out.shape != shape:
        _fallback.refuse(numpy.einsum, operands, keywords)
    found = _contracted(terms, result, [a.astype(wanted, copy=False) for a in arrays], extents)
    if out is None:
        return found if found.ndim else found[()]
    out[...] = found
    return out


# ---------------------------------------------------------------------------------------------------------------------
# Subscripts
# ---------------------------------------------------------------------------------------------------------------------


def _parsed(operands):
    """The subscripts of each operand, those of the result (`None`: as they come), and the operands as arrays."""
    if not operands:
        raise _Invalid
    if not isinstance(operands[0], str):
        operands = list(operands)
        result = _as_text(operands.pop()) if len(operands) % 2 else None
        return [_as_text(labels) for labels in operands[1::2]], result, [asanyarray(a) for a in operands[::2]]
    inputs, arrow, result = operands[0].replace(" ", "").partition("->")
    arrays = [asanyarray(a) for a in operands[1:]]
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise _Invalid
    return terms, result if arrow else None, arrays


def _as_text(labels):
    try:
        return "".join(["..." if label is Ellipsis else LETTERS[label] for label in labels])
    except (TypeError, IndexError):
        raise _Invalid from None


def _without_ellipses(terms, result, arrays):
    """Lists of labels, one for each axis: letters, and negative numbers for the axes of ellipses, counted from the last."""
    named = [_labels(term, a.ndim - len(term.replace("...", ""))) for term, a in zip(terms, arrays)]
    if any([len(labels) != a.ndim for labels, a in zip(named, arrays)]):
        raise _Invalid
    spare = max([sum(isinstance(label, int) for label in labels) for labels in named], default=0)
    every = [label for labels in named for label in labels if isinstance(label, str)]
    if result is None:
        return named, [*range(-spare, 0), *sorted([label for label in set(every) if every.count(label) == 1])]
    labels = _labels(result, spare)
    if len(set(labels)) != len(labels) or not set(labels) - set(range(-spare, 0)) <= set(every):
        raise _Invalid
    if spare and "..." not in result:
        raise _Invalid
    return named, labels


def _labels(term, spare):
    before, dots, after = term.partition("...")
    if not all([letter in LETTERS for letter in before + after]) or spare < 0:
        raise _Invalid
    return [*before, *(range(-spare, 0) if dots else ()), *after]


def _extents(terms, arrays):
    """The extent of each label; axes of extent 1 are stretched."""
    extents = {}
    for labels, a in zip(terms, arrays):
        for label, extent in zip(labels, a.shape):
            known = extents.setdefault(label, extent)
            if known == 1:
                extents[label] = extent
            elif extent not in (known, 1):
                raise _Invalid
    return extents


# ---------------------------------------------------------------------------------------------------------------------
# Sums of products
# ---------------------------------------------------------------------------------------------------------------------


def _contracted(terms, result, arrays, extents):
    left, labels = _alone(arrays[0], terms[0], _kept(terms[1:], result), extents)
    for k in range(1, len(arrays)):
        later = _kept(terms[k + 1 :], result)
        right, others = _alone(arrays[k], terms[k], {*later, *labels}, extents)
        left, labels = _pair(left, labels, right, others, later, extents)
    return left.transpose([labels.index(label) for label in result])


def _kept(terms, result):
    return {label for labels in (*terms, result) for label in labels}


def _alone(a, labels, kept, extents):
    """An operand with each label once, summed over those that are not `kept`."""
    labels = list(labels)
    for label in sorted(set(labels), key=str):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            a = _diagonal(_stretched(a, {first: extents[label], second: extents[label]}), first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    gone = tuple([axis for axis, label in enumerate(labels) if label not in kept])
    if gone:
        a = _stretched(a, {axis: extents[labels[axis]] for axis in gone})
        a = _summed(a, gone)
        labels = [label for label in labels if label in kept]
    return a, labels


def _summed(a, axes):
    return asanyarray(a.any(axis=axes) if a.dtype.kind == "b" else a.sum(axis=axes, dtype=a.dtype))


def _stretched(a, extents):
    """`a` with its axes, given by number, stretched from 1 to these extents."""
    shape = tuple([extents.get(axis, extent) for axis, extent in enumerate(a.shape)])
    if shape == a.shape:
        return a
    from legate.numpy._views import broadcast_to

    return broadcast_to(a, shape)


def _diagonal(a, first, second):
    n = a.shape[first]
    if a.ndim == 2 and a.flags.c_contiguous and n:
        return a.reshape(-1)[:: n + 1]  # may be written to, as NumPy's
    return native["diagonal"](a, 0, first, second)


def _pair(left, labels, right, others, kept, extents):
    """The product of two operands, summed over the labels that both have and nobody needs any more."""
    shared = [label for label in labels if label in others]
    summed = [label for label in shared if label not in kept]
    batch = [label for label in shared if label in kept]
    # What only one has is kept: `_alone` has summed the rest.
    rows = [label for label in labels if label not in others]
    columns = [label for label in others if label not in labels]
    order = [*batch, *rows, *columns]
    if not summed:
        return ufunc("multiply")(_expanded(left, labels, order), _expanded(right, others, order)), order
    if batch and not (rows and columns):
        # Not a product of matrices, but of each row with its own: one pass.
        terms = [*order, *summed]
        product = ufunc("multiply")(_expanded(left, labels, terms), _expanded(right, others, terms))
        product = _stretched(product, {axis: extents[label] for axis, label in enumerate(terms)})
        return _summed(product, tuple(range(len(order), len(terms)))), order
    shape = [_product(extents, part) for part in (batch, rows, summed, columns)]
    a = _grouped(left, labels, (batch, rows, summed), extents).reshape(shape[0], shape[1], shape[2])
    b = _grouped(right, others, (batch, summed, columns), extents).reshape(shape[0], shape[2], shape[3])
    product = ufunc("matmul")(a, b) if batch else ufunc("matmul")(a[0], b[0])
    return product.reshape([extents[label] for label in order]), order


def _product(extents, labels):
    total = 1
    for label in labels:
        total *= extents[label]
    return total


def _expanded(a, labels, order):
    """`a` with its axes in this order, of extent 1 where it has none."""
    a = a.transpose([labels.index(label) for label in order if label in labels])
    return a[tuple([slice(None) if label in labels else None for label in order])]


def _grouped(a, labels, groups, extents):
    order = [label for group in groups for label in group]
    a = a.transpose([labels.index(label) for label in order])
    return _stretched(a, {axis: extents[label] for axis, label in enumerate(order)})
