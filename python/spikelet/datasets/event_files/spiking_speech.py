"""The Heidelberg data sets SHD and SSC: spikes of an artificial cochlea, many recordings in one HDF5 file."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, read_only
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.datasets.event_files.hdf5 import checked, opened
from spikelet.events import DTYPE

_WHERE = "datasets.read_spiking_speech"
_UNITS = 700
_MOST_CLASSES, _LONGEST_NAME = 10_000, 1000


@dataclass(frozen=True, eq=False, repr=False)
class SpikingSpeech:
    """The recordings of a file of SHD or SSC, read one at a time: ``events, label = recordings[k]``.

    Parameters
    ----------
    path : path
        The file.

    Attributes
    ----------
    labels : int64 array ``[recordings]``
        Class of each recording; read-only.
    classes : tuple of str
        Names of the classes, where the file has them.
    speakers : int64 array ``[recordings]`` or None
        Who spoke, where the file says so; read-only.
    sensor_size : tuple
        ``(700, 1, 1)``.
    """

    path: Path
    labels: NDArray[np.int64] = field(init=False)
    classes: tuple[str, ...] = field(init=False, default=())
    speakers: NDArray[np.int64] | None = field(init=False, default=None)
    sensor_size: ClassVar = (_UNITS, 1, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        self.path.stat()  # FileNotFoundError names it
        with opened(_WHERE, self.path) as file:
            labels = self._integers(file, "labels")
            for name in ("spikes/times", "spikes/units"):
                if len(self._column(file, name, ragged=True)) != len(labels):
                    self._refuse(
                        name, f"must have as many recordings as there are labels, {len(labels)}"
                    )
            object.__setattr__(self, "labels", labels)
            if "extra" in file and "speaker" in file["extra"]:
                object.__setattr__(self, "speakers", self._integers(file, "extra/speaker"))
            if "extra" in file and "keys" in file["extra"]:
                keys = file["extra/keys"]
                if (
                    keys.ndim != 1
                    or len(keys) > _MOST_CLASSES
                    or keys.dtype.itemsize > _LONGEST_NAME
                ):
                    self._refuse("extra/keys", f"must be at most {_MOST_CLASSES} short names")
                names = (k.decode() if isinstance(k, bytes) else str(k) for k in keys[...])
                object.__setattr__(self, "classes", tuple(names))

    def _integers(self, file: Any, name: str) -> NDArray[np.int64]:
        values = self._column(file, name)[...]
        if values.dtype.kind not in "iu" or (values.size and values.min() < 0):
            self._refuse(name, "must be integers >= 0")
        return np.asarray(read_only(values.astype(np.int64)))

    def _column(self, file: Any, name: str, *, ragged: bool = False) -> Any:
        return checked(_WHERE, self.path, file, name, ragged=ragged)

    def _refuse(self, name: str, rule: str) -> None:
        raise ValueError(f"{_WHERE}: {self.path}: dataset {name!r} {rule}")

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: SupportsIndex) -> tuple[NDArray[Any], int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[NDArray[Any], int]]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return the events of a recording, one unit x for each channel of the cochlea, and its label.

        The file is opened for each call, so that it may be used from any thread and after a fork.
        """
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = operator.index(index)
        if not -len(self) <= k < len(self):  # IndexError ends loops
            fail(
                _WHERE, "index", k, f"must lie in {-len(self)} .. {len(self) - 1}", error=IndexError
            )
        k %= len(self)
        with opened(_WHERE, self.path) as file:
            times = self._column(file, "spikes/times", ragged=True)[k]
            units = self._column(file, "spikes/units", ragged=True)[k]
        return self._events(k, np.asarray(times), np.asarray(units)), int(self.labels[k])

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"SpikingSpeech({str(self.path)!r}: {len(self)} recordings)"

    def _events(self, k: int, times: NDArray[Any], units: NDArray[Any]) -> NDArray[Any]:
        at = f"spikes/units[{k}]"
        if times.shape != units.shape or units.dtype.kind not in "iuf":
            self._refuse(
                at, f"must be as many integers as there are times, {times.shape}, got {units.shape}"
            )
        if units.size and not (units.min() >= 0 and units.max() < _UNITS):
            self._refuse(at, f"must lie in 0 .. {_UNITS - 1}")
        us = times.astype(np.float64) * 1e6
        if not (np.isfinite(us).all() and us.min(initial=0) >= 0 and us.max(initial=0) < 2**53):
            self._refuse(f"spikes/times[{k}]", "must be finite and >= 0 s")
        events = np.empty(len(us), DTYPE)
        events["t"], events["x"], events["y"], events["p"] = us, units, 0, 0
        if len(us) > 1 and (np.diff(us) < 0).any():
            events = events[np.argsort(us, kind="stable")]
        return events


@spelled
def read_spiking_speech(path: str | os.PathLike[str]) -> SpikingSpeech:
    """Open a file of SHD or SSC: spoken digits, or commands, as spikes of 700 channels.

    Parameters
    ----------
    path : path
        For example ``shd_train.h5``, from https://zenkelab.org/datasets.

    Returns
    -------
    SpikingSpeech
        A sequence of ``(events, label)``; events have y = 0 and p = 0 (tonic: 1), as fits the sensor (700, 1, 1). A recording is read when it is used.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not such a file, or damaged; also when a recording is read.
    ImportError
        h5py is missing: ``pip install 'spikelet[hdf5]'``.

    Notes
    -----
    Source: Cramer, Stradmann, Schemmel and Zenke, The Heidelberg spiking data sets for the systematic evaluation of
    spiking neural networks, IEEE TNNLS 33:2744 (2022).
    """
    return SpikingSpeech(path_of("datasets.read_spiking_speech", path))
