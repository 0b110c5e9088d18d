"""Distribute runs to workers, and repeat them if a worker dies."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any

from spikelet.experiments.executors import Pool
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record
from spikelet.experiments.run import Outcome

__all__ = ["schedule"]

BATCH_SECONDS = 1.0
"""Target duration of a batch, after which a worker reports [s]."""

DOUBTFUL = 2
"""Number of times all workers may die before any run is done; then an empty batch tests whether they can live."""

Submit = Callable[[list[Run]], "Future[list[Outcome]]"]
Take = Callable[[Run, Outcome], None]


def schedule(
    pool: Pool,
    runs: Iterable[Run],
    submit: Submit,
    take: Take,
    stored: Callable[[], Mapping[str, str]],
) -> str | None:
    """Compute all runs.

    A run that was in progress when a worker died is repeated in a batch of its own, and then with no other run in
    progress, so that the cause is certain; if the worker dies again, the run has failed.

    Parameters
    ----------
    pool : Pool
        The workers.
    runs : iterable of Run
        The runs.
    submit : callable
        Starts a batch of runs.
    take : callable
        Receives each run with its outcome, in the order in which they finish.
    stored : callable
        Returns the statuses of the runs that workers have stored, by key.

    Returns
    -------
    str or None
        Why the remaining runs were not computed, or None if all were.

    Raises
    ------
    RuntimeError
        If workers die without computing any run.
    OSError
        If a worker cannot store its results.
    """
    fresh, suspects = deque(runs), deque[Run]()
    flying: dict[Future[list[Outcome]], list[Run]] = {}
    deaths: Counter[str] = Counter()
    seconds, n_done, n_broken = 0.0, 0, 0

    def launch(batch: list[Run]) -> None:
        flying[submit(batch)] = batch

    def fill() -> None:
        # Two batches per worker, so that none waits for the next one; batches get smaller towards the end.
        workers = pool.workers
        room = 2 * workers - len(flying)
        while suspects and room > 0:
            alone = deaths[suspects[0].key] >= pool.patience
            if alone and flying:
                return
            launch([suspects.popleft()])
            room = 0 if alone else room - 1
        while fresh and room > 0:
            room -= 1
            size = int(BATCH_SECONDS * n_done / seconds) if seconds > 0 else 1
            size = max(1, min(size, len(fresh) // (2 * workers)))
            launch([fresh.popleft() for _ in range(min(size, len(fresh)))])

    def died(run: Run, error: BaseException, status: str | None, *, sure: bool) -> None:
        deaths[run.key] += 1
        if status is not None:
            take(run, (status, 0.0, None))
        elif sure:
            name = type(error).__name__
            record = Record("failed", error=f"worker died ({name})", traceback=f"{name}: {error}")
            take(run, ("failed", 0.0, record))
        else:
            suspects.append(run)

    try:
        while fresh or suspects or flying:
            fill()
            finished, _ = wait(flying, pool.rest, return_when=FIRST_COMPLETED)
            only = len(flying) == 1
            errors = {future: _error(future) for future in finished}
            lost = [error for error in errors.values() if error is not None and pool.lost(error)]
            broken = lost and pool.breaks
            going = True
            if broken:  # all futures end now, some of them successfully
                errors = {future: _error(future) for future in wait(flying).done}
                n_broken += 1
                going = pool.restart()  # from here on no old worker stores anything
            for future, error in errors.items():
                batch = flying.pop(future)
                if error is None:
                    for run, outcome in zip(batch, future.result(), strict=True):
                        seconds, n_done = seconds + outcome[1], n_done + 1
                        take(run, outcome)
                elif pool.lost(error):
                    alone = only and len(batch) == 1 and deaths[batch[0].key] >= pool.patience
                    there = stored()
                    for run in batch:
                        died(run, error, there.get(run.key), sure=alone)
                else:
                    raise error
            if not going:
                return f"{type(lost[0]).__name__}: {lost[0]}"
            if broken and n_broken % DOUBTFUL == 0 and not n_done and (error := _error(submit([]))):
                msg = f"sweep: workers die before they start any run ({error})"
                raise RuntimeError(msg) from error
    except BaseException:
        for future in flying:
            future.cancel()
        raise
    return None


def _error(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:  # cancelled by someone else
        return RuntimeError(f"the executor cancelled runs ({error!r})")
