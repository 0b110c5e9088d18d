"""Inputs of a checkpoint, with their numbers, so that each keeps its random streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikelet._util.checks import fail
from spikelet.network.contents import NetworkContents
from spikelet.network.inject import inject_from
from spikelet.network.input_kinds import Key, described
from spikelet.network.stored import LATEST, WHERE, File, part, whole
from spikelet.neurons import NeuronModel

_MOST = 2**24  # random streams of inputs


def load_inputs(
    net: NetworkContents,
    stored: list[dict[str, Any]],
    restored: Sequence[Any],
    streams: Any,
    file: File,
) -> None:
    """Inject stored inputs.

    Parameters
    ----------
    net : NetworkContents
        The network, with its populations.
    stored : list of dict
        Descriptions of the inputs.
    restored : sequence of PoissonInput, CurrentInput or NoiseInput
        The inputs, restored.
    streams : int
        Number of random streams that are taken.
    file : mapping of str to array
        Arrays of the file.
    """
    for k, (d, what, key) in enumerate(zip(stored, restored, _keys(stored, streams), strict=True)):
        target = part(net, d["target"], file.get(f"input{k}.ids"))
        if not isinstance(target.model, NeuronModel):
            fail(WHERE, f"input{k} target", d["target"], "must be neurons")
        start = whole(f"input{k} start", d["start"], 0, LATEST)
        inject_from(net, target, described(f"inject {target.name}", target, what), start, key)
    net.engine.sim.streams = streams


def _keys(described: list[dict[str, Any]], streams: Any) -> list[Key]:
    """Return the numbers and random streams of the inputs; no two may share any."""
    taken = whole("streams", streams, 0, _MOST)
    keys, least, used = [], 0, set[int]()
    for k, d in enumerate(described):
        number = whole(f"input{k} number", d["number"], least, taken - 1)
        own = [whole(f"input{k} streams", s, 0, taken - 1) for s in d["streams"]]
        if not 1 <= len(own) <= 2 or len(set(own)) < len(own) or used & set(own):
            fail(WHERE, f"input{k} streams", own, "must be one or two that no other input has")
        used.update(own)
        keys.append(Key(number, own))
        least = number + 1
    return keys
