"""Tables of neurons, synapses and gap junctions, as laboratories publish them, read into one form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, known, numbers, shown
from spikelet._util.extras import extra
from spikelet.models.connectome import Connectome, find

Array = npt.NDArray[Any]

NAMES = {
    "pre": ("pre", "source", "from", "pre_id", "pre_root_id", "pre_pt_root_id", "bodyid_pre", "presynaptic_id"),
    "post": ("post", "target", "to", "post_id", "post_root_id", "post_pt_root_id", "bodyid_post", "postsynaptic_id"),
    "weight": ("excitatory x connectivity", "weight", "synapses", "syn_count", "count", "n_synapses", "connectivity"),
    "kind": ("kind", "type", "synapse_type"),
    "id": ("id", "root_id", "pt_root_id", "bodyid", "unnamed: 0", "neuron", "name"),
    "type": ("type", "cell_type", "class"),
    "transmitter": ("transmitter", "neurotransmitter", "nt_type", "nt"),
}  # fmt: skip
"""Names that columns have in published tables, in lower case, by what they hold."""

ELECTRICAL = ("electrical", "gap", "gap junction", "gapjunction", "gj", "ej")
_READERS = {
    ".csv": "read_csv", ".tsv": "read_table", ".parquet": "read_parquet", ".feather": "read_feather",
    ".xlsx": "read_excel", ".xls": "read_excel", ".ods": "read_excel",
}  # fmt: skip


class Edges(NamedTuple):
    """Indices of the ends of edges, and their weights."""

    pre: npt.NDArray[np.uint32]
    post: npt.NDArray[np.uint32]
    weight: Array


@dataclass(frozen=True, eq=False)
class Wiring:
    """Neurons, and what connects them.

    Parameters
    ----------
    ids : array, [n]
        Integers or texts, all different.
    columns : dict of str to array, [n]
        What else is known of the neurons.
    synapses, gaps : Edges
        Signed numbers of synapses, each pair at most once; numbers of gap junctions.
    """

    ids: Array
    columns: dict[str, Array]
    synapses: Edges
    gaps: Edges


class _Listed(NamedTuple):
    """Edges whose ends are ids, or if `placed`, places in a list of neurons."""

    pre: Array
    post: Array
    weight: Array
    electrical: npt.NDArray[np.bool_]
    transmitter: Array | None
    placed: int | None


def read_wiring(
    edges: Any, neurons: Any, gaps: Any, sign: Any, columns: Mapping[str, str] | None
) -> Wiring:
    """Return what tables, files, arrays and matrices describe; see `spikelet.models.connectome`."""
    where, named = "connectome", dict(columns or {})
    for role in named:
        known(where, "columns", role, NAMES, "what a column holds")
    if isinstance(edges, Connectome) and neurons is None:
        neurons = edges.ids
    listed = [_listed(where, "edges", edges, named)]
    listed += [] if gaps is None else [_listed(where, "gaps", gaps, named)]
    ids, about = _neurons(where, neurons, named, listed)
    found = [_places(where, name, ids, part) for name, part in zip(("edges", "gaps"), listed, strict=False)]  # fmt: skip
    if gaps is not None:
        listed[1] = listed[1]._replace(electrical=np.ones(len(listed[1].pre), np.bool_))
    chemical = ~listed[0].electrical
    junctions = [
        Edges(*(part[one.electrical] for part in pair))
        for one, pair in zip(listed, found, strict=True)
    ]
    synapses = Edges(*(part[chemical] for part in found[0])) if not chemical.all() else found[0]
    transmitter = listed[0].transmitter
    if transmitter is not None:
        transmitter = transmitter[chemical]
    return Wiring(
        ids,
        about,
        _summed(_signed(where, synapses, sign, transmitter, about, len(ids)), len(ids)),
        Edges(*map(np.concatenate, zip(*junctions, strict=True))),
    )


def _table(where: str, argument: str, given: Any) -> Any:
    """Return a DataFrame, or None for what is not a table."""
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            rule = f"must end in {', '.join(_READERS)} (or pass the table itself)"
            fail(where, argument, str(path), rule)
        pandas = extra("pandas", where)
        return getattr(pandas, reader)(path)
    if hasattr(given, "to_pandas"):
        return given.to_pandas()
    if isinstance(given, Mapping):
        return extra("pandas", where).DataFrame(given)
    return given if hasattr(given, "columns") and hasattr(given, "iloc") else None


def _column(where: str, frame: Any, role: str, named: Mapping[str, str]) -> str | None:
    """Return the name of the column that holds something, if there is one."""
    if role in named:
        if named[role] in frame.columns:
            return named[role]
        # Another table may have the others, or a matrix stands in their place.
        if role not in ("pre", "post", "transmitter"):
            names = list(map(str, frame.columns))
            known(where, f"columns[{role!r}]", named[role], names, "a column of the table")
        return None
    lower = {str(name).strip().lower(): name for name in reversed(list(frame.columns))}
    return next((lower[name] for name in NAMES[role] if name in lower), None)


def _labels(where: str, argument: str, values: Any) -> Array:
    """Return ids as int64 or texts; whole floats, which a gap in a column makes of integers, become integers."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and bool((array == np.floor(array)).all()):
        array = array.astype(np.int64)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    texts = array.tolist()
    if not all(isinstance(value, str) for value in texts):
        bad = next((v for v in texts if isinstance(v, float)), texts[0])
        rule = "must be ids, integers or texts, in every row (drop rows without one)"
        fail(where, argument, bad, rule, error=TypeError)
    return np.char.strip(array.astype(np.str_))


