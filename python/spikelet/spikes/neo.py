"""Spikes as Neo has them: trains, or the two arrays of many of them in a `SpikeTrainList`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail
from spikelet._util.extras import extra
from spikelet._util.grid import rescaled, to_ms
from spikelet.spikes.annotations import gathered, of_one
from spikelet.spikes.checking import on_grid
from spikelet.spikes.selection import places_of
from spikelet.spikes.trains import MOST_IDS

Span = tuple[float, float, float | None]
"""Start, stop and step of the grid [ms]."""

_OURS = ("population", "size", "dt", "shape", "id", "channel_id")
_IDS = ("id", "source_index", "channel_id")  # ours, PyNN's and Neo's


def trains(
    times: Float,
    ends: npt.NDArray[np.int64],
    elements: npt.NDArray[np.int64],
    span: Span,
    about: Mapping[str, Any],
) -> list[Any]:
    """Return a `neo.SpikeTrain` for each element.

    They are slices of one train, which takes 7 µs each; the constructor takes 100 µs (Neo 0.14).

    Parameters
    ----------
    times : array
        Times [ms], grouped by element.
    ends : array of int
        Where each group ends.
    elements : array of int
        The ids of the elements.
    span : Span
        Start, stop and step of the grid [ms].
    about : mapping
        Annotations: values for all, or arrays with one for each element.
    """
    neo = extra("neo", "to_neo", "neo")
    quantities = extra("quantities", "to_neo", "neo")
    start, stop, dt = span
    rate = {} if dt is None else {"sampling_rate": quantities.Quantity(1 / dt, "kHz")}
    whole = neo.SpikeTrain(times, units="ms", t_start=start, t_stop=stop, **rate)
    bounds = [0, *ends.tolist()]
    made = []
    for k, element in enumerate(elements.tolist()):
        train = whole[bounds[k] : bounds[k + 1]]
        train.annotations = {
            **of_one(about, k, len(elements)),
            "id": element,
            "channel_id": element,
        }
        made.append(train)
    return made


def train_list(
    times: Float,
    ids: npt.NDArray[np.int64],
    elements: npt.NDArray[np.int64],
    span: Span,
    about: Mapping[str, Any],
) -> Any:
    """Return a `SpikeTrainList` of the arrays, which makes trains when the first is touched; see `trains`."""
    lists = extra("neo.core.spiketrainlist", "to_neo", "neo")
    quantities = extra("quantities", "to_neo", "neo")
    start, stop = (quantities.Quantity(t, "ms") for t in span[:2])
    return lists.SpikeTrainList.from_spike_time_array(
        times,
        ids,
        elements.tolist(),
        units="ms",
        t_start=start,
        t_stop=stop,
        **{name: _for_neo(value, len(elements)) for name, value in about.items()},
        id=elements,
    )


def _for_neo(value: Any, n: int) -> Any:
    """Return an annotation of n trains; Neo takes any list for one with a value for each."""
    if isinstance(value, (str, np.ndarray)) or not hasattr(value, "__len__"):
        return value
    each = np.empty(n, object)
    for k in range(n):
        each[k] = value
    return each


def read_trains(where: str, source: Any, population: str | None) -> dict[str, Any]:
    """Return the arguments of `Spikes` for Neo's trains.

    Parameters
    ----------
    where : str
        Names the call in errors.
    source : neo.SpikeTrain, list of them, SpikeTrainList, Group, Segment or Block
        The trains.
    population : str, optional
        Take only those with this annotation "population".
    """
    neo = extra("neo", where, "neo")
    found = _trains_of(where, source)
    arrays = _arrays_of(found)
    if arrays is not None and population in (None, arrays["name"]):
        return arrays
    every = [train.load() if hasattr(train, "load") else train for train in found]
    for train in every:
        if not isinstance(train, neo.SpikeTrain):
            fail(where, "source", train, "must hold neo.SpikeTrain objects", error=TypeError)
    name, every = _of_population(where, every, population)
    every = _each_once(every)
    size, dt, shape = (_shared(every, key) for key in ("size", "dt", "shape"))
    elements = _ids(where, every)
    in_ms = _Milliseconds()
    times = [in_ms.array(train) for train in every]
    start, stop = (_limit(where, every, side, in_ms) for side in ("t_start", "t_stop"))
    kept = [
        {key: value for key, value in train.annotations.items() if key not in _OURS}
        for train in every
    ]
    joined = np.concatenate([np.empty(0), *times])
    found = {
        "times": joined,
        "ids": np.repeat(elements, [len(t) for t in times]),
        "start": start,
        "stop": stop,
        "elements": elements,
        "annotations": gathered(kept),
        **_about(name, size, shape, elements, dt, joined),
    }
    return found if in_ms.exact else _on_its_grid(found)


def _on_its_grid(found: dict[str, Any]) -> dict[str, Any]:
    """Return times that were converted from another unit, and so rounded, as the steps of the grid that they are."""
    if (dt := found.get("dt")) is not None:
        found["times"] = to_ms(np.rint(found["times"] / dt).astype(np.int64), dt)
        for side in ("start", "stop"):
            if found[side] is not None:
                found[side] = rescaled(found[side], dt, dt)
    return found


def _about(
    name: Any, size: Any, shape: Any, elements: npt.NDArray[np.int64], dt: Any, times: Float
) -> dict[str, Any]:
    """Return the arguments that our annotations hold, as far as they are valid."""
    highest = int(elements.max(initial=-1)) + 1
    n = (
        int(size)
        if isinstance(size, (int, np.integer)) and highest <= size <= MOST_IDS
        else highest
    )
    about: dict[str, Any] = {"n": n, "name": name if isinstance(name, str) else "spikes"}
    if isinstance(dt, float) and 0 < dt < np.inf and on_grid(times, dt):
        about["dt"] = dt
    sides = shape.split("x") if isinstance(shape, str) and len(shape) < 100 else []
    if sides and all(side.isdecimal() for side in sides) and len(elements) == n:
        dimensions = tuple(map(int, sides))
        if math.prod(dimensions) == n:
            about["shape"] = dimensions
    return about


def _trains_of(where: str, source: Any) -> Any:
    """Return the trains in something of Neo's."""
    if hasattr(source, "segments") and not hasattr(source, "spiketrains"):
        if len(source.segments) != 1:
            rule = "must have one segment; use one of block.segments"
            fail(where, "block", len(source.segments), rule, got="segments:")
        source = source.segments[0]
    if hasattr(source, "spiketrains"):
        return source.spiketrains
    if hasattr(source, "t_stop") and hasattr(source, "annotations"):
        return [source]
    if not np.iterable(source) or isinstance(source, (str, bytes, Mapping, np.ndarray)):
        rule = "must be neo.SpikeTrain objects, a Group, a Segment or a Block"
        fail(where, "source", source, rule, error=TypeError)
    return source


