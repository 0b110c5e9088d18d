"""What of a network SONATA and NEST can represent: obstacles, parameters by type of node, trains of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spikelet.io import nest_models
from spikelet.io.nest import terms
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.neurons import IntegrateAndFire, NeuronModel
from spikelet.neurons.nest_names import NEST_MODELS
from spikelet.plasticity import TsodyksMarkram
from spikelet.sources import PoissonSource, RasterSource, SpikeSource, StepCurrent
from spikelet.sources.packets import PulsePacket

__all__ = ["Table", "neuron_table", "obstacles", "trains"]

_MOST_TYPES = 1024


@dataclass
class Table:
    """The nodes of a population: parameters of each type, and those that each node has."""

    template: str
    types: npt.NDArray[np.int64]
    by_type: list[dict[str, Any]]
    by_node: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, template: str, n: int, parameters: Mapping[str, Any]) -> Self:
        """Return a table with as few types as there are different nodes, or one if these are too many.

        Parameters
        ----------
        template : str
            NEST's name of the model.
        n : int
            Number of nodes.
        parameters : dict of str to (number, array, or list of these)
            NEST's parameters.
        """
        flat: dict[tuple[str, int], Any] = {}
        for key, value in parameters.items():
            values = enumerate(value) if isinstance(value, list) else [(-1, value)]
            flat |= {(key, k): v for k, v in values}
        varied = {at: np.asarray(v, np.float64) for at, v in flat.items() if np.ndim(v)}
        if not varied:
            return cls(template, np.zeros(n, np.int64), [_nested(parameters, flat, 0)])
        matrix = np.stack(list(varied.values()), axis=1)
        _, first, types = np.unique(matrix, axis=0, return_index=True, return_inverse=True)
        if len(first) > _MOST_TYPES and not any(isinstance(v, list) for v in parameters.values()):
            own = {key: values for (key, _), values in varied.items()}
            rest = {key: value for key, value in parameters.items() if key not in own}
            return cls(template, np.zeros(n, np.int64), [_nested(rest, flat, 0)], own)
        by_type = [_nested(parameters, flat, int(k)) for k in first]
        return cls(template, types.reshape(-1).astype(np.int64), by_type)


def _nested(parameters: Mapping[str, Any], flat: Mapping[Any, Any], row: int) -> dict[str, Any]:
    """Return the parameters of one node, as JSON has them."""

    def value(at: tuple[str, int]) -> float:
        return float(flat[at] if np.ndim(flat[at]) == 0 else flat[at][row])

    return {
        key: [value((key, k)) for k in range(len(given))] if isinstance(given, list) else value((key, -1))
        for key, given in parameters.items()
    }  # fmt: skip


def neuron_table(net: NetworkContents, population: Population) -> Table:
    """Return the nodes of neurons, with the states in which they start, and what rules keep in them."""
    assert isinstance(population.model, NeuronModel)
    found = nest_models.neuron_of(population.model)
    assert found is not None
    name, parameters = found
    states = _states(population, name)
    kept, _ = terms.neuron_parameters(net, population)
    plastic = {k: np.where(np.isnan(v), np.nanmax(v), v) for k, v in kept.items()}
    both = {**parameters, **plastic, **states}
    return Table.of(name, len(population), {k: _plain(v) for k, v in both.items()})


def _plain(value: Any) -> Any:
    """Return a number where all values are equal."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    array = np.asarray(value, np.float64)
    return (
        float(array.flat[0]) if array.size and (array == array.flat[0]).all() else np.array(array)
    )


def _states(population: Population, name: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return the states that differ from those with which NEST starts, in NEST's values."""
    model, n = population.model, len(population)
    assert isinstance(model, NeuronModel)
    first = model.initial(n, lambda _: np.full(n, np.nan)) | dict(nest_models.start_of(name))
    found, factors = {}, NEST_MODELS[name].factors(model)
    for state in model.states:
        values = np.asarray(getattr(population, state), np.float64)
        if (values != first.get(state, 0.0)).any():
            found[state] = values / factors.get(state, 1.0)
    return found


def trains(
    net: NetworkContents, population: Population
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Return stamps [steps] and ids of all spikes of a source."""
    model, n = population.model, population.size
    if isinstance(model, SpikeSource):
        return model.stamps(net.dt, n)
    start = net.engine.raster_starts[population.index]
    if isinstance(model, RasterSource):
        return model.stamps(start, n)
    assert isinstance(model, PulsePacket)
    return model.stamps(net.dt, n, net.seed, population.index, start)


def obstacles(net: NetworkContents) -> list[str]:
    """Return everything that SONATA, or NEST's models that it names, cannot represent."""
    found: list[str] = []
    if net.ranks.size > 1:
        return ["it is shared by several ranks: make it with comm=None"]
    if net.t != 0:
        found.append(
            f"it has run for {net.t:g} ms: write it before the first run, or after reset()"
        )
    for population in net.populations:
        found += _of_population(net, population)
    for projection in net.projections:
        if len(projection):
            found += _of_projection(projection)
    for drive in net.inputs:
        if not isinstance(drive.input, StepCurrent):
            kind = type(drive.input).__name__
            found.append(
                f"{kind} to {drive.target.name}: SONATA has current clamps (StepCurrent) only"
            )
    found += [
        f"{type(how).__name__} of {projection!r}: SONATA does not regulate weights"
        for projection, how in net.regulations
    ]
    return found


def _of_population(net: NetworkContents, population: Population) -> list[str]:
    name, model = population.name, population.model
    if not len(population):
        return [f"{name} has no elements"]
    if isinstance(model, PoissonSource):
        always = model.start is None and model.stop is None
        return [] if always else [f"{name}: a poisson_generator of SONATA has no start and stop"]
    if not isinstance(model, NeuronModel):
        given = isinstance(model, (SpikeSource, RasterSource, PulsePacket))
        return [] if given else [f"{name}: {type(model).__name__} is not a source of given spikes"]
    found = nest_models.neuron_of(model)
    if found is None:
        return [f"{name}: NEST has no model like {type(model).__name__} with these parameters"]
    reasons = list(terms.neuron_parameters(net, population)[1])
    table = _states(population, found[0])
    unset = [
        s for s in table if isinstance(model, IntegrateAndFire) and s not in ("V_m", "g_ex", "g_in")
    ]
    if unset:
        reasons.append(f"{name}: {', '.join(unset)} cannot be set in {found[0]}")
    return reasons


def _of_projection(projection: Projection) -> list[str]:
    found, rule = terms.Findings(), projection.plasticity
    terms.inspect_projection(projection, found)
    reasons = [*found.refused, *found.left_out]
    if isinstance(rule, TsodyksMarkram) and rule.varied:
        reasons.append(f"{projection!r}: parameters by synapse, {', '.join(rule.varied)}")
    return reasons
