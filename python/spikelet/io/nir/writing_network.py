"""`Network` as a NIR graph: populations, and between them weights, delays and synaptic currents.

Potentials are relative to `E_L`, so that they begin at 0. Every synapse has a delay of at least one step, which a node of its own
holds. A synaptic current is a leaky integrator: NEST's order of a step, in which an event acts on the potential one step after
its arrival, is a delay that is one step longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet.conversion.building import refuse
from spikelet.io.nir.writing_layers import Term, Writer, notes_of
from spikelet.io.nir.writing_neurons import Cell, Neurons, full
from spikelet.io.nir.writing_readers import WHERE, Request
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.neurons import IF, LIF, LIFDelta, NeuronModel

_MOST_WEIGHTS = 1 << 27  # of all matrices: 1 GB in float64
Floats: TypeAlias = NDArray[np.float64]


def write_network(net: Network, request: Request) -> tuple[Any, list[str]]:
    """Return the graph of a network, and what its readers should know."""
    if request.convention != "nir":
        rule = 'must be "nir": the readers of libraries have no delays'
        fail(WHERE, "convention", request.convention, rule)
    if request.input_shape is not None:
        rule = "must be left out for a Network, whose sources have their size"
        fail(WHERE, "input_shape", request.input_shape, rule)
    return _NetworkWriter(net, request).graph()


class _NetworkWriter:
    def __init__(self, net: Network, request: Request) -> None:
        own = str(np.dtype(net.dtype))
        self.net, self.request = net, request
        self.neurons = Neurons.of(request, net.dt * 1e-3, own)
        self.writer = Writer(self.neurons, request.real(own))
        self.keys: dict[int, str] = {}  # of the nodes that send
        self.entries: dict[tuple[int, int], str] = {}  # of those that receive, by receptor

    def graph(self) -> tuple[Any, list[str]]:
        """Write everything."""
        net, writer = self.net, self.writer
        _require_fresh(net)
        self._require_size()
        spiking = [p for p in net.populations if isinstance(p.model, NeuronModel)]
        if not spiking:
            fail(WHERE, "model", net, "must have a population of neurons")
        for p in net.populations:
            if isinstance(p.model, NeuronModel):
                self._population(p)
            else:
                self.keys[p.index] = writer.input((p.size,), p.name)[0].key
        for projection in net.projections:
            self._projection(projection)
        for p in spiking:
            name = "output" if len(spiking) == 1 else f"output_{p.name}"
            writer.output([Term(self.keys[p.index])], (p.size,), name)
        notes = notes_of(writer.nodes, self.request)
        if any(p.plasticity is not None for p in net.projections):
            notes.append("NIR has no plasticity: weights are written as they are now, and stay so")
        return writer.graph(), notes

    def _require_size(self) -> None:
        total = sum(
            projection.pre.size * projection.post.size
            for projection in self.net.projections
            for _ in _parts(projection, self.net.dt)
        )
        if total > _MOST_WEIGHTS:
            what = f"needs full matrices of {total:.3g} weights"
            hint = f"NIR has no sparse ones, and at most {_MOST_WEIGHTS:.3g} are written"
            refuse(WHERE, what, hint)

    # --- populations -----------------------------------------------------------------------------

    def _population(self, p: Population) -> None:
        model: Any = p.model
        where = f"{WHERE}: population '{p.name}' ({type(model).__name__})"
        _require_plain(where, p, model)
        shape, dt = (p.size,), self.net.dt
        leaks = not isinstance(model, IF)
        decay = np.exp(-dt / full(model.tau_m, shape)) if leaks else np.ones(shape)
        rest = full(model.E_L, shape)
        drive = full(model.I_e, shape) / full(model.C_m, shape)
        threshold = full(model.V_th, shape) - rest
        v_reset = full(model.V_reset, shape) - rest
        if model.reset == "subtract" and v_reset.any():
            what = "subtracts V_th - V_reset at a spike"
            refuse(where, what, "only the threshold above E_L can be subtracted: use V_reset = E_L")
        if not leaks and drive.any():
            refuse(where, "has a constant current I_e", "NIR's IF has none: drive it by a source")
        cell = Cell(
            decay=decay,
            gain=np.ones(shape),
            threshold=threshold,
            reset="subtract" if model.reset == "subtract" else "value",
            v_reset=v_reset if model.reset == "zero" else 0.0,
            drive=drive * full(model.tau_m, shape) * (1 - decay) if leaks else 0.0,
            v_init=np.asarray(p.V_m, np.float64) - rest,
        )
        (node,) = self.neurons.nodes(cell, shape, where)
        key = self.writer.add(p.name, node, [], shape, shape)
        self.keys[p.index] = key
        if isinstance(model, LIFDelta):
            self.entries[p.index, 0] = key
            return
        received = {
            receptor
            for projection in self.net.projections
            if projection.post.index == p.index
            for receptor, _, _ in _parts(projection, self.net.dt)
        }
        for k in sorted(received):
            self.entries[p.index, k] = self._current(p, key, ("ex", "in")[k])

    def _current(self, p: Population, key: str, receptor: str) -> str:
        """Add the synaptic current of a receptor, as the change of potential of a step."""
        model: Any = p.model
        shape, dt = (p.size,), self.net.dt
        tau = full(getattr(model, f"tau_syn_{receptor}"), shape)
        decay = np.exp(-dt / tau)
        gain = _current_to_potential(dt, model, tau, shape)
        now = np.asarray(getattr(p, f"I_syn_{receptor}"), np.float64)
        # The integrator decays before it acts: what acts in the first step was larger one step earlier.
        cell = Cell(decay=decay, gain=gain, reset="none", v_init=gain * now / decay)
        (node,) = self.neurons.nodes(cell, shape, f"{WHERE}: population '{p.name}'")
        made = self.writer.add(f"{p.name}_{receptor}", node, [], shape, shape)
        self.writer.edges.append((made, key))
        return made

    # --- synapses --------------------------------------------------------------------------------

    def _projection(self, projection: Projection) -> None:
        pre, post, writer = projection.pre, projection.post, self.writer
        weights = np.asarray(projection.weights, np.float64)
        late = int(not isinstance(post.model, LIFDelta))
        for receptor, steps, here in _parts(projection, self.net.dt):
            matrix = np.zeros((post.size, pre.size))
            np.add.at(matrix, (projection.post_ids[here], projection.pre_ids[here]), weights[here])
            name, after = f"{pre.name}_to_{post.name}", (post.size,)
            linear = writer.nir.Linear(weight=writer.cast("weight", matrix))
            source = writer.add(name, linear, [Term(self.keys[pre.index])], after, (pre.size,))
            node = writer.nir.Delay(delay=np.full(post.size, (steps + late) * self.neurons.dt))
            made = writer.add(f"{name}_delay", node, [Term(source)], after, after)
            writer.edges.append((made, self.entries[post.index, receptor]))


def _parts(projection: Projection, dt: float) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield the synapses of each receptor and delay: the receptor, the delay in steps, and which they are."""
    if not len(projection):
        return
    steps = np.rint(np.asarray(projection.delays) / dt).astype(np.int64)
    receptors = np.full(len(steps), max(projection.receptor, 0))
    known = np.ones(len(steps), np.bool_)
    if isinstance(projection.post.model, LIFDelta):
        receptors[:] = 0
    elif projection.receptor < 0:  # the sign of a weight decides
        weights = np.asarray(projection.weights)
        receptors, known = (weights < 0).astype(np.int64), weights != 0
    for d in np.unique(steps).tolist():
        for receptor in np.unique(receptors).tolist():
            here = (steps == d) & (receptors == receptor) & known
            if here.any():
                yield receptor, d, here


