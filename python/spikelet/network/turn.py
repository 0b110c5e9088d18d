"""Which thread may use a network while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

__all__ = ["Report", "Turn"]

Report = Callable[[int], None]


class Turn:
    """The run lock of a network: one thread holds it from the first piece of a run to the last.

    Ctrl-C can strike after any call and at the start of any function. A lock or a context manager could then stay
    taken, so there is neither here.
    """

    def __init__(self) -> None:
        self._taken: dict[str, tuple[int, object]] = {}
        self._asking = False

    def require(self, *, idle: bool) -> None:
        """Raise RuntimeError unless no run is going on, or the caller is that run.

        Parameters
        ----------
        idle : bool
            Whether the core is idle.
        """
        owner = self._taken.get("run")
        if owner is None and idle:
            return
        if owner is None or owner[0] != threading.get_ident():
            _refuse("in another thread")
        if self._asking or not idle:
            _refuse("and asks this callback")

    def take(self, call: Callable[[], None]) -> None:
        """Hold the turn during a call; raise RuntimeError if any run, in this thread or another, holds it."""
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
        """Call a callback between pieces, under the same restrictions as while the core runs."""
        try:
            self._asking = True
            report(step)
        finally:
            self._asking = False


def _refuse(where: str) -> NoReturn:
    msg = f"Network: it is running {where}; wait until that run is over"
    raise RuntimeError(msg)
