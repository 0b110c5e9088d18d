"""Connectomes: neurons with ids, and how many synapses connect each pair, from published files or drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, ids, integer, shown
from spikelet._util.extras import extra

__all__ = ["COLUMNS", "Connectome", "find", "index_of"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Indices: TypeAlias = npt.NDArray[np.uint32]

COLUMNS = ("Presynaptic_Index", "Postsynaptic_Index", "Excitatory x Connectivity")
"""Columns of the published connectivity: source, target, and the number of synapses, negative if inhibitory."""

_ROWS = 1 << 16  # read at a time
_FIRST_ID = 720575940596125868  # of the published ones


@dataclass(frozen=True, eq=False, repr=False)
class Connectome:
    """Neurons and how many synapses connect them.

    Parameters
    ----------
    ids : array of int, [n]
        Ids of the neurons, all different; the position of an id is the neuron's index.
    pre, post : array of int, [edges]
        Indices of the source and the target of each edge.
    synapses : array of int, [edges]
        Number of synapses, negative for inhibitory ones.
    """

    ids: Int64s
    pre: Indices
    post: Indices
    synapses: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        where, given = "Connectome", np.asarray(self.ids)
        if given.ndim != 1 or given.dtype.kind not in "iu":
            msg = f"{where}: ids must be a one-dimensional array of integers, got {shown(self.ids)}"
            raise TypeError(msg)
        if given.size and given.max() > np.iinfo(np.int64).max:
            fail(where, "ids", int(given.max()), "must fit into 64 bits with a sign")
        found = given.astype(np.int64)
        if len(np.unique(found)) < len(found):
            values, counts = np.unique(found, return_counts=True)
            fail(where, "ids", int(values[counts > 1][0]), "must all be different")
        pre = ids(where, "pre", self.pre, len(found))
        post = ids(where, "post", self.post, len(found))
        synapses = _counts(where, self.synapses)
        lengths = len(pre), len(post), len(synapses)
        if len(set(lengths)) > 1:
            fail(where, "pre, post and synapses", lengths, "must be equally long", got="lengths")
        for name, value in zip(
            ("ids", "pre", "post", "synapses"), (found, pre, post, synapses), strict=True
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Connectome({len(self.ids)} neurons, {len(self.pre)} edges)"

    def index(self, neurons: npt.ArrayLike) -> Int64s:
        """Return the indices of neurons that are given by id, or by index.

        Parameters
        ----------
        neurons : int or array-like of int
            Ids. If not all of them are ids, indices.

        Raises
        ------
        ValueError
            If there is no such neuron; the message names the first one.
        """
        given = np.atleast_1d(np.asarray(neurons))
        if given.size == 0:
            return np.empty(0, np.int64)
        if given.ndim != 1 or given.dtype.kind not in "iu":
            msg = (
                f"Connectome.index: neurons must be integers, ids or indices, got {shown(neurons)}"
            )
            raise TypeError(msg)
        return index_of("Connectome.index", self.ids, given)

    @classmethod
    def of(cls, connectivity: Any, neurons: Any = None) -> Connectome:
        """Return the connectome that files, arrays, a table or a matrix describe.

        Parameters
        ----------
        connectivity : path-like, tuple, table, sparse matrix or Connectome
            The published parquet file; ``(pre, post, synapses)``; a DataFrame or another table with the columns
            `COLUMNS`; or a scipy sparse matrix, rows sources and data signed numbers of synapses.
        neurons : path-like, array-like or int, optional
            The published completeness CSV; ids; or the number of neurons, whose ids are then their indices. By default
            as many as the connectivity needs.
        """
        if isinstance(connectivity, cls):
            if neurons is not None:
                fail(
                    "Connectome.of",
                    "neurons",
                    neurons,
                    "must not be given with a Connectome, which has ids",
                )
            return connectivity
        pre, post, synapses, least = _edges(connectivity)
        if neurons is None:
            found = np.arange(least)
        elif isinstance(neurons, (str, os.PathLike)):
            found = _read_ids(Path(neurons))
        elif np.ndim(neurons) == 0:
            found = np.arange(integer("Connectome.of", "neurons", neurons, 0))
        else:
            found = np.asarray(neurons)
        return cls(found, pre, post, synapses)

    def write(self, connectivity: str | os.PathLike[str], neurons: str | os.PathLike[str]) -> None:
        """Write the two files in the form of the published ones, parquet and CSV. Needs pyarrow."""
        arrow = extra("pyarrow", "Connectome.write", "parquet")
        parquet = extra("pyarrow.parquet", "Connectome.write", "parquet")
        columns = {
            "Presynaptic_ID": self.ids[self.pre],
            "Postsynaptic_ID": self.ids[self.post],
            "Presynaptic_Index": self.pre.astype(np.int64),
            "Postsynaptic_Index": self.post.astype(np.int64),
            "Connectivity": np.abs(self.synapses).astype(np.int64),
            "Excitatory": np.where(self.synapses < 0, -1, 1),
            "Excitatory x Connectivity": self.synapses.astype(np.int64),
        }
        parquet.write_table(arrow.table(columns), os.fspath(connectivity))
        lines = [",Completed", *(f"{i},True" for i in self.ids.tolist())]
        Path(neurons).write_text("\n".join(lines) + "\n")

    @classmethod
    def surrogate(
        cls, neurons: int = 138_639, edges: int = 15_091_983, *, seed: int = 0
    ) -> Connectome:
        """Draw a connectome with the size and the spread of degrees of the published one.

        It costs as much to build and run as the fly's brain, and has no other purpose. Its first 21 neurons drive three
        hundred others, most of them indirectly.

        Parameters
        ----------
        neurons, edges : int
            How many; fewer edges where the neurons do not allow as many.
        seed : int
            Seed.

        Notes
        -----
        In- and out-degrees are log-normal with a sigma of 1, numbers of synapses log-normal such that 18 % of the edges
        have five or more, as in FlyWire 783; 35 % of the neurons are inhibitory. The index of a neuron says nothing
        about its place in the network: in the published results, the indices of the neurons that fire look random.
        """
        n = integer("Connectome.surrogate", "neurons", neurons, 50)
        most = integer("Connectome.surrogate", "edges", edges, 0)
        rng = np.random.default_rng(seed)
        inhibitory = rng.random(n) < 0.35
        path_pre, path_post, path_synapses = _pathway(rng, n)
        inhibitory[path_pre] = False
        drawn = min(int(1.04 * most) + 100, n * (n - 1) // 2)
        out, into = (rng.lognormal(0.0, 1.0, n) for _ in range(2))
        pre = np.repeat(np.arange(n, dtype=np.int64), rng.multinomial(drawn, out / out.sum()))
        post = np.repeat(np.arange(n, dtype=np.int64), rng.multinomial(drawn, into / into.sum()))
        rng.shuffle(post)
        key = pre * n + post
        del pre, post
        key = np.sort(key[key // n != key % n])
        key = key[np.diff(key, prepend=-1) > 0]
        surplus = len(key) - most
        if surplus > 0:  # some here and there
            key = np.delete(
                key, ((np.arange(surplus) + rng.random()) * (len(key) / surplus)).astype(np.int64)
            )
        synapses = np.ceil(rng.lognormal(0.15, 1.35, len(key)))
        synapses[inhibitory[key // n]] *= -1
        path = path_pre * n + path_post
        place = np.searchsorted(key, path)
        if len(key):  # in place of edges nearby, so that their number stays
            place = np.minimum(place, len(key) - 1)
            key[place], synapses[place] = path, path_synapses
            order = np.argsort(key, kind="stable")
            key, synapses = key[order], synapses[order]
            first = np.diff(key, prepend=-1) > 0
            key, synapses = key[first], synapses[first]
        found = _FIRST_ID + np.cumsum(rng.integers(1, 400_000, n))
        return cls(
            found,
            (key // n).astype(np.uint32),
            (key % n).astype(np.uint32),
            synapses.astype(np.int16),
        )


def find(ids: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """Return the places of what is wanted among different ids, and which of it is there."""
    if len(ids) == 0 or (ids.dtype.kind == "U") != (wanted.dtype.kind == "U"):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    order = np.argsort(ids)
    place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return place, ids[place] == wanted


def index_of(where: str, ids: npt.NDArray[Any], neurons: npt.NDArray[Any]) -> Int64s:
    """Return the indices of neurons that are given by ids, or all by index."""
    place, there = find(ids, neurons)
    inside = (neurons >= 0) & (neurons < len(ids))
    if not there.all() and not inside.all():
        bad = neurons[~there & ~inside] if (~there & ~inside).any() else neurons[~there]
        rule = f"must be ids of neurons, or all indices, 0 .. {len(ids) - 1}"
        fail(where, "neurons", int(bad[0]), rule)
    return (place if there.all() else neurons).astype(np.int64)


def _pathway(rng: np.random.Generator, n: int) -> tuple[Int64s, Int64s, npt.NDArray[np.float64]]:
    """Return strong edges from the first 21 neurons on, through stages of 60, 120 and 200 others."""
    sizes = np.minimum([21, 60, 120, 200], n // 5)
    ends = np.cumsum(sizes[1:])
    others = (
        21 + rng.choice(n - 21, ends[-1], replace=False) if n > 21 + ends[-1] else np.arange(21, n)
    )
    stages = [np.arange(21), *np.split(others, ends[:-1])]
    edges = []
    for source, target in pairwise(stages):
        degree = min(10, len(source))
        pre = np.concatenate([rng.choice(source, degree, replace=False) for _ in target])
        edges.append(
            (pre, np.repeat(target, degree), np.ceil(rng.lognormal(np.log(14.0), 0.5, len(pre))))
        )
    pre, post, synapses = (np.concatenate(part) for part in zip(*edges, strict=True))
    return pre.astype(np.int64), post.astype(np.int64), synapses


def _counts(where: str, synapses: Any) -> npt.NDArray[np.int16]:
    """Return signed numbers of synapses."""
    array = np.asarray(synapses)
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and bool((array == np.floor(array)).all())
    )
    if array.ndim != 1 or not whole:
        msg = f"{where}: synapses must be a one-dimensional array of whole numbers, got {shown(synapses)}"
        raise TypeError(msg)
    most = np.iinfo(np.int16).max
    if array.size and max(-int(array.min()), int(array.max())) > most:
        worst = array[np.argmax(np.abs(array))]
        fail(where, "synapses", int(worst), f"must lie between -{most} and {most} for each edge")
    return array.astype(np.int16, copy=False)


def _edges(connectivity: Any) -> tuple[Any, Any, Any, int]:
    """Return sources, targets, numbers of synapses, and how many neurons they need at least."""
    if isinstance(connectivity, (str, os.PathLike)):
        parts = _read_edges(Path(connectivity))
    elif isinstance(connectivity, tuple):
        if len(connectivity) != 3:
            fail(
                "Connectome.of",
                "connectivity",
                len(connectivity),
                "must be (pre, post, synapses)",
                got="length",
            )
        parts = tuple(np.asarray(part) for part in connectivity)
    elif hasattr(connectivity, "tocoo"):
        matrix = connectivity.tocoo()
        return matrix.row, matrix.col, matrix.data, max(matrix.shape)
    else:
        try:
            parts = tuple(np.asarray(connectivity[name]) for name in COLUMNS)
        except (TypeError, KeyError, IndexError):
            rule = f"must be a path, (pre, post, synapses), a sparse matrix, or a table with the columns {', '.join(COLUMNS)}"
            fail("Connectome.of", "connectivity", connectivity, rule, error=TypeError)
    pre, post, synapses = parts
    least = max((int(part.max()) + 1 for part in (pre, post) if part.size), default=0)
    return pre, post, synapses, least


def _read_edges(path: Path) -> tuple[Any, ...]:
    """Read the published parquet file in pieces, so that no more than the three columns is ever in memory."""
    arrow = extra("pyarrow", "Connectome.of", "parquet")
    parquet = extra("pyarrow.parquet", "Connectome.of", "parquet")
    try:
        with parquet.ParquetFile(os.fspath(path), memory_map=True) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
            if missing:
                rule = f"must have the columns {', '.join(COLUMNS)}"
                fail(str(path), "columns", file.schema_arrow.names, rule)
            n = file.metadata.num_rows
            parts = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.int16)
            at = 0
            for rows in _pieces(file):
                for part, column, name in zip(parts, rows, COLUMNS, strict=True):
                    _put(part[at : at + len(column)], column, f"{path}: {name}")
                at += len(rows[0])
            if at != n:
                fail(str(path), "rows", at, f"must be {n}, as its header says")
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        msg = f"{path}: is not a parquet file that can be read ({error})"
        raise ValueError(msg) from None
    arrow.default_memory_pool().release_unused()
    return parts


def _pieces(file: Any) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield the three columns, some rows at a time."""
    for batch in file.iter_batches(batch_size=_ROWS, columns=list(COLUMNS), use_threads=False):
        yield [batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS]


def _put(place: npt.NDArray[Any], values: npt.NDArray[Any], what: str) -> None:
    """Copy whole numbers into an array of a smaller type."""
    limits = np.iinfo(place.dtype)
    whole = values.dtype.kind in "iu" or (
        values.dtype.kind == "f" and bool((values == np.floor(values)).all())
    )
    if not whole:
        fail(what, "values", values, "must be whole numbers without gaps")
    if values.size and not (limits.min <= values.min() and values.max() <= limits.max):
        worst = values[(values < limits.min) | (values > limits.max)][0]
        fail(what, "values", int(worst), f"must lie between {limits.min} and {limits.max}")
    place[:] = values


def _read_ids(path: Path) -> Int64s:
    """Read the ids of the published CSV: the first column, after a line of titles."""
    try:
        return np.loadtxt(path, np.int64, delimiter=",", skiprows=1, usecols=0, ndmin=1)
    except ValueError as error:
        msg = f"{path}: the first column must be ids of neurons, below a line of titles ({error})"
        raise ValueError(msg) from None
