"""Run a spiking network next to its ANN: accuracy, agreement, spikes and energy against the number of steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import energy
from spikelet._util.checks import fail, integer
from spikelet._util.results import Table
from spikelet._util.spelling import spelled
from spikelet._util.tensors import array_of
from spikelet.conversion.preparation import prepared
from spikelet.energy import EnergyReport, LayerEnergy, Technology
from spikelet.energy.segments import segments
from spikelet.layers import Neuron
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import (
    Samples,
    check_labels,
    decisions,
    is_model,
    is_sequence,
    readout_delay,
    with_coding,
)
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.stopping import Stopping

Runs: TypeAlias = list[tuple[int, int, list[int]]]
"""Readout delay and number of steps of each run, and the numbers of steps after which to look at its outputs."""


@spelled
def evaluate(
    snn: SpikingModel,
    ann: Any,
    x: Inputs,
    labels: ArrayLike | None = None,
    steps: int | Sequence[int] | None = None,
    *,
    until: Stopping | float | None = None,
    delay: int | None = None,
    technology: str | Technology = "45nm",
    first_layer_once: bool = False,
    multiply_sizes: bool = True,
    energy_samples: int | None = 64,
    batch_size: int | None = None,
    **run_args: Any,
) -> Table:
    """Compare a spiking network with its ANN, after each of several numbers of steps.

    Most networks run once, to the largest number of steps, and give the outputs of shorter runs on the way. With
    ``coding="latency"``, several outputs, or layers that wait for the mean of spikes, there is a run for each number.

    Parameters
    ----------
    snn : SpikingModel
        If its neurons are made for one T, as are the default ones of `convert`, rows with fewer steps are its outputs on the way
        to this T, as ``until`` sees them, and ``table.facts["made_for"]`` is T. To convert for each T instead, join the tables of several models with
        `spikelet.conversion.Table.joined`.
    ann : SpikingModel, torch.nn.Module, path of an .onnx file, Graph, array or None
        The ANN, or its outputs for x (by name, for several). None is the ANN of a converted model; without one, nothing is
        compared. Outputs alone give no ratio of energies.
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        Inputs as for `SpikingModel.run`; the ANN gets x itself, or the mean of a sequence.
    labels : array-like of int, [B], optional
        Class of each sample.
    steps : int or ascending sequence of int, optional
        Numbers of steps T, one for each row; by default that of a converted model.
    until : Stopping or float, optional
        When a sample ends before its last step; see `SpikingModel.run`.
    delay : int, optional
        Number of initial steps to leave out of means; after T <= delay steps, the last step alone decides. By default
        that of a converted model, or 0.
    technology, first_layer_once, multiply_sizes
        As for `spikelet.energy.measure`.
    energy_samples : int, optional
        Number of samples on which spikes and energy are measured, with a run for each T; 0 measures neither, None takes
        all samples.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    Table
        A row for each T, with the columns

        steps
            The number T.
        accuracy, agreement
            Fractions of the samples with the correct decision, and with the ANN's.
        loss
            Percentage points of accuracy below the ANN; without labels, percentage of other decisions than the ANN's.
        decided
            Fraction of the samples whose decision is that of the last row from this row on.
        error
            RMS difference of the output from the ANN's, relative to the ANN's standard deviation over the samples; for
            several outputs "error of NAME".
        latency
            Mean number of steps until the output is known. A hybrid network runs its spiking segments one by one.
        spikes, spikes_per_neuron
            Spikes of the input and all neurons, and spikes of a neuron, per sample.
        acs, macs
            Additions and multiplications with additions, per sample; see `spikelet.energy`.
        energy_nj, energy_ratio, memory_ratio
            Energy of the arithmetic per sample, the same relative to the ANN (which skips zeros), and this ratio with memory
            traffic.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or there are neither labels nor an ANN.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> rng = np.random.default_rng(0)
    >>> ann = [sl.layers.Linear(rng.normal(size=(16, 8))), sl.layers.ReLU(), sl.layers.Linear(rng.normal(size=(4, 16)))]
    >>> x = rng.random((100, 8))
    >>> snn = sl.convert(ann, x, steps=32, method="percentile", delay=0)
    >>> table = sl.conversion.evaluate(snn, ann, x, steps=(2, 8, 32))
    >>> table["steps"].tolist(), table["loss"][-1] < table["loss"][0]
    ([2, 8, 32], True)
    """
    where = "evaluate"
    is_model(where, "snn", snn)
    asked = _asked(where, steps)
    samples = Samples.of(where, snn, x, asked[-1] if asked else None, batch_size)
    asked = asked or [samples.total]
    if samples.steps is not None:
        run_args = with_coding(snn, run_args)
    model, wanted = _answers(where, ann, snn, samples)
    if labels is None and wanted is None:
        fail(where, "labels", None, "must be given if there is no ann")
    size = int(np.prod(snn.graph.shapes(samples.shapes)[snn.graph.output.name]))
    truth = check_labels(where, labels, samples, size)
    few = samples
    if energy_samples is not None:
        few = samples.first(integer(where, "energy_samples", energy_samples, 0))
    measure = partial(
        energy.measure,
        technology=technology,
        first_layer_once=first_layer_once,
        multiply_sizes=multiply_sizes,
        batch_size=batch_size,
        memory=True,
    )
    spent = None
    if model is not None and few.count:
        spent = measure(model, _still(model, few).x, 1).snn.total
    runs = _runs(where, snn, asked, samples, delay, until, run_args)
    chosen, taken, squares = _outcomes(snn, asked, samples, runs, wanted or [], until, run_args)

    decided = (chosen == chosen[-1])[::-1].cumprod(axis=0)[::-1].mean(axis=1)
    expected = decisions(wanted[0]) if wanted and size > 1 else None
    best = None if truth is None or expected is None else float((expected == truth).mean())
    segments_of_steps = segments(snn.graph, sequence=is_sequence(samples, run_args))
    rows = []
    for k, t in enumerate(asked):
        accuracy = None if truth is None else float((chosen[k] == truth).mean())
        agreement = None if expected is None else float((chosen[k] == expected).mean())
        row: dict[str, Any] = {"steps": t, "accuracy": accuracy, "agreement": agreement}
        if accuracy is not None and best is not None:
            row["loss"] = 100 * (best - accuracy)
        elif agreement is not None:
            row["loss"] = 100 * (1 - agreement)
        row["decided"] = float(decided[k]) if len(asked) > 1 else None
        for name, square, answer in zip(snn.graph.outputs, squares[k], wanted or [], strict=False):
            spread = float(answer.var(axis=0, dtype=np.float64).sum()) * samples.count
            column = "error" if squares.shape[1] == 1 else f"error of {name}"
            row[column] = float((square / spread) ** 0.5) if spread else None
        row["latency"] = float(segments_of_steps * taken[k] / samples.count)
        if few.count:
            row.update(_costs(measure, snn, few, t, spent, until=until, **run_args))
        rows.append(row)
    facts = {
        "samples": samples.count,
        "made_for": _made_for(snn) or None,
        "ann_accuracy": best,
        "ann_energy_nj": spent and spent.compute_pj / 1e3,
        "technology": technology if isinstance(technology, str) else technology.name,
    }
    return Table(rows, facts, ("steps", "agreement" if truth is None else "accuracy"))


def _outcomes(
    snn: SpikingModel,
    asked: list[int],
    samples: Samples,
    runs: Runs,
    wanted: list[NDArray[Any]],
    until: Any,
    run_args: dict[str, Any],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return decisions [T, B], sums of the steps taken [T], and of squared differences from the ANN's outputs [T, outputs]."""
    chosen = np.zeros((len(asked), samples.count), np.int64)
    taken, squares = np.zeros(len(asked)), np.zeros((len(asked), len(wanted)))
    size = int(np.prod(snn.graph.shapes(samples.shapes)[snn.graph.output.name]))
    for lag, total, mine in runs:
        early = [t for t in mine if t < total]
        how = {**run_args, "delay": lag, "until": Stopping.never(early) if early else until}
        run = Samples(samples.where, samples.x, samples.steps and total, samples.batch_size)
        for part, result in run.run(snn, 8 * size * len(mine), **how):
            for t in mine:
                k, values = asked.index(t), list(result.outputs.values())
                if t < total and result.so_far is not None:
                    values = [result.so_far[early.index(t)]]
                chosen[k, part] = decisions(values[0])
                steps = t if t < total else result.steps
                taken[k] += np.broadcast_to(steps, part.stop - part.start).sum()
                for j, answer in enumerate(wanted):
                    error = np.subtract(values[j], answer[part], dtype=np.float64)
                    squares[k, j] += np.square(error).sum()
    return chosen, taken, squares


