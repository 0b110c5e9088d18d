"""Rows of ``spikelet bench``: one measurement each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Cases", "Record", "Row"]

Record = dict[str, Any]
Cases = dict[tuple[str, str], Record]


@dataclass(frozen=True)
class Row:
    """The measurement of one network with one number of threads.

    Parameters
    ----------
    network : str
        Name of the network.
    threads : int
        Number of threads.
    role : "one" or "all"
        Row of the reference that it is compared with.
    build_s : float
        Time to build the network and its layout [s].
    wall_s : float
        Wall time of the fastest simulation [s].
    model_s : float
        Simulated time [s].
    runs : int
        Number of simulations, all from the same state.
    real_time_factor : float
        Wall time divided by simulated time; below 1 is faster than real time.
    ns_per_event : float
        Wall time per synaptic event; events are spikes times the mean out-degree.
    neurons, synapses, spikes : int
        Numbers of neurons, synapses and spikes.
    rate_hz : float
        Mean firing rate of all neurons [Hz].
    spikes_crc : int
        Checksum of all spikes; -1 if simulations differ.
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
