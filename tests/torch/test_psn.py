"""Parallel spiking neurons against sums over steps."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import spikelet.torch as st


def reference(weights: list[list[Any]], bias: Any, x: torch.Tensor) -> tuple[Any, Any]:
    """Return h and the spikes, each step a sum over steps; the surrogate is SpikingJelly's atan with alpha = 2."""
    h = []
    for t in range(len(x)):
        total = bias[t] * torch.ones_like(x[0])
        for s in range(len(x)):
            if weights[t][s] is not None:
                total = total + weights[t][s] * x[s]
        h.append(total)
    u = torch.stack(h)
    smooth = torch.atan(math.pi * u) / math.pi  # its derivative is the surrogate
    return u, (u >= 0).to(u) + smooth - smooth.detach()


def compare(module: Any, weights: Any, bias: Any) -> None:
    torch.manual_seed(2)
    x = torch.randn(6, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    leaves = [x, *module.parameters()]
    by = torch.randn(x.shape, dtype=torch.float64)
    spikes = module(x)
    _, wanted = reference(weights(), bias(), x)
    assert torch.equal(spikes, wanted.round())
    assert 0.05 < spikes.mean() < 0.95
    found = [torch.autograd.grad((s * by).sum(), leaves) for s in (spikes, wanted)]
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backend", ["core", "torch"])
def test_each_step_sees_all(backend: Any) -> None:
    torch.manual_seed(0)
    module = st.PSN(6, backend=backend).double()
    with torch.no_grad():
        module.weight *= 3
    compare(module, lambda: list(module.weight), lambda: module.bias)


@pytest.mark.parametrize("masked", [1.0, 0.3])
def test_masked(masked: float) -> None:
    torch.manual_seed(0)
    module = st.MaskedPSN(6, 3, masked=masked).double()
    with torch.no_grad():
        module.weight *= 3

    def weights() -> Any:
        factor = [[1.0 if 0 <= t - s < 3 else 1 - masked for s in range(6)] for t in range(6)]
        return [[module.weight[t, s] * factor[t][s] for s in range(6)] for t in range(6)]

    compare(module, weights, lambda: module.bias)
    if masked == 1:
        x = torch.randn(6, 1, 5, dtype=torch.float64)
        later = x.clone()
        later[4:] = 9
        assert torch.equal(module(x)[:4], module(later)[:4])


def test_sliding() -> None:
    module = st.SlidingPSN(3).double()

    def weights() -> Any:
        return [
            [module.weight[t - s] if 0 <= t - s < 3 else None for s in range(6)] for t in range(6)
        ]

    compare(module, weights, lambda: module.bias.expand(6))
    assert module(torch.rand(2, 1, 3).double()).shape == (2, 1, 3)  # fewer steps than its order


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: st.PSN(0), ValueError, "PSN: steps must be >= 1"),
        (lambda: st.PSN(4)(torch.rand(5, 2, 3)), ValueError, r"x must be \[4, B, ...\], got shape"),
        (lambda: st.SlidingPSN(4)(torch.rand(5, 2)), ValueError, r"x must be \[T, B, ...\]"),
        (
            lambda: st.PSN(4)(torch.ones(4, 2, 3, dtype=torch.int64)),
            TypeError,
            "x must be a floating-point",
        ),
        (lambda: st.MaskedPSN(4, 0), ValueError, "order must be >= 1"),
        (lambda: st.MaskedPSN(4, 2, masked=1.5), ValueError, r"masked must be in \[0, 1\]"),
        (lambda: st.PSN(4, surrogate="none"), ValueError, "surrogate must be"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "make", [lambda: st.PSN(5), lambda: st.MaskedPSN(5, 2), lambda: st.SlidingPSN(2)]
)
def test_inputs_of_another_type_and_without_steps_are_refused(make) -> None:
    neuron = make()
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        with pytest.raises(TypeError, match="PSN: x must be a torch"):
            neuron(torch.rand(5, 2, 4).to(dtype))
    with pytest.raises(ValueError, match=r"PSN: x must be \["):
        neuron(torch.rand(0, 2, 4))
    assert neuron(torch.rand(5, 0, 4)).shape == (5, 0, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert neuron(torch.rand(5, 2, 4).bfloat16()).shape == (5, 2, 4)


def test_a_state_dict_holds_how_much_is_masked() -> None:
    made, resumed = (st.MaskedPSN(6, 2, masked=share) for share in (0.25, 1.0))
    nested = torch.nn.Sequential(torch.nn.Identity(), made)
    torch.nn.Sequential(torch.nn.Identity(), resumed).load_state_dict(nested.state_dict())
    assert resumed.masked == 0.25
    assert torch.equal(resumed.matrix(), made.matrix())
    with pytest.raises(ValueError, match=r"masked must be in \[0, 1\], got 2"):
        made.masked = 2.0


def test_a_training_resumes_with_its_mask(tmp_path) -> None:
    def train(epochs: int, share: float) -> st.MaskedPSN:
        torch.manual_seed(0)
        psn = st.MaskedPSN(4, 2, masked=share)
        net = torch.nn.Sequential(torch.nn.Linear(3, 2), psn, st.LI())
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        batch = (torch.rand(4, 5, 3), torch.zeros(5, dtype=torch.int64))
        st.fit(
            net, [batch], loss=st.losses.membrane_cross_entropy, epochs=epochs, optimizer=optimizer,
            checkpoint=path,
        )  # fmt: skip
        return psn

    path = tmp_path / "run.pt"
    train(1, 0.25)
    assert train(2, 1.0).masked == 0.25
