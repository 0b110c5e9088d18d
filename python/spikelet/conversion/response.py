"""Response time: the number of steps that a network takes to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, integer, number, require
from spikelet.conversion.trajectory import outputs_of, trajectory, waiting
from spikelet.layers.samples import Samples, check_labels, is_model
from spikelet.layers.spiking_model import SpikingModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Decisions", "steps_to_decision"]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The number of steps after which each sample is decided.

    Parameters
    ----------
    steps : int array, [B]
        The first T from which on the decision is that of the last step.
    decision : int array, [T, B]
        The decision after each step.
    margin : float array, [T, B]
        The difference between the largest and the second largest mean output.
    labels : int array, [B], or None
    """

    steps: NDArray[np.int64]
    decision: NDArray[np.int64]
    margin: NDArray[np.float64]
    labels: NDArray[np.int64] | None

    @property
    def mean(self) -> float:
        """Mean response time [steps]."""
        return float(self.steps.mean())

    @property
    def median(self) -> float:
        """Median response time [steps]."""
        return float(np.median(self.steps))

    def percentile(self, q: float) -> float:
        """Return the number of steps after which q percent of the samples are decided."""
        return float(np.percentile(self.steps, q))

    def stopped(
        self, margin: float, least: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], float | None]:
        """Stop each sample as soon as its margin exceeds a limit.

        Parameters
        ----------
        margin : float
            The limit, in the unit of the outputs; >= 0.
        least : int
            Smallest number of steps.

        Returns
        -------
        (steps, decision, accuracy)
            Arrays ``[B]`` and ``[B]``, and the fraction of correct decisions; without labels, of decisions that agree with
            those after all steps.
        """
        require(
            "Decisions.stopped", "margin", number("Decisions.stopped", "margin", margin), ">= 0"
        )
        total = len(self.margin)
        least = integer("Decisions.stopped", "least", least, 1, total)
        enough = self.margin > margin
        enough[: least - 1] = False
        enough[-1] = True  # at the latest
        at = enough.argmax(axis=0)
        chosen = self.decision[at, np.arange(len(at))]
        truth = self.decision[-1] if self.labels is None else self.labels
        return at + 1, chosen, float((chosen == truth).mean())

    def to_dict(self) -> dict[str, Any]:
        """Return the response times as plain Python objects."""
        return {
            "steps": self.steps.tolist(),
            "mean": self.mean,
            "median": self.median,
            "percentile_95": self.percentile(95),
            "total_steps": len(self.margin),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the response times with `spikelet.plot.response_times`."""
        from spikelet.plot.layers import response_times  # noqa: PLC0415  # only where it is used

        return response_times(self, ax=ax)

    def __str__(self) -> str:
        """Return a one-line summary."""
        return (
            f"{len(self.steps)} samples, T = {len(self.margin)}: decided after {self.mean:.3g} steps on average, "
            f"median {self.median:.3g}, 95 % after {self.percentile(95):.3g}"
        )


def steps_to_decision(
    snn: SpikingModel,
    x: ArrayLike,
    steps: int,
    *,
    labels: ArrayLike | None = None,
    delay: int | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> Decisions:
    """Compute the response time: the number of steps until the decision for each sample is final.

    Parameters
    ----------
    snn : SpikingModel
        A model without ReLUs after spikes, which are known only after all steps.
    x : array-like, [B, ...]
    steps : int
        Number of steps T.
    labels : array-like of int, [B], optional
        Class of each sample, to compute the accuracy of stopping early.
    delay, batch_size, **run_args
        As for `accuracy_curve`.

    Returns
    -------
    Decisions

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or the model is a hybrid that cannot decide early.
    """
    where = "steps_to_decision"
    is_model(where, "snn", snn)
    samples = Samples.of(where, snn, x, integer(where, "steps", steps, 1), batch_size)
    truth = check_labels(where, labels, samples, outputs_of(snn, samples))
    waits = waiting(snn, run_args)
    if waits:
        fail(where, "snn", waits, "must not have a ReLU that waits for spikes", got="layer")
    lag = None if delay is None else integer(where, "delay", delay, 0)
    decision, margin = trajectory(snn, samples, lag, run_args)
    changed = decision != decision[-1]
    settled = len(changed) - changed[::-1].argmax(axis=0) + 1
    first = np.where(changed.any(axis=0), settled, 1)
    return Decisions(first, decision, margin, truth)
