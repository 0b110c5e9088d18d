"""Calls that something observes: transforms of `torch.func`, batches of gradients, compilers, modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.autograd.functional import jacobian
from torch.func import functional_call, grad, jacfwd, jacrev, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import spikelet.torch as st
from spikelet.torch.watched import is_transformed, is_watched

pytestmark = [
    # of torch itself
    pytest.mark.filterwarnings("ignore:.*torch.jit.script"),
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
]
REAL = torch.float64


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(1)


def convolutions() -> nn.Module:
    return nn.Sequential(
        st.SpikeConv2d(2, 16, 3, padding="same", density_limit=1.0), st.LIF(), st.MaxPool2d(2),
        st.SpikeConv2d(16, 16, 2, groups=2, density_limit=1.0), st.LIF(), nn.Flatten(2),
    )  # fmt: skip


def delays() -> nn.Module:
    net = nn.Sequential(
        st.SpikeLinear(3, 4, density_limit=1.0), st.LIF(learn_tau=True, learn_threshold=True, shape=(4,)),
        st.Delay(4, 2, max_delay=3), st.LI(),
    )  # fmt: skip
    st.narrow_delays(net, 0.3)
    return net


OF_TORCH = ("convolutions", "even kernel", "pool", "delays")


def rows(*shape: int) -> Tensor:
    return 2 * torch.rand(shape, dtype=REAL)


def pixels(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=REAL).contiguous(memory_format=torch.channels_last)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Tensor]]] = {
    "LIF": (lambda: st.LIF(reset="zero", detach_reset=False), lambda: rows(5, 2, 3)),
    "ALIF": (st.ALIF, lambda: rows(5, 2, 3)),
    "channels last": (st.CubaLIF, lambda: pixels(6, 3, 2, 2).unflatten(0, (3, 2)).abs()),
    "one step for all": (lambda: st.LIF(steps=4), lambda: rows(2, 3)),
    "readout": (st.LI, lambda: rows(4, 2, 3)),
    "last potential": (lambda: lambda x: st.lif(x, v=x[0], return_v=True)[1], lambda: rows(4, 2, 3)),
    "recurrent": (lambda: st.RecurrentLIF(3), lambda: rows(4, 2, 3)),
    "snntorch": (lambda: st.LIF(convention="snntorch", beta=0.9), lambda: rows(5, 2, 3)),
    "norse": (lambda: st.LIF(convention="norse"), lambda: rows(5, 2, 3)),
    "PyTorch's operations": (lambda: st.LIF(backend="torch"), lambda: rows(5, 2, 3)),
    "convolutions": (convolutions, lambda: (rows(3, 2, 2, 5, 6) < 0.8).to(REAL)),
    "even kernel": (
        lambda: st.SpikeConv2d(2, 4, (2, 3), padding="same", dilation=(1, 2), density_limit=1.0),
        lambda: (rows(3, 2, 2, 5, 6) < 0.8).to(REAL),
    ),
    "pool": (lambda: st.MaxPool2d((2, 3)), lambda: pixels(4, 3, 5, 6)),
    "delays": (delays, lambda: (rows(4, 2, 3) < 1).to(REAL)),
}  # fmt: skip


def made(case: str) -> tuple[Any, Tensor]:
    make, given = CASES[case]
    net, x = make(), given()
    return net.double() if isinstance(net, nn.Module) else net, x


@pytest.mark.parametrize("case", CASES)
def test_jacobians(case: str) -> None:
    net, x = made(case)
    wanted = jacobian(net, x)
    assert wanted.abs().sum() > 0
    for found in (
        jacrev(net)(x),
        jacrev(net, chunk_size=7)(x),
        jacobian(net, x, vectorize=True),
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    leaf = x.clone().requires_grad_()
    y = net(leaf)
    ones = torch.eye(y.numel(), dtype=REAL).unflatten(1, y.shape)
    found = vmap(lambda by: torch.autograd.grad(y, leaf, by)[0])(ones)  # of a graph made outside
    torch.testing.assert_close(found.view_as(wanted), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_batches(case: str) -> None:
    """The gradient of a map over vmap used to be 0 without a word."""
    net, x = made(case)
    batch = torch.stack([x, x.roll(1, -1), x.flip(0)], 1)
    outs, gradients = [], []
    weight = torch.randn_like(net(x))
    for each in batch.unbind(1):
        leaf = each.clone().requires_grad_()
        outs.append(net(leaf))
        (outs[-1] * weight).sum().backward()
        gradients.append(leaf.grad)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(vmap(net, in_dims=1)(batch), torch.stack(outs), **close)
    inside = vmap(grad(lambda x: (net(x) * weight).sum()), in_dims=1)(batch)
    torch.testing.assert_close(inside, torch.stack(gradients), **close)
    outside = grad(lambda x: (vmap(net, in_dims=1)(x) * weight).sum())(batch)
    torch.testing.assert_close(outside, torch.stack(gradients, 1), **close)
    leaf = batch.clone().requires_grad_()
    (vmap(net, in_dims=1)(leaf) * weight).sum().backward()
    torch.testing.assert_close(leaf.grad, torch.stack(gradients, 1), **close)


def test_gradients_of_samples_and_of_parameters() -> None:
    net, x, y = delays().double(), (rows(5, 3, 3) < 1).to(REAL), torch.tensor([0, 1, 1])
    own = dict(net.named_parameters())

    def loss(own: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(net, own, (x[:, None],)).mean(0), y[None])

    found = vmap(grad(loss), in_dims=(None, 1, 0))(own, x, y)
    for k in range(3):
        net.zero_grad()
        loss(own, x[:, k], y[k]).backward()
        for name, parameter in own.items():
            torch.testing.assert_close(found[name][k], parameter.grad, rtol=1e-10, atol=1e-12)
    jacobians = jacrev(lambda own: functional_call(net, own, (x,)).mean(0))(own)
    out = net(x).mean(0).flatten()
    for name, parameter in own.items():
        each = [torch.autograd.grad(value, parameter, retain_graph=True)[0] for value in out]
        wanted = torch.stack(each).view_as(jacobians[name])
        torch.testing.assert_close(jacobians[name], wanted, rtol=1e-10, atol=1e-12)


def test_networks_with_parameters_of_their_own() -> None:
    nets, x = [delays().double() for _ in range(3)], (rows(5, 2, 3) < 1).to(REAL)
    own, buffers = stack_module_state(nets)  # type: ignore[arg-type]

    same = {name: buffer[0] for name, buffer in buffers.items()}  # widths of Gaussians

    def all_of(own: dict[str, Tensor]) -> Tensor:
        return vmap(lambda own: functional_call(nets[0], (own, same), (x,)))(own)

    wanted = torch.stack([net(x) for net in nets])
    torch.testing.assert_close(all_of(own), wanted, rtol=1e-12, atol=1e-12)
    found = grad(lambda own: all_of(own).square().sum())({k: p.detach() for k, p in own.items()})
    wanted.square().sum().backward()
    for name in found:
        for k, net in enumerate(nets):
            gradient = net.get_parameter(name).grad
            torch.testing.assert_close(found[name][k], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", ["core", "torch"])
def test_parameters_by_place_in_any_order_of_memory(backend: st.functional.Backend) -> None:
    x, leak = pixels(8, 3, 2, 2).abs().unflatten(0, (4, 2)), rows(3, 1, 2) / 4
    own = grad(lambda leak: vmap(lambda x: st.lif(x, decay=leak, backend=backend))(x[None]).sum())(
        leak
    )
    leaf = leak.clone().requires_grad_()
    st.lif(x, decay=leaf).sum().backward()
    torch.testing.assert_close(own, leaf.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("delay", [-0.1, 3.2])
def test_delays_outside_of_their_range_keep_their_gradient(delay: float) -> None:
    net = st.Delay(1, 2, 3)
    own = {name: value.detach().clone() for name, value in net.named_parameters()}
    own["delay"].fill_(delay)  # where an optimiser may have put it
    x = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])[:, None, None]
    late = torch.arange(6.0)[:, None, None]

    def loss(own: dict[str, Tensor]) -> Tensor:
        return (functional_call(net, own, (x,)) * late).sum()

    assert (grad(loss)(own)["delay"] != 0).all()


def test_rasters() -> None:
    raster = (torch.rand(5, 2, 3) < 0.5).to(torch.uint8)
    own = grad(lambda g: st.lif(raster, decay=g).sum())(torch.tensor(0.8))
    leaf = torch.tensor(0.8, requires_grad=True)
    st.lif(raster, decay=leaf).sum().backward()
    torch.testing.assert_close(own, leaf.grad)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by dynamo
def test_a_compiled_gradient() -> None:
    """Compiled, tensors of a transform seem to require no gradient; it was 0 without a word."""
    x = rows(4, 1, 2)
    leaf = x.clone().requires_grad_()
    (st.lif(leaf) * x).sum().backward()
    found = torch.compile(grad(lambda y: (st.lif(y) * x).sum()), backend="eager")(x)
    torch.testing.assert_close(found, leaf.grad)


def test_second_derivatives_are_those_of_the_surrogate() -> None:
    x = rows(4, 1, 2)
    found, wanted = (
        jacrev(jacrev(lambda x, by=backend: st.lif(x, backend=by).square().sum()))(x)
        for backend in ("core", "torch")
    )
    assert torch.equal(found, wanted)
    assert found.any()


def test_forward_derivatives_are_refused() -> None:
    x = rows(4, 1, 2)
    with pytest.raises(RuntimeError, match="no forward-mode derivative"):
        jacfwd(st.lif)(x)
    with pytest.raises(RuntimeError, match="forward mode AD"):  # PyTorch hides the tangent here
        jacfwd(jacrev(lambda x: st.lif(x).sum()))(x)


def test_whether_a_transform_is_active() -> None:
    assert not is_transformed()
    seen = []
    vmap(lambda x: (seen.append(is_transformed()), x)[1])(torch.zeros(2))
    assert seen == [True]


def test_what_observes_a_call() -> None:
    x = torch.rand(3, 2, 4)
    assert not is_watched(x, None, nn.Parameter(x))
    with torch.device("cpu"):  # a mode that observes nothing
        assert not is_watched(x)
    with TorchFunctionMode(), TorchDispatchMode():
        assert is_watched(x)
    with FakeTensorMode() as mode:
        fake = mode.from_tensor(x)
    assert is_watched(fake)
    with forward_ad.dual_level():
        assert is_watched(x)


@pytest.mark.filterwarnings("ignore")  # of torch itself
def test_tracers_see_operations_of_pytorch() -> None:
    layer, x = st.LIF(), 3 * torch.rand(4, 2, 3)
    graph = make_fx(lambda x: layer(x) * 2)(x)
    assert torch.equal(graph(x), layer(x) * 2)
    assert torch.equal(torch.jit.trace(layer, (x,))(x), layer(x))
    assert torch.equal(graph(x / 2), layer(x / 2) * 2)  # no result is a constant of the trace


# Operators of PyTorch lose the shapes of such a batch: convolutions, its own pool, matrix products.
@pytest.mark.parametrize("case", [c for c in CASES if c not in OF_TORCH])
def test_batches_without_elements(case: str) -> None:
    """A division by zero is no answer."""
    net, x = made(case)
    wanted = net(x).shape
    none = x.unsqueeze(1)[:, :0]
    assert vmap(net, in_dims=1)(none).shape == (0, *wanted)
    found = vmap(grad(lambda x: net(x).sum()), in_dims=1)(none)
    assert found.shape == (0, *x.shape)