def _listed(where: str, argument: str, given: Any, named: Mapping[str, str]) -> _Listed:
    """Return edges from any form."""
    if isinstance(given, Connectome):
        parts = given.pre, given.post, given.synapses, len(given)
        return _as_listed(where, argument, *parts)
    if hasattr(given, "tocoo"):
        matrix = given.tocoo()
        if matrix.shape[0] != matrix.shape[1]:
            fail(where, argument, matrix.shape, "must be square", got="shape")
        return _as_listed(where, argument, matrix.row, matrix.col, matrix.data, matrix.shape[0])
    if isinstance(given, tuple):
        if len(given) not in (2, 3):
            rule = "must be (pre, post) or (pre, post, weight)"
            fail(where, argument, len(given), rule, got="length")
        pre, post = (_labels(where, argument, part) for part in given[:2])
        weight = given[2] if len(given) == 3 else np.ones(len(pre), np.int16)
        return _as_listed(where, argument, pre, post, weight, None)
    frame = _table(where, argument, given)
    if frame is not None:
        return _listed_in(where, argument, frame, named)
    array = np.asarray(given)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.dtype.kind not in "biuf":
        rule = "must be a path, a table, a square matrix, (pre, post, weight) or a Connectome"
        fail(where, argument, given, rule, error=TypeError)
    pre, post = np.nonzero(array)
    return _as_listed(where, argument, pre, post, array[pre, post], len(array))


def _listed_in(where: str, argument: str, frame: Any, named: Mapping[str, str]) -> _Listed:
    """Return the edges of a table: one in each row, or a matrix whose rows and columns have names."""
    ends = [_column(where, frame, role, named) for role in ("pre", "post")]
    if None in ends:
        matrix = frame if frame.shape[0] == frame.shape[1] else frame.set_index(frame.columns[0])
        rows, names = (
            [str(name).strip() for name in axis] for axis in (matrix.index, matrix.columns)
        )
        if rows != names and sorted(rows) != sorted(names):
            rule = "must have columns of sources and targets (say which: columns={'pre': ..., 'post': ...}), or be a matrix with the same names of rows and columns"
            fail(where, argument, list(map(str, frame.columns)), rule, got="the columns")
        values = np.nan_to_num(matrix.to_numpy(np.float64))
        pre, post = np.nonzero(values)
        labels = [_labels(where, argument, _plain(axis)) for axis in (matrix.index, matrix.columns)]
        return _as_listed(where, argument, labels[0][pre], labels[1][post], values[pre, post], None)
    columns = [_column(where, frame, role, named) for role in ("weight", "kind", "transmitter")]
    pre, post = (_labels(where, f"{argument}: {name}", frame[name]) for name in ends)
    weight, kind, transmitter = (None if c is None else frame[c] for c in columns)
    counts = np.ones(len(pre), np.int16) if weight is None else weight.to_numpy()
    found = _as_listed(where, f"{argument}: {columns[0]}", pre, post, counts, None)
    if kind is not None:
        electrical = np.isin(np.char.lower(_labels(where, argument, _known(kind))), ELECTRICAL)
        found = found._replace(electrical=electrical)
    return found if transmitter is None else found._replace(transmitter=_known(transmitter))


def _plain(axis: Any) -> list[Any]:
    """Return names that are integers in the index and texts in the header, or the other way round, alike."""
    names = [str(name).strip() for name in axis]
    return [int(name) for name in names] if all(name.isdecimal() for name in names) else names


def _as_listed(
    where: str, argument: str, pre: Array, post: Array, weight: Any, placed: int | None
) -> _Listed:
    """Check weights and lengths."""
    array = np.asarray(weight)
    if array.dtype != np.int16:
        array = numbers(where, argument, array, nan=True)
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array))[0])
            rule = f"must be finite (row {row}; drop such rows, or fill them)"
            fail(where, argument, float(array[row]), rule)
    lengths = len(pre), len(post), len(array)
    if len(set(lengths)) > 1:
        rule = "must have as many sources as targets and weights"
        fail(where, argument, lengths, rule, got="lengths")
    return _Listed(pre, post, array, np.zeros(len(pre), np.bool_), None, placed)


