"""The record of a run: what is known of it, with its function's return value as scalars and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from spikelet._util.checks import choice, fail
from spikelet._util.tensors import detached
from spikelet.network.recorders import MultiStateRecorder
from spikelet.recording.reading import RecordedSamples, RecordedSpikes
from spikelet.spikes import Spikes

_LONGEST = 200  # characters in a name
_MOST = 9000  # characters in a structured dtype: numpy reads no header of more than 10,000

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Record:
    """Everything that is known about a run.

    Parameters
    ----------
    status : str
        "done", "failed", or "missing".
    scalars : dict
        Numbers, strings, bools and None that the function returned, by name.
    arrays : dict
        Arrays that the function returned, by name.
    error, traceback : str, optional
        The exception of a failed run, and its traceback.
    seconds : float
        Time spent in the function [s].
    host, version, simd : str
        Machine, version of spikelet, and SIMD level.
    """

    status: Literal["done", "failed", "missing"]
    scalars: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict, repr=False)
    error: str | None = None
    traceback: str | None = None
    seconds: float = float("nan")
    host: str = ""
    version: str = ""
    simd: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything except the arrays."""
        return {name: value for name, value in vars(self).items() if name != "arrays"}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the record of a stored description, without arrays.

        Raises
        ------
        ValueError, TypeError
            If it was not made by `to_json`.
        """
        record = cls(**data)
        choice("stored run", "status", record.status, "done", "failed")
        texts = (record.error, record.traceback, record.host, record.version, record.simd)
        if not all(text is None or isinstance(text, str) for text in texts):
            fail("stored run", "texts", texts, "must be strings")
        if not isinstance(record.seconds, int | float) or not isinstance(record.scalars, dict):
            fail("stored run", "seconds and scalars", record, "must be a number and a dict")
        for name, value in record.scalars.items():
            if value is not None and type(value) not in (bool, int, float, str):
                fail("stored run", f"scalar {name!r}", value, "must be a number or a string")
        return record


def check_name(name: str, own: str) -> None:
    """Check that a name is valid in an HDF5 file, and has no special meaning there."""
    if not own.strip(".") or not name.isprintable() or "/" in name or len(name) > _LONGEST:
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
        msg = (
            f"names of results must be printable, have 1 to {_LONGEST} characters, no '/', "
            f"and not consist of dots, got {shown!r}"
        )
        raise ValueError(msg)


class NotStorableError(TypeError):
    """Some of what a function returned cannot be stored.

    Parameters
    ----------
    message : str
        Which values, and why.
    scalars, arrays : dict
        The others, which can.
    """

    def __init__(self, message: str, scalars: dict[str, Any], arrays: Arrays) -> None:
        super().__init__(message)
        self.scalars, self.arrays = scalars, arrays


def scalars_and_arrays(value: Any) -> tuple[dict[str, Any], Arrays]:
    """Sort the return value of a function into scalars and arrays.

    Parameters
    ----------
    value : dict or anything that can be in one
        Scalars, strings, arrays, recorders, and dicts of these. A recorder becomes its arrays: ``name.times`` and
        ``name.ids``, ``name.values``, or, of several states, ``name.V_m`` and so on. A value that is not a dict gets the
        name "result".

    Raises
    ------
    NotStorableError
        If a value is of another type. The exception has the values that can be stored.
    TypeError
        If a name is not a string.
    ValueError
        If a name is not valid in an HDF5 file, or occurs twice.
    """
    scalars: dict[str, Any] = {}
    arrays: Arrays = {}
    refused: list[str] = []
    _sort(value if isinstance(value, Mapping) else {"result": value}, "", scalars, arrays, refused)
    if refused:
        raise NotStorableError("; ".join(refused), scalars, arrays)
    return scalars, arrays


def _sort(
    values: Mapping[Any, Any],
    prefix: str,
    scalars: dict[str, Any],
    arrays: Arrays,
    refused: list[str],
) -> None:
    def add(name: str, array: np.ndarray[Any, Any]) -> None:
        check_name(name, name)
        _check_twice(name, scalars, arrays)
        arrays[name] = array

    for key, value in values.items():
        if not isinstance(key, str):
            msg = f"names of results must be strings, got {key!r}"
            raise TypeError(msg)
        name = prefix + key
        check_name(name, key)
        _check_twice(name, scalars, arrays)
        plain = _plain(value)
        if plain is not NotImplemented:
            scalars[name] = plain
        elif isinstance(value, Mapping):
            _sort(value, f"{name}.", scalars, arrays, refused)
        elif isinstance(value, RecordedSpikes):
            times, ids = value.between()
            add(f"{name}.times", times)
            add(f"{name}.ids", ids)
        elif isinstance(value, Spikes):
            add(f"{name}.times", value.times)
            add(f"{name}.ids", value.ids)
        elif isinstance(value, RecordedSamples):
            times, samples = value.between()
            add(f"{name}.times", times)
            add(f"{name}.values", samples)
        elif isinstance(value, MultiStateRecorder):
            for part, array in value.to_dict().items():
                add(f"{name}.{part}", array)
        else:
            try:
                arrays[name] = _array(detached("sweep", f"result {name!r}", value))
            except (TypeError, ValueError) as error:
                rule = "must be a number, a string, an array or a recorder"
                refused.append(f"result {name!r} {rule}: {error}")


def _check_twice(name: str, scalars: Mapping[str, Any], arrays: Arrays) -> None:
    if name in scalars or name in arrays:
        msg = f"results must have different names, got {name!r} twice"
        raise ValueError(msg)


def _plain(value: Any) -> Any:
    """Return a scalar as a built-in type, not a subclass, or NotImplemented."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # str() of an enum would give its name
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else NotImplemented


def _array(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, np.ma.MaskedArray):
        msg = "got a masked array, whose mask would be lost; use .filled() or return the mask separately"
        raise TypeError(msg)
    array = np.asarray(value)
    if array.dtype.hasobject or array.dtype.kind not in "?bBiufcSUMmV":
        msg = f"got {type(value).__name__}"
        raise TypeError(msg)
    if array.dtype.names is not None:
        if not _numeric(array.dtype):
            msg = f"fields must be numbers or bytes, got {array.dtype}"
            raise TypeError(msg)
        header = str(np.lib.format.dtype_to_descr(array.dtype))
        if len(header) > _MOST:
            msg = f"got {len(array.dtype.names)} fields, whose names are too long for a .npy file"
            raise TypeError(msg)
        try:
            header.encode("latin1")
        except UnicodeEncodeError:
            msg = f"fields must have names in Latin-1, got {array.dtype.names}"
            raise TypeError(msg) from None
    return array


def _numeric(kind: np.dtype[Any]) -> bool:
    """Return whether HDF5 has a type for a structured dtype."""
    kind = kind.base
    if kind.fields is not None:
        return all(_numeric(field[0]) for field in kind.fields.values())
    return kind.kind in "?biufcS"
