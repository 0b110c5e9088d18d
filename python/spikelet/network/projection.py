"""Projections: the synapses between two populations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._core import Receptor
from spikelet._util.checks import fail, named, number, numbers, representable, require
from spikelet.plasticity import Plasticity, RewardSTDP

if TYPE_CHECKING:
    import scipy.sparse

    from spikelet.network.network import Network
    from spikelet.network.population import Population

__all__ = ["Projection"]


class Projection:
    """Synapses from one population to another. Made by `Network.connect`.

    All arrays have one entry a synapse, in canonical order: by source, then target, then creation. Ids count within
    the whole populations, also where parts of them were connected. Reading fills copies and changes nothing.
    """

    def __init__(
        self,
        network: Network,
        index: int,
        pre: Population,
        post: Population,
        plasticity: Plasticity | None,
        receptor: Receptor,
    ) -> None:
        self.network = network
        self.index = index
        self.pre = pre
        self.post = post
        self._plasticity = plasticity
        self.receptor = receptor
        self._rows: tuple[list[Any], int] | None = None

    def __len__(self) -> int:
        """Return the number of synapses."""
        return int(self.network._sim.projection_total(self.index))

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights as of now, in the unit of the model's synapses; those of a plastic projection include all pairs
        up to now. Assigning numbers (one, or one a synapse) sets them."""  # noqa: D205, D209
        return self._whole("weights", self.network._sim.weights(self.index))

    @weights.setter
    def weights(self, value: Any) -> None:
        where = repr(self)
        try:
            given = np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self),))
        except (TypeError, ValueError):
            fail(
                where,
                "weights",
                np.shape(value),
                f"must be one number or {len(self)} of them; its shape",
            )
        representable(where, "weights", given, self.network.dtype)
        values = given.astype(self.network.dtype)
        if not np.isfinite(values).all():
            fail(where, "weights", float(values[~np.isfinite(values)][0]), "must be finite")
        if self.plasticity is not None and len(self):
            low, high = (float(self.network.dtype.type(x)) for x in self.plasticity.bounds)
            if values.min() < low or values.max() > high:
                bad = values[(values < low) | (values > high)][0]
                fail(
                    where,
                    "weights",
                    float(bad),
                    f"must lie in [w_min, w_max] = [{low:g}, {high:g}]",
                )
        with named(where):
            self.network._sim.set_weights(self.index, self._own(values))

    @property
    def plasticity(self) -> Plasticity | None:
        """How the weights change, or None. Assigning the same rule with other amplitudes, between runs, uses those from
        now on: ``p.plasticity = dataclasses.replace(p.plasticity, A_plus=0.1)``."""  # noqa: D205, D209
        return self._plasticity

    @plasticity.setter
    def plasticity(self, rule: Plasticity) -> None:
        where, old = repr(self), self._plasticity
        if old is None or type(rule) is not type(old):
            kind = "none" if old is None else type(old).__name__
            fail(where, "plasticity", rule, f"must be of the kind it was made with ({kind})")
        for f in dataclasses.fields(rule):
            amplitude = f.name.startswith(("A_", "eta", "alpha", "mu_"))
            if not amplitude and getattr(rule, f.name) != getattr(old, f.name):
                given = getattr(rule, f.name)
                rule_text = f"must stay {getattr(old, f.name)!r}: only amplitudes can change"
                fail(where, f"plasticity.{f.name}", given, rule_text)
        self.network._sim.set_amplitudes(self.index, rule.to_core())
        self._plasticity = rule

    def normalise(self, total: float) -> None:
        """Scale each target's incoming weights to one sum, now; for plastic projections.

        Parameters
        ----------
        total : float
            Sum of the weights' magnitudes, > 0. What then exceeds the bounds of the plasticity is cut off.
        """
        if self.plasticity is None:
            fail(repr(self), "normalise", total, "is for projections with plasticity")
        value = number(repr(self), "total", total)
        require(repr(self), "total", value, "> 0")
        self.network._sim.normalise(self.index, float(value))

    @property
    def reward(self) -> float:
        """Level of the reward (dopamine) now, of a projection with `RewardSTDP`. Assigning sets it from now on."""
        self._require_reward()
        return self.network._sim.reward(self.index)

    @reward.setter
    def reward(self, level: float) -> None:
        self._require_reward()
        value = number(repr(self), "reward", level)
        require(repr(self), "reward", value, "finite")
        with named(repr(self)):
            self.network._sim.set_reward(self.index, self.network._step, float(value))

    def schedule_reward(self, times: Any, values: Any) -> None:
        """Set the reward at times to come.

        Parameters
        ----------
        times : array-like, [n]
            When [ms], on the grid, ascending, after the present.
        values : array-like, [n], or float
            Levels from then on.
        """
        self._require_reward()
        where = repr(self)
        at = np.atleast_1d(numbers(where, "times", times, "ms"))
        level = np.atleast_1d(numbers(where, "values", values))
        if level.shape != at.shape and level.size != 1:
            shapes = f"{at.shape} and {level.shape}"
            fail(where, "times and values", shapes, "must have the same length; shapes")
        level = np.broadcast_to(level, at.shape)
        require(where, "times", at, "finite")
        require(where, "values", level, "finite")
        dt, now = self.network.dt, self.network._step
        steps = np.rint(at / dt).astype(np.int64)
        off = np.abs(steps * dt - at) > 1e-6 * dt
        if off.any():
            fail(where, "times", float(at[off][0]), f"must lie on the grid of dt = {dt:g} ms")
        if (steps <= now).any():
            fail(where, "times", float(at[steps <= now][0]), "must be after the present")
        if (np.diff(steps) < 0).any():
            fail(where, "times", times, "must ascend")
        with named(where):
            for step, value in zip(steps, level, strict=True):
                self.network._sim.set_reward(self.index, int(step), float(value))

    def _require_reward(self) -> None:
        if not isinstance(self.plasticity, RewardSTDP):
            rule = "must be RewardSTDP for reward and schedule_reward"
            fail(repr(self), "plasticity", self.plasticity, rule)

    @property
    def delays(self) -> npt.NDArray[np.float64]:
        """Delays [ms]."""
        delay = self._synapses()[3]
        return self.network._ms(np.broadcast_to(delay, (len(self),)).astype(np.int64))

    @property
    def pre_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the sources."""
        row: npt.NDArray[np.int64] = self._synapses()[0].astype(np.int64)
        return np.repeat(np.arange(len(row) - 1), row[1:] - row[:-1])

    @property
    def post_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the targets."""
        post: npt.NDArray[np.int64] = self._synapses()[1].astype(np.int64)
        return post

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the weights as a sparse array [pre.size, post.size]; a pair connected twice has two entries."""
        from scipy.sparse import csr_array  # noqa: PLC0415  # scipy is slow to import

        row, post, weight, _ = self._synapses()
        weight = np.broadcast_to(weight, (len(self),)).copy()
        return csr_array(
            (weight, post.astype(np.int64), row.astype(np.int64)),
            shape=(self.pre.size, self.post.size),
        )

    # Of all ranks -------------------------------------------------------------------------------------------------

    def _synapses(self) -> tuple[Any, Any, Any, Any]:
        """Return rows, targets, weights and delays of all synapses."""
        own = self.network._sim.synapses(self.index)
        if self.network.ranks.size == 1:
            return own
        count = int(own[0][-1])
        post, weight, delay = (
            self._whole("synapses", np.broadcast_to(x, (count,))) for x in own[1:]
        )
        row = np.concatenate([[0], np.cumsum(sum(np.diff(r) for r in self._parts()[0]))])
        return row.astype(np.uint64), post, weight, delay

    def _parts(self) -> tuple[list[Any], int]:
        """Return the rows of all ranks in order of their targets, and which of them is this rank's."""
        if self._rows is None:
            ranks, begin = self.network.ranks, self.network._sim.own(self.post.index)[0]
            rows = self.network._sim.synapses(self.index)[0].astype(np.int64)
            parts = ranks.gather(f"{self.pre.name} -> {self.post.name}", (begin, ranks.rank, rows))
            parts.sort(key=lambda part: part[:2])
            self._rows = [part[2] for part in parts], [part[1] for part in parts].index(ranks.rank)
        return self._rows

    def _places(self) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the places of each rank's synapses among all, in the order of `_parts`."""
        rows = self._parts()[0]
        counts = [np.diff(row) for row in rows]
        begin = np.concatenate([[0], np.cumsum(sum(counts))])[:-1]
        for row, count in zip(rows, counts, strict=True):
            yield np.repeat(begin - row[:-1], count) + np.arange(row[-1])
            begin = begin + count

    def _whole(self, what: str, own: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of all synapses (the last axis), given this rank's."""
        ranks = self.network.ranks
        if ranks.size == 1:
            return own
        where = f"{self.pre.name} -> {self.post.name}, {what}"
        mine = self._parts()[1]
        parts = sorted(ranks.gather(where, (mine, own)), key=lambda part: part[0])
        whole = np.empty((*own.shape[:-1], sum(p.shape[-1] for _, p in parts)), own.dtype)
        for places, (_, part) in zip(self._places(), parts, strict=True):
            whole[..., places] = part
        return whole

    def _own(self, whole: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return this rank's part of values of all synapses."""
        if self.network.ranks.size == 1:
            return whole
        return whole[list(self._places())[self._parts()[1]]]

    def __repr__(self) -> str:
        plastic = "" if self.plasticity is None else f", {type(self.plasticity).__name__}"
        storage = self.network._sim.describe_storage(self.index)
        return f"Projection({self.pre.name} -> {self.post.name}: {len(self)} synapses{plastic}, {storage})"
