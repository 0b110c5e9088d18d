"""Residual blocks of spikes, and dropout over time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikelet.torch as st


@pytest.mark.parametrize(
    ("connect", "table"),
    [("add", [0, 1, 1, 2]), ("and", [0, 0, 0, 1]), ("iand", [0, 1, 0, 0])],
)
def test_spikes_meet(connect: Any, table: list[int]) -> None:
    """For body, shortcut = 00, 01, 10, 11."""
    body, shortcut = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])

    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return body.expand_as(x)

    block = st.SEWBlock(Fixed(), connect=connect)
    assert block(shortcut.expand(3, 2, 4))[1, 1].tolist() == table


def test_blocks_learn_through_both_branches() -> None:
    torch.manual_seed(0)
    block = st.SEWBlock(
        nn.Sequential(nn.Linear(4, 6), st.LIF()), nn.Sequential(nn.Linear(4, 6), st.LIF())
    )
    x = (torch.rand(9, 3, 4) < 0.5).float().requires_grad_()
    y = block(x)
    assert torch.equal(y, block.body(x) + block.shortcut(x))
    y.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())
    with pytest.raises(
        ValueError, match=r"output of body must have the shape of the shortcut's.*give a shortcut"
    ):
        st.SEWBlock(nn.Linear(4, 6))(x)
    with pytest.raises(ValueError, match="connect must be"):
        st.SEWBlock(nn.Linear(4, 4), connect="or")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"shortcut must be a torch\.nn\.Module"):
        st.SEWBlock(nn.Linear(4, 4), 3)  # type: ignore[arg-type]


def test_dropout_holds_over_time() -> None:
    torch.manual_seed(0)
    drop = st.DropoutOverTime(0.25)
    x = torch.rand(5, 400, 30) + 0.5
    y = drop(x)
    kept = y[0] != 0
    assert torch.equal(y != 0, kept.expand(5, -1, -1))
    torch.testing.assert_close(y, x * kept / 0.75)
    assert abs(float(kept.float().mean()) - 0.75) < 0.02  # 5 standard deviations are 0.02
    assert drop.eval()(x) is x
    for p in (1.0, -0.1):
        with pytest.raises(ValueError, match="p must be"):
            st.DropoutOverTime(p)
    with pytest.raises(ValueError, match=r"x must have the shape \[T, B, ...\]"):
        drop(torch.rand(4, 3))


def made(kind: Any, heads: int = 2) -> tuple[st.SpikeAttention, Tensor]:
    torch.manual_seed(0)
    attention = st.SpikeAttention(6, heads, kind=kind, scale=0.5).double()
    x = (torch.rand(4, 3, 6, 4, 5) < 0.4).double()
    for _ in range(60):  # statistics of the norms
        attention(x)
    return attention.eval(), x


def seen(attention: st.SpikeAttention, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return queries, keys and values [T, B, channels, pixels], and what the output convolution reads."""
    kept: list[Tensor] = []
    hook = attention.out.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.no_grad():
        attention(x)
        q, k, v = (part(x).flatten(3) for part in (attention.query, attention.key, attention.value))
    hook.remove()
    assert all(0.05 < s.mean() < 0.95 for s in (q, k, v))
    return q, k, v, kept[0].flatten(3)


def test_spike_driven() -> None:
    attention, x = made("driven")
    q, k, v, y = seen(attention, x)
    potential = torch.zeros(3, 6, dtype=torch.float64)
    decay = float(attention.meeting.decay)
    for t in range(len(x)):
        potential = decay * potential + torch.einsum("bcn,bcn->bc", q[t], k[t])
        mask = (potential >= 1).double()
        potential = potential - mask
        assert torch.equal(y[t], mask[:, :, None] * v[t])
    assert 0.01 < y.mean() < 0.99


def test_product() -> None:
    attention, x = made("product")
    q, k, v, y = seen(attention, x)
    potential = torch.zeros(3, 6, 20, dtype=torch.float64)
    decay = float(attention.meeting.decay)
    for t in range(len(x)):
        heads = []
        for h in (slice(0, 3), slice(3, 6)):
            # tokens of a head as rows: Q K^T V
            a, b, c = (part[t][:, h].transpose(1, 2) for part in (q, k, v))
            heads.append((a @ b.transpose(1, 2) @ c * 0.5).transpose(1, 2))
        potential = decay * potential + torch.cat(heads, 1)
        spikes = (potential >= 1).double()
        potential = potential - spikes
        assert torch.equal(y[t], spikes)
    assert 0.01 < y.mean() < 0.99


@pytest.mark.parametrize("kind", ["driven", "product"])
def test_layers_send_spikes_only(kind: Any) -> None:
    attention, x = made(kind)
    for layer in attention.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(
                lambda _, given: None if set(given[0].unique().tolist()) <= {0.0, 1.0} else 1 / 0
            )
    attention.train()
    y = attention(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in attention.parameters())


def test_a_shortcut_of_potentials_adds() -> None:
    torch.manual_seed(1)
    block = st.PotentialShortcut(nn.Sequential(st.LIF(), nn.Linear(4, 4)))
    x = torch.randn(5, 3, 4)
    assert torch.equal(block(x), x + block.body(x))
    with pytest.raises(ValueError, match=r"output of body must have the shape of the input"):
        st.PotentialShortcut(nn.Linear(4, 5))(x)
    with pytest.raises(TypeError, match=r"body must be a torch\.nn\.Module"):
        st.PotentialShortcut(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.SpikeAttention(0), "channels must be >= 1"),
        (lambda: st.SpikeAttention(6, 4), "heads must divide the 6 channels"),
        (lambda: st.SpikeAttention(6, kind="soft"), "kind must be"),  # type: ignore[arg-type]
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("x", [3, torch.rand(4, 2, 6)])
def test_other_inputs(x: Any) -> None:
    with pytest.raises(TypeError, match=r"x must be a tensor \[T, B, channels, height, width\]"):
        st.SpikeAttention(6)(x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scale": float("nan")}, ValueError, "SpikeAttention: scale must be finite|NaN"),
        ({"scale": "a"}, TypeError, "SpikeAttention: scale must be"),
        ({"neuron": 3}, TypeError, "SpikeAttention: neuron must be a function that makes neurons"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        st.SpikeAttention(6, **options)
