"""Runs in pieces: after each one, what was recorded goes to disk and, from time to time, the network itself."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from spikelet._util.checks import fail, interval, steps_of
from spikelet._util.progress import bar
from spikelet.network import checkpoint as storage

if TYPE_CHECKING:
    import os

    from spikelet.network.network import Network
    from spikelet.network.recorders import _Recorder
    from spikelet.recording.hdf5_file import RecordingFile

PIECE = 8 << 20  # bytes that a piece is meant to record
_SECONDS = 1.0  # after which a piece ends in any case, so that a burst stays small and the file is up to date
_FIRST = 64  # steps, while the rate of spikes is unknown

Report = Callable[[int], None]


class _Pause(BaseException):
    """Ends a piece early."""


class Turn:
    """Whose turn it is with a network: one thread runs it from the first piece to the last.

    Ctrl-C strikes after calls and where functions begin: there are neither locks nor context managers here, which it
    could leave taken.
    """

    def __init__(self) -> None:
        self._taken: dict[str, tuple[int, object]] = {}
        self._asking = False

    def require(self, *, idle: bool) -> None:
        """Raise RuntimeError unless there is no run, or this is called by the one that is going on.

        Parameters
        ----------
        idle : bool
            Whether the core is.
        """
        owner = self._taken.get("run")
        if owner is None and idle:
            return
        if owner is None or owner[0] != threading.get_ident():
            _refuse("in another thread")
        if self._asking or not idle:
            _refuse("and asks this callback")

    def take(self, call: Callable[[], None]) -> None:
        """Take it for a call, or raise RuntimeError if a run has it, be it of this thread."""
        own = (threading.get_ident(), object())
        try:
            owner = self._taken.setdefault("run", own)
            if owner is not own:
                _refuse("already" if owner[0] == own[0] else "in another thread")
            call()
        finally:
            if "run" in self._taken and self._taken["run"] is own:
                del self._taken["run"]

    def ask(self, report: Report, step: int) -> None:
        """Call a callback between pieces; what it may not do is the same as while the core runs."""
        try:
            self._asking = True
            report(step)
        finally:
            self._asking = False


def _refuse(where: str) -> NoReturn:
    msg = f"Network: it is running {where}; wait until that run is over"
    raise RuntimeError(msg)


def _files(net: Network) -> dict[RecordingFile, list[_Recorder]]:
    found: dict[RecordingFile, list[_Recorder]] = {}
    for recorder in net.recorders:
        if recorder._file is not None:
            found.setdefault(recorder._file, []).append(recorder)
    return found


def files(net: Network) -> list[RecordingFile]:
    """Return the files that the recorders write to."""
    return list(_files(net))


def drain(net: Network) -> int:
    """Move what the core recorded for the disk to the disk; return how many bytes that was."""
    size = 0
    for file, recorders in _files(net).items():
        arrays = {r._name: r._held() for r in recorders}
        with file.writing():
            file.append(arrays, net._step)
        for r in recorders:
            r._forget()
        size += sum(stamps.nbytes + data.nbytes for stamps, data in arrays.values())
    return size


def pending(net: Network) -> bool:
    """Return whether the core holds what should be on disk: a write has failed."""
    return any(len(r._held()[0]) for r in net.recorders if r._file is not None)


def next_files(net: Network, step: int) -> None:
    """Let recorders on disk go on in new files, as the clock is set back."""
    with net.ranks.all_or_none("going on in new files"):
        for file in _files(net):
            file.require_next()
    for file in _files(net):
        file.start_again(step)


def run(
    net: Network,
    duration: float,
    progress: bool | Callable[[float], Any],
    save: str | os.PathLike[str] | None,
    save_every: float | None,
) -> None:
    """Do what `Network.run` says, as the one whose turn it is."""
    length, steps = steps_of("run", "duration", duration, net.dt)
    if save is None and save_every is not None:
        fail("run", "save_every", save_every, "needs save, the file to write;")
    period = None if save_every is None else interval("run", save_every, net.dt, "save_every")
    if save is not None:
        storage.require_target(net, save)
    start = net._step

    def report(call: Callable[[float], Any]) -> Report:
        return lambda step: call((step - start) * net.dt)

    if progress is True:
        with bar(length) as update:
            _run_steps(net, steps, report(update), save, period)
    else:
        call = report(progress) if callable(progress) else None
        _run_steps(net, steps, call, save, period)


def _run_steps(
    net: Network,
    steps: int,
    report: Report | None,
    save: str | os.PathLike[str] | None,
    save_every: int | None,
) -> None:
    by_file = _files(net)
    end = net._step + steps
    next_save = min(end, net._step + save_every) if save_every else end
    with contextlib.ExitStack() as opened:
        with net.ranks.all_or_none("opening recordings"):
            for file in by_file:
                opened.enter_context(file.writing())
        known = sum(r._bytes_a_step() for recorders in by_file.values() for r in recorders)
        most = max(1, int(PIECE / known)) if known else end
        piece = min(most, _FIRST)
        while True:
            stop = next_save
            if by_file:
                stop = min(stop, net._step + min(net.ranks.gather("the length of a run", piece)))
            done, size = _run_piece(net, stop - net._step, report, bool(by_file))
            if done:
                rate = size / done
                piece = min(2 * done, most, max(1, int(PIECE / rate)) if rate else end)
            if save is not None and net._step == next_save:
                net.save(save, recorders=True)
                next_save = min(end, next_save + (save_every or steps))
            if net._step == end:
                return


def _pausing(report: Report | None) -> Report:
    until = time.monotonic() + _SECONDS

    def poll(step: int) -> None:
        if report is not None:
            report(step)
        if time.monotonic() > until:
            raise _Pause

    return poll


def _run_piece(net: Network, steps: int, report: Report | None, to_disk: bool) -> tuple[int, int]:
    """Run a piece, or a part of it; return the steps done and the bytes recorded."""
    start, size = net._step, 0
    try:
        try:
            with contextlib.suppress(_Pause):
                net._sim.run(steps, _pausing(report) if to_disk else report)
                if to_disk and report is not None:  # pieces may be too short for the core to ask
                    net._turn.ask(report, net._step)
        finally:  # what was recorded until Ctrl-C is written, too
            size = drain(net)
    except BaseException:
        _meet(net, failed=True)
        raise
    _meet(net, failed=False)
    return net._step - start, size


def _meet(net: Network, *, failed: bool) -> None:
    """Let the ranks, which all stopped at one step, gather what was recorded and know of errors."""
    if net.ranks.size == 1:
        return
    for recorder in net.recorders:
        if recorder._file is None:
            recorder._gather()
    stopped = net.ranks.gather("the end of a run", failed)
    if any(stopped) and not failed:
        msg = f"run: rank {stopped.index(True)} stopped it at {net.t:g} ms"
        raise RuntimeError(msg)
