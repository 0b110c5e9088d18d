"""PyTorch's operators that compare or multiply two tensors: similarities, distances and bilinear forms."""

# ruff: noqa: ARG001  # arguments are PyTorch's

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, normalisation, reduction
from spikelet.conversion.torch.weights import array

__all__ = ["PAIRS"]


def _cosine_similarity(c: Call, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Data:
    given = [array(x1), array(x2)]
    ranks = [len(c.tensor(x)) if isinstance(x, Data) else np.ndim(x) for x in given]
    last = dim - max(ranks) if dim >= 0 else dim  # the operands broadcast
    units: list[Any] = []
    for name, x in zip(("first", "second"), given, strict=True):
        if isinstance(x, Data):
            part = c.inner(name)
            units.append(normalisation.l2_normalise(part, x, [last % len(c.tensor(x))], eps=eps))
        else:
            norm = np.linalg.norm(x, axis=last, keepdims=True)
            units.append(x / np.maximum(norm, eps))
    product = arithmetic.multiply(c.inner("product"), *units)
    return reduction.reduce(c, product, "sum", last)


def _pairwise_distance(
    c: Call, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Data:
    if p not in (1, 2):
        c.refuse(f"is a distance of order {p:g}", "the order must be 1 or 2")
    apart = arithmetic.subtract(c.inner("difference"), array(x1), array(x2))
    apart = arithmetic.add(c.inner("shifted"), apart, eps)
    return reduction.reduce(c, apart, "l2" if p == 2 else "l1", -1, keepdim)


def _bilinear(c: Call, x1: Any, x2: Any, weight: Any, bias: Any = None) -> Data:
    operands = [array(x1), array(weight), array(x2)]
    part = c if bias is None else c.inner("product")
    found = arithmetic.einsum(part, "...i,oij,...j->...o", operands)
    return found if bias is None else arithmetic.add(c, found, array(bias))


def _tensordot(c: Call, a: Any, b: Any, dims: Any = 2, out: Any = None) -> Data:
    operands = [array(a), array(b)]
    first, second = (len(c.tensor(x)) if isinstance(x, Data) else np.ndim(x) for x in operands)
    if np.ndim(dims) == 0:
        dims = [range(first - int(dims), first), range(int(dims))]
    letters = string.ascii_lowercase + string.ascii_uppercase
    left, right = list(letters[:first]), list(letters[first : first + second])
    for i, j in zip(*dims, strict=True):
        right[int(j)] = left[int(i)]
    kept = [s for s in left if s not in right] + [s for s in right if s not in left]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(kept)}"
    return arithmetic.einsum(c, equation, operands)


PAIRS: dict[str, Callable[..., Any]] = {
    "cosine_similarity": _cosine_similarity,
    "pairwise_distance": _pairwise_distance,
    "bilinear": _bilinear,
    "tensordot": _tensordot,
}
