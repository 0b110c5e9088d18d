"""Weights or delays of all pairs as a matrix, as `AllToAll` takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.network.population import Population
from spikelet.rules import Rule

__all__ = ["ValueMatrix", "require_no_matrix"]


class ValueMatrix:
    """How the items of a matrix ``[len(pre), len(post)]`` belong to the synapses of `AllToAll`.

    Rows are the elements of pre and columns those of post, in the order of a part, such as ``E[[7, 2]]``. Synapses are
    in canonical order, by ids, and without those of an element with itself if the rule excludes them.
    """

    def __init__(self, pre: Population, post: Population, rule: Rule) -> None:
        self._ends = pre, post
        self._without_self = pre.index == post.index and not rule.self_connections

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the matrix."""
        pre, post = self._ends
        return len(pre), len(post)

    def by_synapse(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values of the synapses, in canonical order."""
        ids = []
        for axis, end in enumerate(self._ends):
            ids.append(end.ids)
            if not end.whole and (np.diff(end.ids.astype(np.int64)) < 0).any():
                order = np.argsort(end.ids)
                ids[axis], values = end.ids[order], values.take(order, axis)
        if self._without_self:
            values = values[ids[0][:, None] != ids[1]]
        return values.reshape(-1)


def require_no_matrix(where: str, weights: Any) -> None:
    """Raise ValueError for a matrix in place of one weight for each synapse; say how to take them from it."""
    shape = np.shape(weights)
    if len(shape) == 2 and 1 not in shape:
        rule = "must be one number or one for each synapse: those of a matrix are matrix[p.pre_ids, p.post_ids]"
        fail(where, "weights", shape, rule, got="shape")
