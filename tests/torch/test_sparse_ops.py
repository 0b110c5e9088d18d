"""The operators behind the sparse layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from tests.support.torch_sparse import random, sparse
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from spikelet.torch import sparse_ops
from spikelet.torch.sparse import SpikeConv2d, SpikeLinear, spike_conv2d, spike_linear


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:Using padding")  # of torch itself
@pytest.mark.parametrize("density_limit", [0, 1])  # the dense path, and the sparse one
def test_second_derivatives(density_limit: float) -> None:
    """Equal to PyTorch's on either path, so that what may be differentiated does not depend on sizes."""

    def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_linear(x, weight, bias, density_limit=density_limit)

    def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_conv2d(x, weight, bias, (2, 1), (1, 2), (1, 2), 2, density_limit=density_limit)

    def same(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return spike_conv2d(x, weight, bias, padding="same", density_limit=density_limit)

    cases = (
        (linear, F.linear, (4, 6), (3, 6)),
        (conv, lambda *a: F.conv2d(*a, (2, 1), (1, 2), (1, 2), 2), (2, 4, 7, 8), (6, 2, 3, 3)),
        (same, lambda *a: F.conv2d(*a, padding="same"), (2, 4, 7, 8), (3, 4, 2, 3)),
    )
    for ours, theirs, shape, size in cases:
        given = sparse(*shape), random(*size, seed=2), random(size[0], seed=3)
        found = []
        for function in (ours, theirs):
            leaves = [t.clone().requires_grad_() for t in given]
            first = torch.autograd.grad(function(*leaves).pow(3).sum(), leaves, create_graph=True)
            total = sum((g.square().sum() for g in first), torch.zeros(()))
            found.append(torch.autograd.grad(total, leaves))
        for mine, reference in zip(*found, strict=True):
            torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


def test_the_density_chooses_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("linear", "conv2d"):
        dense = getattr(F, name)
        monkeypatch.setattr(
            F, name, lambda *a, name=name, dense=dense: calls.append(name) or dense(*a)
        )
    x = torch.zeros(10, 10)
    x[:3] = 1.0  # 0.3 of the inputs
    weight = random(16, 10, dtype=torch.float32)
    spike_linear(x, weight, density_limit=0.3)
    assert calls == []
    spike_linear(x, weight, density_limit=0.29)
    assert calls == ["linear"]
    x[0, 0] = torch.nan  # what is not finite is left to PyTorch
    spike_linear(x, weight, density_limit=1)
    assert calls == ["linear"] * 2
    image = torch.zeros(1, 2, 8, 8)
    spike_conv2d(image, random(16, 2, 3, 3, dtype=torch.float32))
    assert calls == ["linear"] * 2
    spike_conv2d(image + 1, random(16, 2, 3, 3, dtype=torch.float32))
    assert calls == ["linear"] * 2 + ["conv2d"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = SpikeConv2d(2, 4, 3, padding=1, density_limit=1)
        self.linear = SpikeLinear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.conv(x).flatten(2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiles_and_exports_whole() -> None:
    net = Net()
    x = sparse(3, 2, 2, 6, 6, dtype=torch.float32)
    expected = net(x)
    expected.sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    for backend in ("eager", "aot_eager"):
        net.zero_grad()
        y = torch.compile(net, backend=backend, fullgraph=True)(x)
        torch.testing.assert_close(y, expected)
        y.sum().backward()
        for p, gradient in zip(net.parameters(), gradients, strict=True):
            torch.testing.assert_close(p.grad, gradient)
    exported = torch.export.export(net, (x,))
    torch.testing.assert_close(exported.module()(x), expected)


def test_what_does_not_fit_is_refused():
    """Functions that are called without checks, and input that is replaced behind autograd's back."""
    x, w = torch.ones(4, 8, 20, 20), torch.rand(16, 8, 3, 3)
    one, rows = (1, 1), torch.ones(64, 10)

    def conv(
        x: Tensor, bias: Tensor | None, dilation: tuple[int, int], groups: int
    ) -> Callable[[], Tensor]:
        geometry = sparse_ops.Geometry(one, (1, 1, 1, 1), dilation, groups)
        return lambda: sparse_ops.spike_conv2d(x, w, bias, geometry, 1.0)

    calls = [
        lambda: sparse_ops.spike_linear(torch.ones(64, 1000), torch.rand(64, 10), None, 1.0),
        lambda: sparse_ops.spike_linear(rows, torch.rand(64, 10), torch.rand(3), 1.0),
        conv(x, None, one, 100),
        conv(x, None, one, 3),
        conv(x[:, :5], None, one, 1),
        conv(x, torch.rand(3), one, 1),
        conv(x, None, (0, 0), 1),
    ]
    for call in calls:
        with pytest.raises((RuntimeError, ValueError)):
            call()
    weight, q = torch.rand(64, 100, requires_grad=True), torch.rand(64, 100)
    y = spike_linear(q, weight, density_limit=1.0)
    q.data = torch.ones(200_000, 100)
    with pytest.raises((RuntimeError, ValueError), match="must match"):
        y.sum().backward()


@pytest.mark.parametrize(("kernel", "stride"), [(8, 8), (16, 16), (5, 8), (1, 4), (8, 3)])
def test_lists_of_large_strides(kernel, stride):
    torch.manual_seed(0)
    x = (torch.rand(3, 2, 70, 90, dtype=torch.float64) < 0.4).double().requires_grad_()
    w = torch.rand(5, 2, kernel, kernel, dtype=torch.float64, requires_grad=True)
    ours = spike_conv2d(x, w, stride=stride, density_limit=1.0)
    theirs = F.conv2d(x, w, stride=stride)
    torch.testing.assert_close(ours, theirs)
    g = torch.rand_like(theirs)
    for a, b in zip(
        *(torch.autograd.grad((y * g).sum(), (x, w)) for y in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_the_input_gradient_of_an_image_of_many_places() -> None:
    """The dense path takes what has too many places for lists; so does its backward pass."""
    conv = torch.nn.Conv2d(1, 2000, 3, stride=1099, bias=False)
    x = torch.ones(1, 1, 1103, 1103)
    found = []
    for convolve in (spike_conv2d, F.conv2d):
        leaf = x.clone().requires_grad_()
        convolve(leaf, conv.weight, stride=1099).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found)


def test_modes_see_operations_of_pytorch() -> None:
    class Seen(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            names.append(func)
            return func(*args, **kwargs or {})

    names: list[object] = []
    with Seen():
        SpikeLinear(6, 4, density_limit=1.0)(sparse(5, 6, dtype=torch.float32))
        SpikeConv2d(3, 4, 3)(sparse(2, 3, 7, 6, dtype=torch.float32))
    assert names.count(F.linear) == 1
    assert names.count(F.conv2d) == 1


@pytest.mark.parametrize("density_limit", [0, 1])
def test_gradient_of_images_has_their_format(density_limit: float) -> None:
    """A pool before the layer would copy its whole input twice otherwise."""
    torch.manual_seed(0)
    weight, by = torch.randn(4, 3, 3, 3), torch.randn(2, 4, 8, 8)
    found = []
    for kept in (torch.contiguous_format, torch.channels_last):
        x = (torch.rand(2, 3, 8, 8) < 0.2).float().contiguous(memory_format=kept).requires_grad_()
        y = spike_conv2d(x, weight, padding=1, density_limit=density_limit)
        found.append(torch.autograd.grad(y, x, by)[0])
        assert found[-1].is_contiguous(memory_format=kept)
    assert torch.equal(*found)
