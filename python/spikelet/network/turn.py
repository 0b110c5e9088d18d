"""Which thread may use a network while it runs or changes."""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import compress, repeat
from operator import is_
from typing import Any, NoReturn, TypeVar, cast

from spikelet._util.spelling import explain

Report = Callable[[int], None]
Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., Any])

_Owner = tuple[int, int, str]  # thread, process, what it does


class Turn:
    """The turn of a network: one thread holds it from the first piece of a run to the last, or while it builds.

    Ctrl-C can strike after any call and at the start of any function. A lock or a context manager could then stay
    taken, so there is neither here.
    """

    def __init__(self) -> None:
        self._taken: dict[str, _Owner] = {}
        self._asking = False

    @property
    def doing(self) -> str | None:
        """What the thread that holds the turn does with the network ("running"), if any."""
        owner = self._taken.get("turn")
        return None if owner is None else owner[2]

    def require(self, *, idle: bool) -> None:
        """Raise RuntimeError unless nobody holds the turn, or the caller does.

        Parameters
        ----------
        idle : bool
            Whether the core is idle.
        """
        owner = self._taken.get("turn")
        if owner is None and idle:
            return
        if owner is None or owner[:2] != (threading.get_ident(), os.getpid()) or not idle:
            _refuse(owner)
        if self._asking:
            _refuse(owner)

    def take(self, call: Callable[[], Result], doing: str) -> Result:
        """Hold the turn during a call; raise RuntimeError if anyone, this thread or another, holds it.

        Parameters
        ----------
        call : callable
            What to call.
        doing : str
            What it does with the network, for messages: "running".
        """
        own = (threading.get_ident(), os.getpid(), doing)
        try:
            owner = self._taken.setdefault("turn", own)
            if owner is not own:
                _refuse(owner)
            return call()
        finally:
            if "turn" in self._taken and self._taken["turn"] is own:
                del self._taken["turn"]

    @staticmethod
    def take_all(turns: Sequence[Turn], call: Callable[[], Result], doing: str) -> Result:
        """Hold the turns of several networks during a call; raise RuntimeError if anyone holds one of them.

        Parameters
        ----------
        turns : sequence of Turn
        call, doing
            As in `take`.
        """
        own = (threading.get_ident(), os.getpid(), doing)
        taken = [turn._taken for turn in turns]
        # All of them are taken, and given back, by one call that runs no Python code.
        owners = map(dict.setdefault, taken, repeat("turn"), repeat(own))
        are_own = map(is_, map(dict.get, taken, repeat("turn")), repeat(own))
        give_back: Callable[[], object] = functools.partial(
            deque, map(dict.clear, compress(taken, are_own)), maxlen=0
        )
        try:
            found = tuple(owners)
            if not all(map(is_, found, repeat(own))):
                k, owner = next((k, owner) for k, owner in enumerate(found) if owner is not own)
                _refuse(owner, f"networks[{k}]: ")
            return call()
        finally:
            give_back()

    def ask(self, report: Report, step: int) -> None:
        """Call a callback between pieces, under the same restrictions as while the core runs."""
        try:
            self._asking = True
            report(step)
        finally:
            self._asking = False


def changing(method: Method) -> Method:
    """Make a method of a network, or of a part of one, hold the network's turn: it changes the network as a whole."""

    @functools.wraps(method)
    def held(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        turn: Turn = vars(self).get("network", self).engine.turn
        try:
            return turn.take(functools.partial(method, self, *args, **kwargs), "being changed")
        except TypeError as error:
            explain(method, error, (self, *args), kwargs)
            raise

    return cast("Method", held)


def _refuse(owner: _Owner | None, which: str = "") -> NoReturn:
    thread, process, doing = owner or (0, os.getpid(), "running")
    if process != os.getpid():
        msg = f"Network: it was {doing} in another thread when this process was forked; build or load it again"
    elif thread != threading.get_ident():
        msg = f"Network: it is {doing} in another thread; wait until that call is over"
    elif doing == "running":
        msg = "Network: it is running and has called this callback; wait until the run is over"
    else:
        msg = (
            f"Network: it is {doing} by the call that led to this one; wait until that call is over"
        )
    raise RuntimeError(which + msg)
