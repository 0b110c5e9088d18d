"""Which activations of an ANN can become spiking neurons."""

from __future__ import annotations

from spikelet import layers as L
from spikelet.conversion.neurons import FOLLOWED, can_spike
from spikelet.io.c import values
from spikelet.layers.graded import FUNCTIONS


def test_which_layers_can_spike() -> None:
    assert can_spike(L.ReLU())
    assert can_spike(L.Activation("silu"))
    assert not can_spike(L.Activation("exp"))
    assert not can_spike(L.Softmax())


def test_functions_that_neurons_follow_exist_and_can_be_exported() -> None:
    assert set(FUNCTIONS) > FOLLOWED
    assert set(values.FUNCTIONS) > FOLLOWED
