"""Accuracy against the number of steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import energy
from spikelet._util import tables
from spikelet._util.checks import fail, integer
from spikelet.conversion.trajectory import outputs_of, trajectory, waiting
from spikelet.layers.samples import (
    Samples,
    check_labels,
    decisions,
    is_model,
    readout_delay,
    with_coding,
)
from spikelet.layers.spiking_model import SpikingModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AccuracyCurve", "accuracy_curve"]

Rerun: TypeAlias = "bool | Callable[[int], SpikingModel]"


@dataclass(frozen=True, eq=False)
class AccuracyCurve:
    """Accuracy against the number of steps T.

    Parameters
    ----------
    steps : int array, [n]
        Numbers of steps T, ascending.
    accuracy, agreement : array, [n], or None
        Fraction of samples with the correct decision, and with the ANN's decision.
    spikes, energy_nj : array, [n], or None
        Spikes of input and neurons, and an estimate of the energy (`spikelet.energy`), per sample.
    ann_accuracy : float or None
    samples : int
    """

    steps: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None
    agreement: NDArray[np.float64] | None
    spikes: NDArray[np.float64] | None
    energy_nj: NDArray[np.float64] | None
    ann_accuracy: float | None
    samples: int

    @property
    def quality(self) -> NDArray[np.float64]:
        """Accuracy, or agreement with the ANN if there are no labels."""
        known = self.accuracy if self.accuracy is not None else self.agreement
        assert known is not None
        return known

    def steps_to(self, target: float) -> float:
        """Return the first T from which on the quality stays at or above a target (a fraction); infinity if none."""
        below = np.flatnonzero(self.quality < target - 1e-12)
        first = 0 if below.size == 0 else int(below[-1]) + 1
        return float(self.steps[first]) if first < len(self.steps) else math.inf

    def __str__(self) -> str:
        """Return a table with a row for each T."""
        columns, data = ["T"], [[str(t) for t in self.steps]]
        for title, values, shown in (
            ("accuracy", self.accuracy, tables.percent),
            ("as the ANN", self.agreement, tables.percent),
            ("spikes", self.spikes, tables.value),
            ("nJ", self.energy_nj, tables.value),
        ):
            if values is not None:
                columns.append(title)
                data.append([shown(float(v)) for v in values])
        text = tables.table(columns, list(zip(*data, strict=True)))
        ann = "" if self.ann_accuracy is None else f"; ANN {tables.percent(self.ann_accuracy)}"
        return f"{self.samples} samples{ann}\n{text}"

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain Python objects."""
        plain: dict[str, Any] = tables.plain(dict(self.__dict__))
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with `spikelet.plot.accuracy_curve`."""
        from spikelet.plot.layers import accuracy_curve as draw  # noqa: PLC0415  # only where it is used

        return draw(self, ax=ax)


def accuracy_curve(
    snn: SpikingModel,
    x: ArrayLike,
    labels: ArrayLike | None,
    steps: int | Sequence[int],
    *,
    ann: SpikingModel | None = None,
    delay: int | None = None,
    rerun: Rerun | None = None,
    energy_samples: int = 32,
    batch_size: int | None = None,
    **run_args: Any,
) -> AccuracyCurve:
    """Compute the accuracy after each of several numbers of steps.

    A single run is enough if a run of T steps begins like a longer one: its output is kept at each step, and the decision
    after T steps is that of the mean from `delay` on. This does not hold with ``coding="latency"``, for a hybrid network
    (its ReLUs wait for all T steps), or if the model itself depends on T.

    Parameters
    ----------
    snn : SpikingModel
    x : array-like, [B, ...]
        Inputs, presented according to ``coding``.
    labels : array-like of int, [B], or None
        Class of each sample; None computes the agreement with `ann` only.
    steps : int or sequence of int
        All T from 1 to this number, or exactly these T.
    ann : SpikingModel, optional
        Compute the agreement with this model, and its accuracy.
    delay : int, optional
        Number of initial steps to leave out of means; after T <= delay steps, the last step alone decides. By default
        that of a converted model, or 0.
    rerun : bool or callable, optional
        True runs the model for each T. A function of T that returns a model (converted for T) runs that model, with its
        own delay unless `delay` is given. By default a single run if that is enough.
    energy_samples : int
        Number of samples on which spikes and energy are measured, with a run for each T; 0 measures neither.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    AccuracyCurve

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or neither labels nor an ANN is given.
    """
    where = "accuracy_curve"
    is_model(where, "snn", snn)
    all_steps = _steps(where, steps)
    last = int(all_steps[-1])
    samples = Samples.of(where, snn, x, last, batch_size)
    if labels is None and ann is None:
        fail(where, "labels", None, "must be given if there is no ann")
    energy_samples = integer(where, "energy_samples", energy_samples, 0)
    outputs = outputs_of(snn, samples)
    truth = check_labels(where, labels, samples, outputs)
    expected = None if ann is None else _ann_decisions(where, ann, samples)
    made_for = {getattr(n.layer, "steps", 0) for n in snn.graph if hasattr(n.layer, "pace")}
    if made_for and rerun in (None, True) and set(all_steps.tolist()) != made_for:
        rule = (
            "must be a function that converts for T, such as lambda t: sl.convert(ann, images, steps=t), because these "
            f'neurons are made for T = {min(made_for)}; those of neuron="soft" run for any T'
        )
        fail(where, "rerun", rerun, rule)
    run_args = with_coding(snn, run_args)
    again = _needs_rerun(snn, run_args) if rerun is None else rerun
    if again is False and _needs_rerun(snn, run_args):
        fail(
            where,
            "rerun",
            rerun,
            "must be True: a run of T steps differs from the start of a longer one",
        )

    def model_of(t: int) -> SpikingModel:
        return is_model(where, f"rerun({t})", again(t)) if callable(again) else snn

    if again is False:
        lag = None if delay is None else integer(where, "delay", delay, 0)
        decision, _ = trajectory(snn, samples, lag, run_args)
        chosen = decision[all_steps - 1]
    else:
        chosen = np.stack(
            [_final(model_of(int(t)), samples, int(t), delay, run_args) for t in all_steps]
        )
    spikes = joules = None
    if energy_samples:
        few = samples.first(energy_samples)
        costs = [
            energy.measure(model_of(int(t)), few.x, int(t), batch_size=batch_size, **run_args)
            for t in all_steps
        ]
        spikes = np.array([c.snn.total.spikes + c.snn.input_spikes for c in costs])
        joules = np.array([c.energy_nj for c in costs])
    return AccuracyCurve(
        all_steps,
        None if truth is None else (chosen == truth).mean(axis=1),
        None if expected is None else (chosen == expected).mean(axis=1),
        spikes,
        joules,
        None if truth is None or expected is None else float((expected == truth).mean()),
        samples.count,
    )


def _steps(where: str, steps: int | Sequence[int]) -> NDArray[np.int64]:
    if np.ndim(steps) == 0:
        return np.arange(1, integer(where, "steps", steps, 1) + 1)
    assert not isinstance(steps, int)
    values = [integer(where, "steps", t, 1) for t in steps]
    if not values or any(a >= b for a, b in itertools.pairwise(values)):
        fail(where, "steps", steps, "must be one integer, or several in ascending order")
    return np.array(values)


def _needs_rerun(model: SpikingModel, run_args: Mapping[str, Any]) -> bool:
    return run_args.get("coding") == "latency" or bool(waiting(model, run_args))


def _ann_decisions(where: str, ann: Any, samples: Samples) -> NDArray[np.int64]:
    is_model(where, "ann", ann)
    parts = samples.constant().run(ann, 8 * outputs_of(ann, samples))
    return np.concatenate([decisions(result) for _, result in parts])


def _final(
    model: SpikingModel, samples: Samples, steps: int, delay: int | None, run_args: dict[str, Any]
) -> NDArray[np.int64]:
    if delay is not None:
        delay = min(integer("accuracy_curve", "delay", delay, 0), steps - 1)
    lag = readout_delay("accuracy_curve", model, delay, steps)
    short = Samples(samples.where, samples.x, steps, samples.batch_size)
    parts = short.run(model, 8 * outputs_of(model, samples), delay=lag, **run_args)
    return np.concatenate([decisions(result) for _, result in parts])
