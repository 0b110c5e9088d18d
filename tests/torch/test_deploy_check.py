"""The comparison of a network with the module that it was made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st
from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.torch.deploy_check import compare

with torch.random.fork_rng():
    torch.manual_seed(1)  # with other weights, neurons of another decay may send the same spikes
    LINEAR = nn.Linear(6, 4)


def graph(*end: L.Layer) -> Graph:
    weight, bias = LINEAR.weight.detach().double().numpy(), LINEAR.bias.detach().double().numpy()
    return Graph([L.Linear(5 * weight, 5 * bias), *end])


class Five(nn.Module):
    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.linear, self.neuron = LINEAR, neuron

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(5 * self.linear(x))


@pytest.mark.parametrize(
    ("neuron", "layer", "what"),
    [
        (st.LIF(decay=0.5), L.LIF(1.0, decay=0.5, gain=1.0), "spikes"),
        (st.LI(decay=0.5), L.LIF(1e30, decay=0.5, gain=1.0), "v"),
    ],
)
def test_equal_ones_pass_and_others_do_not(neuron, layer, what) -> None:
    module = Five(neuron).train()
    compare("here", module, graph(layer), (6,), "net", what)
    assert module.training  # it is not touched
    assert module.linear.weight.dtype == torch.float32
    with pytest.raises(ValueError, match="here: module 'net': treats time in a way"):
        compare("here", module, graph(layer.replace(decay=0.25)), (6,), "net", what)


def test_values_of_a_last_linear_layer_are_compared() -> None:
    module = nn.Sequential(LINEAR)
    good = graph().replaced(
        {"linear0": L.Linear(*(p.detach().double().numpy() for p in LINEAR.parameters()))}
    )
    compare("here", module, good, (6,), "net", "value")
    with pytest.raises(ValueError, match="here: module 'net'"):
        compare("here", module, graph(), (6,), "net", "value")


def test_what_cannot_be_compared_is_refused() -> None:
    class Mean(Five):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).mean(0)

    class Broken(Five):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no")

    end = L.LIF(1.0, decay=0.5, gain=1.0)
    with pytest.raises(ValueError, match=r"must return \[T, B, ...\], .* returns \(2, 4\)"):
        compare("here", Mean(st.IF()), graph(end), (6,), "net", "spikes")
    with pytest.raises(ValueError, match=r"cannot be run on \[T, B, 6\] \(no\)"):
        compare("here", Broken(st.IF()), graph(end), (6,), "net", "spikes")


def test_silent_networks_get_larger_inputs() -> None:
    """With small weights the network is silent for spikes of 1, and what it does to time does not show."""

    class Backwards(Five):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.neuron(0.02 * (x.flip(0) if self.turned else x) @ LINEAR.weight.double().T)

    end = L.LIF(1.0, decay=0.5, gain=1.0)
    small = Graph([L.Linear(0.02 * LINEAR.weight.detach().double().numpy()), end])
    module = Backwards(st.LIF(decay=0.5))
    module.turned = False
    compare("here", module, small, (6,), "net", "spikes")
    module.turned = True
    with pytest.raises(ValueError, match="module 'net': treats time in a way"):
        compare("here", module, small, (6,), "net", "spikes")
    dead = Graph([L.Linear(np.zeros((4, 6))), end])
    message = "module 'net': sends no spikes for random inputs, so the comparison shows nothing"
    zero = nn.Sequential(nn.Linear(6, 4, bias=False), st.LIF(decay=0.5))
    nn.init.zeros_(zero[0].weight)
    with pytest.raises(ValueError, match=message):
        compare("here", zero, dead, (6,), "net", "spikes")
