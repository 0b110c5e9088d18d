"""Max pools over all steps: PyTorch's results and gradients, in either memory format, or PyTorch's own code."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import spikelet.torch as st


def given(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Values of which many are alike, channels last."""
    torch.manual_seed(1)
    x = torch.randn(shape, dtype=dtype).round()
    return (
        x.flatten(0, -4).contiguous(memory_format=torch.channels_last).view_as(x)
        if x.dim() == 4
        else x
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("window", [2, (2, 3), (1, 2), 1])
@pytest.mark.parametrize("size", [(8, 12), (7, 11)])
def test_results_and_gradients_are_pytorchs(dtype, window, size) -> None:
    x = given(5, 19, *size, dtype=dtype).requires_grad_()
    assert x.is_contiguous(memory_format=torch.channels_last)
    ours, theirs = st.MaxPool2d(window)(x), nn.MaxPool2d(window)(x)
    assert type(ours.grad_fn).__name__ == "_MaximaBackward"
    assert torch.equal(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    by = torch.randn_like(theirs)
    for g in (by, by.contiguous(), by[:, :1].expand_as(by)):
        (a,) = torch.autograd.grad(ours, x, g, retain_graph=True)
        (b,) = torch.autograd.grad(theirs, x, g, retain_graph=True)
        assert torch.equal(a, b)


def test_the_largest_number_and_nan_win() -> None:
    x = given(2, 17, 4, 4)
    x[0, 3, 1, 1] = torch.nan
    x[1, 2] = -torch.inf
    assert torch.equal(st.MaxPool2d(2)(x).nan_to_num(9), nn.MaxPool2d(2)(x).nan_to_num(9))


def test_second_derivatives() -> None:
    x = given(2, 3, 4, 6, dtype=torch.float64)
    x = (x + torch.rand_like(x)).contiguous(memory_format=torch.channels_last).requires_grad_()
    assert torch.autograd.gradcheck(st.MaxPool2d(2), (x,))
    assert torch.autograd.gradgradcheck(st.MaxPool2d(2), (x,))


def test_threads_do_not_change_the_results() -> None:
    x = given(40, 19, 6, 6).requires_grad_()
    before, found = torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        y = st.MaxPool2d(2)(x)
        found.append((y, *torch.autograd.grad(y.square().sum(), x)))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_all_steps_at_once_in_a_network() -> None:
    torch.manual_seed(2)
    net = nn.Sequential(st.SpikeConv2d(2, 8, 3, padding=1), st.LIF(), st.MaxPool2d(2))
    plain = copy.deepcopy(net)
    plain[2] = st.OverTime(nn.MaxPool2d(2))
    x = (torch.rand(4, 3, 2, 8, 8) < 0.3).float()
    results = []
    for each in (net, plain):
        y = each(x)
        y.sum().backward()
        results.append((y, each[0].weight.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert results[0][0].shape == (4, 3, 8, 4, 4)


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 1}, {"padding": 1}, {"dilation": 2}, {"ceil_mode": True}, {"return_indices": True},
    ],
)  # fmt: skip
def test_other_pools_are_pytorchs(options) -> None:
    x = given(2, 3, 7, 7)
    ours, theirs = st.MaxPool2d(2, **options)(x), nn.MaxPool2d(2, **options)(x)
    parts = zip(ours, theirs, strict=True) if "return_indices" in options else [(ours, theirs)]
    assert all(torch.equal(a, b) for a, b in parts)
    over = st.MaxPool2d(2, **options)(x[None])
    over = over if "return_indices" in options else [over]
    assert torch.equal(over[0][0], theirs[0] if "return_indices" in options else theirs)


def test_other_inputs_are_pytorchs() -> None:
    pool, theirs = st.MaxPool2d(2), nn.MaxPool2d(2)
    for x in (given(2, 3, 6, 6).contiguous(), given(3, 6, 6), given(2, 3, 6, 6).to(torch.bfloat16)):
        assert torch.equal(pool(x), theirs(x))
    x = given(2, 3, 6, 6)
    compiled = torch.export.export(nn.Sequential(pool), (x,)).module()
    assert torch.equal(compiled(x), theirs(x))
    assert torch.equal(
        torch.func.vmap(pool)(x[None].expand(2, *x.shape)), theirs(x).expand(2, -1, -1, -1, -1)
    )
    with pytest.raises(RuntimeError):
        pool(torch.zeros(1, 1, 1, 1).contiguous(memory_format=torch.channels_last))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # PyTorch's own, in forward mode
def test_forward_mode_derivatives_are_pytorchs() -> None:
    x, theirs = given(2, 3, 6, 6), nn.MaxPool2d(2)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        tangent = torch.autograd.forward_ad.unpack_dual(st.MaxPool2d(2)(dual)).tangent
    assert torch.equal(tangent, torch.ones_like(theirs(x)))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # PyTorch's own, in torch.func
def test_constants_under_torch_func_negative_views_and_windows_of_one_number() -> None:
    x, pool, theirs = given(2, 3, 6, 6), st.MaxPool2d((2,)), nn.MaxPool2d(2)
    one = torch.ones(())
    by_one = torch.func.grad(lambda w: (pool(x) * w).sum())(one)
    torch.testing.assert_close(by_one, theirs(x).sum())
    negative = torch._neg_view(x)
    assert torch.equal(pool(negative), theirs(negative))


def test_it_is_deployed() -> None:
    torch.manual_seed(2)
    net = nn.Sequential(
        st.SpikeConv2d(1, 4, 3, padding=1), st.LIF(), st.MaxPool2d(2), nn.Flatten(2), nn.Linear(64, 5), st.LIF()
    )  # fmt: skip
    x = (torch.rand(6, 2, 1, 8, 8) < 0.3).float()
    model = st.to_spiking_model(net, (1, 8, 8))
    assert (model.run(x.numpy()).spikes == net(x).detach().numpy()).all()
