"""How synapses, projections and populations come and go between runs.

What is left takes the number of what was there, and its state, as a checkpoint has it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import named
from spikelet.network import plastic_changes as changes
from spikelet.network import to_disk
from spikelet.network.contents import NetworkContents, Recorder
from spikelet.network.gathered_state import own_state, whole_state
from spikelet.network.plastic_changes import Ends
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.regulate import counted_so_far
from spikelet.network.synapse_rule import core_of
from spikelet.neurons import LIF
from spikelet.plasticity import Plasticity

_MOST_STEPS = 65535  # of a weight of 16 bits


class Structure:
    """Changes the structure of a network. Handles call it through `Engine.structure`.

    Parameters
    ----------
    net : NetworkContents
        The network.
    """

    def __init__(self, net: NetworkContents) -> None:
        self._net = net

    def remove_projection(self, projection: Projection) -> None:
        """Remove a projection with its regulations, signals and recorders."""
        engine, index = self._net.engine, projection.index
        self._end(self._recorders_of(lambda target: target is projection))
        for k in reversed(range(len(engine.regulations))):
            if engine.regulations[k].projection is projection:
                engine.sim.remove_regulation(k)
                del engine.regulations[k]
        engine.sim.forget_signals(index)
        self._empty(projection)
        engine.removed_projections.add(index)

    def _empty(self, projection: Projection) -> None:
        """Leave a projection without synapses in the core, where others keep their numbers."""
        pre, post = projection.pre, projection.post
        add_empty(self._net, pre, post, -1 if post.removed else projection.receptor)
        self._net.engine.sim.replace_projection(projection.index, "")

    def remove_population(self, population: Population) -> None:
        """Remove a population with its projections, inputs and recorders."""
        engine, index = self._net.engine, population.index
        own = [q for q in self._net.contents.projections if index in (q.pre.index, q.post.index)]
        ends = lambda target: (  # it is used once
            target in own if isinstance(target, Projection) else target.index == index
        )
        self._end(self._recorders_of(ends))
        for projection in own:
            if not projection.removed:
                self.remove_projection(projection)
        for number, drive in list(engine.inputs.items()):
            if drive.target.index == index:
                engine.sim.remove_input(number)
                del engine.inputs[number]
        for listener, source, first, size, _, delay, since in engine.sim.signals()[1]:
            if source == index:
                engine.sim.follow(listener, source, first, size, 0.0, delay, since)
        LIF().add_to(engine.sim, 0, self._net.dt)  # neurons, as its projections need some
        engine.sim.replace_population(index)
        engine.removed_populations.add(index)
        for projection in own:
            self._empty(projection)

    def _recorders_of(self, own: Callable[[Any], bool]) -> list[Recorder]:
        """Return the recorders of some targets, after a check that they can end."""
        recorders = self._net.contents.recorders
        ending = [recorder for recorder in recorders if own(recorder.tape.target)]
        others = [recorder.tape for recorder in recorders if not own(recorder.tape.target)]
        for recorder in ending:
            recorder.tape.require_alone(others)
        return ending

    def _end(self, ending: Sequence[Recorder]) -> None:
        """End recorders: they keep their data and leave the network."""
        if ending and to_disk.pending(self._net):
            to_disk.drain(self._net)
        for recorder in ending:
            recorder.tape.end()
        recorders = self._net.contents.recorders
        recorders[:] = [recorder for recorder in recorders if not recorder.tape.ended]

    def remove_synapses(self, projection: Projection, gone: npt.NDArray[np.bool_]) -> None:
        """Remove some synapses of a projection.

        Parameters
        ----------
        projection : Projection
            The projection.
        gone : array, [len(projection)]
            Which synapses to remove, in canonical order.
        """
        stays, (old, weights) = ~gone, self._synapses(projection)
        rule, state, history = projection.plasticity, None, False
        if rule is not None:
            history = changes.storage_of(projection) == changes.MATRIX
            state = self._state(projection, old, as_history=history)
            state = changes.kept(projection, state, old, stays)
            if rule.varied:
                values = {name: getattr(rule, name)[stays] for name in rule.varied}
                rule = dataclasses.replace(rule, **values)
        self._put(projection, old.of(stays), weights[stays], rule, state, history=history)

    def add_synapses(
        self, projection: Projection, ends: tuple[Any, Any, Any], weights: npt.NDArray[Any]
    ) -> None:
        """Add synapses to a projection.

        Parameters
        ----------
        projection : Projection
            The projection.
        ends : tuple of arrays, each [n]
            Sources, targets and delays [steps] of the new synapses, in order of creation.
        weights : array, [n]
            Their weights.
        """
        rule, state, history, new = projection.plasticity, None, False, Ends(*ends)
        old, before = self._synapses(projection)
        whole = Ends(*(np.concatenate(both) for both in zip(old, new, strict=True)))
        order = np.lexsort((whole.post, whole.pre))
        whole = whole.of(order)
        if rule is not None:
            self._bring_up_to_date(projection)  # what happened before must not act on new synapses
            storage = changes.storage_of(projection)
            history = changes.needs_history(projection, old, new)
            converts = history and storage != changes.QUEUED
            state = self._state(projection, old, as_history=converts)
            state = changes.added(projection, state, new, weights, order, whole)
        weights = np.concatenate([before, weights])[order]
        self._put(projection, whole, weights, rule, state, history=history)

    def _bring_up_to_date(self, projection: Projection) -> None:
        sim: Any = self._net.engine.sim  # of either precision
        sim.set_weights(projection.index, sim.weights(projection.index))

    def _synapses(self, projection: Projection) -> tuple[Ends, npt.NDArray[Any]]:
        """Return all synapses, and the weights of static ones."""
        row, post, weight, delay = projection.synapses.arrays()
        n = len(post)
        pre = np.repeat(np.arange(len(row) - 1), np.diff(row.astype(np.int64)))
        post, delay = (np.broadcast_to(x, (n,)).astype(np.int64) for x in (post, delay))
        return Ends(pre, post, delay), np.broadcast_to(weight, (n,))

    def _state(self, projection: Projection, old: Ends, *, as_history: bool) -> changes.State:
        """Return what the synapses remember, which is nothing at the beginning."""
        state = whole_state(projection)
        unchanged = np.array_equal(state["synapse.0"], state["initial"])
        if len(state["row_source"]) == 0 or (self._net.engine.step == 0 and unchanged):
            return changes.blank(state)
        if as_history:
            self._bring_up_to_date(projection)
            return changes.as_history(projection, old)
        return state

    def _put(
        self,
        projection: Projection,
        ends: Ends,
        weights: npt.NDArray[Any],
        rule: Plasticity | None,
        state: changes.State | None,
        *,
        history: bool,
    ) -> None:
        """Give a projection other synapses, with a state."""
        net, sim, index = self._net, self._net.engine.sim, projection.index
        counted = [
            (k, *counted_so_far(net, k))
            for k, (regulated, _) in enumerate(net.regulations)
            if regulated is projection
        ]
        storage = ""  # nothing goes on
        if state is not None and len(state["row_source"]):
            storage = changes.HISTORY if history else changes.storage_of(projection)
        born = sim.born(index) if len(projection) else None
        step = sim.weight_step(index)
        ending = self._recorders_of(lambda target: target is projection)
        with named(repr(projection)):
            sim.connect_lists(
                projection.pre.index,
                projection.post.index,
                projection.pre.size,
                ends.pre.astype(np.uint32),
                ends.post.astype(np.uint32),
                _one(np.asarray(weights if state is None else state["initial"], net.dtype)),
                _one(ends.delay.astype(np.uint16)),
                projection.receptor,
                core_of(rule, projection.post),
                born,
                _MOST_STEPS * step if step else None,
            )
            self._end(ending)  # as long as the core has the synapses that they recorded
            sim.replace_projection(index, storage)
        projection.renew(rule)
        if state is not None:
            sim.set_plastic_state(index, own_state(projection, state))
        for k, begin, spikes in counted:
            counts = np.zeros_like(spikes)
            targets = np.unique(ends.post)
            counts[targets] = spikes[targets]
            sim.set_interval(k, begin, counts)


def _one(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one value if all are equal, as the core has a form for those."""
    return values[:1] if len(values) and (values == values[0]).all() else values


def add_empty(net: NetworkContents, pre: Population, post: Population, receptor: int) -> None:
    """Add a projection without synapses to the core."""
    none = np.zeros(0, np.uint32)
    one = np.ones(1, net.dtype), np.ones(1, np.uint16)  # weight and delay
    sources = 0 if pre.removed else pre.size
    net.engine.sim.connect_lists(
        pre.index, post.index, sources, none, none, *one, receptor, None, None, None
    )
