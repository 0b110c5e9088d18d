"""How `Network.record` makes recorders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikelet._util.checks import fail, interval
from spikelet.network import to_disk
from spikelet.network.contents import NetworkContents
from spikelet.network.population import check_own
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.network.to_disk import StrPath
from spikelet.neurons import NeuronModel

__all__ = ["make_recorder", "record"]


def record(
    net: NetworkContents, target: Any, what: str, every: float | None, to: StrPath | None
) -> SpikeRecorder | StateRecorder | WeightRecorder:
    """Record from now on; see `Network.record`."""
    recorder = make_recorder(net, target, what, every)
    if to is not None:
        to_disk.record_to(net, recorder.tape, Path(to).absolute())
    recorder.tape.start()
    net.contents.recorders.append(recorder)
    return recorder


def make_recorder(
    net: NetworkContents, target: Any, what: str, every: float | None
) -> SpikeRecorder | StateRecorder | WeightRecorder:
    """Check what there is to record, and make a recorder that has not started."""
    if isinstance(target, Projection):
        if target.network is not net:
            fail("record", "target", target, "must belong to this network")
        if what != "weights":
            fail(f"record {target!r}", "what", what, 'must be "weights"')
        return WeightRecorder(net, target, interval("record", every, net.dt))
    check_own(net, "record", target)
    states = target.model.states if isinstance(target.model, NeuronModel) else ()
    if what == "spikes":
        if every is not None:
            fail(f"record {target.name}", "every", every, "is not for spikes")
        return SpikeRecorder(net, target)
    if what not in states:
        known = ", ".join(["spikes", *states])
        where = f"record {target.name} ({type(target.model).__name__})"
        fail(where, "what", what, f"must be one of: {known}")
    return StateRecorder(net, target, what, interval("record", every, net.dt))
