"""Recorders: the data that runs record, as numpy arrays. Made by `Network.record`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikelet._util.sealed import Sealed
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.tape import SpikeTape, StateTape, Tape, WeightTape
from spikelet.network.turn import changing
from spikelet.recording.hdf5_access import LAST, Arrays
from spikelet.recording.reading import Recorded, RecordedSamples, RecordedSpikes

__all__ = ["SpikeRecorder", "StateRecorder", "WeightRecorder"]


class _Recorder(Sealed, Recorded):
    """A view of recorded data, in memory or on disk."""

    network: NetworkBase
    target: Population | Projection
    tape: Tape[Any]  # internal

    _instead: ClassVar = {
        "times": "data cannot be changed; clear() discards it",
        "ids": "data cannot be changed; clear() discards it",
        "values": "data cannot be changed; clear() discards it",
        "": "record anew, with net.record()",
    }

    @property
    def path(self) -> Path | None:
        """Path of the file, or None if the data stays in memory."""
        return None if self.tape.file is None else self.tape.file.path

    @changing
    def clear(self) -> None:
        """Forget all data recorded so far, in the file too."""
        self.tape.clear()

    def _described(self, what: str) -> str:
        """Return the number of spikes or samples, or, while it cannot be read, what the network is doing."""
        try:
            return f"{self.tape.count()} {what}"
        except RuntimeError:
            state = self.tape.network.engine.state()
            return "running" if state == "idle" else state  # it has ended since

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        return self.tape.blocks(start, stop)

    def _stamps(self) -> npt.NDArray[np.int64]:
        return self.tape.stamps()

    @property
    def _dt(self) -> float:
        return self.tape.network.dt


class SpikeRecorder(_Recorder, RecordedSpikes):
    """Spikes of a population or of a part of it, in order of time, then id."""

    target: Population
    tape: SpikeTape

    def __init__(self, network: NetworkBase, target: Population, every: int = 1) -> None:
        self.network = network
        self.target = target
        self.tape = SpikeTape(network, target, "spikes", every)

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return self.target.ids, self.target.size

    @property
    def _now(self) -> float:
        return self.network.t

    def __repr__(self) -> str:
        return f"SpikeRecorder({self.target.name}: {self._described('spikes')})"


class StateRecorder(_Recorder, RecordedSamples):
    """Samples of a state variable at multiples of an interval, at the end of the step (after the reset)."""

    target: Population
    name: str
    tape: StateTape

    def __init__(self, network: NetworkBase, target: Population, name: str, every: int = 1) -> None:
        self.network = network
        self.target = target
        self.name = name
        self.tape = StateTape(network, target, name, every)

    def __repr__(self) -> str:
        return f"StateRecorder({self.target.name}.{self.name}: {self._described('samples')})"


class WeightRecorder(_Recorder, RecordedSamples):
    """Samples of the weights of a projection at multiples of an interval."""

    target: Projection
    tape: WeightTape

    def __init__(self, network: NetworkBase, target: Projection, every: int = 1) -> None:
        self.network = network
        self.target = target
        self.tape = WeightTape(network, target, "weights", every)

    def __repr__(self) -> str:
        return f"WeightRecorder({self.target!r}: {self._described('samples')})"
