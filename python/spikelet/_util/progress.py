"""Progress bars of runs, of images and of sweeps."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.extras import needs

_WIDTH, _EVERY = 100, 0.2  # of a bar in a notebook: columns, and seconds between its changes


def wanted(where: str, progress: Any) -> Any:
    """Check the argument `progress` of a public function, and return it: a bool, or a callable.

    Parameters
    ----------
    where : str
        The function, for error messages.
    progress : bool or callable

    Raises
    ------
    TypeError
        If it is neither.
    """
    if progress is False or callable(progress):
        return progress
    if not isinstance(progress, bool | np.bool_):
        fail(where, "progress", progress, "must be True, False or a function", error=TypeError)
    return bool(progress)


@contextlib.contextmanager
def _shown(columns: Callable[[Any], tuple[Any, ...]], title: str, **task: Any) -> Iterator[Any]:
    """Show one task on the terminal; yields a callable that updates it, and its elapsed time [s].

    Parameters
    ----------
    columns : callable
        Takes the module ``rich.progress`` and returns the columns of the bar.
    title : str
        Description of the task.
    **task
        Initial values of the task.
    """
    with needs("progress=True", "progress"):
        import rich.progress  # noqa: PLC0415  # an extra
        from rich.console import Console  # noqa: PLC0415
    console = Console(stderr=True)
    if console.is_jupyter:
        with _in_notebook(columns(rich.progress), title, task) as shown:
            yield shown
        return
    with rich.progress.Progress(*columns(rich.progress), console=console) as progress:
        number = progress.add_task(title, **task)
        yield (
            lambda **values: progress.update(number, **values),
            lambda: progress.tasks[0].elapsed or 0.0,
        )


@contextlib.contextmanager
def _in_notebook(columns: tuple[Any, ...], title: str, task: dict[str, Any]) -> Iterator[Any]:
    """Show one task below the cell of a notebook, as text that is drawn by the thread that runs.

    Rich's own way needs ipywidgets and draws from a thread of its own, whose output some kernels send elsewhere.
    """
    import rich.progress  # noqa: PLC0415  # an extra
    from rich.console import Console  # noqa: PLC0415

    progress = rich.progress.Progress(*columns, auto_refresh=False)
    number = progress.add_task(title, **task)

    def text() -> dict[str, str]:
        page = io.StringIO()
        Console(file=page, force_jupyter=False, width=_WIDTH).print(progress.get_renderable())
        return {"text/plain": page.getvalue().rstrip()}

    handle = sys.modules["IPython.display"].display(
        text(), raw=True, display_id=True
    )  # a notebook has it
    last = time.monotonic()

    def update(**values: Any) -> None:
        nonlocal last
        progress.update(number, **values)
        if time.monotonic() - last > _EVERY:
            last = time.monotonic()
            handle.update(text(), raw=True)

    try:
        yield update, lambda: progress.tasks[0].elapsed or 0.0
    finally:
        handle.update(text(), raw=True)


@contextlib.contextmanager
def bar(duration: float) -> Iterator[Callable[[float], None]]:
    """Show the simulated time, the speed and the remaining time of a run.

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

    def columns(rich: Any) -> tuple[Any, ...]:
        return (
            rich.TextColumn("{task.completed:,.0f} / {task.total:,.0f} ms"),
            rich.BarColumn(),
            rich.TextColumn("{task.fields[rate]}"),
            rich.TimeRemainingColumn(),
        )

    with _shown(columns, "", total=duration, rate="") as (show, elapsed):

        def update(t: float) -> None:
            seconds = elapsed()
            rate = f"{t / (1e3 * seconds):.3g} x real time" if seconds > 0 else ""
            show(completed=t, rate=rate)

        yield update
        update(duration)


@contextlib.contextmanager
def images(title: str, done: int, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many images have been processed, and the remaining time.

    Parameters
    ----------
    title : str
        What is being done.
    done, total : int
        Number of images at the start and at the end.

    Yields
    ------
    callable
        Takes the number of images processed so far.
    """

    def columns(rich: Any) -> tuple[Any, ...]:
        return (
            rich.TextColumn("{task.description:<20}"),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TextColumn("images"),
            rich.TimeRemainingColumn(),
        )

    with _shown(columns, title, total=total, completed=done) as (show, _):
        yield lambda n: show(completed=n)


@contextlib.contextmanager
def layers(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how many layers have been processed, the name of the current one, and the remaining time.

    Parameters
    ----------
    title : str
        What is being done.

    Yields
    ------
    callable
        Takes the number of layers processed so far, the number of all, and a name.
    """

    def columns(rich: Any) -> tuple[Any, ...]:
        return (
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TextColumn("layers"),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[name]}"),
        )

    with _shown(columns, title, total=None, name="") as (show, _):
        yield lambda done, total, name: show(completed=done, total=total, name=name)


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
    text = "{task.fields[done]} done, {task.fields[failed]} failed, {task.fields[remaining]} to do"

    def columns(rich: Any) -> tuple[Any, ...]:
        return rich.BarColumn(), rich.TextColumn(text), rich.TimeRemainingColumn()

    with _shown(columns, "", total=total, done=0, failed=0, remaining=total) as (show, _):
        yield lambda done, failed, remaining: show(
            completed=done + failed, done=done, failed=failed, remaining=remaining
        )
