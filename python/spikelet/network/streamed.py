"""Projections from blocks of synapses, so that a list on disk need not fit into memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import check_all, named, representable, require
from spikelet.network.connect import check_call
from spikelet.network.contents import NetworkContents
from spikelet.network.delays import delay_steps
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.receptors import receptor_number, require_sign
from spikelet.network.synapse_equations import SynapseEquations, rule_of
from spikelet.network.synapse_rule import core_of
from spikelet.network.turn import changing
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity

Ids = npt.NDArray[np.uint32]


class StreamedProjection:
    """A projection to be: its synapses come in blocks, twice, in order of creation.

    First all blocks are counted, then all are placed; they may be cut differently. Memory is that of the projection, and
    with several ranks that of the synapses onto the rank's own targets; each rank must see all blocks.

    Parameters
    ----------
    net : Network
        The network.
    pre, post : Population
        Sources and targets: whole populations.
    receptor, plasticity
        As in `Network.connect`. Parameters of the rule must be single numbers.
    """

    def __init__(
        self,
        net: NetworkContents,
        pre: Population,
        post: Population,
        receptor: str | None = None,
        plasticity: Plasticity | SynapseEquations | None = None,
    ) -> None:
        learning: Plasticity | None = rule_of(plasticity)
        self._where = check_call(net, pre, post, receptor, learning)
        self.network, self._pre, self._post = net, pre, post
        self._receptor, self._plasticity = receptor, learning
        stream = _core.SynapseStream32 if net.dtype == np.float32 else _core.SynapseStream64
        self._stream: Any = stream(pre.size, post.size, *net.engine.sim.own(post.index))

    def count(self, pre_ids: Ids, post_ids: Ids) -> None:
        """Count the synapses of a block.

        Parameters
        ----------
        pre_ids, post_ids : array of uint32
            Their sources and targets.

        Raises
        ------
        ValueError
            If an id is too large.
        """
        with named(self._where):
            self._stream.count(pre_ids, post_ids)

    def place(
        self, pre_ids: Ids, post_ids: Ids, weight: npt.NDArray[Any], delay: npt.NDArray[Any]
    ) -> None:
        """Place the synapses of a block.

        Parameters
        ----------
        pre_ids, post_ids : array of uint32
            Their sources and targets.
        weight, delay : array of float
            Weights and delays [ms]: one, or one for each synapse.

        Raises
        ------
        ValueError
            If a value breaks a rule of `Network.connect`, or these are not the synapses that were counted.
        """
        require(self._where, "weight", weight, "finite")
        representable(self._where, "weight", weight, self.network.dtype)
        if self._plasticity is not None:
            low, high = self._plasticity.bounds
            rule = f"must lie in [w_min, w_max] = [{low:g}, {high:g}]"
            check_all(self._where, "weight", weight, (weight >= low) & (weight <= high), rule)
        assert isinstance(self._post.model, NeuronModel)
        require_sign(self._where, self._post.model, self._receptor, weight)
        steps = delay_steps(self._where, delay, self.network.dt)
        with named(self._where):
            values = weight.astype(self.network.dtype, copy=False)
            self._stream.place(pre_ids, post_ids, values, steps)

    @changing
    def connect(self) -> Projection:
        """Add the projection to the network.

        Raises
        ------
        ValueError
            If not all synapses that were counted have been placed.
        """
        assert isinstance(self._post.model, NeuronModel)
        number = receptor_number(self._where, self._post.model, self._receptor)
        net, rule = self.network, self._plasticity
        with named(self._where):
            index = net.engine.sim.connect_stream(
                self._pre.index, self._post.index, self._stream, number,
                core_of(rule, self._post),
            )  # fmt: skip
        projection = Projection(net, index, self._pre, self._post, rule, number)
        net.contents.projections.append(projection)
        return projection
