"""Recorded data on their own: what a recorder becomes when it is pickled or copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.sealed import Sealed
from spikelet.recording.labels import Labels
from spikelet.recording.on_disk import LAST, Arrays
from spikelet.recording.reading import Recorded, RecordedSamples, RecordedSpikes


class _Data(Sealed, Recorded):
    """Recorded data without a network or a file.

    Attributes
    ----------
    name : str
        Name of the recording: "E.spikes", "E.V_m".
    """

    name: str

    def __init__(
        self, name: str, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any], dt: float
    ) -> None:
        self.name = name
        self._data: Arrays = (stamps, data)
        self._step = dt
        for values in self._data:
            values.flags.writeable = False

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        stamps, data = self._data
        first, last = np.searchsorted(stamps, (start, stop), side="right")
        yield stamps[first:last], data[first:last]

    def _stamps(self) -> npt.NDArray[np.int64]:
        return self._data[0]

    @property
    def _dt(self) -> float:
        return self._step

    def __len__(self) -> int:
        """Return the number of spikes or samples."""
        return len(self._data[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}: {len(self)})"

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        return html.facts(f"{type(self).__name__}: {self.name}", [("recorded", len(self))])


class SpikeData(_Data, RecordedSpikes):
    """Spikes as they were when a recorder was pickled or copied, with its properties."""

    def __init__(
        self,
        name: str,
        stamps: npt.NDArray[np.int64],
        data: npt.NDArray[Any],
        dt: float,
        elements: tuple[npt.NDArray[np.uint32], int],
        now: float,
        limits: tuple[float, float],
    ) -> None:
        super().__init__(name, stamps, data, dt)
        self._recorded = elements
        self._time = now
        self._recorded_within = limits

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return self._recorded

    @property
    def _now(self) -> float:
        return self._time

    @property
    def start(self) -> float:
        """Time after which the recorder recorded [ms]; 0 includes time 0."""
        return self._recorded_within[0]

    @property
    def stop(self) -> float:
        """Time up to which the recorder recorded [ms]; inf: no end."""
        return self._recorded_within[1]

    @property
    def _population(self) -> str:
        return self.name.removesuffix(".spikes")


class SampleData(_Data, RecordedSamples):
    """Samples as they were when a recorder was pickled or copied, with its properties."""

    def __init__(
        self,
        name: str,
        stamps: npt.NDArray[np.int64],
        data: npt.NDArray[Any],
        dt: float,
        labels: Labels,
    ) -> None:
        super().__init__(name, stamps, data, dt)
        self._labels = labels

    @property
    def labels(self) -> Labels:
        """Description of the samples."""
        return self._labels
