"""How `Network.record` makes recorders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from spikelet._util.checks import choice, fail, interval, steps_of
from spikelet._util.files import path_of
from spikelet._util.spelling import suggestion
from spikelet.network import to_disk
from spikelet.network.contents import NetworkContents
from spikelet.network.groups import UnionSpikeRecorder, UnionStateRecorder
from spikelet.network.population import Population, check_own
from spikelet.network.projection import Projection
from spikelet.network.recorders import (
    MultiStateRecorder,
    SpikeRecorder,
    StateRecorder,
    WeightRecorder,
)
from spikelet.network.tape import Span
from spikelet.network.to_disk import StrPath
from spikelet.neurons import NeuronModel
from spikelet.recording.on_disk import LAST


class When(NamedTuple):
    """When a recorder records, as `Network.record` is given it."""

    every: float | None = None
    start: float | None = None
    stop: float | None = None
    when: str = "after_reset"


def record(net: NetworkContents, target: Any, what: Any, when: When, to: StrPath | None) -> Any:
    """Record from now on; see `Network.record`."""
    if isinstance(target, Population) and len(target.parts) > 1:
        return _of_union(net, target, what, when, to)
    if not isinstance(what, str):
        return _several(net, target, what, when, to)
    recorder = make_recorder(net, target, what, when)
    recorder.tape.since = net.engine.step
    if to is not None:
        to_disk.record_to(net, recorder.tape, path_of("record", to, "to").absolute())
    recorder.tape.start()
    net.contents.recorders.append(recorder)
    return recorder


def _of_union(
    net: NetworkContents, target: Population, what: Any, when: When, to: StrPath | None
) -> Any:
    """Record all parts of a union."""
    names = [what] if isinstance(what, str) else what
    for part in target.parts:  # all of them before the first is added
        for name in names if isinstance(names, (list, tuple)) else ():
            make_recorder(net, part, name, when)
    made: list[Any] = [record(net, part, what, when, to) for part in target.parts]
    if what == "spikes":
        return UnionSpikeRecorder(target, made)
    if isinstance(what, str):
        return UnionStateRecorder(target, made)
    return MultiStateRecorder(
        {
            name: UnionStateRecorder(target, [recorder[name] for recorder in made])
            for name in made[0]
        }
    )


def _several(
    net: NetworkContents, target: Any, what: Any, when: When, to: StrPath | None
) -> MultiStateRecorder:
    """Record several states."""
    where = "record" if not isinstance(target, Population) else f"record {target.name}"
    names = list(what) if isinstance(what, Sequence) else []
    if not names or not all(isinstance(name, str) for name in names):
        rule = 'must be the name of what to record, or a list of names of states, such as ["V_m", "I_syn_ex"]'
        fail(where, "what", what, rule, error=TypeError)
    if len(set(names)) < len(names) or "spikes" in names or isinstance(target, Projection):
        rule = "must be names of states, each once; record spikes and weights separately"
        fail(where, "what", what, rule)
    for name in names:  # all of them before the first is added
        make_recorder(net, target, name, when)
    return MultiStateRecorder({name: record(net, target, name, when, to) for name in names})


def make_recorder(
    net: NetworkContents, target: Any, what: str, when: When
) -> SpikeRecorder | StateRecorder | WeightRecorder:
    """Check what there is to record and when, and make a recorder that has not started."""
    recorder = _recorder(net, target, what, when)
    if when.start is None and when.stop is None:  # the span of a new tape
        return recorder
    where = f"record {recorder.tape.title}"
    span = _span(where, when, net.dt)
    if span.stop <= net.engine.step:
        rule = f"must be after the present time, {net.engine.step * net.dt:g} ms (or call net.reset() first)"
        fail(where, "stop", when.stop, rule)
    recorder.tape.span = span
    return recorder


def _span(where: str, when: When, dt: float) -> Span:
    start = 0 if when.start is None else steps_of(where, "start", when.start, dt)[1]
    endless = when.stop is None or (isinstance(when.stop, float) and when.stop == math.inf)
    stop = LAST if endless else steps_of(where, "stop", when.stop, dt)[1]
    if stop <= start:
        fail(where, "stop", when.stop, f"must be after start = {start * dt:g} ms")
    return Span(start or -1, stop)  # time 0 counts from 0


def _recorder(
    net: NetworkContents, target: Any, what: str, when: When
) -> SpikeRecorder | StateRecorder | WeightRecorder:
    """Check what there is to record, and make a recorder that has not started."""
    if isinstance(target, Projection):
        if target.blocks != (target,):
            rule = "must be one projection; record each of projection.blocks"
            fail("record", "target", target, rule, error=TypeError)
        if target.network is not net:
            fail("record", "target", target, "must belong to this network")
        target.require_there()
        if what != "weights":
            hint = suggestion(what, ["weights"])
            fail(f"record {target!r}", "what", what, f'must be "weights"{hint}')
        _require_after(f"record {target!r}", what, when)
        return WeightRecorder(net, target, interval(f"record {target!r}", when.every, net.dt))
    check_own(net, "record", target, "target")
    states = target.model.states if isinstance(target.model, NeuronModel) else ()
    if what == "spikes":
        if when.every is not None:
            fail(f"record {target.name}", "every", when.every, "is not for spikes")
        _require_after(f"record {target.name}", what, when)
        return SpikeRecorder(net, target)
    if what not in states:
        known = ["spikes", *states]
        where = f"record {target.name} ({type(target.model).__name__})"
        rule = f"must be one of: {', '.join(known)}{suggestion(what, known)}"
        fail(where, "what", what, rule)
    choice(f"record {target.name}", "when", when.when, "after_reset", "before_reset")
    if what != states[0]:
        _require_after(f"record {target.name}", what, when, states[0])
    every = interval(f"record {target.name}", when.every, net.dt)
    return StateRecorder(net, target, what, every, before_reset=when.when == "before_reset")


def _require_after(where: str, what: str, when: When, first: str = "V_m") -> None:
    """Check that nothing asks for a value before the reset that has none."""
    if when.when != "after_reset":
        rule = f'must be "after_reset" for {what}; before the reset there is the first state only, {first}'
        fail(where, "when", when.when, rule)