def _arrays_of(found: Any) -> dict[str, Any] | None:
    """Return the arguments for a `SpikeTrainList` that holds arrays and has made no trains yet, else None.

    Nothing that is public tells, and making the trains takes a search through all spikes for each.
    """
    about = vars(found) if hasattr(found, "multiplexed") else {}
    if about.get("_items", ()) is not None or about.get("_spike_time_array") is None:
        return None
    annotations = dict(about.get("_annotations", {}))
    channels, quantity = found.multiplexed
    elements = np.asarray(annotations.get("id", found.all_channel_ids))
    if elements.dtype.kind not in "iu" or len(elements) != len(found.all_channel_ids):
        return None
    name, size, dt, shape = (annotations.get(k) for k in ("population", "size", "dt", "shape"))
    in_ms = _Milliseconds()
    times = in_ms.array(quantity)
    known = np.asarray(found.all_channel_ids)
    if not np.isin(channels, known).all():
        return None
    arrays = {
        "times": times,
        "ids": elements[places_of(np.asarray(channels), known)],
        "start": in_ms.number(found.t_start),
        "stop": in_ms.number(found.t_stop),
        "elements": elements,
        "annotations": {k: v for k, v in annotations.items() if k not in _OURS},
        **_about(name, size, shape, elements, dt, times),
    }
    return arrays if in_ms.exact else _on_its_grid(arrays)


