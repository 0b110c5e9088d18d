"""Connections as arrays: which elements of populations, views and assemblies are connected, and with which values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pyNN.common import Assembly

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Part(NamedTuple):
    """Elements of one population within an end of a projection.

    Attributes
    ----------
    population : Population
        The whole population, PyNN's.
    ids : array
        Ids of the elements within it, ascending, as views of PyNN have them.
    begin : int
        Index of the first of them within the end.
    """

    population: Any
    ids: Ints
    begin: int

    @property
    def end(self) -> int:
        """Index behind the last of them within the end."""
        return self.begin + len(self.ids)

    @property
    def whole(self) -> bool:
        """Whether these are all elements."""
        return len(self.ids) == int(self.population.size)


def parts_of(end: Any) -> list[Part]:
    """Return the parts of a Population, a PopulationView or an Assembly, in order."""
    parts: list[Part] = []
    for member in end.populations if isinstance(end, Assembly) else [end]:
        parts.append(Part(member.root, member.indices, parts[-1].end if parts else 0))
    return parts


class Table:
    """The connections of a projection in canonical order: by source, then target, then creation.

    Attributes
    ----------
    pre, post : array
        Indices of sources and targets, within the ends of the projection.
    values : dict
        Parameters by name: one number, or an array with one for each connection.
    """

    def __init__(
        self, shape: tuple[int, int], pre: Ints, post: Ints, values: Mapping[str, Any]
    ) -> None:
        order = _canonical(shape, pre, post)
        self.pre = pre if order is None else pre[order]
        self.post = post if order is None else post[order]
        self.values = {
            name: x[order] if order is not None and np.ndim(x) else x for name, x in values.items()
        }

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self.pre)

    def whole(self, name: str) -> Floats:
        """Return the values of a parameter, one for each connection."""
        return np.broadcast_to(np.asarray(self.values[name], dtype=np.float64), (len(self),))

    def between(self, a: Part, b: Part) -> Ints:
        """Return the connections between two parts."""
        mine = (
            (self.pre >= a.begin)
            & (self.pre < a.end)
            & (self.post >= b.begin)
            & (self.post < b.end)
        )
        return np.flatnonzero(mine)


def _canonical(shape: tuple[int, int], pre: Ints, post: Ints) -> Ints | None:
    """Return the canonical order of connections, or None if they have it."""
    if len(pre) < 2:
        return None
    step, turn = np.diff(pre), np.diff(post)
    if ((step > 0) | ((step == 0) & (turn >= 0))).all():
        return None
    if (turn < 0).any():
        return np.lexsort((post, pre))
    from scipy.sparse import csc_array  # noqa: PLC0415  # scipy is slow to import

    # By target already: counting sorts them by source.
    begins = np.searchsorted(post, np.arange(shape[1] + 1))
    by_target = csc_array((np.arange(len(pre)), pre, begins), shape=shape)
    order: Ints = by_target.tocsr().data
    return order


def as_matrix(
    shape: tuple[int, int], pre: Ints, post: Ints, values: Floats, multiple: str
) -> Floats:
    """Return values as an array with NaN where nothing is connected.

    Parameters
    ----------
    shape : (int, int)
        Number of sources and of targets.
    pre, post : array
        Indices of each connection.
    values : array
        Value of each connection.
    multiple : str
        What to make of several connections of one pair: "sum", "first", "last", "min" or "max".
    """
    matrix = np.full(shape, np.nan)
    at = (pre, post)
    if multiple == "first":
        back = np.arange(len(pre) - 1, -1, -1)  # the last one assigned stays
        matrix[pre[back], post[back]] = values[back]
    elif multiple == "last":
        matrix[at] = values
    else:
        matrix[at] = {"sum": 0.0, "min": np.inf, "max": -np.inf}[multiple]
        {"sum": np.add, "min": np.minimum, "max": np.maximum}[multiple].at(matrix, at, values)
    return matrix


def distances(space: Any, pre: Floats, post: Floats) -> Floats:
    """Return the distances of pairs of positions, [n, 3] each, as `pyNN.space.Space` defines them."""
    post = space.scale_factor * (post + space.offset)
    square = np.zeros(len(pre))
    for axis in space.axes:
        step = pre[:, axis] - post[:, axis]
        bounds = None if space.periodic_boundaries is None else space.periodic_boundaries[axis]
        if bounds is not None:
            step = np.abs(step)
            step = np.minimum(step, bounds[1] - bounds[0] - step)
        square += step * step
    return np.sqrt(square)


def own_index(projection: Any) -> Ints:
    """Return for each target its index among the sources, or -1."""
    sources = np.asarray(projection.pre.all_cells, dtype=np.int64)
    targets = np.asarray(projection.post.all_cells, dtype=np.int64)
    order = np.argsort(sources)
    at = np.minimum(np.searchsorted(sources[order], targets), max(0, len(sources) - 1))
    found = sources[order][at] == targets if len(sources) else np.zeros(len(targets), bool)
    return np.where(found, order[at] if len(sources) else -1, -1)


def all_pairs(projection: Any, *, self_connections: bool) -> tuple[Ints, Ints]:
    """Return all pairs, by target; on request without those of a cell with itself."""
    n_pre, n_post = projection.shape
    pre, post = np.tile(np.arange(n_pre), n_post), np.repeat(np.arange(n_post), n_pre)
    if self_connections:
        return pre, post
    other = pre != own_index(projection)[post]
    return pre[other], post[other]


def on_grid(delays: Any, dt: float) -> Any:
    """Return delays [ms] in steps of dt; those in the middle of two steps are rounded up, whatever is lost in division."""
    return np.floor(np.asarray(delays) / dt + 0.5 + 1e-9).astype(np.int64)
