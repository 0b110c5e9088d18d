"""Pulse packets: volleys of spikes around given times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import integer, numbers, own, require, scalar
from spikelet._util.described import Described

_MOST = 2**18  # spikes of an element in a packet


@dataclass(frozen=True, eq=False)
class PulsePacket(Described):
    """A source whose elements fire volleys of spikes around given times.

    Each element fires `activity` spikes for each packet, at independent, normally distributed times. A spike has the stamp
    of the end of the step in which it lies. Spikes before the time at which the source was added or set are left out.

    Parameters
    ----------
    times : array-like, [packets]
        Centres of the packets [ms], in the network's time.
    activity : int
        Number of spikes of an element in each packet.
    sdev : float
        Standard deviation of the spikes' times [ms].

    Notes
    -----
    NEST's ``pulsepacket_generator`` (``pulse_times``, ``activity``, ``sdev``). In NEST all targets of a generator
    receive the same train; for this, make a population of one element.
    """

    times: Any
    activity: int
    sdev: float = 0.0

    def __post_init__(self) -> None:
        times = np.atleast_1d(numbers("PulsePacket", "times", self.times, "ms"))
        require("PulsePacket", "times", times, ">= 0")
        object.__setattr__(self, "times", own(times))
        object.__setattr__(
            self, "activity", integer("PulsePacket", "activity", self.activity, 0, _MOST)
        )
        object.__setattr__(self, "sdev", scalar("PulsePacket", "sdev", self.sdev, ">= 0", "ms"))

    def spikes(self, n: int) -> int:
        """Return the number of spikes of n elements in all packets."""
        return n * len(self.times) * self.activity

    def stamps(
        self, dt: float, n: int, seed: int, number: int, start: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps after `start`, ascending, and ids; `number` is that of the population.

        Random numbers belong to an element, a packet and a spike, whatever their number.
        """
        packets = len(self.times)
        jitter = _core.pulse_jitter(seed, number, n, packets, self.activity)
        jitter = jitter.reshape(n, packets, self.activity)
        times = self.times[:, None] + self.sdev * jitter
        steps = np.ceil(np.clip(times / dt, -1.0, 2.0**53) - 1e-6).astype(np.int64).reshape(-1)
        ids = np.repeat(np.arange(n, dtype=np.uint32), packets * self.activity)
        kept = (steps > start) | ((start == 0) & (times.reshape(-1) == 0.0))
        steps, ids = steps[kept], ids[kept]
        order = np.argsort(steps, kind="stable")
        return steps[order], ids[order]
