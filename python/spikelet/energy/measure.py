"""Count the operations of each layer, and price them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.energy.report import EnergyReport, LayerEnergy, NetworkEnergy
from spikelet.energy.segments import Timing, feeds_neurons, needed_as_mean, timings
from spikelet.energy.technology import Technology, find
from spikelet.layers import (
    ALIF,
    LI,
    Affine,
    DelayedLinear,
    Graded,
    Layer,
    Linear,
    Neuron,
    ReLU,
    Resize,
)
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import Samples, is_model, is_sequence, merge, with_coding
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["measure"]

_ADDRESS_BYTES = 4.0  # size of a spike
_WEIGHTS = (Convolution, Linear, TransposedConvolution)
_COUNTED = (Affine, DelayedLinear, Graded, LI, Neuron, ReLU, Resize, *_WEIGHTS)
_PARAMETERS = [
    "alpha",
    "amplitude",
    "beta",
    "bias",
    "ceiling",
    "limit",
    "offset",
    "pace",
    "scale",
    "shift",
    "sizes",
    "threshold",
    "v_init",
    "weight",
]


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
    if ann is not None and is_model(where, "ann", ann).neurons:
        fail(where, "ann", ann.neurons[0], "must not have spiking neurons", got="layer")
    for argument in ("record", "delay", "progress"):
        if argument in run_args:
            msg = f"{where}: {argument} must not be given, as it does not change the counts"
            raise TypeError(msg)
    if count_changes and run_args.get("until") is not None:
        rule = "must be False with until: it needs the potentials of all steps"
        fail(where, "count_changes", True, rule)
    constants = find(where, technology)
    samples = Samples.of(where, model, x, steps, batch_size)
    run_args = with_coding(model, run_args) if samples.steps is not None else run_args
    options = _Options(constants, memory, first_layer_once, count_changes, multiply_sizes)
    snn = _network(model, samples, options, run_args)
    other = None if ann is None else _network(ann, samples.constant(), options, {})
    return EnergyReport(snn, other, constants, samples.count, memory, first_layer_once)


class _Options(NamedTuple):
    technology: Technology
    memory: bool
    once: bool
    count_changes: bool
    multiply_sizes: bool


def _network(
    model: SpikingModel, samples: Samples, options: _Options, run_args: dict[str, Any]
) -> NetworkEnergy:
    graph, count = model.graph, samples.count
    sizes = {n: int(np.prod(shape)) for n, shape in graph.shapes(samples.shapes).items()}
    when = timings(graph, sequence=is_sequence(samples, run_args))
    relus = [n.name for n in graph if isinstance(n.layer, ReLU)]
    changing = model.neurons if options.count_changes else ()
    records = [f"{n}.mean" for n in relus] + [f"{n}.v" for n in changing]
    stepwise = _stepwise(model, samples, when, run_args)
    records += [f"{n}.spikes" for n in changing] + [f"{n}.value" for n in stepwise]
    recorded = 8 * sum(sizes[n] for n in stepwise) + 9 * sum(sizes[n] for n in changing)
    each = 8 * sum(sizes[n] for n in relus) + samples.total * recorded
    active, changes = dict.fromkeys(relus, 0), dict.fromkeys(changing, 0)
    parts: list[tuple[int, Any]] = []
    taken = 0.0
    for part, result in samples.run(model, each, record=records, **run_args):
        parts.append((part.stop - part.start, result.operations))
        taken += float(np.broadcast_to(result.steps, part.stop - part.start).sum())
        for name in relus:
            active[name] += int(np.count_nonzero(result[f"{name}.mean"]))
        for name in changing:
            v, spikes = result[f"{name}.v"], result[f"{name}.spikes"]
            changes[name] += _changes(graph[name].layer, v, spikes)
    operations = merge(parts)
    steps = samples.total if taken == samples.total * count else taken / count
    sized = any(isinstance(n.layer, Neuron) and n.layer.levels > 1 for n in graph)
    rows = []
    for node in graph:
        layer, size = node.layer, sizes[node.name]
        if not isinstance(layer, _COUNTED):
            continue
        own = operations[node.name]
        changes_input = any(when[i].spiking for i in node.inputs)
        # ANN segments run once, and so may layers that turn a constant into the current of neurons.
        once = not changes_input and (options.once or not feeds_neurons(graph, node.name))
        runs = steps if once else 1
        dense = own.dense / runs
        # The engine does not repeat graded units of a constant.
        evaluated = runs if changes_input or not isinstance(layer, (Graded, Resize)) else 1
        acs, macs = own.additions, own.products / evaluated
        if options.multiply_sizes and sized:
            acs, macs = 0.0, macs + acs
        spiking, relu = isinstance(layer, Neuron), isinstance(layer, ReLU)
        # A ReLU after spikes sums its input at each step.
        sums = spiking or isinstance(layer, LI) or (relu and changes_input)
        updates = changes[node.name] / count if node.name in changes else float(sums * size * steps)
        states = relu and changes_input if relu or (once and not spiking) else _states(layer)
        numbers, t, item = _parameters(layer), options.technology, np.dtype(model.dtype).itemsize
        row = LayerEnergy(
            node.name,
            type(layer).__name__,
            effective_acs=acs,
            effective_macs=macs,
            dense_macs=dense,
            neurons=size * (spiking or relu),
            spikes=own.spikes * spiking,
            active=active[node.name] / count if relu else own.spikes * spiking,
            slots=size * (steps if spiking else relu),
            membrane_updates=updates,
            parameter_bytes=numbers * item,
            state_bytes=states * size * item,
            compute_pj=t.add_pj * acs + t.mac_pj * macs,
            dense_pj=t.mac_pj * dense,
        )
        if options.memory:
            held = numbers * t.weight_bytes + sums * size * t.state_bytes
            row = replace(row, memory_pj=_moved(row, t) * t.byte_pj(held))
        rows.append(row)
    return NetworkEnergy(tuple(rows), steps, sum(operations[n].spikes for n in graph.inputs))


def _moved(row: LayerEnergy, t: Technology) -> float:
    """Return the bytes that a layer reads and writes."""
    moved = row.effective_acs * (t.weight_bytes + 2 * t.state_bytes)
    moved += row.effective_macs * 2 * t.weight_bytes
    moved += row.membrane_updates * 2 * t.state_bytes
    if row.kind == "ReLU":
        return moved + row.active * t.weight_bytes
    return moved + row.spikes * 2 * _ADDRESS_BYTES


def _stepwise(
    model: SpikingModel, samples: Samples, when: dict[str, Timing], run_args: dict[str, Any]
) -> list[str]:
    """Return the layers to run step by step, so that a run counts their inputs at each step.

    If only the mean of such a layer is needed, the engine multiplies weights by the mean input, which does not show at
    which steps it was 0. Where inputs are spikes, it counts these anyway.
    """
    nodes = [n.name for n in model.graph if isinstance(n.layer, _WEIGHTS)]
    nodes = [n for n in nodes if needed_as_mean(model.graph, n, when)]
    if not nodes or samples.count == 0:
        return []
    options = {k: v for k, v in run_args.items() if k != "until"}
    operations = model.run(samples.part(slice(0, 1)), samples.steps, **options).operations
    return [n for n in nodes if operations[n].products > 0 or operations[n].additions == 0]


def _changes(neuron: Any, v: NDArray[Any], spikes: NDArray[Any]) -> int:
    """Return how many potentials a step changed."""
    start = np.asarray(neuron.v_init, v.dtype)
    if start.ndim == 1:
        start = start.reshape(-1, *[1] * (v.ndim - 3))
    before = np.concatenate([np.broadcast_to(start, v.shape[1:])[None], v[:-1]])
    return int(np.count_nonzero((v != before) | (spikes != 0)))


def _parameters(layer: Layer) -> int:
    """Return how many numbers a layer stores."""
    if isinstance(layer, (ReLU, Resize)):
        return 0
    given = [getattr(layer, name, None) for name in _PARAMETERS]
    others = [getattr(layer, n) for n in getattr(layer, "per_value", ()) if n not in _PARAMETERS]
    given += [value for value in others if np.ndim(value)]
    follows = getattr(layer, "activation", None)
    own = sum(int(np.size(value)) for value in given if value is not None)
    return own + (0 if follows is None else _parameters(follows))


def _states(layer: Layer) -> int:
    """Return how many numbers a layer keeps from step to step: potential, spikes sent, running means in and out."""
    if isinstance(layer, Graded) or hasattr(layer, "pace"):  # the input so far, and what was sent
        return 2
    own = {"binary": 1, "signed": 2, "differential": 4}.get(getattr(layer, "code", ""), 0)
    return (
        max(own, int(isinstance(layer, LI)))
        + getattr(layer, "has_synapse", 0)
        + isinstance(layer, ALIF)
    )
