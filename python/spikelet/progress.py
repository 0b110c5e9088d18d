"""The progress bar of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

__all__ = ["bar"]


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
