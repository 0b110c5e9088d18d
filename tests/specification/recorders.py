"""Recorders of the executable specification."""

from __future__ import annotations

import math
from typing import Any

Array = Any


class Recorder:
    """Samples at multiples of `every`, or the spikes, since `since`; after `start` up to `stop`, and while not paused."""

    def __init__(
        self,
        target: int,
        what: str,
        ids: Array,
        every: int,
        since: int,
        start: int = -1,
        stop: float = math.inf,
    ) -> None:
        self.target, self.what, self.ids, self.every = target, what, ids, every
        self.start, self.stop, self.paused = start, stop, False
        self.clear(since)

    def clear(self, now: int) -> None:
        """Forget everything."""
        self.since = now if now else -1  # spikes of sources may have the stamp 0
        self.times: list[int] = []
        self.values: list[Array] = []
        self.gaps: list[list[float]] = [[self.since, math.inf]] if self.paused else []

    def pause(self, now: int) -> None:
        """Record nothing from now on."""
        if not self.paused:
            self.gaps.append([now, math.inf])
        self.paused = True

    def resume(self, now: int) -> None:
        """Go on."""
        if self.paused:
            self.gaps[-1][1] = now
        self.paused = False

    def records(self, stamp: int) -> bool:
        """Whether what has this stamp is recorded."""
        inside = self.since < stamp and self.start < stamp <= self.stop
        return inside and not any(low < stamp <= high for low, high in self.gaps)

    def sample(self, net: Any) -> None:
        """Note what there is now."""
        if self.what == "spikes" or net.now % self.every or not self.records(net.now):
            return
        self.times.append(net.now)
        if self.what == "weights":
            self.values.append(net.projections[self.target].read(net.now))
        else:
            self.values.append(net.populations[self.target].state[self.what][self.ids].copy())

    def spikes(self, net: Any) -> list[tuple[int, int]]:
        """Return the spikes, by stamp and id."""
        wanted = set(map(int, self.ids))
        return [
            (s, i) for s, p, i in net.spikes if p == self.target and i in wanted and self.records(s)
        ]
