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
from spikelet._util.files import path_of
from spikelet._util.grid import slack, to_ms
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.recording import frames, hdf5_access, neo
from spikelet.recording.hdf5_access import LAST, Arrays
from spikelet.recording.hdf5_sums import count_of
from spikelet.recording.labels import Labels
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
        self.path, self.name = path, name
        with hdf5_access.reading(path) as file:
            group = file[name]
            self.attributes = MappingProxyType(
                {**hdf5_access.attributes_of(file), **hdf5_access.attributes_of(group)}
            )
            self._ids = hdf5_access.elements_of(group)
        dt = self.attributes["dt"]
        if not isinstance(dt, float) or not 0 < dt < np.inf:
            fail(f"recording {path}", "dt", dt, "must be a time > 0")
        size = self.attributes.get("size", 0)
        if not isinstance(size, (int, np.integer)) or not 0 <= size < 2**32:
            fail(f"recording {path}", "size", size, "must be a number of elements")

    def _blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        with hdf5_access.reading(self.path) as file:
            group = file[self.name]
            yield from hdf5_access.between(group, start, stop)

    def _stamps(self) -> npt.NDArray[np.int64]:
        with hdf5_access.reading(self.path) as file:
            return hdf5_access.stamps_of(file[self.name])

    def __len__(self) -> int:
        """Return the number of spikes or samples so far."""
        with hdf5_access.reading(self.path) as file:
            return count_of(file[self.name]).entries

    @property
    def _dt(self) -> float:
        return float(self.attributes["dt"])

    @property
    def t(self) -> float:
        """Time up to which the recording reaches so far [ms]."""
        with hdf5_access.reading(self.path) as file:
            return float(to_ms(np.array(max(count_of(file[self.name]).step, 0)), self._dt))

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
        """Description of the samples: their population, quantity and unit; the unit is "" in a file of version 0.3."""
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
        """Description of the samples; a file of a version before 0.18 does not hold the ends of synapses."""
        about = self.attributes
        between = f"{about.get('pre', '')}-{about.get('post', '')}"
        with hdf5_access.reading(self.path) as file:
            group = file[self.name]
            width = hdf5_access.data_of(group).shape[1]
            ends = hdf5_access.ends_of(group, width)
        columns = {"synapse": np.arange(width)}
        if ends is not None:
            columns = {"pre": ends[0], "post": ends[1]}
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
    with hdf5_access.reading(path_of("recording_names", path)) as file:
        return hdf5_access.names_of(file)


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
    found = path_of("read_recording", path)
    names = recording_names(found)
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        fail("read_recording", "name", name, f"must be one of: {', '.join(names)}")
    with hdf5_access.reading(found) as file:
        kind = hdf5_access.attributes_of(file[name])["kind"]
        if kind not in _KINDS:
            fail(
                f"recording {found}",
                f"kind of {name}",
                kind,
                f"must be one of: {', '.join(_KINDS)}",
            )
    recording: SpikeRecording | StateRecording | WeightRecording = _KINDS[kind](found, name)
    return recording
