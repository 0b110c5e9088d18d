"""All runs in one HDF5 file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet._extras import extra
from spikelet._files import replaced
from spikelet.experiments import tables

if TYPE_CHECKING:
    from spikelet.experiments.result import SweepResult

__all__ = ["save"]

FORMAT = "spikelet sweep results 1"


def save(result: SweepResult, path: str | os.PathLike[str]) -> None:
    """Write the file; see `SweepResult.save`."""
    h5py = extra("h5py", "SweepResult.save")
    with replaced(Path(path)) as file, h5py.File(file, "w") as h5:
        h5.attrs["format"] = FORMAT
        for k, one in enumerate(result):
            group = h5.create_group(f"runs/{k:05d}")
            record = one.record
            own = {
                "key": one.run.key, "seed": one.seed, "replicate": one.run.replicate,
                "status": one.status, "error": one.error, "traceback": one.traceback,
                "seconds": record.seconds, "host": record.host, "version": record.version,
                "simd": record.simd,
            }  # fmt: skip
            _attributes(group, {name: value for name, value in own.items() if value is not None})
            _attributes(group.create_group("parameters"), one.parameters)
            _attributes(group.create_group("scalars"), record.scalars)
            arrays = group.create_group("arrays")
            for name, array in record.arrays.items():
                arrays[name] = _text(array) if array.dtype.kind == "U" else array
        for name, values in tables.columns(result.runs, result._shorts()).items():
            column = tables.array(values)
            if column.dtype == object:
                column = np.array([_plain(v) if v is not None else "" for v in values], dtype="O")
                column = column.astype(str).astype(h5py.string_dtype())
            h5[f"table/{name}"] = column


def _attributes(group: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        group.attrs[name] = _plain(value)


def _plain(value: Any) -> Any:
    """Return what HDF5 has a type for; all else as JSON."""
    big = isinstance(value, int) and not -(2**63) <= value < 2**64
    text = isinstance(value, str) and "\0" in value
    return json.dumps(value) if value is None or big or text or isinstance(value, tuple) else value


def _text(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.char.encode(array, "utf-8")
