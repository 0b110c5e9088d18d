"""Batch normalisation over time against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import spikelet.torch as st


@pytest.mark.parametrize("shape", [(5, 4, 3, 6, 7), (5, 4, 3)])
def test_tdbn_has_the_deviation_of_the_threshold(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm = st.tdBN(3, len(shape) - 3, v_threshold=2.0, alpha=0.5).double()
    x = 3 + 2 * torch.randn(shape, dtype=torch.float64)
    others = [d for d in range(x.ndim) if d != 2]
    mean = x.mean(others, keepdim=True)
    variance = x.var(others, unbiased=False, keepdim=True)
    torch.testing.assert_close(norm(x), 2.0 * 0.5 * (x - mean) / (variance + 1e-5).sqrt())
    norm.eval()
    torch.testing.assert_close(norm(x)[2], norm(x[2:3])[0])


def test_tdbn_is_deployed() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), st.tdBN(5, 0), st.LIF()).double()
    x = torch.rand(30, 4, 6).double()
    net(x)
    net.eval()
    snn = st.to_spiking_model(net, (6,), dtype="float64")
    assert (snn.run(x.numpy()).spikes == net(x).detach().numpy()).all()


@pytest.mark.parametrize("shape", [(5, 4, 3, 6, 7), (5, 4, 30)])
def test_tdln_normalizes_each_sample_and_step(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm = st.tdLN(shape[2], len(shape) - 3, v_threshold=2.0, alpha=0.5).double()
    x = 3 + 2 * torch.randn(shape, dtype=torch.float64)
    flat = x.flatten(2)
    mean, variance = flat.mean(2, keepdim=True), flat.var(2, unbiased=False, keepdim=True)
    wanted = ((flat - mean) / (variance + 1e-5).sqrt()).view(shape)
    torch.testing.assert_close(norm(x), wanted)
    torch.testing.assert_close(norm.eval()(x[1:2, 2:3])[0, 0], wanted[1, 2])


@pytest.mark.parametrize("norm", [st.tdLN(3, 0), st.tdBN(3, 0), st.TEBN(3, 5, 0)])
def test_parameters_of_a_call(norm: nn.Module) -> None:
    x = torch.randn(5, 4, 3)
    twice = {name: 2 * p.detach() for name, p in norm.named_parameters()}
    y = torch.func.functional_call(norm, twice, (x,))
    factor = 4 if isinstance(norm, st.TEBN) else 2  # scales of channels and of steps
    torch.testing.assert_close(y, factor * norm(x))


def test_tdln_with_a_parametrised_weight() -> None:
    class Double(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return 2 * weight

    norm, x = st.tdLN(3, 0), torch.randn(5, 4, 3)
    wanted = 2 * norm(x)
    nn.utils.parametrize.register_parametrization(norm.layer, "weight", Double())
    torch.testing.assert_close(norm(x), wanted)


def test_tebn_scales_each_step() -> None:
    torch.manual_seed(0)
    norm, plain = st.TEBN(3, 5).double(), st.tdBN(3).double()
    x = torch.randn(5, 4, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        norm.scale.copy_(torch.arange(1.0, 6.0))
    wanted = plain(x) * torch.arange(1.0, 6.0).double()[:, None, None, None, None]
    torch.testing.assert_close(norm(x), wanted)
    (by,) = torch.autograd.grad(norm(x).square().sum(), norm.scale)
    assert by.shape == (5,)
    assert (by > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.tdBN(0), "features must be >= 1"),
        (lambda: st.tdBN(3, 4), "dimensions must be >= 0 and <= 3"),
        (lambda: st.tdBN(3, alpha=0), "alpha must be"),
        (lambda: st.tdBN(3, v_threshold=-1), "v_threshold must be"),
        (lambda: st.TEBN(3, 0), "steps must be >= 1"),
        (lambda: st.tdLN(3, 4), "dimensions must be >= 0 and <= 3"),
        (lambda: st.tdLN(3)(torch.rand(4, 2, 3)), r"x must have 5 dimensions"),
        (lambda: st.tdLN(3, 0)(torch.rand(4, 2, 5)), r"x must have 3 dimensions, \[T, B, 3, ...\]"),
        (lambda: st.TEBN(3, 5)(torch.rand(4, 2, 3, 5, 5)), r"x must be \[5, B, channels, ...\]"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("dimensions", "shape"), [(2, (5, 4, 3)), (0, (5, 4, 3, 6, 7)), (3, (5, 4, 3, 6, 7)), (0, (5, 4, 2))]
)  # fmt: skip
def test_tdbn_names_the_shape_that_it_needs(dimensions: int, shape: tuple[int, ...]) -> None:
    message = r"tdBN: x must have \d dimensions, \[T, B, 3, ...\].*got shape"
    with pytest.raises(ValueError, match=message):
        st.tdBN(3, dimensions)(torch.zeros(shape))
    assert st.tdBN(3, 0)(torch.zeros(5, 4, 3, 6)).shape == (5, 4, 3, 6)
    assert st.tdBN(3, 1)(torch.zeros(5, 4, 3)).shape == (5, 4, 3)
