"""The files that the recorders of a network write to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

from spikelet.network.contents import NetworkContents
from spikelet.network.tape import Tape
from spikelet.recording.on_disk import RecordingFile

StrPath: TypeAlias = str | os.PathLike[str]


def by_file(net: NetworkContents) -> dict[RecordingFile, list[Tape[Any]]]:
    """Return the tapes of each file."""
    found: dict[RecordingFile, list[Tape[Any]]] = {}
    for recorder in net.recorders:
        if recorder.tape.file is not None:
            found.setdefault(recorder.tape.file, []).append(recorder.tape)
    return found


def files(net: NetworkContents) -> list[RecordingFile]:
    """Return the files that recorders write to."""
    return list(by_file(net))


def record_to(net: NetworkContents, tape: Tape[Any], path: Path) -> None:
    """Make a tape record to a file: a new one, or one that another recorder of the network writes to."""
    if net.ranks.size > 1:
        path = path.with_stem(f"{path.stem}.rank{net.ranks.rank}")
    shared = (file for file in files(net) if file.path == path)
    tape.write_to(next(shared, None) or RecordingFile(path, net.dt, net.seed))


def drain(net: NetworkContents) -> int:
    """Move what the core holds for files to the files; return the number of bytes."""
    size = 0
    done = net.engine.step or -1  # spikes at time 0 are recorded in the first step
    for file, tapes in by_file(net).items():
        arrays = {tape.name: tape.held() for tape in tapes}
        with file.writing():
            file.append(arrays, done)
        for tape in tapes:
            tape.forget()
        size += sum(stamps.nbytes + data.nbytes for stamps, data in arrays.values())
    return size


def pending(net: NetworkContents) -> bool:
    """Return whether the core holds data that should be in a file, because a write has failed."""
    return any(len(tape.held()[0]) for tapes in by_file(net).values() for tape in tapes)


def next_files(net: NetworkContents, step: int) -> None:
    """Continue all recordings in new files, as the clock is set back to a step."""
    with net.ranks.all_or_none("going on in new files"):
        for file in by_file(net):
            file.require_next()
    for file in by_file(net):
        file.start_again(step)
