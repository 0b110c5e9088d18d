"""Sums, products and matrix products, of data with data or with constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data, Merged
from spikelet.conversion.operators import activation, movement, spatial
from spikelet.conversion.operators.activation import affine, negative
from spikelet.conversion.recognition import Elementwise
from spikelet.layers import Add, Divide, Layer, MatMul, Maximum, Minimum, Multiply, Reduce, Reshape

__all__ = [
    "add",
    "affine",
    "cumsum",
    "divide",
    "einsum",
    "elementwise",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "subtract",
    "total",
    "where",
]

Floats: TypeAlias = NDArray[np.float64]
Operand: TypeAlias = "Data | NDArray[Any] | float"


def _aligned(c: Call, *xs: Operand) -> tuple[list[Data | Floats], Data]:
    """Give operands that broadcast with each other the same number of axes, as samples; return where the batch is, too."""
    values = [x if isinstance(x, Data) else np.asarray(x, dtype=np.float64) for x in xs]
    ranks = [len(c.tensor(v)) for v in values]
    n = max(ranks)
    data = [(v, n - r + v.axis) for v, r in zip(values, ranks, strict=True) if isinstance(v, Data)]
    axis = data[0][1]
    kinds = {v.merged for v, _ in data if v.merged}
    apart = any(a != axis for _, a in data) or len(kinds) > 1
    apart |= "steps" in kinds and (axis > 0 or any(v.merged != "steps" for v, _ in data))
    if apart and c.batch > 1:
        shapes = ", ".join(str(c.tensor(v)) for v, _ in data)
        c.refuse(
            f"combines tensors of shapes {shapes}, in which the batch lies along different dimensions or in another order",
            "keep the samples of a batch separate: the first dimension of the input is the batch",
        )
    merged: Merged = "blocks" if apart else next(iter(kinds), "")
    # A constant with several entries in place of a batch of 1 widens the sample.
    if c.batch == 1 and any(
        not isinstance(v, Data) and v.ndim >= n - axis and v.shape[v.ndim - n + axis] > 1
        for v in values
    ):
        merged = "blocks"
    like = Data(data[0][0].source, axis, merged)
    found: list[Data | Floats] = []
    for k, (v, r) in enumerate(zip(values, ranks, strict=True)):
        if isinstance(v, Data):
            shape = list(c.shape(v))
            if merged and not v.merged:
                shape.insert(v.axis, 1)
            shape = [1] * (n - r) + shape
            found.append(c.inner(f"operand{k}").reshaped(v, tuple(shape), axis, merged=merged))
        else:
            full = v.reshape([1] * (n - r) + list(v.shape))
            found.append(movement.sample_of(c, full, like))
    return found, like


def _added(c: Call, layer: Layer, like: Data, *operands: Operand) -> Data:
    """Add a layer of aligned operands, whose result has its batch where `like` has it."""
    return replace(like, source=c.add(layer, *c.data(*operands)).source)


def _commuting(c: Call, a: Operand, b: Operand) -> tuple[Data, Data | Floats, Data]:
    """Align two operands, the first of which is data, and return where the batch is, too."""
    (x, y), like = _aligned(c, a, b)
    if not isinstance(x, Data):
        x, y = y, x
    return c.one(x), y, like


def add(c: Call, a: Operand, b: Operand) -> Data:
    """Add data or constants."""
    x, y, like = _commuting(c, a, b)
    if isinstance(y, Data):
        return _added(c, Add(), like, x, y)
    return affine(c, x, shift=_mask(y))


def _mask(values: Floats) -> Floats:
    """Return constants to add, in which -inf, as in a mask of attention, is finite."""
    return np.where(np.isneginf(values), movement.LOWEST, values)


def subtract(c: Call, a: Operand, b: Operand) -> Data:
    """Subtract data or constants."""
    if not isinstance(b, Data):
        return add(c, a, -np.asarray(b, dtype=np.float64))
    if isinstance(a, Data):
        return add(c, a, negative(c.inner("negative"), b))
    (x, y), _ = _aligned(c, a, b)
    if isinstance(x, Data) or not isinstance(y, Data):
        c.refuse_constants()
    return affine(c, y, scale=-1.0, shift=x)


def multiply(c: Call, a: Operand, b: Operand) -> Data:
    """Multiply data or constants."""
    if isinstance(a, Data) and isinstance(b, Data) and a == b:
        return activation.activation(c, a, "square")
    x, y, like = _commuting(c, a, b)
    if isinstance(y, Data):
        return _added(c, Multiply(), like, x, y)
    return affine(c, x, scale=y)


def divide(c: Call, a: Operand, b: Operand) -> Data:
    """Divide data or constants."""
    if not isinstance(b, Data):
        with np.errstate(divide="ignore"):
            return multiply(c, a, 1 / np.asarray(b, dtype=np.float64))
    if not isinstance(a, Data):
        inverse = activation.activation(c.inner("reciprocal"), b, "reciprocal")
        return inverse if np.ndim(a) == 0 and a == 1 else multiply(c, inverse, a)
    (x, y), like = _aligned(c, a, b)
    return _added(c, Divide(), like, x, y)


def power(c: Call, a: Operand, b: Operand) -> Data:
    """Raise data to a constant power, or a constant to the power of data."""
    if isinstance(a, Data) and isinstance(b, Data):
        c.refuse("raises data to the power of data", "the base or the exponent must be a constant")
    constant = np.asarray(b if isinstance(a, Data) else a, dtype=np.float64)
    if constant.size != 1:
        c.refuse("takes several constants as base or exponent", "it must be one number")
    number = float(constant.reshape(()))
    if not isinstance(a, Data):
        if number <= 0:
            c.refuse(f"raises {number:g} to a power", "the base must be positive")
        scaled = affine(c.inner("scaled"), c.one(b), scale=math.log(number))
        return activation.activation(c, scaled, "exp")
    if number == 1:
        return a
    named_ones = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
    if number in named_ones:
        return activation.activation(c, a, named_ones[number])
    return activation.activation(c, a, "pow", number)


def maximum(c: Call, a: Operand, b: Operand) -> Data:
    """Take the greater of two."""
    return _extreme(c, a, b, Maximum(), 1.0)


def minimum(c: Call, a: Operand, b: Operand) -> Data:
    """Take the smaller of two."""
    return _extreme(c, a, b, Minimum(), -1.0)


def _extreme(c: Call, a: Operand, b: Operand, layer: Any, sign: float) -> Data:
    x, y, like = _commuting(c, a, b)
    if isinstance(y, Data):
        return _added(c, layer, like, x, y)
    if np.all(y == -sign * np.inf):  # no limit
        return affine(c, x, shift=np.zeros(np.shape(y)))
    # max(x, y) = y + relu(x - y), and min(x, y) = y - relu(y - x)
    above = affine(c.inner("above"), x, scale=sign, shift=-sign * y)
    return affine(c, activation.relu(c.inner("relu"), above), scale=sign, shift=y)


def total(c: Call, xs: Sequence[Operand]) -> Data:
    """Add up several operands."""
    found, like = _aligned(c, *xs)
    data = [x for x in found if isinstance(x, Data)]
    constants = [x for x in found if not isinstance(x, Data)]
    part = c.inner("data") if constants else c
    x = data[0] if len(data) == 1 else _added(part, Add(), like, *data)  # fmt: skip
    return affine(c, x, shift=_mask(np.asarray(sum(constants)))) if constants else x


def elementwise(c: Call, function: Any, *xs: Operand, kind: str) -> Data:
    """Apply a function of numpy that no layer computes; it must be a part of a known activation."""
    found, like = _aligned(c, *xs)
    operands = tuple(None if isinstance(x, Data) else x for x in found)
    layer = Elementwise(function, operands, c.where, kind)
    return _added(c, layer, like, *(x for x in found if isinstance(x, Data)))


def where(c: Call, condition: Operand, a: Operand, b: Operand) -> Data:
    """Choose between two operands; a condition that depends on the input must be a part of a known activation."""
    if isinstance(condition, Data):
        return elementwise(c, np.where, condition, a, b, kind="where")
    always = np.asarray(condition, dtype=bool)
    for value, chosen_always in ((a, always.all()), (b, not always.any())):
        if isinstance(value, Data) and chosen_always and c.tensor(value) == c.result:
            return value
    parts: list[Operand] = []
    for value, mask in ((a, condition), (b, ~always)):
        chosen = np.asarray(mask, dtype=np.float64)
        if isinstance(value, Data):
            parts.append(multiply(c.inner("chosen"), value, chosen))
        else:
            finite = np.nan_to_num(np.asarray(value, dtype=np.float64), neginf=movement.LOWEST, posinf=-movement.LOWEST)  # fmt: skip
            parts.append(np.where(mask, finite, 0.0))
    return add(c, *parts)


# --- products of matrices ----------------------------------------------------------------------


def matmul(c: Call, a: Operand, b: Operand) -> Data:
    """Multiply matrices, or stacks of them; vectors as in numpy."""
    if isinstance(a, Data) and not isinstance(b, Data):
        matrix = np.asarray(b, dtype=np.float64)
        matrix = _one_of_many(c, matrix, a)
        if matrix.ndim <= 2:
            found = spatial.linear(c, a, matrix.T if matrix.ndim == 2 else matrix[None])
            return found if matrix.ndim == 2 else movement.moved(c, found, lambda v: v[..., 0])
    if isinstance(b, Data) and not isinstance(a, Data):
        matrix = _one_of_many(c, np.asarray(a, dtype=np.float64), b)
        if matrix.ndim == 2 and len(c.tensor(b)) >= 2:
            columns = movement.swapped(c.inner("columns"), b)
            return movement.swapped(c, spatial.linear(c.inner("product"), columns, matrix))
    if any(len(c.tensor(v)) == 1 for v in (a, b)):
        c.refuse("multiplies by a vector", "use a sum of products")
    for v, other, rows in ((a, b, -2), (b, a, -1)):
        if isinstance(v, Data) and v.axis >= len(c.tensor(v)) - 2 and c.batch > 1:
            if isinstance(other, Data) or v.axis != len(c.tensor(v)) + rows:
                c.refuse_batch(v.axis)
            return _rows_of_samples(c, v, np.asarray(other, dtype=np.float64), left=v is a)
    (x, y), like = _aligned(c, a, b)
    n = max(len(c.shape(v)) if isinstance(v, Data) else v.ndim for v in (x, y))
    operands = [v if isinstance(v, Data) else c.inner("constant").constant(v, like) for v in (x, y)]
    operands = [
        v if n >= 3 or len(c.shape(v)) >= 2 else c.inner("matrix").add(Reshape((1, *c.shape(v))), v)
        for v in operands
    ]
    return _added(c, MatMul(), like, *operands)


def _one_of_many(c: Call, matrices: Floats, x: Data) -> Floats:
    """Return the one matrix of a stack [..., in, out] of equal ones, unless their number widens the data."""
    if matrices.ndim <= 2:
        return matrices
    first = matrices.reshape(-1, *matrices.shape[-2:])[0]
    stack = c.tensor(x)[:-2]
    narrow = np.broadcast_shapes(stack, matrices.shape[:-2]) == stack
    return first if narrow and (matrices == first).all() else matrices


def _rows_of_samples(c: Call, x: Data, matrices: Floats, *, left: bool) -> Data:
    """Multiply by different constant matrices tensors whose rows (or columns, on the right) are those of all samples."""
    if not x.merged:  # a row of each sample
        shape = list(c.shape(x))
        shape.insert(x.axis, 1)
        x = c.inner("row").reshaped(x, tuple(shape), x.axis, merged="blocks")
    constant = c.inner("constant").constant(matrices, x)
    return replace(x, source=c.add(MatMul(), *((x, constant) if left else (constant, x))).source)


def einsum(c: Call, equation: str, operands: Sequence[Operand]) -> Data:
    """Evaluate a sum over products, as numpy's einsum does: of one or two operands, or of more, two at a time."""
    terms, result = _named_dimensions(c, equation.replace(" ", ""), operands)
    values = list(operands)
    while len(values) > 2:  # without the letters that nothing else has
        both = dict.fromkeys(terms[0] + terms[1])
        kept = "".join(s for s in both if any(s in t for t in (*terms[2:], result)))
        part = c.inner(f"pair{len(values)}")
        a, b = values[:2]
        if isinstance(a, Data) or isinstance(b, Data):
            pair: Operand = _product_of_two(part, terms[:2], kept, [a, b])
        else:
            pair = np.einsum(f"{terms[0]},{terms[1]}->{kept}", a, b)
        values[:2], terms[:2] = [pair], [kept]
    return _product_of_two(c, terms, result, values)


