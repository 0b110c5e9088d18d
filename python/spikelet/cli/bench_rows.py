"""Rows of ``spikelet bench``: one measurement each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Cases", "Record", "Row"]

Record = dict[str, Any]
Cases = dict[tuple[str, str], Record]


@dataclass(frozen=True)
class Row:
    """What one network did with one number of threads.

    Parameters
    ----------
    network : str
        Its name.
    threads : int
        Number of threads.
    role : "one" or "all"
        With which row of the reference it is compared.
    build_s : float
        To create it and to lay it out [s].
    wall_s : float
        The shortest of `runs` simulations of `model_s` [s].
    model_s : float
        Simulated time [s].
    runs : int
        Simulations from the start; all gave the same spikes.
    real_time_factor : float
        Wall time by simulated time: below 1 is faster than real time.
    ns_per_event : float
        Wall time by synaptic events, which are spikes times mean out-degree.
    neurons, synapses, spikes : int
        Their numbers.
    rate_hz : float
        Mean rate of all neurons [Hz].
    spikes_crc : int
        Checksum of all spikes.
    """

    network: str
    threads: int
    role: str
    build_s: float
    wall_s: float
    model_s: float
    runs: int
    real_time_factor: float
    ns_per_event: float
    neurons: int
    synapses: int
    spikes: int
    rate_hz: float
    spikes_crc: int
