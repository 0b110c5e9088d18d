"""Recorders: what a run leaves behind, as numpy arrays. Made by `Network.record`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet import recording_file
from spikelet._checks import fail, interval
from spikelet.neurons import NeuronModel
from spikelet.projection import Projection
from spikelet.recording_file import Arrays, Layout, RecordingFile
from spikelet.recordings import _LAST, Recorded, RecordedSamples, RecordedSpikes

if TYPE_CHECKING:
    from spikelet.network import Network
    from spikelet.population import Population

__all__ = ["SpikeRecorder", "StateRecorder", "WeightRecorder"]


class _Recorder(Recorded):
    """What was recorded before (in memory, after a load; or on disk), and what the core holds."""

    _kind = ""
    _what = ""

    def __init__(self, network: Network, target: Any, every: int = 1) -> None:
        self.network = network
        self.index = -1  # in the core, of those of its kind
        self.target = target
        self._every = every
        self._earlier: Arrays | None = None
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
            self._file.done[self._name] = (0, self.network._step - 1)
            self._file.cut()
        self._forget()

    def _forget(self) -> None:
        self._earlier = None
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
            return stamps, data
        # An interrupt may have struck after these were written and before the core forgot them.
        new = int(np.searchsorted(stamps, self._file.done[self._name][1], side="right"))
        return stamps[new:], data[new:]

    def _blocks(self, start: int = -1, stop: int = _LAST) -> Iterator[Arrays]:
        self.network._require_idle()
        if self._file is not None:
            with self._file.group(self._name) as (group, n):
                first, last = recording_file.span(group, n, start, stop)
                yield from recording_file.blocks(group, first, last)
        for stamps, data in filter(None, (self._earlier, self._held())):
            first, last = np.searchsorted(stamps, (start, stop), side="right")
            yield stamps[first:last], data[first:last]

    def _stamps(self) -> npt.NDArray[np.int64]:
        self.network._require_idle()
        held = self._held()[0]
        if self._file is not None:
            with self._file.group(self._name) as (group, n):
                return np.concatenate([group["stamps"][:n], held])
        return held if self._earlier is None else np.concatenate([self._earlier[0], held])

    def _count(self) -> int:
        self.network._require_idle()
        earlier = 0 if self._earlier is None else len(self._earlier[0])
        on_disk = 0 if self._file is None else self._file.done[self._name][0]
        return earlier + on_disk + len(self._held()[0])

    @property
    def _dt(self) -> float:
        return self.network.dt

    def _write_to(self, path: Path) -> None:
        """Record to a file, a new one or that of another recorder of the network."""
        shared = (r._file for r in self.network.recorders if r._file and r._file.path == path)
        file = next(shared, None) or RecordingFile(path, self.network.dt, self.network.seed)
        self._name = file.add(self._title, self._layout(), self.network._step)
        self._file = file

    def _go_on(self, file: RecordingFile, name: str) -> None:
        """Go on in a file, after a load."""
        self._file, self._name = file, name
        file.layouts[name] = self._layout()

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

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return self.target.ids, self.target.size

    @property
    def _now(self) -> float:
        return self.network.t

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
        self.index = self.network._sim.record_state(
            self.target.index, state, self.target.ids, self._every
        )

    def _from_core(self) -> Arrays:
        return self.network._sim.recorded_states(self.index)

    def _layout(self) -> Layout:
        about = {**_of_population(self.target, self.name), "every": self._every}
        elements = {"elements": self.target.ids}
        return Layout("state", self.network.dtype, (len(self.target),), about, elements)

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

    def _layout(self) -> Layout:
        ends = {"pre": self.target.pre.name, "post": self.target.post.name, "every": self._every}
        return Layout("weights", self.network.dtype, (len(self.target),), ends)

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
