"""Recorders of unions: what `Network.record` returns for several populations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.sealed import Sealed
from spikelet.network.population import Population, positions_in
from spikelet.network.recorders import SpikeRecorder, StateRecorder
from spikelet.recording.data import SampleData, SpikeData
from spikelet.recording.labels import Labels
from spikelet.recording.on_disk import LAST, Arrays
from spikelet.recording.reading import Recorded, RecordedSamples, RecordedSpikes

Ints: TypeAlias = npt.NDArray[np.int64]


class _UnionRecorder(Sealed, Recorded):
    """The recorders of the parts of a union, as one.

    Attributes
    ----------
    target : Population
        The union.
    recorders : tuple
        The recorder of each part. A file has these only.
    """

    target: Population
    recorders: tuple[Any, ...]

    _instead: ClassVar = {"": "data cannot be changed; clear() discards it"}

    def __init__(self, target: Population, recorders: Sequence[Any]) -> None:
        self.target, self.recorders = target, tuple(recorders)

    @property
    def _dt(self) -> float:
        return self.target.network.dt

    @property
    def start(self) -> float:
        """Time after which they record [ms]; 0 includes time 0."""
        return float(self.recorders[0].start)

    @property
    def stop(self) -> float:
        """Time up to which they record [ms]; inf: no end."""
        return float(self.recorders[0].stop)

    def _repr_html_(self) -> str:
        """Return a table of the recorders, for notebooks."""
        rows = [(recorder.target.name, repr(recorder)) for recorder in self.recorders]
        return html.grid(f"{type(self).__name__}: {self.target.name}", ["part", "recorder"], rows)

    def pause(self) -> None:
        """Stop recording until `resume`. Earlier data is kept."""
        for recorder in self.recorders:
            recorder.pause()

    def resume(self) -> None:
        """Resume recording, from now on."""
        for recorder in self.recorders:
            recorder.resume()

    def clear(self) -> None:
        """Discard all data recorded so far, also in the file."""
        for recorder in self.recorders:
            recorder.clear()

    def __bool__(self) -> bool:
        """Return True, also while there is no data."""
        return True

    def __copy__(self) -> Any:
        """Return the recorder: a copy of a handle is a handle."""
        return self


class UnionSpikeRecorder(_UnionRecorder, RecordedSpikes):
    """Spikes of a union, in order of time, then id; ids count within the union."""

    recorders: tuple[SpikeRecorder, ...]

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        places = positions_in(self.target)
        found = [recorder.in_steps(start, stop) for recorder in self.recorders]
        stamps = np.concatenate([s for s, _ in found])
        ids = [
            places[r.target.index][ids] for r, (_, ids) in zip(self.recorders, found, strict=True)
        ]
        each = np.concatenate(ids).astype(np.uint32)
        order = np.lexsort((each, stamps))
        yield stamps[order], each[order]

    def _stamps(self) -> Ints:
        return next(self._blocks())[0]

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return np.arange(len(self.target), dtype=np.uint32), len(self.target)

    @property
    def _now(self) -> float:
        return self.target.network.t

    @property
    def _population(self) -> str:
        return self.target.name

    def __len__(self) -> int:
        """Return the number of spikes so far."""
        return sum(map(len, self.recorders))

    def __reduce__(self) -> Any:
        """Pickle as data without the network."""
        stamps, ids = next(self._blocks())
        about = self._dt, self._elements(), self._now, (self.start, self.stop)
        return SpikeData, (f"{self.target.name}.spikes", stamps, ids, *about)

    def __repr__(self) -> str:
        return f"UnionSpikeRecorder({', '.join(map(repr, self.recorders))})"


class UnionStateRecorder(_UnionRecorder, RecordedSamples):
    """Samples of a state of a union; columns in the order of its elements."""

    recorders: tuple[StateRecorder, ...]

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        found = [recorder.in_steps(start, stop) for recorder in self.recorders]
        yield found[0][0], np.concatenate([values for _, values in found], axis=1)

    def _stamps(self) -> Ints:
        return self.recorders[0].in_steps(-1, LAST)[0]

    @property
    def labels(self) -> Labels:
        """What the samples are: whose, of what, in which unit."""
        each = [recorder.labels for recorder in self.recorders]
        unit = each[0].unit if len({one.unit for one in each}) == 1 else ""
        ids = {"id": np.arange(len(self.target))}
        return replace(each[0], population=self.target.name, unit=unit, columns=ids)

    def __len__(self) -> int:
        """Return the number of samples so far."""
        return len(self.recorders[0])

    def __reduce__(self) -> Any:
        """Pickle as data without the network."""
        stamps, values = next(self._blocks())
        return SampleData, (
            f"{self.target.name}.{self.recorders[0].name}",
            stamps,
            values,
            self._dt,
            self.labels,
        )

    def __repr__(self) -> str:
        return f"UnionStateRecorder({', '.join(map(repr, self.recorders))})"
