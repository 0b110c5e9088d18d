"""A function over a grid of parameters and seeds."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.progress import runs as runs_bar
from spikelet.experiments.code import name_of
from spikelet.experiments.executors import check, opened, pickled
from spikelet.experiments.grid import Run, accepts, plan
from spikelet.experiments.journal import Journal, pack
from spikelet.experiments.record import Record
from spikelet.experiments.result import SweepResult
from spikelet.experiments.run import Outcome, run_batch
from spikelet.experiments.scheduling import schedule
from spikelet.experiments.store import Place, Store

__all__ = ["load_sweep", "sweep"]

Progress = Callable[[int, int, int], Any]


def sweep(
    fn: Callable[..., Any],
    grid: Any,
    *,
    seeds: int | Sequence[int] = 1,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
    executor: Any = "joblib",
    workers: int | None = None,
    threads: int | None = None,
    store: str | os.PathLike[str] | None = None,
    resume: bool = True,
    retry_failed: bool = False,
    progress: bool | Progress = False,
) -> SweepResult:
    """Call a function for all points of a grid, with several seeds each, on all cores.

    Seeds, keys and results of a run depend on its own parameters, its replicate and `seed` only: not on what else is
    in the grid, on the executor, the number of workers or the order of finishing.

    Parameters
    ----------
    fn : callable
        Called as ``fn(**parameters, seed=seed)``. Returns a dict of scalars, strings, arrays, recorders and dicts of
        such, or one of them. A recorder is turned into arrays at once: ``name.times`` and ``name.ids``, or
        ``name.values``. An exception fails its run and no other, and so does a result that cannot be kept.
    grid : dict of lists, list of dicts, or DataFrame
        All combinations of the lists, the last one fastest; or one dict or row a point. Values are numbers, strings,
        bools, None and tuples of such; 1 and 1.0 are different values.
    seeds : int or sequence of int
        Number of replicates of each point, whose seeds (32 bits) are drawn with Philox, the key being `seed` and the
        counter the SHA-256 of parameters and replicate; or the seeds themselves.
    seed : int
        Of the replicates' seeds.
    fixed : dict, optional
        Parameters that are the same for all points.
    executor : "joblib", "dask", "serial", distributed.Client or an object with ``submit``
        Processes of this machine by joblib's loky or by a Dask LocalCluster; this process; the workers of a client;
        any executor as in concurrent.futures, such as ``mpi4py.futures.MPIPoolExecutor``.
    workers : int, optional
        Number of processes; by default that of the cores, or of the executor's workers. Those of a client of Dask
        are counted again every second.
    threads : int, optional
        Of a network in a run, unless it says so itself (by OMP_NUM_THREADS): 1 by default, all cores with "serial".
    store : path, optional
        Folder in which each finished run is kept at once. A sweep that was stopped, by whatever, goes on there.
    resume : bool
        Go on in a store that exists. If False, it is refused.
    retry_failed : bool
        Do failed runs of the store again.
    progress : bool or callable
        Show a bar (needs rich), or call ``progress(done, failed, remaining)`` now and then.

    Returns
    -------
    SweepResult
        All runs in the order of the grid. Runs have the status "missing" after a warning if an executor that was
        given has broken; resume then.

    Raises
    ------
    ValueError, TypeError
        If arguments do not fit, or the store belongs to another function or seed, or is in use; nothing is run then.
    KeyboardInterrupt
        After Ctrl-C; what is finished is in the store.

    Examples
    --------
    >>> import spikelet as sl
    >>> def fire(current, seed):
    ...     net = sl.Network(dt=0.1, seed=seed)
    ...     neuron = net.population(1, sl.LIF(I_e=current))
    ...     spikes = net.record(neuron, "spikes")
    ...     net.run(1000.0)
    ...     return {"rate": len(spikes.times), "spikes": spikes}
    >>> result = sl.sweep(fire, {"current": [300.0, 400.0]}, executor="serial")
    >>> [run["rate"] > 0 for run in result]
    [False, True]
    """
    if not callable(fn):
        msg = f"sweep: fn must be callable, got {fn!r}"
        raise TypeError(msg)
    runs = plan(grid, fixed, seeds, seed)
    accepts(fn, runs)
    check(executor, workers, threads)
    names = () if fixed is None else tuple(fixed)
    everywhere = functools.partial(_run_all, fn, executor, workers, threads)
    if store is None:
        records: dict[str, Record] = {}
        with _reporting(progress, len(runs)) as report:
            why = everywhere(
                runs, None, lambda run, record: records.__setitem__(run.key, record), dict, report
            )
        return SweepResult(runs, records, names, why)
    kept = Store(Path(store).absolute())
    name_of(fn)
    fresh = not kept.exists()
    if not fresh:
        if not resume:
            fail("sweep", "store", str(kept.folder), "must be new if resume is False")
        kept.check(fn, int(seed))
    with kept.locked(), _reporting(progress, len(runs)) as report:
        if fresh and kept.exists():  # made by another sweep in this moment
            kept.check(fn, int(seed))
        elif fresh:
            kept.create(fn, int(seed))
        place = kept.begin()
        kept.set_plan(runs, names)
        statuses = {
            key: status
            for key, status in kept.statuses().items()
            if not (retry_failed and status == "failed")
        }
        for run in runs:
            if run.key in statuses:
                report(statuses[run.key])
        missing = [run for run in runs if run.key not in statuses]
        with contextlib.ExitStack() as stack:

            @functools.cache
            def journal() -> Journal:
                return stack.enter_context(kept.journal(place.session, 0)[0])

            def keep(run: Run, record: Record) -> None:  # of a worker that does not see the store
                journal().add(pack(run, record))
                journal().sync()

            why = everywhere(missing, place, keep, lambda: kept.statuses(place.session), report)
        kept.end()
        return SweepResult(runs, kept.entries(), names, why)


def load_sweep(store: str | os.PathLike[str]) -> SweepResult:
    """Return what is in the store of a sweep, without running anything.

    Parameters
    ----------
    store : path
        Folder.

    Returns
    -------
    SweepResult
        All runs that were ever asked for there, those of the last sweep first; some may be missing.
    """
    kept = Store(Path(store).absolute())
    kept.description()
    runs, names = kept.plan()
    return SweepResult(runs, kept.entries(), tuple(names), None)


def _run_all(
    fn: Callable[..., Any],
    executor: Any,
    workers: int | None,
    threads: int | None,
    runs: Sequence[Run],
    place: Place | None,
    keep: Callable[[Run, Record], None],
    stored: Callable[[], Mapping[str, str]],
    report: Callable[[str], None],
) -> str | None:
    if not runs:
        return None

    def take(run: Run, outcome: Outcome) -> None:
        status, _, record = outcome
        if record is not None:
            keep(run, record)
        report(status)

    with opened(executor, workers, threads) as pool:
        function = pickled(fn) if pool.pickles else fn
        per_worker = threads if threads is not None or not pool.pickles else 1
        batches = itertools.count(1)
        why = schedule(
            pool,
            runs,
            lambda batch: pool.submit(run_batch, function, batch, per_worker, place, next(batches)),
            take,
            stored,
        )
    if why is not None:
        warnings.warn(
            f"the executor has broken, and runs are missing ({why}); resume the sweep with a new one",
            RuntimeWarning,
            stacklevel=3,
        )
    return why


@contextlib.contextmanager
def _reporting(progress: bool | Progress, total: int) -> Iterator[Callable[[str], None]]:
    done = {"done": 0, "failed": 0}

    def counting(show: Progress) -> Callable[[str], None]:
        def report(status: str) -> None:
            done[status] += 1
            show(done["done"], done["failed"], total - sum(done.values()))

        return report

    if callable(progress):
        yield counting(progress)
    elif progress:
        with runs_bar(total) as show:
            yield counting(show)
    else:
        yield lambda _: None
