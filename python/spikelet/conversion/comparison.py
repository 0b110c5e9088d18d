"""Accuracy curves of several models, methods, resets or codings, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from spikelet._util import tables
from spikelet._util.checks import fail, number
from spikelet.conversion.curves import AccuracyCurve, accuracy_curve
from spikelet.layers.samples import is_model
from spikelet.layers.spiking_model import SpikingModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Accuracy curves of several models.

    Parameters
    ----------
    curves : dict of str to AccuracyCurve
    """

    curves: Mapping[str, AccuracyCurve]

    def __getitem__(self, name: str) -> AccuracyCurve:
        """Return a curve by name."""
        return self.curves[name]

    def steps_to(self, points: float) -> dict[str, float]:
        """Return the T from which on each curve stays within `points` percentage points of the ANN; infinity if none."""
        points = float(number("Comparison.steps_to", "points", points))
        found = {}
        for name, curve in self.curves.items():
            best = curve.ann_accuracy if curve.accuracy is not None else 1.0
            if best is None:
                rule = "must include the ANN's accuracy"
                fail("Comparison.steps_to", f"curve '{name}'", None, rule, got="ann_accuracy")
            found[name] = curve.steps_to(best - points / 100)
        return found

    def factor(self, slow: str, fast: str, points: float) -> float:
        """Return the ratio of the steps that two models take to come within `points` percentage points of the ANN.

        The ratio is infinite if the slow one never does so within the measured steps, and NaN if the fast one does not.
        """
        needed = self.steps_to(points)
        for name in (slow, fast):
            if name not in needed:
                fail("Comparison.factor", "name", name, f"must be one of {', '.join(needed)}")
        return float("nan") if math.isinf(needed[fast]) else needed[slow] / needed[fast]

    def __str__(self) -> str:
        """Return a table with a row for each T and a column for each model."""
        names = list(self.curves)
        every = sorted({int(t) for c in self.curves.values() for t in c.steps})
        known = {
            n: dict(zip(c.steps.tolist(), c.quality.tolist(), strict=True))
            for n, c in self.curves.items()
        }
        rows = [
            [str(t), *(tables.percent(known[n][t]) if t in known[n] else "" for n in names)]
            for t in every
        ]
        return tables.table(["T", *names], rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the curves as plain Python objects."""
        return {name: curve.to_dict() for name, curve in self.curves.items()}

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against T: `spikelet.plot.accuracy_curve`."""
        from spikelet.plot.layers import accuracy_curve as draw  # noqa: PLC0415  # only where it is used

        return draw(self, ax=ax)


def compare(
    models: Mapping[str, Any],
    x: ArrayLike,
    labels: ArrayLike | None,
    steps: int | Sequence[int],
    *,
    ann: SpikingModel | None = None,
    **arguments: Any,
) -> Comparison:
    """Compute the accuracy curves of several models, methods, resets or codings.

    Parameters
    ----------
    models : dict of str to SpikingModel, or to (SpikingModel, dict)
        The inner dict holds arguments of `accuracy_curve` for this model alone: ``{"coding": "poisson"}``.
    x, labels, steps, ann
        As for `accuracy_curve`.
    **arguments
        Arguments of `accuracy_curve` for all models.

    Returns
    -------
    Comparison

    Examples
    --------
    Ratio of the steps that a reset to zero and a reset by subtraction need to come within 1 point of the ANN::

        compare({"zero": hard, "subtract": soft}, x, labels, 256, ann=ann).factor("zero", "subtract", 1.0)
    """
    if not isinstance(models, Mapping) or not models:
        fail("compare", "models", models, "must be a dict of models by name", error=TypeError)
    curves = {}
    for name, item in models.items():
        model, own = item if isinstance(item, tuple) and len(item) == 2 else (item, {})
        is_model("compare", f"models['{name}']", model)
        curves[str(name)] = accuracy_curve(model, x, labels, steps, ann=ann, **{**arguments, **own})
    return Comparison(curves)
