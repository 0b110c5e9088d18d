"""Fold scales and shifts of channels (BatchNorm) into the adjacent weights, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, named, numbers, require
from spikelet.conversion.passes import MutableGraph, run_passes
from spikelet.layers import Affine, Layer, Linear
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph, Node

__all__ = ["batch_norm", "fold"]

Floats = NDArray[np.float64]


def batch_norm(
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float = 1e-5,
) -> Affine:
    """Return the affine map of BatchNorm with fixed statistics.

    Parameters
    ----------
    weight, bias : array-like, [channels], or None
        Gamma and beta; None stands for 1 and 0.
    running_mean, running_var : array-like, [channels]
    eps : float
        Added to the variances; >= 0.

    Returns
    -------
    Affine
        ``y = (x - running_mean) / sqrt(running_var + eps) * weight + bias``

    Raises
    ------
    ValueError
        If sizes differ, a value is not finite, or a variance plus eps is not positive.
    """
    where = "batch_norm"
    mean = numbers(where, "running_mean", running_mean)
    var = numbers(where, "running_var", running_var)
    epsilon = numbers(where, "eps", eps, dimensions=0)
    gamma = np.ones(mean.shape) if weight is None else numbers(where, "weight", weight)
    beta = np.zeros(mean.shape) if bias is None else numbers(where, "bias", bias)
    for name, array, rule in (
        ("weight", gamma, "finite"),
        ("bias", beta, "finite"),
        ("running_mean", mean, "finite"),
        ("running_var", var, "finite and >= 0"),
        ("eps", epsilon, "finite and >= 0"),
    ):
        if array is not epsilon and array.shape != mean.shape:
            shape = f"must have the shape {mean.shape} of running_mean"
            fail(where, name, array.shape, shape, got="shape")
        require(where, name, array, rule)
    require(where, "running_var + eps", var + epsilon, "finite and > 0")
    scale = gamma / np.sqrt(var + epsilon)
    return Affine(scale, beta - mean * scale)


def fold(graph: Graph) -> Graph:
    """Fold every `Affine` into the adjacent weights where that is possible.

    An `Affine` by channel is folded into the `Linear`, convolution, transposed convolution or `Affine` before it, which
    keeps its name, if nothing else uses the output of that layer; or into the `Linear` or convolution after it, if nothing
    else uses the output of the `Affine`. A convolution pads the *output* of the `Affine` with zeros, so an `Affine` with a
    shift stays if the convolution after it pads. An `Affine` after a sum also stays, as does one with a separate value
    for each pixel.

    Parameters
    ----------
    graph : Graph
        The graph to fold; it is not modified.

    Returns
    -------
    Graph
        A graph with the same outputs, without the folded layers.

    Raises
    ------
    ValueError
        If a weight overflows; the message names the layer.
    """
    return run_passes("fold", graph, fold_affine)


def fold_affine(work: MutableGraph) -> None:
    """Fold affine maps into adjacent weights; see `fold`."""
    uses = work.uses()
    kept: dict[str, Node] = {}
    instead: dict[str, str] = {}  # replacements of folded layers
    for given in work.nodes.values():
        node = Node(given.name, given.layer, tuple(instead.get(i, i) for i in given.inputs))
        before = kept.get(node.inputs[0]) if len(node.inputs) == 1 else None
        if before is not None and uses[before.name] == 1:
            with named(f"fold: layer '{node.name}'"), np.errstate(over="ignore", invalid="ignore"):
                layer = _merged(before.layer, node.layer)
            if layer is not None:
                name = node.name
                if isinstance(node.layer, Affine) and name not in work.outputs:
                    instead[name] = name = before.name
                    uses[name] = uses[node.name]
                else:  # an output keeps its name, and so does a layer behind the map
                    del kept[before.name]
                node = Node(name, layer, before.inputs)
        kept[node.name] = node
    work.update(kept.values(), instead)


def _merged(before: Layer, layer: Layer) -> Layer | None:
    """Return one layer for two, of which one is an affine map, or None if they do not merge."""
    if isinstance(layer, Affine):
        return _behind(before, layer)
    if isinstance(before, Affine) and isinstance(layer, Convolution | Linear):
        return _ahead(before, layer)
    return None


def _behind(layer: Layer, affine: Affine) -> Layer | None:
    """Return the layer followed by an affine map, or None if they do not merge."""
    if isinstance(layer, Affine):
        if any(a.scale.ndim > 1 or np.ndim(a.shift) > 1 for a in (layer, affine)):
            return None
        shift = None if layer.shift is None else layer.shift * affine.scale
        return Affine(layer.scale * affine.scale, _sum(shift, affine.shift))
    if not isinstance(layer, Convolution | Linear | TransposedConvolution):
        return None
    outputs = len(layer.weight)
    if isinstance(layer, TransposedConvolution):
        outputs = layer.weight.shape[1] * layer.groups
    by_channel = _channels(affine, outputs)
    if by_channel is None:
        return None
    scale, shift = by_channel
    bias = _sum(None if layer.bias is None else layer.bias * scale, shift)
    kernel = [1] * (layer.weight.ndim - 2)
    if isinstance(
        layer, TransposedConvolution
    ):  # weight [in, out / groups, ...]: rows of a group have its outputs
        wide = np.repeat(scale.reshape(layer.groups, -1), len(layer.weight) // layer.groups, axis=0)
        factors = wide.reshape(*layer.weight.shape[:2], *kernel)
    else:
        factors = scale.reshape(-1, 1, *kernel)
    return layer.replace(weight=layer.weight * factors, bias=bias)


def _ahead(affine: Affine, layer: Convolution | Linear) -> Layer | None:
    """Return the layer preceded by an affine map, or None if padding forbids it."""
    inputs = layer.weight.shape[1] * (1 if isinstance(layer, Linear) else layer.groups)
    by_channel = _channels(affine, inputs)
    if by_channel is None:
        return None
    scale, shift = by_channel
    shifts = shift is not None and bool(shift.any())
    if isinstance(layer, Linear):
        weight = layer.weight * scale
        drive = layer.weight @ shift if shifts else None
    else:
        if shifts and any(layer.padding):
            return None
        out, per_group, *kernel = layer.weight.shape
        group = np.arange(out) // (out // layer.groups)
        channels = group[:, None] * per_group + np.arange(per_group)  # [out, in / groups]
        weight = layer.weight * scale[channels].reshape(out, per_group, *[1] * len(kernel))
        terms = "oi" + "hwz"[: len(kernel)]
        drive = np.einsum(f"{terms},oi->o", layer.weight, shift[channels]) if shifts else None  # type: ignore[index]  # an array, then
    return layer.replace(weight=weight, bias=_sum(drive, layer.bias))


def _channels(affine: Affine, n: int) -> tuple[Floats, Floats | None] | None:
    """Return scale and shift of each of n channels, or None if they differ between pixels."""
    arrays = [affine.scale] if affine.shift is None else [affine.scale, affine.shift]
    if any(a.ndim > 1 and a.size != len(a) for a in arrays):
        return None
    wide = [np.broadcast_to(a.ravel(), (n,)) for a in arrays]
    return wide[0], wide[1] if len(wide) > 1 else None


def _sum(a: Floats | None, b: Floats | None) -> Floats | None:
    if a is None or b is None:
        return b if a is None else a
    return np.asarray(a + b)
