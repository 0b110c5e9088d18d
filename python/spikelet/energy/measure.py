"""Count the operations of each layer, and price them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.energy.report import EnergyReport, LayerEnergy, NetworkEnergy
from spikelet.energy.segments import Timing, computed_once, current_once, needed_as_mean, timings
from spikelet.energy.technology import Technology, find
from spikelet.layers import Affine, Graded, Layer, Linear, Neuron, ReLU, Resize
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Node
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import Samples, is_model, is_sequence, merge, with_coding
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["measure"]

_ADDRESS_BYTES = 4.0  # size of a spike


@spelled
def measure(
    model: SpikingModel,
    x: Inputs,
    steps: int | None = None,
    *,
    ann: SpikingModel | None = None,
    technology: str | Technology = "45nm",
    memory: bool = False,
    first_layer_once: bool = False,
    count_changes: bool = False,
    multiply_sizes: bool = False,
    batch_size: int | None = None,
    **run_args: Any,
) -> EnergyReport:
    """Run a model, count its operations and estimate their energy.

    Parameters
    ----------
    model : SpikingModel
        A spiking or hybrid network, or an ANN (all neurons `ReLU`, with ``steps=1``).
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        Inputs as for `SpikingModel.run`. Counts depend on them, so use representative data.
    steps : int, optional
        Number of steps T; by default that of a converted model.
    ann : SpikingModel, optional
        An ANN to compare with; it runs on x (or on the mean of a sequence) for one step.
    technology : str or Technology
        A name in `TECHNOLOGIES`, or your own constants.
    memory : bool
        Include memory traffic.
    first_layer_once : bool
        Count the MACs of a constant current once instead of at each step.
    count_changes : bool
        Count only membrane updates that change the potential.
    multiply_sizes : bool
        Where spikes have several sizes (`Neuron.levels`), count each weight that is added for one as a MAC. By default it is
        an AC: sizes that halve shift the weight, those of ratio sqrt(1/2) shift one of two copies of it.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding``, ``seed`` and ``until`` of `SpikingModel.run`. With ``coding="poisson"`` each batch has a seed of its own.

    Returns
    -------
    EnergyReport

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or x does not fit the model.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> from spikelet.layers import IF, Linear
    >>> model = sl.SpikingModel([Linear([[1.0, 0.0]]), IF(1.0), Linear([[2.0], [3.0]])])
    >>> report = sl.energy.measure(model, np.array([[0.5, 0.5]]), steps=8)
    >>> report.snn.total.effective_acs, report.snn.total.effective_macs  # 4 spikes to 2 outputs
    (8.0, 16.0)
    """
    where = "energy.measure"
    is_model(where, "model", model)
    if ann is not None:
        is_model(where, "ann", ann)
        spiking = ann.neurons
        if spiking:
            fail(where, "ann", spiking[0], "must not have spiking neurons", got="layer")
    for argument in ("record", "delay", "progress"):
        if argument in run_args:
            msg = f"{where}: {argument} must not be given, as it does not change the counts"
            raise TypeError(msg)
    if count_changes and run_args.get("until") is not None:
        fail(
            where,
            "count_changes",
            True,
            "must be False with until: it needs the potentials of all steps",
        )
    constants = find(where, technology)
    samples = Samples.of(where, model, x, steps, batch_size)
    run_args = with_coding(model, run_args) if samples.steps is not None else run_args
    options = _Options(constants, memory, first_layer_once, count_changes, multiply_sizes)
    snn = _network(model, samples, options, run_args)
    other = None if ann is None else _network(ann, samples.constant(), options, {})
    return EnergyReport(snn, other, constants, samples.count, memory, first_layer_once)


_COUNTED = (
    Affine,
    Convolution,
    Graded,
    Linear,
    Neuron,
    ReLU,
    Resize,
    TransposedConvolution,
)


class _Options(NamedTuple):
    technology: Technology
    memory: bool
    once: bool
    count_changes: bool
    multiply_sizes: bool


def _network(
    model: SpikingModel, samples: Samples, options: _Options, run_args: dict[str, Any]
) -> NetworkEnergy:
    graph, total = model.graph, samples.total
    shapes = graph.shapes(samples.shapes)
    when = timings(graph, sequence=is_sequence(samples, run_args))
    analog = [n.name for n in graph if isinstance(n.layer, ReLU)]
    changing = model.neurons if options.count_changes else ()
    records = [f"{n}.mean" for n in analog]
    records += [f"{n}.{what}" for n in changing for what in ("v", "spikes")]
    stepwise = _stepwise(model, samples, when, run_args)
    records += [f"{n}.value" for n in stepwise]
    each = 8 * sum(int(np.prod(shapes[n])) for n in analog)
    each += 8 * total * sum(int(np.prod(shapes[n])) for n in stepwise)
    each += 9 * total * sum(int(np.prod(shapes[n])) for n in changing)
    active, changes = dict.fromkeys(analog, 0), dict.fromkeys(changing, 0)
    parts, taken = [], []
    for part, result in samples.run(model, each, record=records, **run_args):
        taken.append(np.broadcast_to(result.steps, part.stop - part.start))
        parts.append((part.stop - part.start, result.operations))
        for name in analog:
            active[name] += int(np.count_nonzero(result[f"{name}.mean"]))
        for name in changing:
            neuron = graph[name].layer
            changes[name] += _changes(neuron, result[f"{name}.v"], result[f"{name}.spikes"])
    operations = merge(parts)
    mean = float(np.concatenate(taken).mean())
    steps = total if mean == total else mean
    rows = []
    sized = any(isinstance(n.layer, Neuron) and n.layer.levels > 1 for n in graph)
    multiplied = options.multiply_sizes and sized
    for node in graph:
        layer = node.layer
        if not isinstance(layer, _COUNTED):
            continue
        own = operations[node.name]
        size = int(np.prod(shapes[node.name]))
        # ANN segments run once, and so may the layers behind a constant current.
        once = computed_once(graph, node.name, when) or (
            options.once and current_once(graph, node.name, when)
        )
        runs = steps if once else 1
        evaluated = runs
        if isinstance(layer, (Graded, Resize)) and not any(when[i].spiking for i in node.inputs):
            evaluated = 1  # the engine does not repeat it
        states = 0 if once and isinstance(layer, Graded) else _states(layer)
        waits = isinstance(layer, ReLU) and any(when[i].spiking for i in node.inputs)
        values: dict[str, Any] = {
            "effective_acs": 0.0 if multiplied else own.additions,
            "effective_macs": own.products / evaluated + (own.additions if multiplied else 0.0),
            "dense_macs": own.dense / runs,
            "parameter_bytes": _parameters(layer) * _item_size(model),
            "state_bytes": (states + waits) * size * _item_size(model),
        }
        updates = float(size * steps)
        if isinstance(layer, Neuron):
            if options.count_changes:
                updates = changes[node.name] / samples.count
            values.update(
                neurons=size,
                spikes=own.spikes,
                active=own.spikes,
                slots=size * steps,
                membrane_updates=updates,
            )
        elif isinstance(layer, ReLU):
            # A ReLU after spikes sums its input at each step.
            values.update(
                neurons=size,
                active=active[node.name] / samples.count,
                slots=size,
                membrane_updates=updates if waits else 0.0,
            )
        rows.append(_priced(node, values, options))
    spikes = sum(operations[name].spikes for name in graph.inputs)
    return NetworkEnergy(tuple(rows), steps, spikes)


def _stepwise(
    model: SpikingModel, samples: Samples, when: dict[str, Timing], run_args: dict[str, Any]
) -> list[str]:
    """Return the layers to run step by step, so that a run counts their inputs at each step.

    If only the mean of such a layer is needed, the engine multiplies weights by the mean input, which does not show at
    which steps it was 0. Where inputs are spikes, it counts these anyway.
    """
    weights = (Convolution, Linear, TransposedConvolution)
    nodes = [n.name for n in model.graph if isinstance(n.layer, weights)]
    nodes = [n for n in nodes if needed_as_mean(model.graph, n, when)]
    if not nodes or samples.count == 0:
        return []
    options = {k: v for k, v in run_args.items() if k != "until"}
    operations = model.run(samples.part(slice(0, 1)), samples.steps, **options).operations
    return [n for n in nodes if operations[n].products > 0 or operations[n].additions == 0]


def _priced(node: Node, values: dict[str, Any], options: _Options) -> LayerEnergy:
    t = options.technology
    acs, macs = values["effective_acs"], values["effective_macs"]
    row = LayerEnergy(
        node.name,
        type(node.layer).__name__,
        compute_pj=t.add_pj * acs + t.mac_pj * macs,
        dense_pj=t.mac_pj * values["dense_macs"],
        **values,
    )
    if not options.memory:
        return row
    moved = acs * (t.weight_bytes + 2 * t.state_bytes) + macs * 2 * t.weight_bytes
    moved += row.membrane_updates * 2 * t.state_bytes
    moved += row.active * t.weight_bytes if row.kind == "ReLU" else row.spikes * 2 * _ADDRESS_BYTES
    numbers = _parameters(node.layer)
    states = values["state_bytes"]
    size = numbers * t.weight_bytes + (states and row.neurons * t.state_bytes)
    return LayerEnergy(**{**row.__dict__, "memory_pj": moved * t.byte_pj(size)})


def _changes(neuron: Layer, v: np.ndarray[Any, Any], spikes: np.ndarray[Any, Any]) -> int:
    assert isinstance(neuron, Neuron)
    start = np.asarray(neuron.v_init, v.dtype)
    if start.ndim == 1:
        start = start.reshape(-1, *[1] * (v.ndim - 3))
    before = np.broadcast_to(start, v.shape[1:])
    count = 0
    for now, sent in zip(v, spikes, strict=True):
        count += int(np.count_nonzero((now != before) | (sent != 0)))
        before = now
    return count


def _item_size(model: SpikingModel) -> int:
    return int(np.dtype(model.dtype).itemsize)


def _parameters(layer: Layer) -> int:
    names = {
        Neuron: (
            "threshold",
            "v_init",
            "amplitude",
            "pace",
            "limit",
            "sizes",
            "ceiling",
            "offset",
            "scale",
        ),
        Affine: ("scale", "shift"),
        Convolution: ("weight", "bias"),
        TransposedConvolution: ("weight", "bias"),
        Linear: ("weight", "bias"),
        Graded: ("weight", "bias", "alpha", "beta"),
    }
    for kind, arguments in names.items():
        if isinstance(layer, kind):
            given = [getattr(layer, name, None) for name in arguments]
            own = sum(int(np.size(value)) for value in given if value is not None)
            follows = getattr(layer, "activation", None)
            return own + (0 if follows is None else _parameters(follows))
    return 0


def _states(layer: Layer) -> int:
    """Return how many numbers a neuron keeps from step to step: potential, spikes sent, running means in and out."""
    if isinstance(layer, Graded):  # the input so far, and the last value of the function
        return 2
    if not isinstance(layer, Neuron):
        return 0
    if hasattr(layer, "pace"):  # the input so far, and the spikes sent
        return 2
    return {"binary": 1, "signed": 2, "differential": 4}[layer.code]
