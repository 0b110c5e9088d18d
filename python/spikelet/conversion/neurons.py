"""Kinds of spiking neurons by name, made from thresholds, and the activations whose place they can take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from spikelet._util.checks import choice, fail, integer
from spikelet._util.described import Described
from spikelet.layers import IF, Activation, FirstSpike, Layer, PredictiveNeuron, ReLU
from spikelet.layers.graph import Graph

FOLLOWED = frozenset(
    {
        "celu",
        "clip",
        "elu",
        "gelu",
        "gelu_tanh",
        "hardsigmoid",
        "hardswish",
        "leaky_relu",
        "logsigmoid",
        "mish",
        "selu",
        "sigmoid",
        "silu",
        "softplus",
        "softshrink",
        "softsign",
        "tanh",
    }
)
"""Functions that neurons follow: those of networks' hidden layers, which are continuous and grow at most linearly."""


def can_spike(layer: Layer) -> bool:
    """Return whether an analog layer can become neurons: a ReLU, or an activation that neurons follow."""
    return isinstance(layer, ReLU) or (isinstance(layer, Activation) and layer.function in FOLLOWED)


_LEVELS = 4  # spike sizes of a multi-threshold neuron


def _neuron(threshold: Any, *, start: float = 0.5, **options: Any) -> IF:
    """Make neurons that start at a share of their threshold."""
    v_init = start * np.asarray(threshold) if start else 0.0
    return IF(threshold, v_init=v_init, amplitude=threshold, **options)


NEURONS: Mapping[str, Callable[[Any], IF]] = {
    "soft": _neuron,
    "hard": partial(_neuron, start=0.0, reset="zero"),
    "signed": partial(_neuron, code="signed"),
    "differential": partial(_neuron, code="differential"),
    "multi": partial(_neuron, start=0.5**_LEVELS, code="signed", levels=_LEVELS),
}

PREDICTIVE = ("predictive", "alternating")
"""Kinds of neurons that follow an estimate of their mean input; only `Fitted` makes them."""

FIRST_SPIKE = "first_spike"
"""The kind of neurons that fire at most once; see `spikelet.conversion.first_spike`."""


@dataclass(frozen=True, repr=False, eq=False)
class Neurons(Described):
    """The neurons of a converted network, for ``convert(neuron=)``.

    Parameters
    ----------
    kind : str, optional
        As for `spikelet.convert`; by default the method chooses.
    delay : int or "auto"
        Number of initial steps that the readout leaves out. "auto" takes the number, at most half of the steps, that
        comes closest to the ANN's outputs on the calibration inputs. Only rates can do without some steps: above 0,
        "soft" is the default kind of ``method="fitted"``, and kinds that follow an estimate are refused.
    """

    kind: str | None = None
    delay: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.kind is not None:
            choice("Neurons", "kind", self.kind, *PREDICTIVE, *NEURONS, FIRST_SPIKE)
        if self.delay != "auto":
            integer("Neurons", "delay", self.delay, 0)

    @classmethod
    def of(cls, where: str, given: Any) -> Neurons:
        """Return what a user gives as `neuron`: an object, the name of a kind, or None."""
        if given is None or isinstance(given, Neurons):
            return given or cls()
        if not isinstance(given, str):
            rule = 'must be a name such as "soft", or a conversion.Neurons'
            fail(where, "neuron", given, rule, error=TypeError)
        choice(where, "neuron", given, *PREDICTIVE, *NEURONS, FIRST_SPIKE)
        return cls(given)


def usable(thresholds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return positive thresholds: channels that no input activated get a thousandth of the largest threshold."""
    most = float(thresholds.max())
    least = 1e-3 * most if most > 0 else 1.0
    return np.where(thresholds > 0, thresholds.astype(np.float64), least)


def need_all_steps(graph: Graph) -> bool:
    """Return whether spikes of all steps make up one number, so that a readout cannot leave steps out."""
    return any(isinstance(node.layer, (PredictiveNeuron, FirstSpike)) for node in graph)
