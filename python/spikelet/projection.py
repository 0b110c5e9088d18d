"""Projections: the synapses between two populations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._checks import fail, representable
from spikelet.plasticity import STDP

if TYPE_CHECKING:
    import scipy.sparse

    from spikelet.network import Network
    from spikelet.population import Population

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
        plasticity: STDP | None,
        receptor: int,
    ) -> None:
        self.network = network
        self.index = index
        self.pre = pre
        self.post = post
        self.plasticity = plasticity
        self.receptor = receptor  # the core's number; -1: by sign

    def __len__(self) -> int:
        """Return the number of synapses."""
        return int(self.network._sim.projection_size(self.index))

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights as of now, in the unit of the model's synapses; those of a plastic projection include all pairs
        up to now. Assigning numbers (one, or one a synapse) sets them."""  # noqa: D205, D209
        return self.network._sim.weights(self.index)

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
            low, high = self.plasticity.w_min, self.plasticity.w_max
            low, high = (float(self.network.dtype.type(x)) for x in (low, high))
            if values.min() < low or values.max() > high:
                bad = values[(values < low) | (values > high)][0]
                fail(
                    where,
                    "weights",
                    float(bad),
                    f"must lie in [w_min, w_max] = [{low:g}, {high:g}]",
                )
        self.network._sim.set_weights(self.index, values)

    @property
    def delays(self) -> npt.NDArray[np.float64]:
        """Delays [ms]."""
        delay = self.network._sim.synapses(self.index)[3]
        return self.network._ms(np.broadcast_to(delay, (len(self),)).astype(np.int64))

    @property
    def pre_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the sources."""
        row = self.network._sim.synapses(self.index)[0].astype(np.int64)
        return np.repeat(np.arange(len(row) - 1), row[1:] - row[:-1])

    @property
    def post_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the targets."""
        return self.network._sim.synapses(self.index)[1].astype(np.int64)

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the weights as a sparse array [pre.size, post.size]; a pair connected twice has two entries."""
        from scipy.sparse import csr_array  # noqa: PLC0415  # scipy is slow to import

        row, post, weight, _ = self.network._sim.synapses(self.index)
        weight = np.broadcast_to(weight, (len(self),)).copy()
        return csr_array(
            (weight, post.astype(np.int64), row.astype(np.int64)),
            shape=(self.pre.size, self.post.size),
        )

    def __repr__(self) -> str:
        plastic = "" if self.plasticity is None else f", {type(self.plasticity).__name__}"
        storage = self.network._sim.describe_storage(self.index)
        return f"Projection({self.pre.name} -> {self.post.name}: {len(self)} synapses{plastic}, {storage})"
