"""Attention: a softmax of the products of queries and keys weights the values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, movement, normalization, spatial
from spikelet.conversion.operators.activation import affine, softmax


def scaled_dot_product(
    c: Call,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Data:
    """Convert attention of queries [..., L, d], keys [..., S, d] and values [..., S, e].

    `mask` is added to the scores, or, if boolean, chooses them, as in PyTorch. Queries, keys and values may be constants:
    learned ones, which are the same for all samples.
    """
    return _attention(c, q, k, v, mask, causal, scale)[0]


def _attention(
    c: Call, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float | None
) -> tuple[Data, Any]:
    """Return the result, and the weights, which are an array if the scores are constant."""
    shape, length = c.tensor(q), c.tensor(k)[-2]
    factor = 1 / math.sqrt(shape[-1]) if scale is None else float(scale)
    q = affine(c.inner("scaled"), q, factor) if isinstance(q, Data) else np.asarray(q) * factor
    k = movement.swapped(c.inner("keys"), k)
    if isinstance(q, Data) or isinstance(k, Data):
        scores: Any = arithmetic.matmul(c.inner("scores"), q, k)
    else:
        scores = np.asarray(q, np.float64) @ k
    if causal:
        below = np.tri(shape[-2], length, dtype=bool)
        mask = below if mask is None else np.where(below, _added(mask), movement.LOWEST)
    if mask is not None and not isinstance(mask, Data):
        mask = _added(mask)
    if not isinstance(scores, Data) and not isinstance(mask, Data):
        weights: Any = _normalized(scores if mask is None else scores + mask)
        return arithmetic.matmul(c, weights, v), weights
    if mask is not None:
        scores = arithmetic.add(c.inner("masked"), scores, mask)
    weights = softmax(c.inner("softmax"), scores, -1)
    return arithmetic.matmul(c, weights, v), weights


def _normalized(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of constants along the last axis."""
    found = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(found / found.sum(-1, keepdims=True))


def with_padding(mask: Any, padding: NDArray[Any], heads: int) -> Any:
    """Add a constant padding mask [batch, S], True or -inf where a key is left out, to a mask as `multi_head` takes it."""
    left_out = _added(~padding if padding.dtype == bool else padding)[:, None, None]
    if mask is None:
        return left_out
    added = _added(mask)
    if added.ndim == 3:
        added = added.reshape(-1, heads, *added.shape[1:])
    return np.maximum(added + left_out, movement.LOWEST)


def _added(mask: Any) -> Any:
    """Return a mask as numbers to add: True in a boolean mask takes part."""
    array = np.asarray(mask)
    if array.dtype == bool:
        return np.where(array, 0.0, movement.LOWEST)
    return np.nan_to_num(array.astype(np.float64), neginf=movement.LOWEST)


@dataclass(frozen=True)
class Projections:
    """The weights of multi-head attention: of queries, keys, values, [E, in], [E], and of the output."""

    weights: tuple[Any, Any, Any]
    biases: tuple[Any, Any, Any]
    out_weight: Any
    out_bias: Any


def multi_head(
    c: Call,
    q: Any,
    k: Any,
    v: Any,
    heads: int,
    given: Projections,
    mask: Any = None,
    causal: bool = False,
    averaged: bool = True,
) -> tuple[Data, Any]:
    """Convert multi-head attention of sequences [L, batch, E], and return its weights, too.

    Parameters
    ----------
    q, k, v : Data or array
        Tensors [L, batch, E], [S, batch, E], [S, batch, E]: the sequence first, as in PyTorch. Arrays are learned queries,
        keys or values, the same for all samples.
    heads : int
    given : Projections
    mask : array, optional
        [L, S] or [batch * heads, L, S], as in `scaled_dot_product`.
    causal : bool
        Leave out later positions.
    averaged : bool
        Return the mean of the weights over heads, [batch, L, S], or those of each head.
    """
    apart: list[Any] = []
    for name, x, weight, bias in zip(
        ("queries", "keys", "values"), (q, k, v), given.weights, given.biases, strict=True
    ):
        if not isinstance(x, Data):
            apart.append(_projected(np.asarray(x, np.float64), weight, bias, heads))
            continue
        part = c.inner(name)
        y = spatial.linear(part, x, weight, bias)
        length, batch, width = c.tensor(y)
        y = movement.reshape(part.inner("heads"), y, (length, batch, heads, width // heads))
        apart.append(movement.permute(part.inner("first"), y, (1, 2, 0, 3)))
    if mask is not None and not isinstance(mask, Data) and np.ndim(mask) == 3:
        mask = np.asarray(mask).reshape(-1, heads, *np.shape(mask)[1:])
    query, keys, content = apart
    found, weights = _attention(c.inner("attention"), query, keys, content, mask, causal, None)
    batch, _, length, width = c.tensor(found)
    together = movement.permute(c.inner("joined"), found, (2, 0, 1, 3))
    together = movement.reshape(c.inner("joined"), together, (length, batch, heads * width))
    out = spatial.linear(c, together, given.out_weight, given.out_bias)
    if not averaged:
        return out, weights
    if not isinstance(weights, Data):
        return out, weights.mean(1)
    return out, normalization.reduce(c.inner("weights"), weights, "mean", [1])


def _projected(x: NDArray[np.float64], weight: Any, bias: Any, heads: int) -> NDArray[np.float64]:
    """Return constants [L, batch, E] as they enter attention, [batch, heads, L, E / heads]."""
    y = x @ np.asarray(weight, np.float64).T
    if bias is not None:
        y = y + np.asarray(bias, np.float64)
    return y.reshape(*y.shape[:2], heads, -1).transpose(1, 2, 0, 3)
