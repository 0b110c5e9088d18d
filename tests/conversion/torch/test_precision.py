"""Constants that a module computes are what PyTorch computes: in its precision, in its memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet.conversion.from_torch import read_torch
from spikelet.layers.spiking_model import SpikingModel

N = 70


def _agrees(module: nn.Module, size: int) -> None:
    """Compare the graph with the plain module, in the precision in which it is used."""
    x = np.random.default_rng(3).normal(size=(5, size))
    found = SpikingModel(read_torch(module, (size,)), dtype="float64").run(x, steps=1).output
    with torch.no_grad():
        expected = module(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def _view(c: torch.Tensor) -> torch.Tensor:
    v = c.view(-1)
    v[0], v[1] = 3.0, 2.0
    return c


def _slices(c: torch.Tensor) -> torch.Tensor:
    c[:3].fill_(2.0)
    c[3:].fill_(1.0)
    return c


def _chunks(c: torch.Tensor) -> torch.Tensor:
    a, b = c.view(1, 6).chunk(2, 1)
    a.fill_(1.0)
    b.fill_(2.0)
    return c


def _out(c: torch.Tensor) -> torch.Tensor:
    torch.add(torch.ones(6), torch.ones(6), out=c)
    torch.mul(c[:2], 0.7, out=c[2:4])
    return c


def _detached(c: torch.Tensor) -> torch.Tensor:
    same = c
    same += 1
    d = c.detach()
    d *= 2
    e = c.data
    e += 1
    return c


def _masked(c: torch.Tensor) -> torch.Tensor:
    c[::2] = 1
    c.t().mul_(2.0)
    return c


def _functional(c: torch.Tensor) -> torch.Tensor:
    c[:3].fill_(-1.0)
    c[3:].fill_(2.0)
    F.relu(c, inplace=True)
    F.relu(c[4:], inplace=True).mul_(3)
    return c


def _cast(c: torch.Tensor) -> torch.Tensor:
    same, other = c.float(), c.double()
    same[0] = 5.0  # the tensor itself
    other[1] = 5.0  # a copy
    same[2:] += 1
    return c


def _scattered(c: torch.Tensor) -> torch.Tensor:
    return c.scatter_(0, torch.tensor([1, 3]), torch.ones(2) * 0.7)


def _transposed(c: torch.Tensor) -> torch.Tensor:
    c.unsqueeze_(0)
    c[0, 1] = 4.0
    c.t_()
    return c.squeeze_(1)


def _exchanged(c: torch.Tensor) -> torch.Tensor:
    new = torch.full((6,), 0.3)
    kept = c.data
    c.data = new
    new[0] = 2.0
    c[1] = 3.0
    c.data = kept.zero_()
    return c + new


CHANGES = [_view, _slices, _chunks, _out, _detached, _masked, _functional, _cast, _scattered, _transposed, _exchanged]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_written_to_a_tensor_is_read_by_its_other_names(
    change: Callable[[torch.Tensor], torch.Tensor], fresh: bool
) -> None:
    """Of a tensor that the forward pass makes, and of one that is kept as an attribute but is no buffer."""
    kept = torch.zeros(6)

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        c = torch.zeros(6) if fresh else m.kept.zero_()
        return m.fc(x * change(c))

    module = Lambda(forward, fc=nn.Linear(6, 6))
    module.kept = kept
    _agrees(module, 6)


def test_memory_of_numpy_is_shared() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        c = torch.from_numpy(np.ones((2, 3), np.float32))
        c.view(-1)[0] = 5.0
        d = torch.zeros(6)
        d.numpy()[1] = 4.0
        return m.fc(x * (c.view(-1) + d))

    _agrees(Lambda(forward, fc=nn.Linear(6, 6)), 6)


def _stepped(fresh: torch.Tensor) -> torch.Tensor:
    fresh[0] = 0
    return fresh.cumsum(0)


@pytest.mark.parametrize(
    "index",
    [
        lambda: (torch.linspace(0, 1, N) * (N - 1)).floor().long(),
        lambda: (torch.arange(N) * (49 / 70)).floor().long(),
        lambda: (torch.arange(N).float() * 0.7 * 10 / 7).floor().long(),
        lambda: (_stepped(torch.ones(N)) * 0.7 * 10 / 7).floor().long(),
        lambda: (_stepped(torch.full((N,), 0.7)) * 10 / 7).floor().long(),
        lambda: torch.zeros(N).add_(torch.arange(N)).mul_(0.7).mul_(10 / 7).floor_().long(),
        lambda: torch.bucketize(torch.arange(0, 1.735, 0.025), torch.linspace(0, 1, 11)),
    ],
)
def test_the_rounding_of_indices_is_that_of_pytorch(index: Callable[[], torch.Tensor]) -> None:
    _agrees(Lambda(lambda m, x: m.fc(x[:, index()]), fc=nn.Linear(len(index()), 6)), N)


def test_a_view_of_what_holds_inputs_is_no_copy() -> None:
    """A module that cannot be read must not be read wrongly: no layer changes another one's memory."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.kept[:] = x
        m.kept.view(-1)[0] = 3.0
        return m.fc(m.kept)

    module = Lambda(forward, fc=nn.Linear(6, 6))
    module.kept = torch.zeros(2, 6)
    with pytest.raises(ValueError, match="read_torch: "):
        read_torch(module, (6,))


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.fc(x) + torch.ones(6) @ m.fc.weight,
        lambda m, x: m.fc(x) + m.fc(torch.tensor([0.3] * 6)),
        lambda m, x: m.fc(x) * F.conv1d(torch.ones(1, 1, 6), m.fc.weight[:1, None, :3]).sum(),
        lambda m, x: m.fc(x * F.layer_norm(torch.linspace(0, 1, 6), (6,), m.fc.weight[0])),
        lambda m, x: m.fc(x * torch.func.vmap(lambda a: 2 * a)(torch.ones(3, 6))[0]),
        lambda m, x: m.fc(torch.zeros(1, 6).repeat(len(x), 1).copy_(x)),
    ],
)
def test_products_of_constants_and_weights(forward: Any) -> None:
    _agrees(Lambda(forward, fc=nn.Linear(6, 6)), 6)
