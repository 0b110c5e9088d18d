"""Recorded spikes and samples, with the same properties in memory and on disk."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, number
from spikelet._util.extras import extra
from spikelet._util.files import path_of, replaced
from spikelet._util.grid import slack, to_ms
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.recording import frames, neo
from spikelet.recording.labels import Labels
from spikelet.recording.on_disk import LAST, Arrays, Log
from spikelet.spikes import Spikes

__all__ = [
    "SpikeRecording",
    "StateRecording",
    "WeightRecording",
    "read_recording",
    "recording_names",
]


def last_step(time: float, dt: float) -> int:
    """Return the last step that is not after a time [ms], or at it but for rounding: 0.3 - 0.1 is 0.19999999999999998."""
    if time < 0 or time / dt >= 2**53:
        return -1 if time < 0 else LAST
    near = round(time / dt)
    after = to_ms(np.array(near), dt) > time + max(slack(dt), 2 * math.ulp(time))
    return near - 1 if after else near


def limits_in_ms(start: Any, stop: Any, dt: float) -> tuple[float, float]:
    """Return limits of a recording, in steps or None, as times."""
    return (
        0.0 if start is None else float(to_ms(np.array(start), dt)),
        np.inf if stop is None else float(to_ms(np.array(stop), dt)),
    )


def _own(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that the caller may change."""
    return data if data.flags.writeable else data.copy()


class Recorded(ABC):
    """Ascending stamps with an id or a row of values for each."""

    @abstractmethod
    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        """Yield the data with start < stamp <= stop [steps], in at least one piece of some megabytes.

        An array that must not be changed is read-only.
        """

    @abstractmethod
    def _stamps(self) -> npt.NDArray[np.int64]:
        """Return all stamps [steps]."""

    @property
    @abstractmethod
    def _dt(self) -> float:
        """Time step [ms]."""

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times [ms], at the ends of steps."""
        return to_ms(self._stamps(), self._dt)

    def _steps(self, where: str, start: float, stop: float) -> tuple[int, int]:
        first, last = (
            float(number(where, name, value, "ms"))
            for name, value in (("start", start), ("stop", stop))
        )
        at_0 = first <= slack(self._dt)  # then time 0 is in
        return -1 if at_0 else last_step(first, self._dt), last_step(last, self._dt)

    def _all(self, start: int = -1, stop: int = LAST) -> Arrays:
        found = list(self._blocks(start, stop))
        if len(found) == 1:
            return found[0]
        return np.concatenate([s for s, _ in found]), np.concatenate([x for _, x in found])

    def between(
        self, start: float = 0.0, stop: float = np.inf
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
        """Return the data with ``start < time <= stop`` [ms]; ``start=0`` includes time 0.

        From a recording on disk, only this part is read.

        Parameters
        ----------
        start, stop : float
            The interval [ms].

        Returns
        -------
        times, ids or values : array, array
        """
        stamps, data = self._all(*self._steps("between", start, stop))
        return to_ms(stamps, self._dt), data.astype(np.int64) if data.dtype == np.uint32 else _own(
            data
        )

    def to_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Write the data to an HDF5 file for other programs; needs h5py.

        The file has the data sets ``times`` [ms] and ``ids``, or ``values`` of samples. A recording on disk is copied in
        pieces of some megabytes.

        Parameters
        ----------
        path : path-like
            File to write. An existing one is replaced once the new one is complete.
        """
        h5py = extra("h5py", "to_hdf5", "hdf5")
        with replaced(path_of("to_hdf5", path)) as out, h5py.File(out, "w") as file:
            file.attrs["dt"] = self._dt
            n = 0
            for stamps, data in self._blocks():
                name = "ids" if data.dtype == np.uint32 else "values"
                for key, array in (("times", to_ms(stamps, self._dt)), (name, data)):
                    if key not in file:
                        shape = (None, *array.shape[1:])
                        file.create_dataset(key, data=array, maxshape=shape, chunks=True)
                    else:
                        file[key].resize(n + len(array), axis=0)
                        file[key][n:] = array
                n += len(stamps)


