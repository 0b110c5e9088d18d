"""How `Network.population` adds a population to the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet._util.checks import fail, fits, integer, representable
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_length, events_of
from spikelet.neurons import NeuronModel
from spikelet.rules import Normal, Uniform
from spikelet.sources import PoissonSource, RasterSource, SpikeSource, check_events

__all__ = ["populate"]

_DRAWN = {"rand": Uniform(0.0, 1.0), "randn": Normal(0.0, 1.0)}


def populate(net: NetworkContents, n: Any, model: Any, name: str | None) -> Population:
    """Check and add a population; see `Network.population`."""
    n = integer("population", "n", n, 0, 2**32 - 1024)
    name = f"{type(model).__name__}{len(net.populations)}" if name is None else str(name)
    where, sim = f"population {name}", net.engine.sim
    if isinstance(model, NeuronModel):
        check_length(where, model, n)
        initial = model.initial(n, lambda kind: net.engine.draw(_DRAWN[kind], n))
        for state, values in initial.items():
            representable(where, f"initial value of {state}", values, net.dtype)
        index = model.add_to(sim, n, net.dt)
    elif isinstance(model, PoissonSource):
        rate = fits(where, "rate", np.asarray(model.rate), n)
        check_events(where, rate, net.dt, as_spikes=True)
        index = sim.add_poisson(n, rate)
    elif isinstance(model, (SpikeSource, RasterSource)):
        index = sim.add_events(n, *events_of(net, model, n))
    else:
        fail(where, "model", model, "must be a neuron model or a spike source", error=TypeError)
    net.engine.raster_starts[index] = net.engine.step
    population = Population(net, index, n, model, name, None)
    if isinstance(model, NeuronModel):
        for state, values in initial.items():
            sim.set_state(index, model.states.index(state), values)
    net.contents.populations.append(population)
    return population