def _require_fresh(net: Network) -> None:
    if net.ranks.size > 1:
        fail(WHERE, "model", net.ranks.size, "must be on one rank", got="ranks:")
    if net.engine.step:
        rule = "must not have run, as spikes may be on their way: write it before, or call reset()"
        fail(WHERE, "model", net.engine.step, rule, got="steps:")
    if any(not drive.removed for drive in net.inputs):
        what = "has inputs that are part of it (net.inject)"
        refuse(WHERE, what, "NIR has none: connect a source, which becomes an Input of the graph")
    if net.regulations:
        refuse(WHERE, "is regulated", "NIR has no regulation: write a network without it")


def _require_plain(where: str, p: Population, model: Any) -> None:
    if not isinstance(model, (LIF, IF, LIFDelta)):
        hint = "NIR has neurons that integrate: LIF, IF and LIFDelta can be written"
        refuse(where, "is a neuron that NIR does not have", hint)
    if np.any(np.asarray(model.t_ref) > 0):
        longest = float(np.max(model.t_ref))
        what = f"is refractory for t_ref = {longest:g} ms, which NIR's neurons never are"
        refuse(where, what, "set t_ref=0 if the network can do without")
    if np.any(np.asarray(model.theta_plus) != 0) or np.any(np.asarray(p.theta) != 0):
        what = "has an adaptive threshold, which NIR does not have"
        refuse(where, what, "set theta_plus=0 if the network can do without")


def _current_to_potential(dt: float, model: Any, tau_syn: Floats, shape: tuple[int, ...]) -> Floats:
    """Return what a current of 1 pA at the start of a step adds to the potential by its end (Rotter & Diesmann 1999)."""
    C_m = full(model.C_m, shape)
    if isinstance(model, IF):
        return -tau_syn / C_m * np.expm1(-dt / tau_syn)
    from scipy.special import exprel  # noqa: PLC0415  slow to import

    a, b = dt / full(model.tau_m, shape), dt / tau_syn
    return np.asarray(dt / C_m * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b)))
