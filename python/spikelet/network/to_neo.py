"""A network's recordings as a block of Neo."""

from __future__ import annotations

from typing import Any

from spikelet._util.extras import extra
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.recorders import SpikeRecorder


def to_neo(net: NetworkContents) -> Any:
    """Return what all recorders hold; see `Network.to_neo`."""
    neo = extra("neo", "Network.to_neo", "neo")
    block = neo.Block(name="spikelet", dt=net.dt, seed=str(net.seed))
    segment = neo.Segment(name="run")
    groups = {p.index: neo.Group(name=p.name, **_about(p)) for p in net.populations}
    trains: list[Any] = []
    for recorder in net.recorders:
        spikes = isinstance(recorder, SpikeRecorder)
        found = recorder.to_neo() if spikes else [recorder.to_neo()]
        of = recorder.target
        if spikes:
            trains += found
        else:
            _signals(segment, found[0]).extend(found)
        if isinstance(of, Population):
            group = groups[of.index]
            (group.spiketrains if spikes else _signals(group, found[0])).extend(found)
    segment.spiketrains.extend(trains)  # at once: Neo compares each with all that are there
    block.segments.append(segment)
    block.groups.extend(groups.values())
    return block


def _signals(container: Any, signal: Any) -> Any:
    """Return the list of signals that are like one."""
    regular = type(signal).__name__ == "AnalogSignal"
    return container.analogsignals if regular else container.irregularlysampledsignals


def _about(population: Population) -> dict[str, Any]:
    return {"size": population.size, "model": type(population.model).__name__}