class RecordedSpikes(Recorded):
    """Spikes of a population or of a part of it, in order of time, then id."""

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: numpy would make an array of one object."""
        msg = "recorded spikes are not an array: use recorder.times and recorder.ids, or recorder.spikes.bin(width)"
        raise TypeError(msg)

    @abstractmethod
    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        """Return the recorded ids and the size of the population."""

    @property
    @abstractmethod
    def _now(self) -> float:
        """Present time [ms]."""

    @property
    @abstractmethod
    def start(self) -> float:
        """Time after which it records [ms]; 0 includes time 0."""

    @property
    @abstractmethod
    def stop(self) -> float:
        """Time up to which it records [ms]; inf: no end."""

    @property
    @abstractmethod
    def _population(self) -> str:
        """Name of the population."""

    @property
    def spikes(self) -> Spikes:
        """The spikes so far, as a value that does not change when the recorder gets more."""
        stamps, ids = self._all()
        elements, size = self._elements()
        start = self.start
        return Spikes(
            to_ms(stamps, self._dt),
            ids,
            size,
            start=start,
            stop=max(start, min(self._now, self.stop)),
            dt=self._dt,
            elements=elements,
            name=self._population,
        )

    def to_neo(self, *, lazy: bool = False) -> Any:
        """Return Neo's trains; see `Spikes.to_neo`."""
        return self.spikes.to_neo(lazy=lazy)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each spike; see `Spikes.to_frame`."""
        return self.spikes.to_frame()

    def to_xarray(self) -> Any:
        """Return an xarray Dataset over all spikes; see `Spikes.to_xarray`."""
        return self.spikes.to_xarray()

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the data as plain arrays: ``times`` and ``ids`` of the spikes, and ``elements``, the recorded ids."""
        elements = self._elements()[0].astype(np.int64)
        return {"times": self.times, "ids": self.ids, "elements": elements}

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Ids within the population."""
        return self._all()[1].astype(np.int64)

    def counts(self, start: float = 0.0, stop: float = np.inf) -> npt.NDArray[np.int64]:
        """Return the number of spikes of each element with ``start < time <= stop`` [ms]; ``start=0`` includes time 0.

        Parameters
        ----------
        start, stop : float
            The interval [ms].

        Returns
        -------
        array of int, [len(target)]
            In the order of the target's ids.
        """
        elements, size = self._elements()
        counts = np.zeros(size, dtype=np.int64)
        for _, ids in self._blocks(*self._steps("counts", start, stop)):
            counts += np.bincount(ids, minlength=size)
        return counts[elements]

    def rates(self, start: float = 0.0, stop: float | None = None) -> npt.NDArray[np.float64]:
        """Return the mean rate of each element in an interval [Hz], by default from 0 to now.

        The interval is limited to what was recorded: it ends now at the latest, and lies within `start` and `stop` of the
        recorder.

        Parameters
        ----------
        start, stop : float
            The interval [ms].

        Raises
        ------
        ValueError
            If `stop` is before `start`.
        """
        start = float(number("rates", "start", start, "ms"))
        stop = math.inf if stop is None else float(number("rates", "stop", stop, "ms"))
        if stop < start:
            fail("rates", "stop", stop, f"must not be before start = {start:g} ms")
        start, stop = max(start, self.start), min(stop, self.stop, self._now)
        length = stop - start
        scale = 1e3 / length if length > 0 else 0.0
        return np.asarray(self.counts(start, stop) * scale, dtype=np.float64)


class RecordedSamples(Recorded):
    """Rows of values, sampled at multiples of an interval."""

    @property
    @abstractmethod
    def labels(self) -> Labels:
        """What they are: whose, of what, in which unit."""

    @property
    def values(self) -> npt.NDArray[Any]:
        """Sampled values: [samples, len(target)] of a state, in the order of the target's ids; [samples, synapses] of
        weights, in canonical order."""  # noqa: D205, D209
        return _own(self._all()[1])

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: numpy would make an array of one object."""
        msg = "recorded samples are not an array: use recorder.values, [samples, n]"
        raise TypeError(msg)

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the data as plain arrays, ``times`` and ``values``."""
        return {"times": self.times, "values": self.values}

    def to_neo(self) -> Any:
        """Return a `neo.AnalogSignal` in the model's unit, or an IrregularlySampledSignal if the recorder paused.

        Its array annotations have the ids of columns ("id" and "channel_id"; "pre" and "post" of weights), and its
        annotations the population.
        """
        stamps, values = self._all()
        labels, steps = self.labels, np.diff(stamps)
        regular = bool((steps == round(labels.every / self._dt)).all())
        return neo.signal(to_ms(stamps, self._dt), _own(values), regular, labels)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: a row for each time [ms], and a column for each id, or for pre and post of weights."""
        stamps, values = self._all()
        return frames.sample_frame(to_ms(stamps, self._dt), _own(values), self.labels)

    def to_xarray(self) -> Any:
        """Return an xarray DataArray over time [ms] and id, or synapse with the coordinates pre and post."""
        stamps, values = self._all()
        return frames.sample_array(to_ms(stamps, self._dt), _own(values), self.labels)


