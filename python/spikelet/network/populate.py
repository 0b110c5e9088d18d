"""How `Network.population` adds a population to the core."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import fail, integer
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_length
from spikelet.network.source_kinds import is_source, send_source
from spikelet.neurons import NeuronModel

__all__ = ["populate"]


def populate(net: NetworkContents, n: Any, model: Any, name: str | None) -> Population:
    """Check and add a population; see `Network.population`."""
    n = integer("population", "n", n, 0, 2**32 - 1024)
    name = f"{type(model).__name__}{len(net.populations)}" if name is None else str(name)
    where, sim = f"population {name}", net.engine.sim
    if isinstance(model, NeuronModel):
        check_length(where, model, n)
        index = model.add_to(sim, n)
    elif is_source(model):
        index = send_source(where, net, n, model, net.engine.step)
    else:
        fail(where, "model", model, "must be a neuron model or a spike source", error=TypeError)
    net.engine.raster_starts[index] = net.engine.step
    population = Population(net, index, n, model, name, None)
    net.contents.populations.append(population)
    return population