def _asked(where: str, steps: Any) -> list[int]:
    """Return the numbers of steps; none by default."""
    if steps is None:
        return []
    asked = [integer(where, "steps", t, 1) for t in ([steps] if np.ndim(steps) == 0 else steps)]
    if not asked or any(a >= b for a, b in itertools.pairwise(asked)):
        fail(where, "steps", steps, "must be one integer, or several in ascending order")
    return asked


def _answers(
    where: str, ann: Any, snn: SpikingModel, samples: Samples
) -> tuple[SpikingModel | None, list[NDArray[Any]] | None]:
    """Return the ANN, if it is at hand, and its outputs in the order of the SNN's."""
    ann = getattr(snn, "ann", None) if ann is None else ann
    if ann is None:
        return None, None
    names, shapes = snn.graph.outputs, snn.graph.shapes(samples.shapes)
    model = None
    if isinstance(ann, Mapping) or hasattr(ann, "__array__"):
        given = ann if isinstance(ann, Mapping) else {names[0]: ann}
        answers = [array_of(where, "ann", given[name]) for name in names if name in given]
    else:
        model = ann
        if not isinstance(ann, SpikingModel):
            arrays = tuple(samples.constant().x.values())
            model = SpikingModel(prepared(ann, arrays), threads=snn.threads)
        if model.neurons:
            fail(where, "ann", model.neurons[0], "must not have spiking neurons", got="layer")
        parts = [list(r.outputs.values()) for _, r in _still(model, samples).run(model, 64)]
        answers = [np.concatenate(each) for each in zip(*parts, strict=True)]
    rule = [(samples.count, *shapes[name]) for name in names]
    if [a.shape for a in answers] != rule:
        got = [a.shape for a in answers]
        fail(where, "ann", got, f"must have the shapes {rule}, as the snn has", got="outputs of")
    return model, answers


