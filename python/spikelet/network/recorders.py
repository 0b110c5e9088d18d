"""Recorders: the data that runs record, as numpy arrays. Made by `Network.record`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.extras import extra
from spikelet._util.grid import to_ms
from spikelet._util.sealed import Sealed
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.tape import SpikeTape, StateTape, Tape, WeightTape
from spikelet.network.turn import changing
from spikelet.recording.data import SampleData, SpikeData
from spikelet.recording.labels import Labels
from spikelet.recording.on_disk import LAST, Arrays
from spikelet.recording.reading import Recorded, RecordedSamples, RecordedSpikes, limits_in_ms

__all__ = ["MultiStateRecorder", "SpikeRecorder", "StateRecorder", "WeightRecorder"]


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
    def start(self) -> float:
        """Time after which it records [ms], at least that at which it was made; 0 includes time 0."""
        return limits_in_ms(max(self.tape.observed.start, 0), None, self._dt)[0]

    @property
    def stop(self) -> float:
        """Time up to which it records [ms]; inf: no end."""
        stop = self.tape.span.stop
        return limits_in_ms(0, None if stop == LAST else stop, self._dt)[1]

    @property
    def paused(self) -> bool:
        """Whether it pauses, between `pause` and `resume`."""
        return self.tape.paused

    @changing
    def pause(self) -> None:
        """Stop recording until `resume`. Earlier data is kept."""
        self.tape.pause(True)

    @changing
    def resume(self) -> None:
        """Resume recording, from now on."""
        self.tape.pause(False)

    @property
    def path(self) -> Path | None:
        """Path of the file, or None if the data stays in memory."""
        return None if self.tape.file is None else self.tape.file.path

    @changing
    def clear(self) -> None:
        """Discard all data recorded so far, also in the file."""
        self.tape.clear()

    def __len__(self) -> int:
        """Return the number of spikes or samples so far."""
        return self.tape.count()

    def __bool__(self) -> bool:
        """Return True: a recorder without data is one, too."""
        return True

    def __copy__(self) -> Any:
        """Return the recorder: a copy of a handle is a handle."""
        return self

    def in_steps(self, start: int = -1, stop: int = LAST) -> Arrays:
        """Return stamps and data with start < stamp <= stop, in steps."""
        return self._all(start, stop)

    def _described(self, what: str) -> str:
        """Return the number of spikes or samples, or, while it cannot be read, what the network is doing."""
        try:
            return f"{self.tape.count()} {what}"
        except RuntimeError:
            state = self.tape.network.engine.state()
            return "running" if state == "idle" else state  # it has ended since

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        what = "spikes" if self.tape.title.endswith("spikes") else "samples"
        state = "paused" if self.paused else ""
        rows = [("recorded", self._described(what)), ("file", self.path), ("state", state)]
        return html.facts(f"{type(self).__name__}: {self.tape.title}", rows)

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
        tape = SpikeTape(network, target, "spikes", every)
        self._declare(network=network, target=target, tape=tape)

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        return self.target.ids, self.target.size

    @property
    def _now(self) -> float:
        return self.network.t

    @property
    def _population(self) -> str:
        return self.target.name

    def __reduce__(self) -> Any:
        """Copy and pickle as data without the network."""
        stamps, data = self._all()
        about = self._dt, self._elements(), self._now, (self.start, self.stop)
        return SpikeData, (self.tape.title, stamps, data, *about)

    def __repr__(self) -> str:
        return f"SpikeRecorder({self.target.name}: {self._described('spikes')})"


class _SampleRecorder(_Recorder, RecordedSamples):
    def __reduce__(self) -> Any:
        """Copy and pickle as data without the network."""
        stamps, data = self._all()
        return SampleData, (self.tape.title, stamps, data, self._dt, self.labels)


class StateRecorder(_SampleRecorder):
    """Samples of a state variable at multiples of an interval, at the end of the step.

    They are taken after the reset or, if the recorder was made with ``when="before_reset"``, before it.
    """

    target: Population
    name: str
    tape: StateTape

    def __init__(
        self,
        network: NetworkBase,
        target: Population,
        name: str,
        every: int = 1,
        *,
        before_reset: bool = False,
    ) -> None:
        self.network = network
        self.target = target
        self.name = name
        self.tape = StateTape(network, target, name, every, before_reset)

    @property
    def when(self) -> str:
        """When samples are taken: "after_reset" or "before_reset"."""
        return "before_reset" if self.tape.before_reset else "after_reset"

    @property
    def labels(self) -> Labels:
        """What the samples are: whose, of what, in which unit."""
        in_memory = self.tape.file is None  # a file has what this rank owns
        recorded = self.target.ids if in_memory else self.tape.layout().arrays["elements"]
        ids = {"id": np.asarray(recorded, np.int64)}
        every = float(to_ms(np.array(self.tape.every), self._dt))
        return Labels(self.target.name, self.name, self.tape.unit, ids, every, self.when)

    def __repr__(self) -> str:
        return f"StateRecorder({self.target.name}.{self.name}: {self._described('samples')})"


class WeightRecorder(_SampleRecorder):
    """Samples of the weights of a projection at multiples of an interval."""

    target: Projection
    tape: WeightTape

    def __init__(self, network: NetworkBase, target: Projection, every: int = 1) -> None:
        self.network = network
        self.target = target
        self.tape = WeightTape(network, target, "weights", every)

    @property
    def labels(self) -> Labels:
        """Description of the samples: their population, quantity and unit; with several ranks, without the ends of synapses."""
        of = self.target
        if self.network.ranks.size == 1:
            ends = dict(zip(("pre", "post"), self.tape.ends(), strict=True))
            columns = {name: np.asarray(ids, np.uint32) for name, ids in ends.items()}
        else:  # the ends are known to all ranks together, and others may not be asking
            columns = {"synapse": np.arange(self._all()[1].shape[1], dtype=np.uint32)}
        every = float(to_ms(np.array(self.tape.every), self._dt))
        return Labels(f"{of.pre.name}-{of.post.name}", "weights", self.tape.unit, columns, every)

    def __repr__(self) -> str:
        return f"WeightRecorder({self.target!r}: {self._described('samples')})"


class MultiStateRecorder(Sealed):
    """Samples of several states of one population, taken at the same times. Made by `Network.record` from a list.

    ``recorder["V_m"]`` is the recorder of one state. ``recorder.values`` stacks them all, so that
    ``v, i = recorder.values`` names each. In `Network.recorders`, and so after a load, they are single recorders.

    Parameters
    ----------
    recorders : dict of str to StateRecorder
        Recorders by state, sampled alike.
    """

    recorders: Mapping[str, Any]

    def __init__(self, recorders: Mapping[str, Any]) -> None:
        self.recorders = MappingProxyType(dict(recorders))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(self.recorders)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times of the samples [ms]."""
        times: npt.NDArray[np.float64] = self._first.times
        return times

    @property
    def values(self) -> npt.NDArray[Any]:
        """Samples, [states, samples, len(target)]."""
        return np.stack([recorder.values for recorder in self.recorders.values()])

    def __getitem__(self, name: str) -> Any:
        """Return the recorder of one state."""
        if name not in self.recorders:
            msg = f"MultiStateRecorder: there is no {name!r}; there are: {', '.join(self.names)}"
            raise KeyError(msg)
        return self.recorders[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the states."""
        return iter(self.names)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: numpy would make an array of the names."""
        msg = "a MultiStateRecorder is not an array: use recorder.values, [states, samples, n], or recorder.to_dict()"
        raise TypeError(msg)

    def __len__(self) -> int:
        """Return the number of samples so far."""
        return len(self._first)

    def __bool__(self) -> bool:
        """Return True: a recorder without data is one, too."""
        return True

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the data as plain arrays: ``times``, and the values of each state by its name."""
        return {"times": self.times, **{name: r.values for name, r in self.recorders.items()}}

    def to_neo(self) -> list[Any]:
        """Return a `neo.AnalogSignal` for each state; see `StateRecorder.to_neo`."""
        return [recorder.to_neo() for recorder in self.recorders.values()]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: a row for each time [ms], and columns for each state and id."""
        pandas = extra("pandas", "to_frame")
        each = {name: recorder.to_frame() for name, recorder in self.recorders.items()}
        return pandas.concat(each, axis=1, names=["state"])

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with a variable for each state, over time [ms] and id."""
        xarray = extra("xarray", "to_xarray")
        return xarray.Dataset({name: r.to_xarray() for name, r in self.recorders.items()})

    def between(
        self, start: float = 0.0, stop: float = np.inf
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
        """Return the times, and values [states, samples, len(target)], with ``start < time <= stop`` [ms].

        Parameters
        ----------
        start, stop : float
            The interval [ms].
        """
        found = [recorder.between(start, stop) for recorder in self.recorders.values()]
        return found[0][0], np.stack([values for _, values in found])

    def pause(self) -> None:
        """Stop recording until `resume`. Earlier data is kept."""
        for recorder in self.recorders.values():
            recorder.pause()

    def resume(self) -> None:
        """Resume recording, from now on."""
        for recorder in self.recorders.values():
            recorder.resume()

    def clear(self) -> None:
        """Discard all data recorded so far, also in the file."""
        for recorder in self.recorders.values():
            recorder.clear()

    @property
    def _first(self) -> Any:
        return next(iter(self.recorders.values()))

    def __reduce__(self) -> Any:
        """Copy and pickle as data without the network."""
        return MultiStateRecorder, (dict(self.recorders),)

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        rows = [(name, repr(recorder)) for name, recorder in self.recorders.items()]
        return html.grid("MultiStateRecorder", ["state", "recorder"], rows)

    def __repr__(self) -> str:
        return f"MultiStateRecorder({', '.join(map(repr, self.recorders.values()))})"
