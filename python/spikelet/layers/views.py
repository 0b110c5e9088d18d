"""Where the values of a layer are in the core: in which nodes, and in what order.

Layers that only move values have no node of their own. What they do is kept as an index into the values of earlier nodes,
and chains of them as one index. A node that moves values is made when another layer needs them, and only if their order
differs from that in which they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail

Shape: TypeAlias = tuple[int, ...]
Extent: TypeAlias = tuple[int, int, int]
Floats: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int32]
MAX_LENGTH = 1 << 31  # of an axis
NONE: Floats = np.zeros(0)  # no parameter, for the core


def extent_of(shape: Shape) -> Extent:
    """Return channels, height and width: dimensions between the first and the last make up the height."""
    return shape[0], math.prod(shape[1:-1]), shape[-1] if len(shape) > 1 else 1


@dataclass(frozen=True, eq=False)
class View:
    """The values of a layer for one sample.

    Parameters
    ----------
    shape : tuple of int
    parts : tuple of int
        Nodes of the core, whose values follow each other.
    index : int32 array of the shape, optional
        Places in these; -1 is a zero. None: all values, in their order.
    value : array of the shape, optional
        The values, if they are known; there are no parts then.
    base : View, optional
        Another view of the same values in the same order, of another shape.
    """

    shape: Shape
    parts: tuple[int, ...] = ()
    index: Index | None = None
    value: Floats | None = None
    base: View | None = None

    @property
    def node(self) -> int | None:
        """The node that holds all values in their order, if there is one."""
        return self.parts[0] if len(self.parts) == 1 and self.index is None else None


@dataclass(eq=False)
class Views:
    """The nodes of a core's graph, and the order of their values.

    Parameters
    ----------
    core : _core.LayerGraph
    extents : dict of int to tuple of int
        Channels, height and width of each node.
    layer : str
        Name of the layer that is being added.
    layers : dict of int to str
        The layer that each node computes; nodes that only move values are not in it.
    """

    core: Any
    extents: dict[int, Extent] = field(default_factory=dict)
    layer: str = ""
    layers: dict[int, str] = field(default_factory=dict)
    _made: dict[tuple[int, Extent], tuple[View, int]] = field(default_factory=dict)
    _nodes: dict[int, View] = field(default_factory=dict)

    def add(self, number: int, extent: Extent, shape: Shape, index: Index | None = None) -> View:
        """Return the view of a new node."""
        self.extents[number] = extent
        self.layers[number] = self.layer
        return View(shape, (number,), index)

    def reshaped(self, view: View, shape: Shape) -> View:
        """Return the values in another shape, in the same order."""
        index = None if view.index is None else view.index.reshape(shape)
        value = None if view.value is None else view.value.reshape(shape)
        return View(shape, view.parts, index, value, view.base or view)

    def moved(self, view: View, move: Callable[[NDArray[Any], int], NDArray[Any]]) -> View:
        """Return the values after ``move(array, blank)``."""
        if view.value is not None:
            value = np.ascontiguousarray(move(view.value, 0))
            return View(value.shape, value=value)
        index = np.ascontiguousarray(move(self.index_of(view), -1), np.int32)
        same = index.size == self._size(view.parts) and bool(
            (index.ravel() == np.arange(index.size, dtype=np.int32)).all()
        )
        return View(index.shape, view.parts, None if same else index)

    def joined(self, views: Sequence[View], axis: int, shape: Shape) -> View:
        """Return the values of several views, one after another along an axis."""
        if all(view.value is not None for view in views):
            return View(shape, value=np.concatenate([view.value for view in views], axis))
        parts: tuple[int, ...] = ()
        indices, ordered = [], axis == 0
        for view in views:
            plain = self._with_node(view)
            index = self.index_of(plain)
            indices.append(np.where(index < 0, index, index + np.int32(self._size(parts))))
            ordered &= plain.index is None
            parts += plain.parts
        self._check_size(self._size(parts))
        return View(shape, parts, None if ordered else np.concatenate(indices, axis))

    def index_of(self, view: View) -> Index:
        """Return the index of a view, of its shape."""
        if view.index is not None:
            return view.index
        size = math.prod(view.shape)
        self._check_size(size)
        return np.arange(size, dtype=np.int32).reshape(view.shape)

    def in_order(self, view: View) -> tuple[int, Extent]:
        """Return a node that holds the values in their order, in whatever extent, and its extent."""
        if view.node is not None:
            return view.node, self.extents[view.node]
        view = view.base or view
        extent = extent_of(view.shape)
        return self.shaped(view, extent), extent

    def shaped(self, view: View, extent: Extent | None = None) -> int:
        """Return a node that holds the values in their order, in an extent (by default that of the shape)."""
        extent = extent or extent_of(view.shape)
        if view.node is not None and self.extents[view.node] == extent:
            return view.node
        if view.base is not None and view.index is None and len(view.parts) > 1:
            made, given = self.in_order(view.base)  # what is concatenated keeps its pixels
            return self.shaped(self._node(made, given), extent)
        key = (id(view), extent)
        if key not in self._made:  # the view is kept, so that its id stays its own
            self._made[key] = view, self._make(view, extent)
        return self._made[key][1]

    def number(self, view: View) -> int | None:
        """Return the node that holds the values in their order, if one has been made."""
        if view.node is not None:
            return view.node
        same = (view, view.base)
        made = [number for other, number in self._made.values() if any(other is v for v in same)]
        return made[0] if made else None

    def _node(self, number: int, extent: Extent) -> View:
        """Return the one view of a node that holds concatenated values."""
        return self._nodes.setdefault(number, View(extent, (number,)))

    def by_channel(self, view: View) -> tuple[int, Extent]:
        """Return a node with the channels of the shape, whatever its height and width, and its extent."""
        if view.node is not None and self.extents[view.node][0] == view.shape[0]:
            return view.node, self.extents[view.node]
        extent = extent_of(view.shape)
        return self.shaped(view, extent), extent

    def order(self, view: View) -> Index | None:
        """Return the index of a view that holds all values of one node, each once, in another order."""
        if view.index is None or len(view.parts) != 1:
            return None
        size = self._size(view.parts)
        seen = np.zeros(size, bool)
        if view.index.size == size and view.index.min() >= 0:
            seen[view.index.ravel()] = True
        return view.index if seen.all() else None

    def broadcast(self, view: View, shape: Shape) -> View:
        """Return the values broadcast to a shape."""
        if view.shape == shape:
            return view
        return self.moved(view, lambda array, _: np.broadcast_to(array, shape))

    def scaled(self, view: View, scale: Floats, shift: Floats | None = None) -> View:
        """Add ``scale x + shift``, by channel where that is enough; both broadcast to the shape of the view."""
        shape = view.shape
        given = [scale] if shift is None else [scale, shift]
        index = self.order(view)
        if index is not None:
            from_, extent = view.parts[0], self.extents[view.parts[0]]
            wide = [_placed(index, np.broadcast_to(a, shape), extent) for a in given]
        elif all(a.ndim == 0 or math.prod(a.shape[1:]) == 1 for a in given):
            from_, extent = self.by_channel(view)
            wide = [np.broadcast_to(np.ravel(a), (shape[0],)) for a in given]
        else:
            from_, extent = self.in_order(view)
            wide = [np.broadcast_to(a, shape).ravel() for a in given]
        number = self.core.affine(from_, extent, *wide, *[NONE] * (2 - len(wide)))
        return self.add(number, extent, shape, index)

    def each(self, view: View, *, by_channel: bool) -> tuple[int, Extent, Index | None]:
        """Return a node whose values are taken one by one, with parameters by channel or equal ones: as `alike`."""
        return (*self.by_channel(view), None) if by_channel else self.alike(view)

    def alike(self, view: View) -> tuple[int, Extent, Index | None]:
        """Return a node whose values may be taken one by one, its extent, and the index of the result."""
        if self.order(view) is not None:
            return view.parts[0], self.extents[view.parts[0]], view.index
        return (*self.in_order(view), None)

    def _make(self, view: View, extent: Extent) -> int:
        made: int
        if view.value is not None:
            made = self.core.constant(extent, np.ascontiguousarray(view.value, np.float64))
        elif view.index is None and len(view.parts) > 1 and self._stacked(view.parts, extent):
            made = self.core.concat(list(view.parts), extent)
        else:
            made = self.core.gather(list(view.parts), extent, self.index_of(view).ravel())
        self.extents[made] = extent
        return made

    def _with_node(self, view: View) -> View:
        """Return a view that has parts."""
        return view if view.value is None else View(view.shape, (self.shaped(view),))

    def _stacked(self, parts: Sequence[int], extent: Extent) -> bool:
        return all(self.extents[part][1:] == extent[1:] for part in parts)

    def _size(self, parts: Sequence[int]) -> int:
        return sum(math.prod(self.extents[part]) for part in parts)

    @staticmethod
    def _check_size(size: int) -> None:
        if size >= MAX_LENGTH:
            fail("SpikingModel", "layers", size, "must move fewer than 2^31 values", got="values")


def _placed(order: NDArray[Any], values: Floats, extent: Extent) -> Floats:
    """Return values where an index puts them: one for each channel, if its pixels agree."""
    placed = np.empty(order.size)
    placed[order.ravel()] = values.ravel()
    channels = placed.reshape(extent[0], -1)
    return channels[:, 0].copy() if (channels == channels[:, :1]).all() else placed
