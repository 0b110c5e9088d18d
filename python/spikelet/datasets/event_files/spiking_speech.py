"""The Heidelberg data sets SHD and SSC: spikes of an artificial cochlea, many recordings in one HDF5 file."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, read_only
from spikelet.datasets.event_files.hdf5 import checked, opened
from spikelet.events import DTYPE

__all__ = ["SpikingSpeech", "read_spiking_speech"]

_WHERE = "datasets.read_spiking_speech"
_UNITS = 700


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
    keys : list of str
        Names of the classes, where the file has them.
    speakers : int64 array ``[recordings]`` or None
        Who spoke, where the file says so.
    sensor_size : tuple
        ``(700, 1, 1)``.
    """

    sensor_size = (_UNITS, 1, 1)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.stat()  # FileNotFoundError names it
        with opened(_WHERE, self.path) as file:
            labels = self._column(file, "labels")[...]
            n = len(labels)
            for name in ("spikes/times", "spikes/units"):
                if len(self._column(file, name, ragged=True)) != n:
                    self._refuse(name, f"must have as many recordings as there are labels, {n}")
            if labels.dtype.kind not in "iu" or (n and labels.min() < 0):
                self._refuse("labels", "must be integers >= 0")
            self.labels = read_only(labels.astype(np.int64))
            self.speakers = None
            self.keys: list[str] = []
            if "extra" in file:
                if "speaker" in file["extra"]:
                    self.speakers = read_only(self._column(file, "extra/speaker")[...].astype(np.int64))
                if "keys" in file["extra"]:
                    keys = file["extra/keys"]
                    if keys.ndim != 1 or len(keys) > 10_000:
                        self._refuse("extra/keys", "must be at most 10000 names")
                    self.keys = [k.decode() if isinstance(k, bytes) else str(k) for k in keys[...]]

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
            fail(_WHERE, "index", k, f"must lie in {-len(self)} .. {len(self) - 1}", error=IndexError)
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
            self._refuse(at, f"must be as many integers as there are times, {times.shape}, got {units.shape}")
        if units.size and not (units.min() >= 0 and units.max() < _UNITS):
            self._refuse(at, f"must lie in 0 .. {_UNITS - 1}")
        us = times.astype(np.float64) * 1e6
        if not (np.isfinite(us).all() and us.min(initial=0) >= 0 and us.max(initial=0) < 2**53):
            self._refuse(f"spikes/times[{k}]", "must be finite and >= 0 s")
        events = np.empty(len(us), DTYPE)
        events["t"], events["x"], events["y"], events["p"] = us, units, 0, 1
        if len(us) > 1 and (np.diff(us) < 0).any():
            events = events[np.argsort(us, kind="stable")]
        return events


def read_spiking_speech(path: str | os.PathLike[str]) -> SpikingSpeech:
    """Open a file of SHD or SSC: spoken digits, or commands, as spikes of 700 channels.

    Parameters
    ----------
    path : path
        For example ``shd_train.h5``, from https://zenkelab.org/datasets.

    Returns
    -------
    SpikingSpeech
        A sequence of ``(events, label)``; events have y = 0 and p = 1. A recording is read when it is used.

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
    return SpikingSpeech(path)
