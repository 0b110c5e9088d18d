"""Random networks against PyTorch's own layers and plain loops of neurons: outputs and all gradients, in double precision."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_cells import charge_of
from tests.support.torch_reference import SURROGATES, simulate
from torch import Tensor, nn

import spikelet.torch as st

Layer = Callable[[Tensor], Tensor]


def each_step(function: Layer) -> Layer:
    """Return a function of images as one of all steps [T, B, ...]."""
    return lambda x: function(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def expected(module: Any) -> Layer:
    """Return the neurons of a module as a plain loop on the same parameters."""

    def run(x: Tensor) -> Tensor:
        made = module.setting()
        cell, value = made.cell, {**vars(made.cell), **made.tensors}
        if module.steps is not None:
            x = x.expand(module.steps, *x.shape)
        found = simulate(
            x, charge_of(cell, value["leak"]), v=made.v_first, v_threshold=value["threshold"], strict=cell.strict,
            surrogate=cell.surrogate.name, alpha=cell.alpha, reset=cell.reset.name, v_reset=cell.v_reset,
            when=cell.when.name, detach_reset=cell.detached,
            syn_decay=value["syn_decay"] if cell.synapse else None,
            adapt_decay=value["adapt_decay"] if cell.adaptive else None,
            boost=value["boost"], recurrent=getattr(module, "recurrent", None),
        )  # fmt: skip
        return found["v"] if isinstance(module, st.LI) else found["spikes"]

    return run


class Drawn:
    """A random network, layer by layer, and what each layer should compute."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        torch.manual_seed(seed)
        self.steps, self.batch = self.r.choice([1, 2, 5, 9]), self.r.choice([1, 2, 3])
        self.held = self.r.random() < 0.2  # the first neurons hold an image
        self.is_image = self.r.random() < 0.6
        self.channels = self.r.choice([1, 2, 3])
        self.size = [self.r.choice([5, 6, 8]), self.r.choice([5, 7, 8])] if self.is_image else []
        self.shape = (self.channels, *self.size)
        self.modules: list[nn.Module] = []
        self.layers: list[Layer] = []
        count = self.r.choice([1, 2, 3])
        for k in range(count):
            self.weights()
            self.neurons(readout=k == count - 1 and self.r.random() < 0.4)
            if self.is_image and min(self.size) >= 2 and self.r.random() < 0.4:
                self.pool()
        self.net = nn.Sequential(*self.modules).double()

    def add(self, module: nn.Module, layer: Layer) -> None:
        self.modules.append(module)
        self.layers.append(layer)

    def weights(self) -> None:
        r, bias = self.r, self.r.random() < 0.6
        sparse = not self.held and r.random() < 0.5
        if not self.is_image:
            n = r.choice([1, 4, 9, 16, 33])
            made: Any = (st.SpikeLinear if sparse else nn.Linear)(self.channels, n, bias)
            self.add(made, lambda x: F.linear(x, made.weight, made.bias))
        else:
            k, stride = r.choice([1, 3, 5]), r.choice([1, 1, 2])
            pad = 2 if min(self.size) < k else r.choice([0, 1, 2])
            groups = r.choice([1, 1, self.channels])
            n = groups * r.choice([1, 4, 8, 17])
            kind: Any = st.SpikeConv2d if sparse else nn.Conv2d
            made = kind(self.channels, n, k, stride, pad, groups=groups, bias=bias)

            def convolve(x: Tensor) -> Tensor:
                return F.conv2d(x, made.weight, made.bias, stride, pad, 1, groups)

            self.over_time(made, convolve, wrapped=not sparse)
            self.size = [(m + 2 * pad - k) // stride + 1 for m in self.size]
        with torch.no_grad():
            made.weight.mul_(2.5)  # so that neurons spike
        self.channels = n
        if self.is_image and r.random() < 0.3:
            self.norm()

    def over_time(self, made: nn.Module, function: Layer, *, wrapped: bool) -> None:
        if self.held:
            self.add(made, function)
        else:
            self.add(st.OverTime(made) if wrapped else made, each_step(function))

    def norm(self) -> None:
        samples = self.batch * (1 if self.held else self.steps)
        if samples * self.size[0] * self.size[1] == 1:
            return
        norm: Any = nn.BatchNorm2d(self.channels)

        def normalize(x: Tensor) -> Tensor:
            return F.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.1, norm.eps)

        if not self.held and self.r.random() < 0.3:
            made = st.tdBN(self.channels, v_threshold=0.8)
            norm = made.layer
            self.add(made, each_step(normalize))
        else:
            self.over_time(norm, normalize, wrapped=True)

    def neurons(self, *, readout: bool) -> None:
        r = self.r
        given: dict[str, Any] = {"steps": self.steps} if self.held else {}
        if readout:
            self.held = False
            made: Any = st.LI(tau_m=r.choice([1.0, 5.0]), learn_tau=r.random() < 0.3, **given)
            self.add(made, expected(made))
            return
        given |= {"surrogate": r.choice(list(SURROGATES)), "v_threshold": r.choice([1.0, 0.5])}
        given |= {"learn_threshold": r.random() < 0.25}
        given |= {"alpha": 1.5} if r.random() < 0.5 else {}
        convention = r.choice(
            ["spikelet", "spikelet", "spikelet", "snntorch", "spikingjelly", "norse"]
        )
        if convention == "spikelet":
            given |= {
                "reset": r.choice(["subtract", "value", "none"]),
                "detach_reset": r.random() < 0.5,
            }
            given |= {"v_reset": -0.3} if given["reset"] == "value" else {}
            given |= {"gain": r.choice([1.0, "normalized"]), "tau_m": r.choice([2.0, 20.0])}
            given |= {"tau_syn": 3.0} if r.random() < 0.4 else {}
            given |= {"tau_adapt": 8.0, "boost": 0.3} if r.random() < 0.4 else {}
            given |= {"learn_tau": True} if r.random() < 0.25 else {}
            given |= {"recurrent": self.channels} if not self.is_image and r.random() < 0.4 else {}
        elif convention == "snntorch":
            given |= {"beta": r.choice([0.9, nn.Parameter(torch.tensor(0.5))])}
            given |= {
                "reset": r.choice(["subtract", "zero", "none"]),
                "reset_delay": r.random() < 0.7,
            }
        elif convention == "spikingjelly":
            given |= {"tau": r.choice([1.5, 4.0]), "v_reset": r.choice([None, 0.0, -0.2])}
            given |= {"decay_input": r.random() < 0.5, "detach_reset": r.random() < 0.5}
        else:
            given |= {"tau_mem_inv": 200.0, "v_leak": r.choice([0.0, 0.1])}
        if self.is_image and (given["learn_threshold"] or "learn_tau" in given):
            given |= {"shape": (self.channels, 1, 1)}
        self.held = False
        made = st.Neuron(convention=convention, **given)
        self.add(made, expected(made))

    def pool(self) -> None:
        if self.r.random() < 0.5 and isinstance(self.modules[-1], st.LI):  # spikes would tie
            self.add(st.MaxPool2d(2), each_step(lambda x: F.max_pool2d(x, 2)))
        else:
            self.over_time(nn.AvgPool2d(2), lambda x: F.avg_pool2d(x, 2), wrapped=True)
        self.size = [m // 2 for m in self.size]

    def input(self, is_held: bool) -> Tensor:
        """Return values or spikes, in some order of memory."""
        shape = (self.batch, *self.shape) if is_held else (self.steps, self.batch, *self.shape)
        order = list(range(len(shape)))
        if self.r.random() < 0.5:
            self.r.shuffle(order)
        x = torch.randn([shape[d] for d in order], dtype=torch.float64)
        if self.r.random() < 0.3:
            x = (x > 0.5).double()
        return x.permute([order.index(d) for d in range(len(shape))])


@pytest.mark.filterwarnings("ignore:.*lazily created:UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    drawn = Drawn(seed)
    first = next(m for m in drawn.modules if isinstance(m, st.Neuron))
    x = drawn.input(first.steps is not None).requires_grad_(drawn.r.random() < 0.7)
    for p in drawn.net.parameters():
        p.requires_grad_(drawn.r.random() > 0.15)
    leaves = [p for p in (*drawn.net.parameters(), x) if p.requires_grad]
    y, wanted = drawn.net(x), x
    for layer in drawn.layers:
        wanted = layer(wanted)
    torch.testing.assert_close(y, wanted, rtol=0, atol=1e-9)
    if not y.requires_grad:
        return
    by_y = torch.randn_like(y)
    found, right = (
        torch.autograd.grad((v * by_y).sum(), leaves, allow_unused=True, materialize_grads=True)
        for v in (y, wanted)
    )
    most = max(float(g.abs().max()) for g in right)
    for a, b in zip(found, right, strict=True):
        # A sum before BatchNorm has gradients of 0, of which rounding remains.
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-11 * max(most, 1.0))
