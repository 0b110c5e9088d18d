"""Populations from a file: their sizes, their states, and when their sources began."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.network import stored
from spikelet.network.contents import NetworkContents
from spikelet.network.populate import populate
from spikelet.network.source_kinds import send_source, starts_when_set
from spikelet.network.stored import WHERE, File
from spikelet.neurons import NeuronModel
from spikelet.sources import PulsePacket, RasterSource
from spikelet.spatial import Positions

# What sources may take that have no arrays of their size in the file: elements, and spikes of rasters.
_FREE = 1 << 22


def load_populations(
    net: NetworkContents, described: list[dict[str, Any]], models: list[Any], file: File
) -> None:
    """Add populations, after a comparison of their sizes with the arrays that are there.

    Parameters
    ----------
    net : NetworkContents
        An empty network.
    described : list of dict
        The stored descriptions.
    models : list
        Their models.
    file : mapping of str to array
        The stored arrays.

    Raises
    ------
    ValueError
        If a size does not fit.
    """
    room = max(_FREE, sum(values.nbytes for values in file.values()))
    elements = spikes = 0
    for k, (d, model) in enumerate(zip(described, models, strict=True)):
        if not isinstance(d["name"], str):
            fail(WHERE, f"population{k} name", d["name"], "must be a string")
        if _is_removed(k, d):
            net.engine.removed_populations.add(populate(net, 0, model, d["name"]).index)
            continue
        n = stored.whole(f"population{k} n", d["n"], 0, 2**32 - 1024)
        if isinstance(model, NeuronModel):
            stored.array(file, f"population{k}.held", np.int32, n)
            for state in model.states:
                stored.array(file, f"population{k}.state.{state}", net.dtype, n)
        else:  # elements that send have a row in a projection
            elements += n
            if elements > room:
                rule = f"must not exceed {room} in all sources of a file of this size"
                fail(WHERE, f"population{k} n", n, rule)
        if isinstance(model, (RasterSource, PulsePacket)):
            spikes += model.spikes(n)
            if spikes > 64 * room:
                rule = f"must hold at most {64 * room} spikes in a file of this size"
                fail(WHERE, f"population{k} {type(model).__name__}", spikes, rule)
        populate(net, n, model, d["name"], _space(k, d.get("space"), file))


def _is_removed(k: int, d: dict[str, Any]) -> bool:
    """Return whether only the number of a population is left."""
    removed = d.get("removed", False)
    if not isinstance(removed, bool):
        fail(WHERE, f"population{k} removed", removed, "must be true or false")
    return removed


def in_flight(net: NetworkContents) -> tuple[Any, Any]:
    """Return the spikes in flight, with elements numbered through the populations that are still there."""
    sim, populations = net.engine.sim, net.contents.populations
    stamps, gids = sim.in_flight()
    if not net.engine.removed_populations:
        return stamps, gids
    first = np.array([sim.first_gid(p.index) for p in populations])
    sizes = [0 if p.removed else p.size for p in populations]
    of = np.searchsorted(first, gids, side="right") - 1
    there = gids - first[of] < np.array(sizes)[of]
    begins = np.cumsum([0, *sizes])[:-1]
    moved = gids - first[of] + begins[of]
    return stamps[there], moved[there].astype(np.uint32)


def _space(k: int, d: Any, file: File) -> Positions | None:
    """Return where the elements of a population are, if that was said."""
    if d is None:
        return None
    where = f"population{k} space"
    if not isinstance(d, dict) or set(d) != {"coordinates", "extent", "periodic"}:
        fail(WHERE, where, d, "must be coordinates, extent and periodic")
    arrays = {}
    for name in ("coordinates", "extent"):
        given = d[name]
        if not (given is None or isinstance(given, dict)):
            fail(WHERE, f"{where}.{name}", given, "must name an array")
        arrays[name] = None if given is None else file[given["array"]]
    return Positions(**arrays, periodic=d["periodic"])


def load_states(net: NetworkContents, described: list[dict[str, Any]], file: File) -> None:
    """Set the states of the neurons, and restart the sources.

    Parameters
    ----------
    net : NetworkContents
        The network, at the step at which it was saved.
    described : list of dict
        The stored descriptions.
    file : mapping of str to array
        The stored arrays.

    Raises
    ------
    ValueError
        If a value cannot be that of a neuron.
    """
    sim = net.engine.sim
    for p, d in zip(net.contents.populations, described, strict=True):
        if p.removed:
            continue
        key = f"population{p.index}"
        start = stored.whole(f"{key} start", d["start"], 0, stored.LATEST)
        net.engine.raster_starts[p.index] = start
        if starts_when_set(p.model):
            send_source(f"population {p.name}", net, p.size, p.model, start, p.index)
        if not isinstance(p.model, NeuronModel):
            continue
        for k, state in enumerate(p.model.states):
            values = file[f"{key}.state.{state}"]  # not finite if the network has diverged
            if state != "theta" or values.any():
                sim.set_raw_state(p.index, k, values)
            initial = f"{key}.initial.{state}"
            if initial in file:
                values = stored.array(file, initial, net.dtype, p.size)
                sim.set_initial_state(p.index, k, values)
        held = file[f"{key}.held"]
        sim.set_held(p.index, stored.below(f"{key}.held", held, 2**30 + 1))