def _of_population(
    where: str, every: list[Any], population: str | None
) -> tuple[str | None, list[Any]]:
    """Return the trains of one population, and its name."""
    names = [
        train.annotations.get("population", train.annotations.get("source_population"))
        for train in every
    ]
    known = list(dict.fromkeys(str(name) for name in names if name is not None))
    if population is not None:
        if population not in known:
            listed = ", ".join(known) or "none that is named"
            fail(where, "population", population, f"must be one of: {listed}")
        chosen = [t for t, name in zip(every, names, strict=True) if str(name) == population]
        return population, chosen
    if len(known) > 1:
        rule = f"must be given, since there are trains of several: {', '.join(known)}"
        fail(where, "population", population, rule)
    return known[0] if known else None, every


def _each_once(every: list[Any]) -> list[Any]:
    """Return trains without copies, which two recorders of one population make of an element that both record."""
    first: dict[Any, Any] = {}
    kept = []
    for train in every:
        element = train.annotations.get("id")
        before = (
            first.setdefault(element, train) if isinstance(element, int | np.integer) else train
        )
        if before is train or not _same(before, train):
            kept.append(train)
    return kept


def _same(train: Any, other: Any) -> bool:
    limits = ((t.t_start, t.t_stop) for t in (train, other))
    return bool(next(limits) == next(limits) and np.array_equal(train, other))


def _ids(where: str, every: list[Any]) -> npt.NDArray[np.int64]:
    """Return the id of each train: what it is annotated with, or its place."""
    for key in _IDS:
        found = [train.annotations.get(key) for train in every]
        whole = all(
            isinstance(i, (int, np.integer)) and not isinstance(i, bool) and 0 <= i < MOST_IDS
            for i in found
        )  # spike sorters give -1 to what they could not sort
        if not found or not whole:
            continue
        ids = np.array(found, np.int64)
        if len(np.unique(ids)) == len(ids):
            return ids
        if key == "id":
            twice = next(i for i in found if found.count(i) > 1)
            fail(where, "annotation 'id' of the trains", twice, "must be different for each")
    return np.arange(len(every))


def _shared(every: list[Any], key: str) -> Any:
    """Return an annotation that all trains share, or None."""
    values = [train.annotations.get(key) for train in every[:1]]
    one = values[0] if values else None
    return one if all(train.annotations.get(key) == one for train in every) else None


def _limit(where: str, every: list[Any], side: str, in_ms: _Milliseconds) -> float | None:
    limits = [getattr(train, side) for train in every]
    one_of_each = {id(limit): limit for limit in limits}  # trains often share them
    found = {in_ms.number(limit) for limit in one_of_each.values()}
    if len(found) > 1:
        rule = "must be the same for all trains; cut them, with train.time_slice(start, stop)"
        fail(where, f"{side} [ms]", sorted(found)[:4], rule)
    return found.pop() if found else None


class _Milliseconds:
    """Converts quantities, whose `rescale` takes longer than the rest of the work on a train."""

    def __init__(self) -> None:
        self._factors: dict[str, float] = {"ms": 1.0}

    @property
    def exact(self) -> bool:
        """Whether all that was converted was in ms already."""
        return len(self._factors) == 1

    def _factor(self, quantity: Any) -> float:
        unit = quantity.dimensionality.string
        if unit not in self._factors:
            self._factors[unit] = float(quantity.units.rescale("ms").magnitude)
        return self._factors[unit]

    def array(self, quantity: Any) -> Float:
        """Return the values of an array [ms]."""
        plain = np.asarray(quantity.magnitude, np.float64)
        factor = self._factor(quantity)
        return plain if factor == 1.0 else plain * factor

    def number(self, quantity: Any) -> float:
        """Return one value [ms]."""
        factor = self._factor(quantity)
        return float(quantity.magnitude) * factor
