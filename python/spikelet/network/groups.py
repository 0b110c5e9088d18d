"""Groups: what `Network.connect`, `inject` and `record` return for a union of populations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.checks import fail, numbers, require
from spikelet._util.sealed import Sealed
from spikelet._util.snapshot import Snapshot
from spikelet.network.population import Population, positions_in
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder, StateRecorder
from spikelet.network.value_matrix import require_no_matrix
from spikelet.recording.data import SampleData, SpikeData
from spikelet.recording.hdf5_access import LAST, Arrays
from spikelet.recording.labels import Labels
from spikelet.recording.reading import Recorded, RecordedSamples, RecordedSpikes

if TYPE_CHECKING:
    import scipy.sparse

__all__ = [
    "ProjectionGroup",
    "UnionSpikeRecorder",
    "UnionStateRecorder",
]

Ints: TypeAlias = npt.NDArray[np.int64]

_SET_WEIGHTS = (
    "weights cannot be set through a view of them: assign to items of `group.weights` itself in one step, or copy the "
    "array with np.array(...)"
)
_MADE = "what a projection connects is fixed when it is made; copy the array with np.array(...)"


class ProjectionGroup(Sealed):
    """The projections between two unions, as one. Made by `Network.connect`.

    All arrays have one entry per synapse, in the canonical order of the whole: by source, then target, then creation,
    with ids counted within the unions. `projections` has the individual projections, in which ids count within
    populations. A file holds only these; after loading, make the group again with ``sl.ProjectionGroup(pre, post,
    net.projections)``.

    Parameters
    ----------
    pre, post : Population
        Sources and targets.
    projections : sequence of Projection
        Projections between parts of them.
    """

    pre: Population
    post: Population
    projections: tuple[Projection, ...]

    _instead: ClassVar = {
        "": "it is fixed when the projections are made; add others, with net.connect()"
    }

    def __init__(
        self, pre: Population, post: Population, projections: Sequence[Projection]
    ) -> None:
        found = [positions_in(end) for end in (pre, post)]
        for projection in projections:
            for end, places in zip((projection.pre, projection.post), found, strict=True):
                own = places.get(end.index)
                if end.network is not pre.network or own is None or (own[end.ids] < 0).any():
                    fail(
                        "ProjectionGroup", "projections", projection, "must be between these unions"
                    )
        self.pre, self.post, self.projections = pre, post, tuple(projections)
        self._places = found
        self._sorted: Ints | None = None

    def __len__(self) -> int:
        """Return the number of synapses."""
        return sum(map(len, self.projections))

    def __iter__(self) -> Iterator[Projection]:
        """Iterate over the projections."""
        return iter(self.projections)

    def _ids(self, end: int) -> Ints:
        """Return the ids of the sources (0) or targets (1) of all synapses, one projection after the other."""
        places, names = self._places[end], ("pre", "post")
        ids = [
            places[getattr(p, names[end]).index][getattr(p, f"{names[end]}_ids")]
            for p in self.projections
        ]
        return np.concatenate([np.zeros(0, np.int64), *ids])

    @property
    def _order(self) -> Ints:
        """Where each synapse of the canonical order is, one projection after the other; it never changes."""
        if self._sorted is None:
            self._sorted = np.lexsort((self._ids(1), self._ids(0)))
        return self._sorted

    def _gathered(self, name: str) -> npt.NDArray[Any]:
        values = [np.asarray(getattr(p, name)) for p in self.projections]
        return np.concatenate(values)[self._order] if values else np.zeros(0)

    @property
    def pre_ids(self) -> Ints:
        """Ids of the sources within the union, read-only."""
        return Snapshot(self._ids(0)[self._order], _MADE)

    @property
    def post_ids(self) -> Ints:
        """Ids of the targets within the union, read-only."""
        return Snapshot(self._ids(1)[self._order], _MADE)

    @property
    def delays(self) -> npt.NDArray[np.float64]:
        """Delays [ms], read-only."""
        return Snapshot(self._gathered("delays"), _MADE)

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights as they are now; assign a number, one per synapse, or to items, as with `Projection.weights`."""
        return Snapshot(self._gathered("weights"), _SET_WEIGHTS, self._set_items)

    @weights.setter
    def weights(self, value: Any) -> None:
        require_no_matrix("ProjectionGroup", value)
        values = numbers("ProjectionGroup", "weights", value)
        if values.shape not in ((), (len(self),)):
            rule = f"must be one number or one for each of the {len(self)} synapses"
            fail("ProjectionGroup", "weights", values.shape, rule, got="shape")
        self._store(np.broadcast_to(values, (len(self),)))

    def _set_items(self, index: Any, value: Any) -> npt.NDArray[Any]:
        values = np.array(self._gathered("weights"))
        values[index] = value
        self._store(values)
        new: npt.NDArray[Any] = self._gathered("weights")[index]
        return new

    def _store(self, values: npt.NDArray[Any]) -> None:
        """Set all weights, or none if a projection refuses some."""
        require("ProjectionGroup", "weights", np.asarray(values, dtype=float), "finite")
        each = np.empty(len(self), values.dtype)
        each[self._order] = values
        ends = np.cumsum([0, *map(len, self.projections)])
        before = [np.array(p.weights) for p in self.projections]
        done = 0
        try:
            for k, projection in enumerate(self.projections):
                projection.weights = each[ends[k] : ends[k + 1]]
                done = k + 1
        except BaseException:
            for projection, old in zip(self.projections[:done], before, strict=False):
                projection.weights = old
            raise

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the weights as a sparse array [len(pre), len(post)], with one entry per synapse."""
        from scipy.sparse import csr_array  # noqa: PLC0415  # scipy is slow to import

        rows = np.bincount(self.pre_ids, minlength=len(self.pre))
        offsets = np.concatenate([[0], np.cumsum(rows)])
        parts = (self._gathered("weights"), np.asarray(self.post_ids), offsets)
        return csr_array(parts, shape=(len(self.pre), len(self.post)))

    def _repr_html_(self) -> str:
        """Return a table of the projections, for notebooks."""
        title = f"ProjectionGroup: {self.pre.name} to {self.post.name}"
        rows = [(p.pre.name, p.post.name, p.synapses.known()) for p in self.projections]
        return html.grid(title, ["source", "target", "synapses"], rows)

    def __repr__(self) -> str:
        count = len(self.projections)
        return f"ProjectionGroup({self.pre.name} -> {self.post.name}: {count} projections, {', '.join(map(repr, self.projections))})"


class _UnionRecorder(Sealed, Recorded):
    """The recorders of the parts of a union, as one.

    Attributes
    ----------
    target : Union
        What is recorded.
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
        """Return True: a recorder without data is one, too."""
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
