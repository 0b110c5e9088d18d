"""Networks whose own forward names dimensions of [T, B, ...] are deployed, and send the same spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import raster
from torch import nn

import spikelet.torch as st
from spikelet.torch import OverTime, to_spiking_model
from spikelet.torch.stand_ins import STAND_INS, still, timed

IMAGE = (2, 8, 8)


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    layers = OverTime(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs))
    return nn.Sequential(layers, st.LIF(tau_m=3.0))


class Skip(nn.Module):
    """A small U-Net: half of the pixels and back, beside the input."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(OverTime(nn.Conv2d(2, 4, 3, 2, 1)), st.LIF(tau_m=3.0))
        self.up = nn.Sequential(OverTime(nn.ConvTranspose2d(4, 4, 2, 2)), st.IF(v_threshold=0.6))
        self.out = nn.Sequential(OverTime(nn.Conv2d(6, 3, 1)), st.LIF())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.out(torch.cat([self.up(self.down(x)), x], 2))
        return y


class Dense(nn.Module):
    """As DenseNet: each layer sees those before it. The readout is a potential."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([_conv(2, 3), _conv(5, 3)])
        self.weigh, self.out = nn.Linear(8, 5), st.LI()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = torch.cat([x, part(x)], dim=2)
        y: torch.Tensor = self.out(self.weigh(x.mean((-2, -1))))
        return y


class Folded(nn.Module):
    """Folds time into the batch by hand, and adds two halves of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lif = nn.Conv2d(2, 8, 3, padding=1), st.LIF(tau_m=3.0)
        self.flat, self.weigh, self.out = nn.Flatten(2), nn.Linear(256, 5), st.LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.lif(self.conv(x.flatten(0, 1)).unflatten(0, x.shape[:2]))
        y: torch.Tensor = self.out(self.weigh(self.flat(h[:, :, :4] + h[:, :, 4:])))
        return y


class Sparse(nn.Module):
    """Sparse layers take [T, B, ...] by themselves; pixels come before channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lif, self.pool = (
            st.SpikeConv2d(2, 4, 3, padding=1),
            st.LIF(),
            st.MaxPool2d(2),
        )
        self.block = st.SEWBlock(
            nn.Sequential(st.SpikeLinear(64, 64), st.DropoutOverTime(), st.LIF())
        )
        self.weigh, self.out = st.SpikeLinear(64, 3), st.LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, samples = x.shape[:2]
        h = self.pool(self.lif(self.conv(x))).permute(0, 1, 3, 4, 2).reshape(steps, samples, -1)
        y: torch.Tensor = self.out(self.weigh(self.block(h)))
        return y


def _trained(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    module = kind()
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim > 1:
                p.mul_(2)
    module(torch.from_numpy(raster(2, *IMAGE)).float())  # for BatchNorm
    return module.double().eval()


@pytest.mark.parametrize("kind", [Skip, Dense, Folded, Sparse])
def test_code_sees_the_dimensions_of_training(kind: type[nn.Module]) -> None:
    module = _trained(kind)
    x = raster(3, *IMAGE)
    model = to_spiking_model(module, IMAGE, dtype="float64")
    with torch.no_grad():
        wanted = module(torch.from_numpy(x).double()).numpy()
    what = "v" if kind is Dense else "spikes"
    found = getattr(model.run(x, record=what), what)
    assert 0.01 < np.abs(wanted).mean() < 5
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    last = type(model.graph.output.layer).__name__
    assert last == ("LI" if kind is Dense else "LIF"), "the output is that of the neurons"


def test_names_are_those_of_the_modules() -> None:
    for kind, names in ((Skip, ("down.0", "up.0", "out.0")), (Folded, ("conv", "weigh"))):
        module = _trained(kind)
        layers = {node.name: node.layer for node in to_spiking_model(module, IMAGE).graph}
        for name in names:
            weight = module.get_submodule(name).get_parameter(
                "weight" if kind is Folded else "layer.weight"
            )
            assert layers[name].weight.shape == weight.shape


class Late(nn.Module):
    """Reads the step before."""

    def __init__(self) -> None:
        super().__init__()
        self.lif, self.out = nn.Sequential(nn.Linear(10, 20), st.LIF()), nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.lif(x)
        y: torch.Tensor = self.out(torch.cat([h[:1], h[:-1]]))
        return y


def test_code_that_mixes_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="mixes the samples of a batch"):
        to_spiking_model(Late(), (10,))


def test_the_reason_is_that_of_code_with_time() -> None:
    """Without spikes, a comparison shows nothing; an error blamed the shapes that torch.cat was given."""
    module = _trained(Skip)
    with torch.no_grad():
        module.out[0].layer.weight.zero_()
        module.out[0].layer.bias.zero_()
    with pytest.raises(ValueError, match="sends no spikes for random inputs"):
        to_spiking_model(module, IMAGE)


def test_several_inputs_are_refused_by_the_name_of_the_argument() -> None:
    with pytest.raises(TypeError, match=r"to_spiking_model: input_shape must be an integer"):
        to_spiking_model(Late(), ((10,), (6,)))  # type: ignore[arg-type]


def test_copies_keep_the_module() -> None:
    module = _trained(Skip)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    layer_of: Any = lambda m, where: m  # no neuron is converted
    neurons = nn.Sequential(nn.Linear(3, 3), nn.Flatten(2))
    for make in (
        lambda: still(neurons, "", layer_of, traced=True),
        lambda: timed(neurons, layer_of),
    ):
        assert make()[0] is not neurons[0]
    assert len(STAND_INS) == 3
    to_spiking_model(module, IMAGE)
    assert not module._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
