"""Recorders: what a run leaves behind, as numpy arrays. Made by `Network.record`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, interval
from spikelet.network.projection import Projection
from spikelet.neurons import NeuronModel
from spikelet.recording import hdf5_access as recording_access
from spikelet.recording.hdf5_access import Arrays
from spikelet.recording.hdf5_file import Layout, RecordingFile
from spikelet.recording.reading import _LAST, Recorded, RecordedSamples, RecordedSpikes

if TYPE_CHECKING:
    from spikelet.network.network import Network
    from spikelet.network.population import Population

__all__ = ["SpikeRecorder", "StateRecorder", "WeightRecorder"]


class _Recorder(Recorded):
    """What was recorded before (in memory, after a load or from all ranks; or on disk), and what the core holds.

    Of a network that ranks share, the core holds what this one owns. At the end of each run the ranks gather what
    was recorded in memory, so that reading needs no other rank; on disk each has a file of its own.
    """

    _kind = ""
    _what = ""

    def __init__(self, network: Network, target: Any, every: int = 1) -> None:
        self.network = network
        self.index = -1  # in the core, of those of its kind
        self.target = target
        self._every = every
        self._earlier: list[Arrays] = []
        self._file: RecordingFile | None = None
        self._name = ""  # of the group in the file

    @property
    def path(self) -> Path | None:
        """The file it records to, or None."""
        return None if self._file is None else self._file.path

    def clear(self) -> None:
        """Forget what was recorded so far; a file is emptied of it, too."""
        self.network._require_idle()
        if self._file is not None:
            self._file.clear(self._name, self.network._step)
        self._forget()

    def _forget(self) -> None:
        self._earlier = []
        self.network._sim.clear_recorder(self._kind, self.index)

    @abstractmethod
    def _start(self) -> None:
        """Let the core record."""

    @abstractmethod
    def _from_core(self) -> Arrays: ...

    def _held(self) -> Arrays:
        """Return what the core holds and the file does not."""
        stamps, data = self._from_core()
        if self._file is None:
            if self.network.ranks.size > 1:  # between runs all is gathered
                data = np.empty((len(stamps), *self._shape()), data.dtype)
            return stamps, data
        # An interrupt may have struck after these were written and before the core forgot them.
        new = int(np.searchsorted(stamps, self._file.done[self._name][1], side="right"))
        return stamps[new:], data[new:]

    def _blocks(self, start: int = -1, stop: int = _LAST) -> Iterator[Arrays]:
        self.network._require_idle()
        if self._file is not None:
            with self._file.group(self._name) as (group, n):
                first, last = recording_access.span(group, n, start, stop)
                yield from recording_access.blocks(group, first, last)
        for stamps, data in (*self._memory(), self._held()):
            first, last = np.searchsorted(stamps, (start, stop), side="right")
            yield stamps[first:last], data[first:last]

    def _stamps(self) -> npt.NDArray[np.int64]:
        self.network._require_idle()
        held = self._held()[0]
        if self._file is not None:
            with self._file.group(self._name) as (group, n):
                return np.concatenate([group["stamps"][:n], held])
        memory = [stamps for stamps, _ in self._memory()]
        return np.concatenate([*memory, held]) if memory else held

    def _count(self) -> int:
        self.network._require_idle()
        earlier = sum(len(stamps) for stamps, _ in self._earlier)
        if self._file is None:
            return earlier + self.network._sim.recorded_count(self._kind, self.index)
        return earlier + self._file.done[self._name][0] + len(self._held()[0])

    @property
    def _dt(self) -> float:
        return self.network.dt

    def _memory(self) -> list[Arrays]:
        """Return what was recorded before, in one piece."""
        if len(self._earlier) > 1:
            stamps, data = zip(*self._earlier, strict=True)
            self._earlier = [(np.concatenate(stamps), np.concatenate(data))]
        return self._earlier

    def _gather(self) -> None:
        """Bring together what the ranks hold; all of them do this at the end of a run."""
        self._earlier.append(self._join(*self._from_core()))
        self.network._sim.clear_recorder(self._kind, self.index)

    @abstractmethod
    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        """Return what all ranks recorded, given what this one did."""

    def _own(self) -> npt.NDArray[np.bool_]:
        """Return which elements of the target this rank owns."""
        begin, end = self.network._sim.own(self.target.index)
        return np.asarray((self.target.ids >= begin) & (self.target.ids < end))

    def _write_to(self, path: Path) -> None:
        """Record to a file, a new one or that of another recorder of the network."""
        if self.network.ranks.size > 1:
            path = path.with_stem(f"{path.stem}.rank{self.network.ranks.rank}")
        shared = (r._file for r in self.network.recorders if r._file and r._file.path == path)
        file = next(shared, None) or RecordingFile(path, self.network.dt, self.network.seed)
        name = None
        try:
            with self.network.ranks.all_or_none("recording to a file"):
                name = file.add(self._title, self._layout(), self.network._step)
        except BaseException:
            if name is not None:  # on another rank it failed
                file.remove(name)
            raise
        self._file, self._name = file, name

    def _go_on(self, file: RecordingFile, name: str) -> None:
        """Go on in a file, after a load."""
        self._file, self._name = file, name
        file.layouts[name] = self._layout()

    def _shape(self) -> tuple[int, ...]:
        """Return the shape of what belongs to one stamp."""
        return (len(self.target),)

    @abstractmethod
    def _layout(self) -> Layout: ...

    @property
    def _title(self) -> str:
        return f"{self.target.name}.{self._what}"

    def _bytes_a_step(self) -> float:
        """Return how much a step records, as far as that is known."""
        layout = self._layout()
        return (8 + np.dtype(layout.dtype).itemsize * layout.shape[0]) / self._every


def _of_population(target: Population, what: str) -> dict[str, Any]:
    return {"population": target.name, "size": target.size, "what": what}


class SpikeRecorder(_Recorder, RecordedSpikes):
    """Spikes of a population or of a part of it, in order of time, then id."""

    _kind = _what = "spikes"
    target: Population

    def _start(self) -> None:
        wanted = np.zeros(0 if self.target.whole else self.target.size, dtype=bool)
        if not self.target.whole:
            wanted[self.target.ids] = True
        self.index = self.network._sim.record_spikes(self.target.index, wanted)

    def _from_core(self) -> Arrays:
        return self.network._sim.recorded_spikes(self.index)

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        parts = self.network.ranks.gather(self._title, (stamps, data))
        stamps, data = (np.concatenate(x) for x in zip(*parts, strict=True))
        order = np.lexsort((data, stamps))
        return stamps[order], data[order]

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return self.target.ids, self.target.size

    @property
    def _now(self) -> float:
        return self.network.t

    def _shape(self) -> tuple[int, ...]:
        return ()

    def _layout(self) -> Layout:
        elements = {} if self.target.whole else {"elements": self.target.ids}
        return Layout("spikes", "u4", (), _of_population(self.target, "spikes"), elements)

    def _bytes_a_step(self) -> float:
        return 0.0

    def __repr__(self) -> str:
        return f"SpikeRecorder({self.target.name}: {self._count()} spikes)"


class StateRecorder(_Recorder, RecordedSamples):
    """A state variable, sampled at multiples of `every` at the end of the step (after reset)."""

    _kind = "state"
    target: Population

    def __init__(self, network: Network, target: Population, name: str, every: int = 1) -> None:
        super().__init__(network, target, every)
        self.name = self._what = name

    def _start(self) -> None:
        state = self.target._state_index(self.name)
        ids = self.target.ids[self._own()]
        self.index = self.network._sim.record_state(self.target.index, state, ids, self._every)

    def _from_core(self) -> Arrays:
        return self.network._sim.recorded_states(self.index)

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        whole = np.empty((len(stamps), len(self.target)), data.dtype)
        for own, values in self.network.ranks.gather(self._title, (self._own(), data)):
            whole[:, own] = values
        return stamps, whole

    def _layout(self) -> Layout:
        about = {**_of_population(self.target, self.name), "every": self._every}
        ids = self.target.ids[self._own()]
        return Layout("state", self.network.dtype, (len(ids),), about, {"elements": ids})

    def __repr__(self) -> str:
        return f"StateRecorder({self.target.name}.{self.name}: {self._count()} samples)"


class WeightRecorder(_Recorder, RecordedSamples):
    """The weights of a projection, sampled at multiples of `every`."""

    _kind = _what = "weights"
    target: Projection

    def _start(self) -> None:
        self.index = self.network._sim.record_weights(self.target.index, self._every)

    def _from_core(self) -> Arrays:
        return self.network._sim.recorded_weights(self.index)

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        if len(stamps) == 0:  # on all ranks
            return stamps, np.empty((0, len(self.target)), data.dtype)
        return stamps, self.target._whole("recorded weights", data)

    def _layout(self) -> Layout:
        ends = {"pre": self.target.pre.name, "post": self.target.post.name, "every": self._every}
        count = self.network._sim.projection_size(self.target.index)
        return Layout("weights", self.network.dtype, (count,), ends)

    @property
    def _title(self) -> str:
        return f"{self.target.pre.name}-{self.target.post.name}.weights"

    def __repr__(self) -> str:
        return f"WeightRecorder({self.target!r}: {self._count()} samples)"


def make_recorder(
    net: Network, target: Any, what: str, every: float | None
) -> SpikeRecorder | StateRecorder | WeightRecorder:
    """Check what `Network.record` was given."""
    if isinstance(target, Projection):
        if target.network is not net:
            fail("record", "target", target, "must belong to this network")
        if what != "weights":
            fail(f"record {target!r}", "what", what, 'must be "weights"')
        return WeightRecorder(net, target, interval("record", every, net.dt))
    net._check_own("record", target)
    states = target.model.states if isinstance(target.model, NeuronModel) else ()
    if what == "spikes":
        if every is not None:
            fail(f"record {target.name}", "every", every, "is not for spikes")
        return SpikeRecorder(net, target)
    if what not in states:
        known = ", ".join(["spikes", *states])
        where = f"record {target.name} ({type(target.model).__name__})"
        fail(where, "what", what, f"must be one of: {known}")
    return StateRecorder(net, target, what, interval("record", every, net.dt))
