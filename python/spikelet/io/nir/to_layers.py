"""Turn a layered graph into a `SpikingModel`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet._util.checks import named
from spikelet.io.nir.cells import Coefficients, Mode, coefficients, delay_steps
from spikelet.io.nir.fields import NEURONS, SPIKING, pair
from spikelet.io.nir.flat import FlatGraph, FlatNode
from spikelet.io.nir.kept import Floats, Resets
from spikelet.io.nir.order import order_of
from spikelet.io.nir.shapes import padded
from spikelet.layers.graph import INPUT, Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["to_spiking_model"]

_WHERE = "NirModel.to_spiking_model"
_NETWORK = "use to_network, or run"


def to_spiking_model(
    flat: FlatGraph,
    dt: float,
    mode: Mode,
    resets: Resets,
    dtype: Any,
    v_init: Mapping[str, Floats],
    **options: Any,
) -> SpikingModel:
    """Return the model of a graph in which nothing flows back; see `NirModel.to_spiking_model`."""
    order = order_of(flat, ())
    for part in order.components:
        if part.loops:
            cycle = ", ".join(part.nodes)
            _refuse(_WHERE, f"nodes {cycle}", "depend on each other", _NETWORK)
    starts, ends = tuple(flat.inputs.values()), tuple(flat.outputs.values())
    needed = _leading_to(flat, ends)
    for start in starts:
        if start not in needed:
            _refuse(_WHERE, f"input '{start}'", "leads to no output", "use run")
    names = dict(zip(starts, [INPUT] if len(starts) == 1 else starts, strict=True))
    stands: dict[str, str] = {}  # the layer that computes the output of a node
    built: list[tuple[str, layers.Layer, tuple[str, ...]]] = []
    for part in order.components:
        node = flat.nodes[part.nodes[0]]
        if node.name not in needed:
            continue
        if not node.sources and node.name not in names:
            _refuse(_WHERE, f"node '{node.name}' ({node.kind})", "has no input", "use run")
        before = [stands[source] for source in node.sources] or [names[node.name]]
        if len(before) > 1:
            built.append((f"{node.name}.sum", layers.Add(), tuple(before)))
            before = [f"{node.name}.sum"]
        here = f"{_WHERE}: node '{node.name}' ({node.kind})"
        after = flat.reader(node.name) if node.kind in ("I", "LI", "CubaLI") else None
        if after is not None:
            rule = "a potential can only be the output of a SpikingModel: use run"
            _refuse(here, "the output", f"leads to '{after}'", rule)
        try:
            layer = _layer(here, node, dt, mode, resets, dtype, v_init.get(node.name))
        except ValueError as error:  # of a layer's own checks
            if str(error).startswith(_WHERE):
                raise
            msg = f"{here}: {error}"
            raise ValueError(msg) from None
        if layer is None:
            stands[node.name] = before[0]
        else:
            built.append((node.name, layer, (before[0],)))
            stands[node.name] = node.name
    outputs = [stands[end] for end in ends]
    for end, output in zip(ends, outputs, strict=True):
        if output in names.values():
            _refuse(
                _WHERE, f"node '{end}'", "follows the input directly", "there is nothing to run"
            )
    with named(_WHERE):
        graph = Graph(built, _WHERE, list(names.values()), outputs)
        return SpikingModel(graph, dtype=dtype, **options)


def _leading_to(flat: FlatGraph, ends: Sequence[str]) -> set[str]:
    found, waiting = set(ends), list(ends)
    while waiting:
        for source in flat.nodes[waiting.pop()].sources:
            if source not in found:
                found.add(source)
                waiting.append(source)
    return found


def _layer(
    here: str,
    node: FlatNode,
    dt: float,
    mode: Mode,
    resets: Resets,
    dtype: Any,
    first: Floats | None,
) -> layers.Layer | None:
    """Return the layer of a node, or None if it passes its input on."""
    v, kind = node.values, node.kind
    if kind in NEURONS or kind == "Threshold":
        return _neuron(here, node, dt, mode, resets, dtype, first)
    if kind in ("Affine", "Linear"):
        if v["weight"].ndim != 2:
            _refuse(here, "weight", f"has the shape {v['weight'].shape}", "a layer has [out, in]")
        bias = v.get("bias")
        return layers.Linear(
            v["weight"], None if bias is None else np.broadcast_to(bias, node.sends)
        )
    if kind == "Conv2d":
        (top, bottom), (left, right) = padded(v, 2)
        return layers.Conv2d(
            v["weight"], v["bias"], pair(v["stride"]), (top, bottom, left, right), pair(v["dilation"]), int(v["groups"][0])
        )  # fmt: skip
    if kind == "Conv1d":
        stride, dilation, groups = (int(v[k].flat[0]) for k in ("stride", "dilation", "groups"))
        return layers.Conv1d(v["weight"], v["bias"], stride, padded(v, 1)[0], dilation, groups)
    if kind in ("SumPool2d", "AvgPool2d"):
        return _pool(node)
    if kind == "Scale":
        scale = np.broadcast_to(v["scale"], node.takes)
        rows = scale.reshape(len(scale), -1) if scale.ndim else scale.reshape(1, 1)
        if (rows != rows[:, :1]).any():
            _refuse(here, "scale", "differs within a channel", "layers scale whole channels")
        return layers.Affine(rows[:, 0])
    if kind == "Flatten":
        if node.sends == node.takes:
            return None
        if len(node.sends) != 1:
            _refuse(here, "output shape", f"is {node.sends}", "layers flatten whole samples")
        return layers.Flatten()
    if kind == "Delay":
        steps = delay_steps(_WHERE, node, dt)
        if steps.any():
            _refuse(here, "delay", f"is {int(steps.max())} steps", f"layers have none: {_NETWORK}")
        return None
    return None


def _pool(node: FlatNode) -> layers.Layer:
    kernel, stride, padding = (pair(node.values[k]) for k in ("kernel_size", "stride", "padding"))
    mean = node.kind == "AvgPool2d"
    if mean and all(2 * p <= k for p, k in zip(padding, kernel, strict=True)):
        return layers.AvgPool2d(kernel, stride, padding)
    channels = node.takes[0]
    weight = np.full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]) if mean else 1.0)
    return layers.Conv2d(weight, None, stride, padding, 1, channels)


def _neuron(
    here: str,
    node: FlatNode,
    dt: float,
    mode: Mode,
    resets: Resets,
    dtype: Any,
    first: Floats | None,
) -> layers.Layer:
    if node.kind.startswith("Cuba"):
        _refuse(here, "neuron", "has a synaptic current, which layers do not", _NETWORK)
    if node.kind == "Threshold":
        threshold = _above(here, np.broadcast_to(node.values["threshold"], node.takes), dtype)
        return layers.LIF(threshold, decay=0.0, gain=1.0)
    step = coefficients(_WHERE, node, dt, mode)
    decay = _one(here, "the decay of a step", step.leak)
    gain, unit = step.gain, np.ones(node.takes)
    if (gain != gain.flat[0]).any():  # in units of the gain, a neuron has gain 1
        gain, unit = unit, gain
    if (unit <= 0).any() or gain.flat[0] < 0:
        _refuse(here, "r", "is not positive", "layers need a gain above 0: use run")
    leak = np.zeros(node.takes)
    if decay != 1:
        leak = np.broadcast_to(node.values["v_leak"], node.takes)
    options: dict[str, Any] = {"decay": decay, "gain": float(gain.flat[0])}
    start = np.zeros(node.takes) if first is None else first
    if leak.any() or start.any():  # potentials are counted from v_leak
        options["v_init"] = _simple((start - leak) / unit)
    if node.kind not in SPIKING:
        if leak.any() or (unit != 1).any():
            _refuse(
                here, "v_leak or r", "is not that of all", "layers read potentials from 0: use run"
            )
        return layers.LI(**options)
    subtracts, at = resets.of(node.name)
    return _spiking(here, step, (leak, unit), options, subtracts, at, dtype)


def _spiking(
    here: str,
    step: Coefficients,
    frame: tuple[NDArray[Any], NDArray[Any]],
    options: dict[str, Any],
    subtract: bool,
    at: Floats | None,
    dtype: Any,
) -> layers.Layer:
    leak, unit = frame
    assert step.threshold is not None
    assert step.v_reset is not None
    above = _above(here, (step.threshold - leak) / unit, dtype)
    threshold = above if at is None else _simple((at - leak) / unit)
    reset: Literal["subtract", "zero"] = "subtract" if subtract else "zero"
    if subtract and leak.any():
        _refuse(here, "v_leak", "is not 0", "with reset='subtract' layers leak to 0: use run")
    if not subtract:
        options["v_reset"] = _one(here, "v_reset (from v_leak, by r)", (step.v_reset - leak) / unit)
    return layers.LIF(threshold, reset, **options)


def _above(here: str, threshold: NDArray[Any], dtype: Any) -> Any:
    """Return the least potentials above a threshold: layers spike at theirs."""
    if (threshold <= 0).any():
        _refuse(here, "v_threshold", "is not above v_leak", "layers need a positive one: use run")
    real = np.float64 if dtype == "float64" else np.float32
    return _simple(np.nextafter(threshold.astype(real), real(np.inf)).astype(np.float64))


def _simple(values: NDArray[Any]) -> Any:
    return float(values.flat[0]) if (values == values.flat[0]).all() else values


def _one(here: str, what: str, values: NDArray[Any]) -> float:
    if (values != values.flat[0]).any():
        _refuse(here, what, "differs between neurons", f"a layer has one: {_NETWORK}")
    return float(values.flat[0])


def _refuse(where: str, what: str, why: str, hint: str) -> NoReturn:
    msg = f"{where}: {what} {why}; {hint}"
    raise ValueError(msg)
