"""What a loss of accuracy buys: the spiking networks of an ANN with the fewest operations.

Each pair of a kind of neurons and a number of steps gives a network, and each network two points: run for all steps, and stopped
when sure. A point has the accuracy it loses and the energy it takes, on samples that neither fitted the network nor chose when to
stop. They do choose among the points, so a new measurement of the chosen one may be a little worse. The ANN in 8-bit integers is
the rival: it also trades accuracy for energy, without spikes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import energy
from spikelet._util import tables
from spikelet._util.checks import fail, number, require
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.rounded import rounded
from spikelet.conversion.stopping import choose_stopping
from spikelet.conversion.trajectory import waiting
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult
from spikelet.layers.stopping import Stopping

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ECONOMICAL",
    "STEPS",
    "Frontier",
    "FrontierPoint",
    "Parts",
    "cheapest",
    "explore",
    "split",
]

ECONOMICAL = ("multi", "predictive")
"""Kinds of neurons to try."""
STEPS = (2, 3, 4, 6, 8, 12, 16, 32)
"""Numbers of steps to try."""

_COUNTED = 64  # samples whose operations are counted
_BYTES = "45nm-int8"
_PARTS = 5  # of the samples, of which one chooses when to stop and one measures
_FEWEST = 20  # samples


@dataclass(frozen=True, eq=False)
class FrontierPoint:
    """A spiking network with its loss and its cost.

    Parameters
    ----------
    model : ConvertedModel
    stopping : Stopping or None
        ``until=`` of its runs; None runs all steps.
    steps : float
        Mean number of steps of a sample.
    loss : float
        Percentage of decisions that differ from the ANN's or, with labels, percentage points of accuracy below the
        ANN's.
    energy : float
        Arithmetic (`spikelet.energy`), relative to the ANN that skips zeros.
    with_memory : float
        The same with memory traffic.
    """

    model: ConvertedModel
    stopping: Stopping | None
    steps: float
    loss: float
    energy: float
    with_memory: float

    @property
    def name(self) -> str:
        """Kind of neurons and number of steps T."""
        stopped = ", stopped" if self.stopping is not None else ""
        return f"{self.model.neuron}, T = {self.model.steps}{stopped}"

    @property
    def values(self) -> dict[str, float]:
        """The numbers by name."""
        return {
            "loss": self.loss,
            "energy": self.energy,
            "with_memory": self.with_memory,
            "steps": self.steps,
        }


@dataclass(frozen=True, eq=False)
class Frontier:
    """Networks that were tried, and the ANN in 8-bit integers.

    Parameters
    ----------
    points : sequence of FrontierPoint
        In the order in which they were tried.
    integer_loss, integer_energy : float
        Loss of the ANN whose weights and activations are rounded to 8 bits, and its energy in 8-bit arithmetic, relative to the
        ANN in floating point.
    samples : int
        Number of samples on which losses were measured.
    """

    points: tuple[FrontierPoint, ...]
    integer_loss: float
    integer_energy: float
    samples: int

    @property
    def best(self) -> tuple[FrontierPoint, ...]:
        """The points that no other beats in both loss and energy, by falling energy."""
        kept: list[FrontierPoint] = []
        for point in sorted(self.points, key=lambda p: (p.loss, p.energy)):
            if not kept or point.energy < kept[-1].energy:
                kept.append(point)
        return tuple(kept)

    def within(self, loss: float, where: str = "Frontier.within") -> FrontierPoint:
        """Return the point with the least energy that loses at most `loss`.

        Raises
        ------
        ValueError
            If there is none; the message says what is possible.
        """
        fitting = [p for p in self.points if p.loss <= loss + 1e-9]
        if not fitting:
            least = min(self.points, key=lambda p: p.loss)
            fail(
                where,
                "budget",
                loss,
                f"must be at least {least.loss:.3g} points, the loss of {least.name}; allow more steps for less",
            )
        return min(fitting, key=lambda p: p.energy)

    def __str__(self) -> str:
        """Return a table with a row for each point."""
        rows = [
            [p.name, f"{p.steps:.2f}", f"{p.loss:.2f}", f"{p.energy:.2f}", f"{p.with_memory:.2f}"]
            for p in self.points
        ]
        rows.append(["ANN, int8", "", f"{self.integer_loss:.2f}", f"{self.integer_energy:.2f}", ""])
        columns = ["", "steps", "loss", "energy", "with memory"]
        return f"{self.samples} samples\n{tables.table(columns, rows)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python objects."""
        plain: dict[str, Any] = tables.plain(
            {
                "points": {p.name: p.values for p in self.points},
                "integer_loss": self.integer_loss,
                "integer_energy": self.integer_energy,
                "samples": self.samples,
            }
        )
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw loss against energy with `spikelet.plot.frontier`."""
        from spikelet.plot.layers import frontier as draw  # noqa: PLC0415  # only where it is used

        return draw(self, ax=ax)


_Several: TypeAlias = tuple[NDArray[Any], ...] | Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Parts:
    """Samples that choose when to stop, and samples that measure.

    Parameters
    ----------
    choosing, measuring : tuple of array, or mapping of str to array
        Inputs, in the order of the model's or by name.
    chosen_labels, labels : int array or None
        Their classes.
    """

    choosing: _Several
    measuring: _Several
    chosen_labels: NDArray[np.int64] | None = None
    labels: NDArray[np.int64] | None = None


def explore(
    where: str,
    make: Callable[[str, int], ConvertedModel],
    kinds: Sequence[tuple[str, int]],
    parts: Parts,
    loss: float,
    *,
    until_met: bool = False,
    **counted: Any,
) -> Frontier:
    """Convert, stop and measure.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    make : callable
        Converts, given the kind of neurons and the number of steps.
    kinds : sequence of (str, int)
        What to try: the steps of each kind of neurons ascending.
    parts : Parts
    loss : float
        Loss that stopping may cause, and that is to be met, in points.
    until_met : bool
        Leave out longer runs of a kind once one within the loss takes less energy than the next.
    **counted
        Options of `spikelet.energy.measure`.
    """
    judge: _Judge | None = None
    points: list[FrontierPoint] = []
    done: set[str] = set()
    for kind, steps in kinds:
        if kind in done:
            continue
        before = [p.energy for p in points if p.model.neuron == kind and p.loss <= loss]
        model = make(kind, steps)
        judge = judge or _Judge(where, model.ann, parts, counted)
        found = list(_points(model, judge, parts, loss))
        points += found
        if until_met and before and min(p.energy for p in found) >= min(before):
            done.add(kind)
    assert judge is not None
    return Frontier(tuple(points), *judge.integer(), len(judge.decisions))


def cheapest(
    where: str,
    convert: Callable[..., ConvertedModel],
    inputs: Any,
    budget: float,
    neuron: str | None,
    steps: int,
    given: dict[str, str],
) -> ConvertedModel:
    """Return the network with the least arithmetic that loses at most `budget` percent of the decisions.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    convert : callable
        Converts, given the calibration, the number of steps, the method and the kind of neurons.
    inputs : tuple of array, or mapping of str to array
        Calibration inputs.
    budget : float
    neuron : str or None
        Kind of neurons; None tries several.
    steps : int
        Most steps.
    given : dict of str to str
        The user's method and coding.
    """
    require(where, "budget", number(where, "budget", budget), "finite and >= 0")
    for argument, allowed in (("method", ("auto", "fitted")), ("coding", ("direct",))):
        if given[argument] not in allowed:
            rule = f"must be {' or '.join(map(repr, allowed))} with a budget"
            fail(where, argument, given[argument], rule)
    kinds = ECONOMICAL if neuron is None else (neuron,)
    tried = [(kind, t) for kind in kinds for t in STEPS if t <= steps] or [
        (kind, steps) for kind in kinds
    ]
    fitting, parts = split(where, inputs, None)

    def make(kind: str, t: int) -> ConvertedModel:
        return convert(fitting, steps=t, method="fitted", neuron=kind)

    found = explore(where, make, tried, parts, float(budget), until_met=True)
    point = found.within(float(budget), where)
    model = point.model
    return ConvertedModel(
        model.graph,
        model.ann,
        method=model.method,
        neuron=model.neuron,
        steps=model.steps,
        delay=model.delay,
        coding=model.coding,
        input_shapes=model.input_shapes,
        input_ranges=model.input_ranges,
        scores={p.name: p.values for p in sorted(found.points, key=lambda p: p is not point)},
        until=point.stopping,
        dtype=model.dtype,
        threads=model.threads,
        input_scale=model.input_scale,
    )


def split(where: str, inputs: Any, labels: NDArray[np.int64] | None) -> tuple[Any, Parts]:
    """Return the samples to fit to, and the others: chosen at random, so that the order of the samples does not matter."""
    count = len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs[0])
    if count < _FEWEST:
        rule = f"must be at least {_FEWEST}: some fit the networks, others choose when to stop, others measure"
        fail(where, "calibration", count, rule, got="samples")
    order = np.random.default_rng(0).permutation(count)
    size = count // _PARTS
    measuring, choosing, fitting = order[:size], order[size : 2 * size], order[2 * size :]
    known = (None, None) if labels is None else (labels[choosing], labels[measuring])
    parts = Parts(_some(inputs, choosing), _some(inputs, measuring), *known)
    return _some(inputs, np.sort(fitting)), parts


def _points(
    model: ConvertedModel, judge: _Judge, parts: Parts, loss: float
) -> Iterator[FrontierPoint]:
    yield judge.point(model, None)
    if not waiting(model, {}) and model.steps - max(model.delay, model.silent_steps) > 1:
        stop = choose_stopping(model, _one(parts.choosing), parts.chosen_labels, loss=loss)
        yield judge.point(model, stop)


class _Judge:
    """Measures loss and energy."""

    def __init__(
        self, where: str, ann: SpikingModel, parts: Parts, counted: dict[str, Any]
    ) -> None:
        self.ann, self.parts, self.counted = ann, parts, counted
        self.x = _one(parts.measuring)
        self.few = _one(_some(parts.measuring, slice(_COUNTED)))
        few = _first(ann.run(_one(_some(parts.measuring, slice(1))), steps=1))
        if few.shape[1] == 1:
            rule = "must be scores of several classes: losses are decisions that change"
            fail(where, "output", few.shape[1:], rule, got="shape")
        self.decisions = self._decisions(ann, steps=1)

    def _decisions(self, model: SpikingModel, **options: Any) -> NDArray[np.int64]:
        result = model.run(self.x, **options)
        return np.asarray(_first(result).argmax(1))

    def loss(self, decisions: NDArray[np.int64]) -> float:
        """Return the loss in points."""
        if self.parts.labels is None:
            return 100 * float((decisions != self.decisions).mean())
        right = (self.decisions == self.parts.labels).mean(dtype=np.float64)
        return 100 * float(right - (decisions == self.parts.labels).mean())

    def point(self, model: ConvertedModel, stop: Stopping | None) -> FrontierPoint:
        result = model.run(self.x, until=stop)
        arithmetic, all_in = (
            energy.measure(
                model, self.few, ann=self.ann, until=stop, memory=memory, **self.counted
            ).ratio
            for memory in (False, True)
        )
        steps = float(np.mean(result.steps))
        lost = self.loss(np.asarray(_first(result).argmax(1)))
        return FrontierPoint(model, stop, steps, lost, arithmetic, all_in)

    def integer(self) -> tuple[float, float]:
        """Return loss and relative energy of the ANN in 8-bit integers."""
        other = rounded(self.ann, _one(self.parts.choosing))
        lost = self.loss(self._decisions(other, steps=1))
        spent, usual = (
            energy.measure(m, self.few, 1, technology=t).snn.total.compute_pj
            for m, t in ((other, _BYTES), (self.ann, self.counted.get("technology", "45nm")))
        )
        return lost, spent / usual if usual else math.nan


def _some(inputs: _Several, which: slice | NDArray[np.int64]) -> _Several:
    """Return some samples of each input."""
    if isinstance(inputs, Mapping):
        return {name: x[which] for name, x in inputs.items()}
    return tuple(x[which] for x in inputs)


def _one(inputs: _Several) -> Any:
    return inputs[0] if isinstance(inputs, tuple) and len(inputs) == 1 else inputs


def _first(result: SpikingResult) -> NDArray[Any]:
    """Return the output that decides, the first of several."""
    return next(iter(result.outputs.values()))