def _neurons(
    where: str, given: Any, named: Mapping[str, str], listed: Iterable[_Listed]
) -> tuple[Array, dict[str, Array]]:
    """Return the ids of the neurons, and the columns of their table."""
    about: dict[str, Array] = {}
    if given is None:
        sizes = [part.placed for part in listed if part.placed is not None]
        ends = [end for part in listed if part.placed is None for end in (part.pre, part.post)]
        if ends and len({end.dtype.kind for end in ends}) > 1:
            rule = "must have ids of one kind, integers or texts"
            fail(where, "edges and gaps", "both", rule, error=TypeError)
        ids = np.unique(np.concatenate(ends)) if ends else np.arange(max(sizes))
    else:
        frame = _table(where, "neurons", given)
        if frame is None:
            ids = _labels(where, "neurons", given)
        else:
            name = _column(where, frame, "id", named)
            ids = _labels(
                where, f"neurons: {name or 'index'}", frame.index if name is None else frame[name]
            )
            about = {str(c): _known(frame[c]) for c in frame.columns if c != name}
            for role in ("type", "transmitter"):
                column = _column(where, frame, role, named)
                if column is not None:
                    about = {**about, role: _known(frame[column])}
        if ids.ndim != 1:
            fail(where, "neurons", ids.shape, "must be one-dimensional", got="shape")
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        fail(where, "neurons", values[counts > 1][0].item(), "must all be different")
    return ids, about


def _known(series: Any) -> Array:
    """Return a column as an array; of texts, an empty cell is an empty text."""
    if series.dtype.kind in "biuf":
        return np.asarray(series)
    return np.asarray(series.astype(object).where(series.notna(), "").astype(str), dtype=np.str_)


def _places(where: str, argument: str, ids: Array, listed: _Listed) -> Edges:
    """Return edges between places in the list of neurons."""
    if listed.placed is not None:
        if listed.placed != len(ids):
            rule = f"must be a matrix of the {len(ids)} neurons, in their order"
            fail(where, argument, listed.placed, rule, got="size")
        return Edges(
            listed.pre.astype(np.uint32, copy=False),
            listed.post.astype(np.uint32, copy=False),
            listed.weight,
        )
    pre, post = (_place(where, argument, ids, end) for end in (listed.pre, listed.post))
    return Edges(pre, post, listed.weight)


def _place(where: str, argument: str, ids: Array, ends: Array) -> npt.NDArray[np.uint32]:
    """Return the places of ids in the list of neurons."""
    place, there = find(ids, ends)
    if not there.all():
        missing = np.unique(ends[~there])
        rule = (
            f"must join neurons of neurons=, which lacks {len(missing)} of them (drop these rows, "
            "leave out neurons=, or say which column has the ids: columns={'id': ...})"
        )
        fail(where, argument, missing[0].item(), rule)
    return place.astype(np.uint32)


def _signed(
    where: str,
    edges: Edges,
    sign: Any,
    transmitter: Array | None,
    about: Mapping[str, Array],
    n: int,
) -> Edges:
    """Give weights the signs of transmitters, or of neurons."""
    if sign is None:
        return edges
    if (edges.weight < 0).any():
        rule = "must have no negative weights where sign= gives the signs"
        fail(where, "edges", edges.weight[edges.weight < 0][0].item(), rule)
    if not isinstance(sign, Mapping):
        factors = numbers(where, "sign", sign)
        if factors.shape not in ((), (n,)):
            rule = f"must be one for each of {n} neurons, or a dict by transmitter"
            fail(where, "sign", factors.shape, rule, got="shape")
        return edges._replace(weight=edges.weight * np.broadcast_to(factors, (n,))[edges.pre])
    if transmitter is None and "transmitter" not in about:
        rule = "needs a column of transmitters, in the table of neurons or of edges (say which: columns={'transmitter': ...})"
        fail(where, "sign", sign, rule)
    labels = transmitter if transmitter is not None else about["transmitter"]
    values, codes = np.unique(labels, return_inverse=True)
    used = np.unique(codes if transmitter is not None else codes[edges.pre])
    lacking = [value for value in values[used].tolist() if value not in sign and None not in sign]
    if lacking:
        rule = f"must name every transmitter (None: all others); missing: {', '.join(map(shown, lacking))}"
        fail(where, "sign", lacking[0], rule)
    factors = np.array([_factor(where, sign, value) for value in values.tolist()])
    each = factors[codes] if transmitter is not None else factors[codes][edges.pre]
    return edges._replace(weight=edges.weight * each)


def _factor(where: str, sign: Mapping[Any, Any], value: str) -> float:
    return float(numbers(where, f"sign[{value!r}]", sign.get(value, sign.get(None, 0.0))))


def _summed(edges: Edges, n: int) -> Edges:
    """Add up the weights of edges that are listed several times, and drop those without weight."""
    pre, post, weight = edges
    key = pre.astype(np.int64) * n + post
    ascending = np.diff(key)
    if not (ascending > 0).all():
        key, place = np.unique(key, return_inverse=True)
        if len(key) < len(place):
            weight = np.bincount(place, weight, len(key))
            pre, post = (key // n).astype(np.uint32), (key % n).astype(np.uint32)
    some = weight != 0
    return Edges(pre, post, weight) if some.all() else Edges(pre[some], post[some], weight[some])
