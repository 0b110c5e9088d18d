"""All runs of a sweep in one HDF5 file: for other programs as attributes and datasets, and as JSON to load it again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet._util.files import path_of, replaced
from spikelet._util.reading import json_value
from spikelet.experiments import tables
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record, check_name

FORMAT = "spikelet sweep results 1"

_OTHERS = {".csv", ".txt", ".json", ".npy", ".npz", ".pkl", ".parquet", ".xlsx", ".html"}


def check(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written at this path."""
    path = path_of("save", path)
    if path.is_dir():
        fail("save", "path", str(path), "must be a file, not a folder")
    if not path.absolute().parent.is_dir():
        fail("save", "path", str(path), "must be in an existing folder")
    if path.suffix.lower() in _OTHERS:
        rule = 'must be an HDF5 file, such as "all.h5"; result.table.to_csv("all.csv") writes the table as text'
        fail("save", "path", str(path), rule)


def save(
    runs: Sequence[Run],
    records: Iterable[Record],
    table: dict[str, list[Any]],
    path: str | os.PathLike[str],
    fixed: Sequence[str] = (),
) -> None:
    """Write the file; see `SweepResult.save`.

    Parameters
    ----------
    runs : sequence of Run
    records : iterable of Record
        One for each run, with its arrays; only one is held at a time.
    table : dict of str to list
        Columns of the table.
    path : path
    fixed : sequence of str
        Parameters that are not dimensions.
    """
    h5py = extra("h5py", "SweepResult.save")
    check(path)
    with replaced(Path(path)) as file, h5py.File(file, "w") as h5:
        h5.attrs["format"] = FORMAT
        h5.attrs["fixed"] = json.dumps(list(fixed))
        for k, (run, record) in enumerate(zip(runs, records, strict=True)):
            for name in (*record.scalars, *record.arrays):  # a changed store may hold any
                check_name(name, name)
            group = h5.create_group(f"runs/{k:05d}")
            own = {
                "key": run.key, "seed": run.seed, "replicate": run.replicate,
                "status": record.status, "error": record.error, "traceback": record.traceback,
                "seconds": record.seconds, "host": record.host, "version": record.version,
                "simd": record.simd,
            }  # fmt: skip
            _attributes(group, {name: value for name, value in own.items() if value is not None})
            _attributes(group.create_group("parameters"), run.parameters)
            _attributes(group.create_group("scalars"), record.scalars)
            arrays = group.create_group("arrays")
            for name, array in record.arrays.items():
                arrays[name] = _stored(array, h5py)
                if array.dtype.kind == "U":
                    arrays[name].attrs["text"] = array.dtype.str
            whole = {"run": run.to_json(), "record": record.to_json(), "arrays": [*record.arrays]}
            group["json"] = np.frombuffer(json.dumps(whole).encode(), np.uint8)  # of any length
        for name, values in table.items():
            column = tables.array(values)
            if column.dtype == object:
                column = np.array([_plain(v) if v is not None else "" for v in values], dtype="O")
                column = column.astype(str).astype(h5py.string_dtype())
            h5[f"table/{name}"] = column


def load(path: Path) -> tuple[list[Run], dict[str, Record], list[str]]:
    """Return the runs of a file, their records by key, and the parameters that are not dimensions.

    Raises
    ------
    ValueError
        If it is not a file of `save`.
    """
    h5py = extra("h5py", "load_sweep")
    where, whole = (
        "load_sweep",
        "must be the folder of a store, or a file that SweepResult.save wrote",
    )
    try:
        opened = h5py.File(path)
    except OSError as error:
        fail(where, "store", str(path), f"{whole} ({error})")
    with opened as h5:
        if h5.attrs.get("format") != FORMAT:
            fail(where, "store", str(path), whole)
        runs, records = [], {}
        try:
            groups = h5.get("runs", {})  # none, without runs
            for name in sorted(groups, key=int):
                about = json_value(groups[name]["json"][:].tobytes())
                run = Run.from_json(about["run"])
                runs.append(run)
                if about["record"]["status"] != "missing":
                    stored = groups[name]["arrays"]
                    arrays = {each: _array(stored[each]) for each in about["arrays"]}
                    records[run.key] = replace(Record.from_json(about["record"]), arrays=arrays)
            return runs, records, [str(each) for each in json_value(h5.attrs["fixed"])]
        except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError) as error:
            msg = f"{where}: {path}: not as SweepResult.save wrote it ({error})"
            raise ValueError(msg) from None


def _array(stored: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(stored[()], dtype=stored.dtype)
    if "text" not in stored.attrs:
        return array
    return np.char.decode(array, "utf-8").astype(stored.attrs["text"])


def _attributes(group: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        group.attrs[name] = _plain(value)


def _plain(value: Any) -> Any:
    """Return a value that HDF5 has a type for; everything else becomes JSON."""
    big = isinstance(value, int) and not -(2**63) <= value < 2**64
    text = isinstance(value, str) and ("\0" in value or not _encodes(value))
    return json.dumps(value) if value is None or big or text or isinstance(value, tuple) else value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone UTF-16 surrogate
        return False
    return True


def _stored(array: np.ndarray[Any, Any], h5py: Any) -> np.ndarray[Any, Any]:
    """Return an array of a type that HDF5 has; dates are stored as opaque data, which only h5py reads back."""
    if array.dtype.kind == "U":
        return np.char.encode(array, "utf-8", "backslashreplace")
    return array.astype(h5py.opaque_dtype(array.dtype)) if array.dtype.kind in "mM" else array
