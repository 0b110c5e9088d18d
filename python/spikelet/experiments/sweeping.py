"""Run a function over a grid of parameters and seeds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.progress import runs as runs_bar
from spikelet._util.progress import wanted
from spikelet._util.spelling import spelled
from spikelet.experiments import hdf5
from spikelet.experiments.code import name_of
from spikelet.experiments.executors import check, compute
from spikelet.experiments.grid import Run, accepts, plan
from spikelet.experiments.record import Record
from spikelet.experiments.result import SweepResult
from spikelet.experiments.run import perform
from spikelet.experiments.store import Store, folder_of

Progress = Callable[[int, int, int], Any]


@spelled
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

    The seed, key and results of a run depend only on its own parameters, its replicate and `seed`. They do not depend
    on the rest of the grid, the executor, the number of workers or the order in which runs finish.

    Parameters
    ----------
    fn : callable
        Called as ``fn(**parameters, seed=seed)``. It returns a dict of scalars, strings, arrays, recorders and dicts
        of these, or one such value. A recorder is converted to arrays: ``name.times`` and ``name.ids``, or
        ``name.values``. A run fails if it raises an exception or its result cannot be stored; other runs go on.
    grid : dict of lists, list of dicts, or DataFrame
        All combinations of the lists, the last one varying fastest; or one dict or row for each point. Values are
        numbers, strings, bools, None and tuples of these; 1 and 1.0 are different values.
    seeds : int or sequence of int
        Number of replicates of each point, whose seeds (32 bits) come from Philox with `seed` as the key and the
        SHA-256 of parameters and replicate as the counter; or the seeds themselves.
    seed : int
        Seed from which the seeds of the replicates are derived.
    fixed : dict, optional
        Parameters that are the same for all points.
    executor : "joblib", "dask", "serial", distributed.Client or an object with ``submit``
        Processes on this machine, by joblib's loky or a Dask LocalCluster; this process; the workers of a client; or
        any executor with the interface of concurrent.futures, such as ``mpi4py.futures.MPIPoolExecutor``.
    workers : int, optional
        Number of processes; by default the number of cores, or of the executor's workers. The workers of a Dask
        client are counted again every second.
    threads : int, optional
        Default number of threads of networks in a run (by OMP_NUM_THREADS): 1, or all cores with "serial".
    store : path, optional
        Folder in which each run is stored as soon as it is finished. An interrupted sweep resumes from it.
    resume : bool
        Resume from an existing store. If False, an existing store is an error.
    retry_failed : bool
        Repeat failed runs of the store.
    progress : bool or callable
        Show a progress bar (needs rich), or call ``progress(done, failed, remaining)`` as runs finish.

    Returns
    -------
    SweepResult
        All runs in the order of the grid. If a given executor broke, there is a warning, and runs that were not
        computed have the status "missing"; resume the sweep to compute them.

    Raises
    ------
    ValueError, TypeError
        If an argument breaks its rule, or the store belongs to another function or seed, or is in use; nothing has
        been run then.
    KeyboardInterrupt
        After Ctrl-C; finished runs are in the store.

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
        fail("sweep", "fn", fn, "must be callable", error=TypeError)
    progress = wanted("sweep", progress)
    runs = plan(grid, fixed, seeds, seed)
    accepts(fn, runs)
    check(executor, workers, threads)
    names = () if fixed is None else tuple(fixed)
    if store is not None:
        kept = Store(folder_of("sweep", store))
        name_of(fn)
    with _reporting(progress, len(runs)) as report:
        if store is None:
            records: dict[str, Record] = {}

            def take(pairs: list[tuple[Run, Record]]) -> None:
                for run, record in pairs:
                    records[run.key] = record
                    report(record.status)

            return SweepResult(
                runs, records, names, _run_all(fn, runs, executor, workers, threads, take)
            )
        with kept.writing(fn, int(seed), resume=resume) as writer:
            writer.warn_of_other_code(fn)
            writer.set_plan(runs, names)
            missing = []
            for run in runs:
                entry = writer.entries.get(run.key)
                if entry is None or (retry_failed and entry.record.status == "failed"):
                    missing.append(run)
                else:
                    report(entry.record.status)

            def keep(pairs: list[tuple[Run, Record]]) -> None:
                writer.add(pairs)
                for _, record in pairs:
                    report(record.status)

            why = _run_all(fn, missing, executor, workers, threads, keep)
            return SweepResult(runs, writer.entries, names, why)


@spelled
def load_sweep(store: str | os.PathLike[str]) -> SweepResult:
    """Load the runs in the store of a sweep, or in a file of `SweepResult.save`, without running anything.

    Parameters
    ----------
    store : path
        Folder of the store, or the HDF5 file, which is read into memory.

    Returns
    -------
    SweepResult
        All runs planned for this store, those of the last sweep first; some may be missing.
    """
    folder = folder_of("load_sweep", store)
    if folder.is_file():
        return SweepResult(*hdf5.load(folder))
    runs, names, entries = Store(folder).load()
    return SweepResult(runs, entries, names)


def _run_all(
    fn: Callable[..., Any],
    runs: Sequence[Run],
    executor: Any,
    workers: int | None,
    threads: int | None,
    take: Callable[[list[tuple[Run, Record]]], None],
) -> str | None:
    if executor == "serial":
        for run in runs:
            take([(run, perform(fn, run, threads))])
        return None
    why = compute(fn, runs, executor, workers, threads or 1, take) if runs else None
    if why is not None:
        warn_caller(
            f"the executor broke, and runs are missing ({why}); resume the sweep with a new executor",
            RuntimeWarning,
        )
    return why


@contextlib.contextmanager
def _reporting(progress: bool | Progress, total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that counts a run by its status, and shows the counts."""
    counts = {"done": 0, "failed": 0}
    shown = runs_bar(total) if progress is True else contextlib.nullcontext(progress or None)
    with shown as show:

        def report(status: str) -> None:
            counts[status] += 1
            if show is not None:
                show(counts["done"], counts["failed"], total - sum(counts.values()))

        yield report