def _named_dimensions(c: Call, equation: str, operands: Sequence[Operand]) -> tuple[list[str], str]:
    """Return the indices of each operand and of the result, with letters in place of an ellipsis."""
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    names = ""
    if "..." in left:
        letters = (chr(k) for k in range(ord("A"), ord("z") + 1))
        free = [k for k in letters if k.isalpha() and k not in equation]
        counts = [
            len(c.tensor(x)) - len(t.replace("...", ""))
            for x, t in zip(operands, terms, strict=True)
        ]
        names = "".join(free[: max(n for n, t in zip(counts, terms, strict=True) if "..." in t)])
        terms = [
            t.replace("...", names[len(names) - n :]) for n, t in zip(counts, terms, strict=True)
        ]
    if not arrow:
        once = {s for s in left if s.isalpha() and left.count(s) == 1}
        result = "..." + "".join(sorted(once))
    return terms, result.replace("...", names)


def _product_of_two(c: Call, terms: list[str], result: str, operands: Sequence[Operand]) -> Data:
    equation = f"{','.join(terms)}->{result}"
    terms = list(terms)
    if any(len(set(t)) < len(t) for t in terms):
        c.refuse(f"evaluates {equation!r}", "no index may occur twice in an operand")
    values = list(operands)
    for k, term in enumerate(terms):  # sums of one operand
        others = "".join(terms[:k] + terms[k + 1 :]) + result
        alone = [d for d, s in enumerate(term) if s not in others]
        if alone:
            values[k] = _summed(c.inner(f"sum{k}"), values[k], alone)
            terms[k] = "".join(s for s in term if s in others)
    if len(values) == 1:
        return movement.permute(c, c.one(values[0]), [terms[0].index(s) for s in result])
    for k, (v, other) in enumerate(zip(values, reversed(values), strict=True)):
        if not isinstance(v, Data) and isinstance(other, Data):
            batch = terms[1 - k][other.axis]  # the samples of a batch stay apart
            if batch not in terms[k] and batch in result:
                values[k], terms[k] = np.asarray(v)[None], batch + terms[k]
    both = [s for s in terms[0] if s in terms[1]]
    shared = [s for s in both if s in result]
    inner = [s for s in both if s not in result]
    free = [[s for s in t if s not in both] for t in terms]
    a = _laid_out(c.inner("a"), values[0], terms[0], shared, free[0], inner)
    b = _laid_out(c.inner("b"), values[1], terms[1], shared, inner, free[1])
    product = matmul(c.inner("product"), a, b)
    sizes: dict[str, int] = {}
    for term, v in zip(terms, values, strict=True):
        for letter, n in zip(term, c.tensor(v), strict=True):
            sizes[letter] = max(n, sizes.get(letter, 1))
    order = [*shared, *free[0], *free[1]]
    apart = movement.reshape(c.inner("apart"), product, [sizes[s] for s in order])
    return movement.permute(c, apart, [order.index(s) for s in result])


