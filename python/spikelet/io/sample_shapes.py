"""The shape of one sample for each input of a model that is written."""

from __future__ import annotations

import math
from typing import Any

from spikelet._util.checks import fail, named
from spikelet.conversion.building import input_shapes
from spikelet.layers import Linear, Shape
from spikelet.layers.graph import Graph

_MAX = 2**31 - 1


def sample_shapes(where: str, graph: Graph, given: Any, known: Any = None) -> dict[str, Shape]:
    """Return the shapes of inputs by name.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    graph : Graph
    given : tuple of int, or several, optional
        What the user passed as `input_shape`; see `Graph.shapes`.
    known : tuple of shapes, optional
        Those of a converted model, in place of what is not given. Without both, an input has the shape of the vectors that
        fully connected layers take.

    Raises
    ------
    ValueError
        If the shapes do not follow, or the layers do not take them.
    """
    shapes = given if given is not None else known or None
    if shapes is None:
        shapes = {name: _vector(where, graph, name) for name in graph.inputs}
    checked = input_shapes(where, shapes, "input_shape")
    with named(where):
        found = graph.shapes(checked)
    for name, shape in found.items():
        if math.prod(shape) > _MAX:
            rule = f"must give layers of fewer than 2^31 values; '{name}' has more"
            fail(where, "input_shape", given, rule)
    return {name: found[name] for name in graph.inputs}


def _vector(where: str, graph: Graph, name: str) -> Shape:
    layers = [node.layer for node in graph.consumers(name)]
    sizes = {layer.weight.shape[1] for layer in layers if isinstance(layer, Linear)}
    if len(sizes) != 1:
        rule = (
            "must be the shape of one sample, as (3, 32, 32): the layers accept other shapes, too"
        )
        fail(where, "input_shape", None, rule)
    return (int(sizes.pop()),)
