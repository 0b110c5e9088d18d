"""The progress bar of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

__all__ = ["bar", "images", "runs"]


@contextlib.contextmanager
def bar(duration: float) -> Iterator[Callable[[float], None]]:
    """Show simulated time, rate and remaining time on the terminal.

    Parameters
    ----------
    duration : float
        Length of the run [ms].

    Yields
    ------
    callable
        Takes the time simulated so far in this run [ms].

    Raises
    ------
    ImportError
        If rich is not installed.
    """
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    except ImportError:
        msg = "progress=True needs rich: pip install 'spikelet[progress]'"
        raise ImportError(msg) from None
    columns = (
        TextColumn("{task.completed:,.0f} / {task.total:,.0f} ms"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=duration, rate="")

        def update(t: float) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{t / (1e3 * elapsed):.3g} x real time" if elapsed > 0 else ""
            progress.update(task, completed=t, rate=rate)

        yield update
        update(duration)


@contextlib.contextmanager
def images(title: str, done: int, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many images are done, and the remaining time.

    Parameters
    ----------
    title : str
        What is done to them.
    done, total : int
        Number at the start, and in the end.

    Yields
    ------
    callable
        Takes the number done so far.
    """
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        msg = "progress=True needs rich: pip install 'spikelet[progress]'"
        raise ImportError(msg) from None
    text = TextColumn("{task.description:<20}")
    columns = (text, BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, completed=done)
        yield lambda n: progress.update(task, completed=n)


@contextlib.contextmanager
def runs(total: int) -> Iterator[Callable[[int, int, int], None]]:
    """Show how many runs of a sweep are done, have failed and remain.

    Parameters
    ----------
    total : int
        Number of runs.

    Yields
    ------
    callable
        Takes the three numbers.
    """
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    except ImportError:
        msg = "progress=True needs rich: pip install 'spikelet[progress]'"
        raise ImportError(msg) from None
    text = TextColumn(
        "{task.fields[done]} done, {task.fields[failed]} failed, {task.fields[remaining]} to do"
    )
    with Progress(BarColumn(), text, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=total, done=0, failed=0, remaining=total)

        def update(done: int, failed: int, remaining: int) -> None:
            bars.update(
                task, completed=done + failed, done=done, failed=failed, remaining=remaining
            )

        yield update
