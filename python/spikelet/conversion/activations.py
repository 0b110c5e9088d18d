"""Activations of an ANN that can become spiking neurons."""

from __future__ import annotations

from spikelet.layers import Activation, Layer, ReLU

__all__ = ["FOLLOWED", "can_spike"]

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
    return isinstance(layer, ReLU) or (
        isinstance(layer, Activation) and layer.function in FOLLOWED
    )
