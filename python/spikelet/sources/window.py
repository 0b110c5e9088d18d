"""When a source or an input acts: from a start to a stop."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from spikelet._util.checks import fail, number, require, steps_of


class Window(NamedTuple):
    """Steps from `start` on, and before `stop`; None: no end."""

    start: int
    stop: int | None


def check_window(where: str, what: Any) -> None:
    """Check the times `start` and `stop` [ms] of a frozen description, and keep them as floats or None."""
    if what.start is None and what.stop is None:  # most have none
        return
    for name in ("start", "stop"):
        given = getattr(what, name)
        if given is None:
            continue
        time = number(where, name, given, "ms")
        if name == "stop" and math.isinf(time) and time > 0:
            object.__setattr__(what, name, None)
            continue
        require(where, name, time, ">= 0")
        object.__setattr__(what, name, float(time))
    if what.stop is not None and not what.stop > (what.start or 0.0):
        fail(where, "stop", what.stop, f"must be after start = {what.start or 0.0:g} ms")


def window(where: str, what: Any, dt: float, since: int = 0) -> Window:
    """Return when a description acts, not before the step `since`."""
    if what.start is None and what.stop is None:
        return Window(since, None)
    start, stop = (
        None if time is None else steps_of(where, name, time, dt)[1]
        for name, time in (("start", what.start), ("stop", what.stop))
    )
    if stop is not None and stop <= (start or 0):
        fail(where, "stop", what.stop, f"must be a step of {dt:g} ms after start or more")
    return Window(since if start is None else max(start, since), stop)


def require_ahead(where: str, what: Any, network: Any) -> None:
    """Check that what is added to a network has not ended yet."""
    for part in (what, getattr(what, "rate", None)):  # a rate may have a window of its own
        stop = getattr(part, "stop", None)
        if stop is not None and stop <= network.t:
            fail(where, "stop", stop, f"must lie after the present, {network.t:g} ms")
