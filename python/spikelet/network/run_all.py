"""Many networks at once, each of them by one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, NoReturn

import numpy as np

from spikelet import _core
from spikelet._util.checks import fail, integer, steps_of
from spikelet._util.progress import runs, wanted
from spikelet._util.spelling import spelled
from spikelet._util.threads import default_threads
from spikelet.network.base import Engine
from spikelet.network.network import Network
from spikelet.network.run import diverged, run
from spikelet.network.turn import Turn


@spelled
def run_all(
    networks: Iterable[Network],
    duration: float | Sequence[float],
    *,
    threads: int | None = None,
    progress: bool | Callable[[int], Any] = False,
) -> None:
    """Run many networks at once: an ensemble, such as one network with many seeds or parameters.

    Each thread takes whole networks, one after another, so the threads never wait for each other, and Python is not
    involved. Small networks that are alike run as one: a step of all of them takes one call. They may differ in seeds,
    parameters, sizes, synapses, inputs, and in which spikes they record, but not in their neuron models, pairs of
    populations, sampled states and time; neither synapses that learn nor models from text can be joined. Results and
    recordings are the same as with `Network.run`, bit for bit. The networks may differ in everything.

    Networks that record to files run after all others, in turn and with their own threads.

    Parameters
    ----------
    networks : iterable of Network
        The networks, each once. Processes (``comm=``) must not share them.
    duration : float or sequence of float
        Model time [ms], a multiple of each network's dt: one for all, or one for each network.
    threads : int, optional
        Number of threads; by default the number of cores that the process may use, or ``OMP_NUM_THREADS`` if that is
        smaller.
    progress : bool or callable
        True shows a progress bar (needs rich). A callable is called as ``progress(n)`` a few dozen times a second,
        and at the end, with the number of finished networks.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C. Each network is intact at the end of a step; networks that had not begun are unchanged.
        ``run_all(networks, [end - net.t for net in networks])`` continues.
    FloatingPointError, RuntimeError, ...
        An error that `Network.run` raises for a network, with the network's index in the list. All other networks have
        run.
    ValueError, TypeError
        If an argument is invalid; nothing has run then.

    Examples
    --------
    >>> import spikelet as sl
    >>> def make(seed):
    ...     net = sl.Network(dt=0.1, seed=seed)
    ...     cells = net.population(100, sl.LIF())
    ...     net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0))
    ...     return net, net.record(cells, "spikes")
    >>> networks, recorders = zip(*(make(seed) for seed in range(20)), strict=True)
    >>> sl.run_all(networks, 100.0)
    >>> len({len(recorder) for recorder in recorders}) > 1
    True
    """
    nets = _checked(networks)
    engines = [net.engine for net in nets]
    steps = _steps(engines, duration)
    number = (
        default_threads() if threads is None else integer("run_all", "threads", threads, 1, 1024)
    )
    progress = wanted("run_all", progress)
    turns = [engine.turn for engine in engines]
    with contextlib.ExitStack() as opened:
        if progress is True:
            show = opened.enter_context(runs(len(nets)))
            progress = lambda n: show(n, 0, len(nets) - n)
        Turn.take_all(
            turns, lambda: _run(nets, engines, steps, number, progress or None), "running"
        )


def _checked(networks: Iterable[Network]) -> list[Network]:
    try:
        nets = list(networks)
    except TypeError:
        fail("run_all", "networks", networks, "must be an iterable of Network", error=TypeError)
    if not all(map(isinstance, nets, repeat(Network))):
        k, net = next((k, net) for k, net in enumerate(nets) if not isinstance(net, Network))
        fail("run_all", f"networks[{k}]", net, "must be a Network", error=TypeError)
    if any(ranks.size > 1 for ranks in {net.engine.ranks for net in nets}):
        k, net = next((k, net) for k, net in enumerate(nets) if net.ranks.size > 1)
        rule = "must not be shared by processes: use its run()"
        fail("run_all", f"networks[{k}]", net, rule)
    if len(set(map(id, nets))) < len(nets):
        places: dict[int, int] = {}
        for k, net in enumerate(nets):
            first = places.setdefault(id(net), k)
            if first != k:
                msg = f"run_all: networks[{k}] must be another network, got networks[{first}] again"
                raise ValueError(msg)
    return nets


def _steps(engines: list[Engine], duration: Any) -> list[int]:
    if np.ndim(duration) == 0:
        durations = [duration] * len(engines)
        grids = {engine.dt for engine in engines}
        if len(grids) == 1:
            return [steps_of("run_all: networks[0]", "duration", duration, *grids)[1]] * len(
                engines
            )
    else:
        durations = list(duration)
        if len(durations) != len(engines):
            rule = f"must be one, or one for each of the {len(engines)} networks"
            fail("run_all", "duration", len(durations), rule, got="length")
    known: dict[tuple[Any, float], int] = {}  # most have the same grid
    steps = []
    for k, key in enumerate(zip(durations, [engine.dt for engine in engines], strict=True)):
        found = known.get(key)
        if found is None:
            found = known[key] = steps_of(f"run_all: networks[{k}]", "duration", *key)[1]
        steps.append(found)
    return steps


def _run(
    nets: list[Network],
    engines: list[Engine],
    steps: list[int],
    threads: int,
    progress: Callable[[int], Any] | None,
) -> None:
    apart = [k for k, engine in enumerate(engines) if engine.to_disk]
    together = sorted(set(range(len(nets))).difference(apart)) if apart else range(len(nets))
    errors: dict[int, BaseException] = {}
    told = 0

    def tell(finished: int) -> None:
        nonlocal told
        if progress is not None and finished != told and not errors:  # these come first
            told = finished
            progress(finished)

    call = None if progress is None else tell
    found = _core.run_all(
        [engines[k].sim for k in together], [steps[k] for k in together], threads, call
    )
    if found.count(None) < len(found):
        errors.update((k, e) for k, e in zip(together, found, strict=True) if e is not None)
    through = len(together)
    tell(through)  # the core reports now and then, not at the end
    for k in apart:
        net = nets[k]
        try:
            run(net, float(steps[k] * net.dt), False, None, None)
        except Exception as error:  # noqa: BLE001 - raised below
            errors[k] = error
        through += 1
        tell(through)
    if errors:
        _raise(nets, errors)


def _raise(nets: list[Network], errors: dict[int, BaseException]) -> NoReturn:
    """Raise the error of the first network that has one; it names the others."""
    first, *others = sorted(errors)
    error = errors[first]
    texts = {  # of all: later calls of the other networks say theirs, too
        k: diverged(nets[k], each) if isinstance(each, _core.Divergence) else str(each)
        for k, each in errors.items()
    }
    msg = f"run_all: networks[{first}]: {texts[first]}"
    if others:
        listed = ", ".join(f"networks[{k}]" for k in others[:10])
        msg += f"; {listed}{' and more' * (len(others) > 10)} failed, too"
    kind = FloatingPointError if isinstance(error, FloatingPointError) else type(error)
    try:
        raised = kind(msg)
    except TypeError:  # an exception with arguments of its own
        raised = RuntimeError(msg)
    raise raised from error
