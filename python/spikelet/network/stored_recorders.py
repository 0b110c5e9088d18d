"""Recorders from a file, with what they held in memory, or with the recordings on disk that they wrote to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.network import stored
from spikelet.network.contents import NetworkContents
from spikelet.network.record import When, make_recorder
from spikelet.network.stored import LATEST, WHERE, File
from spikelet.network.tape import Span, SpikeTape, Tape
from spikelet.recording.on_disk import LAST, Arrays, RecordingFile


def load_recorders(
    net: NetworkContents, header: dict[str, Any], arrays: File, folder: Path
) -> None:
    """Add the recorders, which go on where they were.

    Parameters
    ----------
    net : NetworkContents
        The network, complete but for its recorders.
    header : dict
        The stored header.
    arrays : mapping of str to array
        The stored arrays.
    folder : Path
        Folder of the file; paths of recordings are relative to it.

    Raises
    ------
    ValueError
        If a recorder or a recording does not fit the network.
    """
    by_rank = header.get("recordings", [])
    if not isinstance(by_rank, list):
        fail(WHERE, "recordings", by_rank, "must be a list")
    if any(by_rank) and len(by_rank) != net.ranks.size:
        rule = f"must be loaded by as many ranks as recorded to files, {len(by_rank)}"
        fail(WHERE, "recordings", net.ranks.size, rule)
    with net.ranks.all_or_none("finding recordings"):
        own = by_rank[net.ranks.rank] if any(by_rank) else []
        files = [RecordingFile.restore(d, folder) for d in own]
        for f in files:
            if (f.header["dt"], f.header["seed"]) != (net.dt, net.seed):
                fail(WHERE, f"recording {f.path}", f.header, "must be of this network")
            if any(step > net.engine.step for _, step in f.done.values()):
                fail(WHERE, f"recording {f.path}", f.done, "must not end after it")
    for k, d in enumerate(header.get("recorders", [])):
        where = f"{WHERE}: recorder {k}"
        fields = set(d) - {"target", "kind", "what", "every"} - _WHEN
        if fields not in (set(), {"file", "name"}):
            rule = "must be target, kind, what and every; they may be file and name, start, stop, since, paused and when"
            fail(where, "fields", sorted(d), rule)
        ends: Any = net.contents.projections if d["kind"] == "weights" else net.contents.populations
        target: Any = stored.item(f"recorder {k} target", ends, d["target"])
        if d["kind"] != "weights":
            target = stored.part(net, d["target"], arrays.get(f"recorder{k}.ids"))
        recorder = make_recorder(net, target, d["what"], When(when=d.get("when", "after_reset")))
        tape: Tape[Any] = recorder.tape
        if tape.kind != d["kind"]:
            fail(where, "kind", d["kind"], f"must be {tape.kind!r}")
        tape.span, tape.paused = _span(where, d)
        tape.since = stored.whole(f"{where} since", d.get("since", 0), 0, net.engine.step)
        tape.every = stored.whole(f"recorder {k} every", d["every"], 1, LATEST)
        if "file" in d:
            file = stored.item(f"recorder {k} file", files, d["file"])
            free = set(file.done) - set(file.layouts)
            if d["name"] not in free:
                fail(where, "name", d["name"], f"must be one of: {', '.join(sorted(free))}")
            tape.go_on(file, d["name"])
        else:
            tape.earlier = [_recorded(tape, k, arrays)]
        tape.start()
        net.contents.recorders.append(recorder)
    for f in files:
        if set(f.layouts) != set(f.done):
            rule = "must each have a recorder"
            fail(WHERE, f"recordings in {f.path}", sorted(f.done), rule)


_WHEN = {"start", "stop", "since", "paused", "when"}


def _span(where: str, d: dict[str, Any]) -> tuple[Span, bool]:
    """Return when a recorder records, and whether it pauses."""
    start = stored.whole(f"{where} start", d.get("start", 0), 0, LATEST)
    stop = stored.whole(f"{where} stop", d["stop"], start + 1, LATEST) if "stop" in d else LAST
    paused = d.get("paused", False)
    if not isinstance(paused, bool):
        fail(where, "paused", paused, "must be true or false")
    return Span(start or -1, stop), paused


def _recorded(tape: Tape[Any], k: int, arrays: File) -> Arrays:
    """Return what a recorder held in memory."""
    stamps, data = (
        stored.array(arrays, f"recorder{k}.stamps", np.int64),
        arrays[f"recorder{k}.data"],
    )
    where, now = WHERE, tape.network.engine.step
    if len(stamps) and (stamps[0] < 0 or stamps[-1] > now or (np.diff(stamps) < 0).any()):
        fail(where, f"recorder{k}.stamps", stamps, f"must ascend from 0 to {now}")
    dtype, shape = np.dtype(tape.layout().dtype), (len(stamps), *tape.shape())
    if data.dtype != dtype or data.shape != shape:
        rule = f"must be {dtype} of shape {shape}"
        fail(where, f"recorder{k}.data", (data.dtype, data.shape), rule)
    if isinstance(tape, SpikeTape):
        stored.below(f"recorder{k}.data", data, tape.target.size)
    return stamps, data
