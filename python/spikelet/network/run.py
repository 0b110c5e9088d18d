"""Runs in pieces: after each piece recordings go to disk and, at intervals, a checkpoint of the network."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet import _core
from spikelet._util.checks import interval, steps_of
from spikelet._util.grid import to_ms
from spikelet._util.progress import bar, wanted
from spikelet.network import checkpoint
from spikelet.network.contents import NetworkContents
from spikelet.network.to_disk import StrPath, by_file, drain
from spikelet.network.turn import Report
from spikelet.neurons import NeuronModel

PIECE = 8 << 20  # bytes that a piece should record
_SECONDS = 1.0  # after which a piece ends in any case, so that a burst stays small and the file is up to date
_FIRST = 64  # steps of the first piece, while the rate of spikes is unknown


class _Pause(BaseException):
    """Ends a piece early."""


def run(
    net: NetworkContents,
    duration: float,
    progress: bool | Callable[[float], Any],
    save: StrPath | None,
    save_every: float | None,
) -> None:
    """Simulate; see `Network.run`. The caller holds the turn."""
    progress = wanted("run", progress)
    length, steps = steps_of("run", "duration", duration, net.dt)
    if save is None and save_every is not None:
        msg = "run: save_every requires save= (the checkpoint file)"
        raise ValueError(msg)
    if save is None and progress is False and in_one_piece(net):
        advance(net, steps, None)
        return
    start = net.engine.step

    told = start

    def report(call: Callable[[float], Any]) -> Report:
        def tell(step: int) -> None:
            nonlocal told
            told = step
            call(float(to_ms(np.array(step - start), net.dt)))

        return tell

    period = None if save_every is None else interval("run", save_every, net.dt, "save_every")
    if net.ranks.size > 1:
        recorded = [recorder.tape.plan for recorder in net.recorders]
        plan = zlib.crc32(repr((save is None, period, recorded)).encode()) % 2**31
        net.engine.sim.meet(steps, plan)
    if save is not None:
        checkpoint.require_target(net, save)
    if progress is True:
        with bar(length) as update:
            _run_steps(net, steps, report(update), save, period)
    else:
        call = report(progress) if callable(progress) else None
        _run_steps(net, steps, call, save, period)
        # The core reports now and then, not at the end.
        if call is not None and told != start + steps:
            net.engine.turn.ask(call, start + steps)


def in_one_piece(net: NetworkContents) -> bool:
    """Return whether nothing happens between pieces of a run: one process, and nothing is recorded to disk."""
    return net.ranks.size == 1 and not net.engine.to_disk


def advance(net: NetworkContents, steps: int, report: Report | None) -> None:
    """Run the core.

    Raises
    ------
    FloatingPointError
        If a state is no longer a number; it names the neuron.
    """
    try:
        net.engine.sim.run(steps, report)
    except _core.Divergence as error:
        raise FloatingPointError(diverged(net, error)) from None


def _run_steps(
    net: NetworkContents,
    steps: int,
    report: Report | None,
    save: StrPath | None,
    save_every: int | None,
) -> None:
    tapes = by_file(net)
    end = net.engine.step + steps
    next_save = min(end, net.engine.step + save_every) if save_every else end
    with contextlib.ExitStack() as opened:
        with net.ranks.all_or_none("opening recordings"):
            for file in tapes:
                opened.enter_context(file.writing())
        known = sum(tape.bytes_per_step() for group in tapes.values() for tape in group)
        most = max(1, int(PIECE / known)) if known else end
        piece = min(most, _FIRST)
        while True:
            stop = next_save
            if tapes:
                stop = min(
                    stop, net.engine.step + min(net.ranks.gather("the length of a run", piece))
                )
            done, size = _run_piece(net, stop - net.engine.step, report, bool(tapes))
            if done:
                rate = size / done
                piece = min(2 * done, most, max(1, int(PIECE / rate)) if rate else end)
            if save is not None and net.engine.step == next_save:
                checkpoint.save(net, save, recorders=True)
                next_save = min(end, next_save + (save_every or steps))
            if net.engine.step == end:
                return


def _pausing(report: Report | None) -> Report:
    until = time.monotonic() + _SECONDS

    def poll(step: int) -> None:
        if report is not None:
            report(step)
        if time.monotonic() > until:
            raise _Pause

    return poll


def _run_piece(
    net: NetworkContents, steps: int, report: Report | None, to_disk: bool
) -> tuple[int, int]:
    """Run a piece, or the start of one; return the number of steps done and of bytes recorded."""
    start, size = net.engine.step, 0
    try:
        try:
            with contextlib.suppress(_Pause):
                advance(net, steps, _pausing(report) if to_disk else report)
                if (
                    to_disk and report is not None
                ):  # a piece may be too short for the core to report
                    net.engine.turn.ask(report, net.engine.step)
        finally:  # after Ctrl-C, too, what was recorded is written
            size = drain(net) if to_disk else 0
    except BaseException:
        _meet(net, failed=True)
        raise
    _meet(net, failed=False)
    return net.engine.step - start, size


def diverged(net: NetworkContents, error: _core.Divergence) -> str:
    """Return what to say of a neuron whose state is no longer a number, as later calls will say, too."""
    population, state, element, step, value = error.args
    found = net.contents.populations[population]
    assert isinstance(found.model, NeuronModel)
    name, at = found.model.states[state], float(net.engine.ms(np.array(step)))
    what = f"population {found.name}: {name} of neuron {element} is {value:g} by {at:g} ms"
    net.engine.sim.explain(what)
    return f"{what} ({found.model.about_stability(net.dt)}); what earlier runs recorded is kept"


def _meet(net: NetworkContents, *, failed: bool) -> None:
    """Gather what the ranks recorded, now that all have stopped at one step, and find out whether one failed."""
    if net.ranks.size == 1:
        return
    for recorder in net.recorders:
        if recorder.tape.file is None:
            recorder.tape.gather()
    stopped = net.ranks.gather("the end of a run", failed)
    if any(stopped) and not failed:
        msg = f"run: rank {stopped.index(True)} stopped it at {net.t:g} ms"
        raise RuntimeError(msg)
