"""The synapses of a projection across ranks: all of them in canonical order, and the part that this rank holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.network.base import Engine

Ints = npt.NDArray[np.int64]


class Synapses:
    """The synapses of one projection.

    A rank holds the synapses onto the targets that it owns. What spans ranks is collective: every rank must call it.

    Parameters
    ----------
    engine : Engine
        The network's engine.
    index : int
        Index of the projection.
    post : int
        Index of the target population.
    name : str
        Name of the projection, for messages of ranks that wait.
    """

    def __init__(self, engine: Engine, index: int, post: int, name: str) -> None:
        self._engine = engine
        self._index = index
        self._post = post
        self._name = name
        self.edition = 0  # another one after each change
        self.renew()

    def renew(self) -> None:
        """Forget what was known of other synapses."""
        engine = self._engine
        self.edition += 1
        self._rows: tuple[list[Ints], int] | None = None
        alone = engine.ranks.size == 1  # otherwise counting may take long
        self._count = engine.sim.projection_size(self._index) if alone else None

    def __len__(self) -> int:
        """Return the number of synapses on all ranks. It can be asked during a run."""
        if self._count is None:
            self._count = int(self._engine.sim.projection_total(self._index))
        return self._count

    def known(self) -> int | None:
        """Return the number of synapses, or None before ranks that share the network have counted them."""
        return self._count

    def arrays(self) -> tuple[Any, Any, Any, Any]:
        """Return the row offsets, targets, weights and delays [steps] of all synapses; collective."""
        row, post, weight, delay = self._engine.sim.synapses(self._index)
        row, post, weight, delay = self._gathered(row, post, weight, delay)
        return row, post, weight, delay

    def structure(self) -> tuple[Any, Any, Any]:
        """Return the row offsets, targets and delays [steps] of all synapses; collective."""
        row, post, _, delay = self._engine.sim.synapses(self._index, weights=False)
        row, post, delay = self._gathered(row, post, delay)
        return row, post, delay

    def _gathered(self, row: Any, *own: Any) -> tuple[Any, ...]:
        if self._engine.ranks.size == 1:
            return row, *own
        count = int(row[-1])
        values = [self.whole("synapses", np.broadcast_to(x, (count,))) for x in own]
        counts = sum(np.diff(r) for r in self._parts()[0])
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64), *values

    def whole(self, what: str, own: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values of all synapses (last axis), given those of this rank; collective."""
        ranks = self._engine.ranks
        if ranks.size == 1:
            return own
        where = f"{self._name}, {what}"
        mine = self._parts()[1]
        parts = sorted(ranks.gather(where, (mine, own)), key=lambda part: part[0])
        whole = np.empty((*own.shape[:-1], sum(p.shape[-1] for _, p in parts)), own.dtype)
        for places, (_, part) in zip(self.places(), parts, strict=True):
            whole[..., places] = part
        return whole

    def own(self, whole: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return this rank's values, given those of all synapses; collective."""
        if self._engine.ranks.size == 1:
            return whole
        return whole[list(self.places())[self._parts()[1]]]

    def places(self) -> Iterator[Ints]:
        """Yield the places of each rank's synapses among all, by the first target that a rank owns; collective."""
        rows = self._parts()[0]
        counts = [np.diff(row) for row in rows]
        begin = np.concatenate([[0], np.cumsum(sum(counts))])[:-1]
        for row, count in zip(rows, counts, strict=True):
            yield np.repeat(begin - row[:-1], count) + np.arange(row[-1])
            begin = begin + count

    def _parts(self) -> tuple[list[Ints], int]:
        """Return the row offsets of all ranks in order of their targets, and which of them is this rank's."""
        if self._rows is None:
            ranks, begin = self._engine.ranks, self._engine.sim.own(self._post)[0]
            rows = self._engine.sim.synapses(self._index, weights=False)[0].astype(np.int64)
            parts = ranks.gather(self._name, (begin, ranks.rank, rows))
            parts.sort(key=lambda part: part[:2])
            self._rows = [part[2] for part in parts], [part[1] for part in parts].index(ranks.rank)
        return self._rows
