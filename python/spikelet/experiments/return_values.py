"""Sort the return value of a function into scalars and arrays that every file format can store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikelet._util.tensors import detached
from spikelet.experiments.record import Arrays, check_name
from spikelet.network.recorders import MultiStateRecorder
from spikelet.recording.reading import RecordedSamples, RecordedSpikes
from spikelet.spikes import Spikes

__all__ = ["NotStorableError", "scalars_and_arrays"]

_MOST = 9000  # characters in a structured dtype: numpy reads no header of more than 10,000


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
    if array.dtype.names is not None and not _numeric(array.dtype):
        msg = f"fields must be numbers or bytes, got {array.dtype}"
        raise TypeError(msg)
    if (
        array.dtype.names is not None
        and len(str(np.lib.format.dtype_to_descr(array.dtype))) > _MOST
    ):
        msg = f"got {len(array.dtype.names)} fields, whose names are too long for a .npy file"
        raise TypeError(msg)
    return array


def _numeric(kind: np.dtype[Any]) -> bool:
    """Return whether HDF5 has a type for a structured dtype."""
    kind = kind.base
    if kind.fields is not None:
        return all(_numeric(field[0]) for field in kind.fields.values())
    return kind.kind in "?biufcS"
