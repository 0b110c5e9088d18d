"""Count the operations of each layer, and price them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.energy.integers import rounded, rounded_inputs
from spikelet.energy.report import EnergyReport, LayerEnergy, NetworkEnergy
from spikelet.energy.segments import Timing, feeds_neurons, needed_as_mean, timings
from spikelet.energy.technology import TECHNOLOGIES, Technology, find
from spikelet.layers import (
    ALIF,
    LI,
    Add,
    Affine,
    DelayedLinear,
    FirstSpike,
    Flatten,
    Graded,
    Layer,
    Linear,
    Neuron,
    ReLU,
    Reshape,
    Resize,
)
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph, Node
from spikelet.layers.inputs import Inputs
from spikelet.layers.movement import Movement
from spikelet.layers.pools import Pool
from spikelet.layers.samples import (
    Samples,
    check_labels,
    decisions,
    is_model,
    is_sequence,
    merge,
    with_coding,
)
from spikelet.layers.spiking_model import SpikingModel

_CALIBRATION = 256  # samples that set the ranges of the ANN in 8 bits
_WEIGHTS = (Convolution, Linear, TransposedConvolution)
_COUNTED = (
    Add, Affine, DelayedLinear, FirstSpike, Graded, LI, Neuron, Pool, ReLU, Resize, *_WEIGHTS,
)  # fmt: skip
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
    technology: str | Technology | None = None,
    labels: ArrayLike | None = None,
    memory: bool = False,
    first_layer_once: bool = False,
    count_changes: bool = False,
    multiply_sizes: bool = True,
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
        An ANN to compare with; it runs on x (or on the mean of a sequence) for one step, in floating point and in 8-bit
        integers: weights are rounded for each channel, inputs and activations for each layer, in the range of the first 256
        samples.
    technology : str or Technology, optional
        A name in `TECHNOLOGIES`, or your own constants, for the SNN; by default "45nm-int8" for models with int8 weights, and
        "45nm" for others. It prices the ANN of the same width of weights, too.
    labels : array-like of int, [B], optional
        Class of each sample, to show accuracies.
    memory : bool
        Include memory accesses in `EnergyReport.energy_pj` and `EnergyReport.ratio`.
    first_layer_once : bool
        Count the MACs of a constant current once instead of at each step.
    count_changes : bool
        Count only membrane updates that change the potential.
    multiply_sizes : bool
        Where spikes have several sizes (`Neuron.levels`) that are no powers of two, count each weight that is added for one
        as a MAC. Else, and for powers of two, it is a shift and an AC.
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
    samples = Samples.of(where, model, x, steps, batch_size)
    truth = check_labels(where, labels, samples, 1 << 31)
    run_args = with_coding(model, run_args) if samples.steps is not None else run_args
    bytewise = str(model.dtype) == "int8"
    own = find(where, ("45nm-int8" if bytewise else "45nm") if technology is None else technology)
    narrow = own.weight_bits == 8
    prices = {"snn": own}
    if ann is not None:
        prices |= {"ann": TECHNOLOGIES["45nm"] if narrow else own}
        prices |= {"int8": own if narrow else TECHNOLOGIES["45nm-int8"]}
    options = _Options(own, first_layer_once, count_changes, multiply_sizes)
    networks: dict[str, NetworkEnergy] = {}
    chosen: dict[str, NDArray[np.int64]] = {}
    networks["snn"], chosen["snn"] = _network(model, samples, options, run_args)
    if ann is not None:
        still = samples.constant()
        integers = rounded(ann, {name: values[:_CALIBRATION] for name, values in still.x.items()})
        whole = Samples(where, rounded_inputs(still.x), 1, batch_size)
        for name, network, given in (("ann", ann, still), ("int8", integers, whole)):
            its = options._replace(technology=prices[name])
            networks[name], chosen[name] = _network(network, given, its, {})
    shares = {
        f"{name}_agreement": float((chosen[name] == chosen["ann"]).mean())
        for name in ("snn", "int8")
        if "ann" in chosen and chosen["snn"].shape == chosen["ann"].shape
    }
    if truth is not None:
        shares |= {f"{name}_accuracy": float((c == truth).mean()) for name, c in chosen.items()}
    return EnergyReport(
        networks["snn"], networks.get("ann"), networks.get("int8"), prices,
        samples.count, memory, first_layer_once, shares,
    )  # fmt: skip


class _Options(NamedTuple):
    technology: Technology
    once: bool
    count_changes: bool
    multiply_sizes: bool


def _network(
    model: SpikingModel, samples: Samples, options: _Options, run_args: dict[str, Any]
) -> tuple[NetworkEnergy, NDArray[np.int64]]:
    """Return the energy of a network and its decisions."""
    graph, count, t = model.graph, samples.count, options.technology
    sizes = {n: int(np.prod(shape)) for n, shape in graph.shapes(samples.shapes).items()}
    when = timings(graph, sequence=is_sequence(samples, run_args))
    relus = [n.name for n in graph if isinstance(n.layer, ReLU)]
    once_only = [n.name for n in graph if isinstance(n.layer, FirstSpike)]
    changing = model.neurons if options.count_changes and not once_only else ()
    records = [f"{n}.mean" for n in (*relus, *once_only)] + [f"{n}.v" for n in changing]
    stepwise = [] if once_only else _stepwise(model, samples, when, run_args)
    records += [f"{n}.spikes" for n in changing] + [f"{n}.value" for n in stepwise]
    recorded = 8 * sum(sizes[n] for n in stepwise) + 9 * sum(sizes[n] for n in changing)
    each = 8 * sum(sizes[n] for n in (*relus, *once_only)) + samples.total * recorded
    active, changes = dict.fromkeys(relus, 0), dict.fromkeys(changing, 0)
    parts: list[tuple[int, Any]] = []
    chosen: list[NDArray[np.int64]] = []
    taken = 0.0
    for part, result in samples.run(model, each, record=records, **run_args):
        parts.append((part.stop - part.start, result.operations))
        chosen.append(decisions(result.outputs[graph.outputs[0]]))
        taken += float(np.broadcast_to(result.steps, part.stop - part.start).sum())
        for name in relus:
            active[name] += int(np.count_nonzero(result[f"{name}.mean"]))
        for name in changing:
            v, spikes = result[f"{name}.v"], result[f"{name}.spikes"]
            changes[name] += _changes(graph[name].layer, v, spikes)
    operations = merge(parts)
    steps = samples.total if taken == samples.total * count else taken / count
    rows = []
    for node in graph:
        layer, size = node.layer, sizes[node.name]
        if not isinstance(layer, _COUNTED):
            continue
        own = operations[node.name]
        changes_input = any(when[i].spiking for i in node.inputs)
        # ANN segments run once, and so may layers that turn a constant into the current of neurons.
        once = not changes_input and (options.once or not feeds_neurons(graph, node.name))
        runs = steps if once and not once_only else 1  # neurons that fire once run once
        dense = own.dense / runs
        # The engine does not repeat graded units of a constant.
        evaluated = runs if changes_input or not isinstance(layer, (Graded, Resize)) else 1
        acs, macs = own.additions, own.products / evaluated
        others = 0.0
        if any(isinstance(n.layer, Neuron) and n.layer.levels > 1 for n in graph):
            if options.multiply_sizes and not _shifted(graph):
                acs, macs = 0.0, macs + acs
            else:
                others = acs
        spiking, relu = isinstance(layer, (Neuron, FirstSpike)), isinstance(layer, ReLU)
        if isinstance(layer, Add) and not once_only:
            others += _joined(
                graph,
                node,
                sizes,
                {n: a / count for n, a in active.items()},
                operations,
                steps if changes_input else 1,
            )
        # A ReLU after spikes sums its input at each step.
        sums = isinstance(layer, (LI, Neuron)) or (relu and changes_input)
        updates = changes[node.name] / count if node.name in changes else float(sums * size * steps)
        updates += own.updates
        compared = own.comparisons + size * (steps * isinstance(layer, Neuron) + relu)
        scalings = updates * _products(layer) + size * (relu and t.activation_bits <= 8)
        states = relu and changes_input if relu or (once and not spiking) else _states(layer)
        numbers, item = _parameters(layer), np.dtype(model.dtype).itemsize
        caused = (
            (t.mac_pj * own.additions)
            if acs < own.additions
            else t.add_pj * (acs + others * (not isinstance(layer, Add)))
        )
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
            comparisons=compared,
            scalings=scalings,
            other_additions=others,
            parameter_bytes=numbers * item,
            state_bytes=states * size * item,
            compute_pj=t.add_pj * (acs + updates + compared + others)
            + t.mac_pj * macs
            + t.scale_pj * scalings,
            dense_pj=t.mac_pj * dense,
            spiking_pj=caused,
        )
        held = sum(sizes[i] for i in node.inputs) or size
        weight, potential, activation = _traffic(row, t, numbers, size, held)
        rows.append(
            replace(row, weight_pj=weight, potential_pj=potential, activation_pj=activation)
        )
    network = NetworkEnergy(tuple(rows), steps, sum(operations[n].spikes for n in graph.inputs))
    return network, np.concatenate(chosen)


def _traffic(
    row: LayerEnergy, t: Technology, numbers: int, size: int, held: int
) -> tuple[float, float, float]:
    """Return the energy of memory accesses: of weights, of potentials, of activations and spikes."""
    weight, potential, activation, spike = (
        bits / 8 for bits in (t.weight_bits, t.potential_bits, t.activation_bits, t.spike_bits)
    )
    fires_once = row.kind == "FirstSpike"
    # An update reads and writes a potential, which is compared on the way; that of a first spike reads a slope, too, and the
    # comparisons are those of another window.
    moved = 2 * (row.effective_acs + row.other_additions) + (2 + fires_once) * row.membrane_updates
    moved += fires_once * row.comparisons
    wide = row.active if row.kind == "ReLU" else 0.0
    values = (row.effective_macs + wide) * activation * t.byte_pj(held * activation)
    read = (row.effective_acs + row.effective_macs) * weight
    return (
        read * t.byte_pj(numbers * weight),
        moved * potential * t.byte_pj((1 + fires_once) * size * potential),
        values + 2 * row.spikes * spike * t.byte_pj(row.spikes * spike),
    )


def _shifted(graph: Graph) -> bool:
    """Return whether all sizes of spikes are powers of two."""
    layers = [n.layer for n in graph if isinstance(n.layer, Neuron) and n.layer.levels > 1]
    return all(np.log2(getattr(layer, "level_ratio", 0.5)) % 1 == 0 for layer in layers)


def _products(layer: Layer) -> int:
    """Return how many products as wide as a potential an update takes."""
    if hasattr(layer, "pace"):
        return 1 + (getattr(layer, "sizes", None) is not None)
    if not isinstance(layer, (LI, Neuron)):
        return 0
    own = sum(bool(np.any(np.asarray(c) != 1)) for c in layer.coefficients())
    return own + getattr(layer, "has_synapse", 0)


def _joined(
    graph: Graph,
    node: Node,
    sizes: dict[str, int],
    active: dict[str, float],
    operations: dict[str, Any],
    steps: float,
) -> float:
    """Return the additions of a sum: of each branch that is no layer with weights, which adds to the same potentials anyway."""
    total = 0.0
    for name in node.inputs:
        while (
            name in sizes
            and name not in graph.inputs
            and isinstance(graph[name].layer, (Flatten, Movement, Reshape))
        ):
            name = graph[name].inputs[0]  # noqa: PLW2901  # values move, at no cost
        if name in graph.inputs or isinstance(graph[name].layer, (Affine, *_WEIGHTS)):
            continue
        sent = active.get(
            name, operations[name].spikes if isinstance(graph[name].layer, Neuron) else None
        )
        most = sizes[node.name] * steps
        total += most if sent is None else min(most, sent)
    return total


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
    if isinstance(layer, (Add, Pool, ReLU, Resize)):
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
