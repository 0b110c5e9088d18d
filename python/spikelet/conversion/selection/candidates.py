"""Which methods and neurons to try for a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikelet._util.checks import choice, fail
from spikelet.conversion.activations import can_spike
from spikelet.conversion.fitted.fitted import PREDICTIVE, Fitted
from spikelet.conversion.layerwise.calibration import Calibration
from spikelet.conversion.layerwise.streaming import spiking_names
from spikelet.conversion.neurons import NEURONS
from spikelet.layers import Activation, ReLU

__all__ = ["Candidate", "candidates", "is_small"]

_FEW_STEPS = 8
_SMALL = 1 << 30  # values of all neurons, samples and steps


@dataclass(frozen=True)
class Candidate:
    """A method and a kind of neurons.

    Parameters
    ----------
    method, neuron : str
    """

    method: str
    neuron: str

    def __str__(self) -> str:
        """Return both names."""
        return f"{self.method}/{self.neuron}"

    @property
    def needs_all_steps(self) -> bool:
        """Whether the spikes of all steps make up one number, of which no step can be left out."""
        return self.method == "fitted" and self.neuron in (*PREDICTIVE, "multi")


def is_small(cal: Calibration) -> bool:
    """Return whether many methods can be tried within seconds."""
    names = [n.name for n in cal.graph if can_spike(n.layer)]
    neurons = sum(math.prod(cal.shapes[n]) for n in names)
    return neurons * cal.count * cal.steps <= _SMALL


def candidates(
    where: str, method: str, neuron: str | None, cal: Calibration, delay: int | None = None
) -> tuple[Candidate, ...]:
    """Return the candidates for the arguments of `convert`, the likely best one first.

    Raises
    ------
    ValueError
        If method and neuron do not go together, or the neurons need the steps that a `delay` leaves out.
    """
    found = _candidates(where, method, neuron, cal, late=bool(delay))
    lasting = tuple(c for c in found if not (delay and c.needs_all_steps))
    if not lasting:
        kind = found[0].neuron
        rule = (
            f'must be 0 or "auto" with {kind} neurons: the spikes of all steps make up one number'
        )
        if neuron is None:
            rule += ', and only these follow activations other than ReLU; neuron="soft" leaves them graded'
        else:
            rule += '; or choose neuron="soft"'
        fail(where, "delay", delay, rule)
    return lasting


def _candidates(
    where: str, method: str, neuron: str | None, cal: Calibration, *, late: bool
) -> tuple[Candidate, ...]:
    if neuron is not None:
        choice(where, "neuron", neuron, *PREDICTIVE, *NEURONS)
        if neuron in PREDICTIVE and method not in ("auto", "fitted"):
            fail(where, "method", method, f'must be "fitted" with neuron="{neuron}"')
    # Very few steps leave no time to wait for an estimate, and shallow networks need none.
    fitted = ["predictive"] if neuron is None else [neuron]
    if neuron is None and (late or cal.steps <= _FEW_STEPS or (method == "auto" and is_small(cal))):
        fitted.append("soft")
    other = "soft" if neuron is None else neuron
    if neuron is None and method in ("auto", "fitted") and _follows(cal):
        return (Candidate("fitted", "predictive"),)  # others would leave activations graded
    if method == "fitted":
        return tuple(Candidate("fitted", kind) for kind in fitted)
    if method != "auto":
        return (Candidate(method, other),)
    found = [Candidate("fitted", kind) for kind in fitted]
    if other not in PREDICTIVE:
        names = ["percentile"]
        if is_small(cal):
            names += ["maxnorm", "least_error", "calibrated"]
        if _is_qcfs(cal):
            names.append("qcfs")
        found += [Candidate(name, other) for name in names]
    return tuple(found)


def _follows(cal: Calibration) -> bool:
    """Return whether neurons follow another activation than a ReLU."""
    method = Fitted("predictive")
    return any(isinstance(cal.graph[n].layer, Activation) for n in spiking_names(cal, method))


def _is_qcfs(cal: Calibration) -> bool:
    layers = [n.layer for n in cal.graph if isinstance(n.layer, ReLU) and n.name not in cal.kept]
    return all(layer.levels > 0 for layer in layers)