def _laid_out(c: Call, x: Any, term: str, shared: list[str], *groups: list[str]) -> Any:
    """Put axes in order, and make one axis of each group."""
    axes = [term.index(s) for s in (*shared, *groups[0], *groups[1])]
    size = dict(zip(term, c.tensor(x), strict=True))
    shape = [*(size[s] for s in shared), *(math.prod(size[s] for s in g) for g in groups)]
    return movement.reshape(c, movement.permute(c.inner("order"), x, axes), shape)


def _summed(c: Call, x: Operand, axes: Sequence[int]) -> Operand:
    if not isinstance(x, Data):
        return np.asarray(np.sum(x, axis=tuple(axes)))
    inside = tuple(c.axis(x, d) for d in axes)
    found = c.add(Reduce("sum", inside, False), x)
    return replace(found, axis=x.axis - sum(d < x.axis for d in axes))


def cumsum(c: Call, x: Data, axis: int, exclusive: bool = False, backward: bool = False) -> Data:
    """Add up along an axis, perhaps from its end, or without each value itself: a matrix of ones in a triangle."""
    n = len(c.tensor(x))
    k = c.shape(x)[c.axis(x, axis)]
    order = [d for d in range(n) if d != axis % n] + [axis % n]
    last = movement.permute(c.inner("last"), x, order)
    below = np.tri(k, k=-int(exclusive))
    found = spatial.linear(c.inner("sums"), last, below.T if backward else below)
    return movement.permute(c, found, list(np.argsort(order)))