def _still(ann: SpikingModel, samples: Samples) -> Samples:
    """Return the inputs of an ANN, under its own names."""
    still = samples.constant()
    x = dict(zip(ann.graph.inputs, still.x.values(), strict=True))
    return Samples(samples.where, x, 1, samples.batch_size)


def _made_for(model: SpikingModel) -> int:
    """Return the number of steps that the neurons of a model are made for, or 0."""
    layers = [n.layer for n in model.graph if isinstance(n.layer, Neuron)]
    return max((getattr(layer, "steps", 0) for layer in layers), default=0)


def _runs(
    where: str,
    model: SpikingModel,
    asked: list[int],
    samples: Samples,
    delay: int | None,
    until: Any,
    run_args: Mapping[str, Any],
) -> Runs:
    """Return which numbers of steps share a run."""
    if delay is not None:
        delay = integer(where, "delay", delay, 0)
    made, last = _made_for(model), asked[-1]
    on_the_way = (len(asked) > 1 or made > last) and until is None and len(model.graph.outputs) == 1
    on_the_way = on_the_way and stops_early(model, samples, made or last, **run_args)
    if made and (last > made or (asked[0] < made and not on_the_way)):
        rule = (
            f"must be {'at most ' if on_the_way else ''}{made}, which its neurons are made for; convert for other numbers of "
            'steps, or with neuron="soft"'
        )
        fail(where, "steps", asked, rule)
    runs: Runs = []
    for t in asked:
        total = made or t
        limited = None if delay is None else min(delay, total - 1)
        runs.append((readout_delay(where, model, limited, total), total, [t]))
    lag, total, _ = runs[-1]
    shared = on_the_way and all(other == lag for other, _, _ in runs)
    return [(lag, total, asked)] if shared else runs


def stops_early(model: SpikingModel, samples: Samples, steps: int, **run_args: Any) -> bool:
    """Return whether a run has outputs before its last step, which are those of shorter runs."""
    if steps < 2 or samples.steps is None or run_args.get("coding") == "latency":
        return False
    how = {**run_args, "delay": 0, "until": Stopping.never([steps - 1])}
    try:
        model.run(samples.part(slice(1)), steps, **how)
    except ValueError as error:
        if ": until needs " not in str(error):
            raise
        return False
    return True


def _costs(
    measure: Callable[..., EnergyReport],
    model: SpikingModel,
    few: Samples,
    t: int,
    spent: LayerEnergy | None,
    **how: Any,
) -> dict[str, Any]:
    """Return spikes, operations and energy of a run of t steps."""
    total = max(_made_for(model), t)
    if t < total:
        how["until"] = Stopping((t,), (0.0,))  # any margin will do
    cost = measure(model, few.x, few.steps and total, **how).snn
    own, neurons = cost.total, sum(layer.neurons for layer in cost.layers if layer.kind != "ReLU")
    return {
        "spikes": own.spikes + cost.input_spikes,
        "spikes_per_neuron": own.spikes / neurons if neurons else None,
        "acs": own.effective_acs,
        "macs": own.effective_macs,
        "energy_nj": own.compute_pj / 1e3,
        "energy_ratio": spent and own.compute_pj / spent.compute_pj,
        "memory_ratio": spent and own.energy_pj / spent.energy_pj,
    }