class _OnDisk(Sealed, Recorded):
    """A recording on disk, read anew at each access because it may still be growing.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Name of the recording within the file.
    attributes : mapping
        Metadata in the file: dt, seed, population, ...
    """

    path: Path
    name: str
    attributes: Mapping[str, Any]

    _instead: ClassVar = {"": "it is fixed by the file; read another with read_recording()"}

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self._log = path, name, Log(path)
        self._layout = self._log.layout(name)
        self.attributes = MappingProxyType(
            {**self._log.index().header, "kind": self._layout.kind, **self._layout.attributes}
        )
        self._ids = self._layout.arrays.get("elements")

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        return self._log.blocks(self.name, start, stop)

    def _all(self, start: int = -1, stop: int = LAST) -> Arrays:
        if start < 0 and stop == LAST:
            return self._log.whole(self.name)
        return super()._all(start, stop)

    def _stamps(self) -> npt.NDArray[np.int64]:
        return self._log.stamps(self.name)

    def __len__(self) -> int:
        """Return the number of spikes or samples so far."""
        return self._log.done(self.name)[0]

    @property
    def _dt(self) -> float:
        return float(self.attributes["dt"])

    @property
    def t(self) -> float:
        """Time up to which the recording reaches so far [ms]."""
        return float(to_ms(np.array(max(self._log.done(self.name)[1], 0)), self._dt))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path}, {self.name}: {len(self)})"


class SpikeRecording(_OnDisk, RecordedSpikes):
    """Spikes on disk, in order of time, then id. Made by `read_recording`."""

    def _elements(self) -> tuple[npt.NDArray[np.uint32], int]:
        size = int(self.attributes["size"])
        return np.arange(size, dtype=np.uint32) if self._ids is None else self._ids, size

    @property
    def _now(self) -> float:
        return self.t

    @property
    def start(self) -> float:
        """Time after which it records [ms]; 0 includes time 0."""
        return limits_in_ms(self.attributes.get("start"), None, self._dt)[0]

    @property
    def stop(self) -> float:
        """Time up to which it records [ms]; inf: no end."""
        return limits_in_ms(None, self.attributes.get("stop"), self._dt)[1]

    @property
    def _population(self) -> str:
        return str(self.attributes.get("population", self.name.removesuffix(".spikes")))


class StateRecording(_OnDisk, RecordedSamples):
    """Samples of a state on disk. Made by `read_recording`."""

    @property
    def labels(self) -> Labels:
        """Description of the samples: their population, quantity and unit."""
        about = self.attributes
        size = int(about.get("size", 0))
        ids = np.arange(size) if self._ids is None else self._ids.astype(np.int64)
        population, what, unit = (str(about.get(k, "")) for k in ("population", "what", "unit"))
        when = str(about.get("when", "after_reset"))
        return Labels(population, what, unit, {"id": ids}, _every(about, self._dt), when)


class WeightRecording(_OnDisk, RecordedSamples):
    """Samples of weights on disk. Made by `read_recording`."""

    @property
    def labels(self) -> Labels:
        """Description of the samples."""
        about = self.attributes
        between = f"{about.get('pre', '')}-{about.get('post', '')}"
        columns = {end: self._layout.arrays[f"{end}_ids"] for end in ("pre", "post")}
        return Labels(
            between, "weights", str(about.get("unit", "")), columns, _every(about, self._dt)
        )


def _every(about: Mapping[str, Any], dt: float) -> float:
    """Return the interval between samples [ms]."""
    return float(to_ms(np.array(about.get("every", 1)), dt))


_KINDS: dict[str, Any] = {
    "spikes": SpikeRecording,
    "state": StateRecording,
    "weights": WeightRecording,
}


@spelled
def recording_names(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the recordings in a file, such as "cells.spikes", in order of creation.

    Parameters
    ----------
    path : path-like
        File that recorders write to or wrote to.
    """
    return list(Log(path_of("recording_names", path)).index().layouts)


@spelled
def read_recording(
    path: str | os.PathLike[str], name: str | None = None
) -> SpikeRecording | StateRecording | WeightRecording:
    """Open a recording on disk, even while it grows or after a crash.

    Parameters
    ----------
    path : path-like
        File that recorders write to or wrote to (``net.record(..., to=path)``).
    name : str, optional
        Name of the recording, if the file has several: "cells.spikes", "cells.V_m".

    Returns
    -------
    SpikeRecording, StateRecording or WeightRecording
        A recording with the properties of the recorder. Each access reads what the file holds at that time;
        ``counts``, ``rates`` and ``between`` read only the part that they need.

    Raises
    ------
    ValueError
        If the file is not a recording, or has none of that name.
    """
    log = Log(path_of("read_recording", path))
    names = list(log.index().layouts)
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        fail("read_recording", "name", name, f"must be one of: {', '.join(names)}")
    recording: SpikeRecording | StateRecording | WeightRecording
    recording = _KINDS[log.layout(name).kind](log.path, name)
    return recording
