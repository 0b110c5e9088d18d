"""How `Network.population` adds a population to the core."""

from __future__ import annotations

import functools
from typing import Any

from spikelet import neurons
from spikelet._util.checks import fail, integer, named, representable
from spikelet._util.memory import require_memory
from spikelet.network.contents import NetworkContents
from spikelet.network.input_kinds import Input
from spikelet.network.population import Population, check_length
from spikelet.network.source_kinds import is_source, send_source
from spikelet.neurons import NeuronModel
from spikelet.rules import Normal, Uniform
from spikelet.sources import PoissonSource
from spikelet.sources.rates import ChangingRate
from spikelet.sources.window import require_ahead
from spikelet.spatial import Free, Grid, Positions

_DRAWN = {"rand": Uniform(0.0, 1.0), "randn": Normal(0.0, 1.0)}


def _check_names(where: str, model: NeuronModel) -> None:
    """Check that no state or parameter would be hidden by an attribute of populations."""
    hidden = _hidden((*model.states, *model.parameters()))
    if hidden is not None:
        rule = "must not be that of an attribute of populations: rename it in the equations"
        fail(where, "name of a state or parameter", hidden, rule)


@functools.lru_cache(maxsize=256)  # the networks of an ensemble ask for the same ones
def _hidden(names: tuple[str, ...]) -> str | None:
    """Return the first of some names that is an attribute of populations."""
    taken = Population.__annotations__
    return next((name for name in names if hasattr(Population, name) or name in taken), None)


def _require_memory(where: str, net: NetworkContents, n: int, model: Any) -> None:
    """Check that there is memory for what the core keeps of the elements of this process."""
    if isinstance(model, NeuronModel):
        # States, but for a fixed threshold, what reset() restores of them, and arrivals.
        values = 2 * len(model.states) - 1 + model.channels
        n, each = n // net.ranks.size, values * net.dtype.itemsize
    else:
        each = 22 if isinstance(model, (PoissonSource, ChangingRate)) else 0
    way_out = "make fewer, or share the network between machines (comm=)"
    require_memory(where, (n,), each, way_out, "the elements")


def populate(
    net: NetworkContents, n: Any, model: Any, name: str | None, positions: Any = None
) -> Population:
    """Check and add a population; see `Network.population`."""
    if isinstance(n, NeuronModel) or is_source(n):
        rule = "must be the number of elements: net.population(n, model)"
        fail("population", "n", n, rule, error=TypeError)
    n = integer("population", "n", n, 0, 2**32 - 1024)
    given = name is not None
    name = f"{type(model).__name__}{len(net.contents.populations)}" if name is None else str(name)
    where, sim = f"population {name}", net.engine.sim
    _require_memory(where, net, n, model)
    space = None if positions is None else _placed(where, positions, n, net)
    drawn = net.engine.drawn
    if isinstance(model, NeuronModel):
        check_length(where, model, n)
        _check_names(where, model)
        initial = model.initial(n, lambda kind: net.engine.draw(_DRAWN[kind], n))
        for state, values in initial.items():
            representable(where, f"initial value of {state}", values, net.dtype)
        try:
            index = model.add_to(sim, n, net.dt)
        except ValueError:
            net.engine.drawn = drawn
            raise
    elif is_source(model):
        require_ahead(where, model, net)
        index = send_source(where, net, n, model, net.engine.step)
    else:
        rule = f"must be a neuron model or a spike source{_hint(model)}"
        fail(f"population {name}" if given else "population", "model", model, rule, error=TypeError)
    net.engine.raster_starts[index] = net.engine.step
    population = Population(net, index, n, model, name, None)
    if space is not None:
        net.engine.positions[index] = space
    if isinstance(model, NeuronModel):
        for state, values in initial.items():
            sim.set_state(index, model.states.index(state), values.astype(net.dtype))
    net.contents.populations.append(population)
    return population


def _hint(model: Any) -> str:
    """Return what was probably meant by something that is no model."""
    if callable(model):
        called = getattr(model, "name", getattr(model, "__name__", ""))
        if isinstance(model, neurons.Equations) and called == "Equations":  # unnamed
            called = "model"
        return f"; call it: {called}()" if called.isidentifier() else ""
    if isinstance(model, str):
        names = {name.lower(): name for name in neurons.__all__}
        called = names.get(model.lower().replace("_", ""), "")
        return f"; did you mean sl.{called}()?" if called else "; models are in spikelet.neurons"
    return (
        f"; an input goes to net.inject(population, {type(model).__name__}(...))"
        if isinstance(model, Input)
        else ""
    )


def _placed(where: str, positions: Any, n: int, net: NetworkContents) -> Positions:
    """Return the positions of n elements, given coordinates or a description."""
    if not isinstance(positions, (Positions, Grid, Free)):
        with named(where):
            positions = Positions(positions)
    placed: Positions = positions.placed(where, n, net.engine.draw)
    return placed
