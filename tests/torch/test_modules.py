"""Modules of neurons: parameters, learned ones, PyTorch's tools, bad input, memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import spikelet.torch as st

MODULES = [
    st.LIF(tau_m=5.0),
    st.LIF(tau_m=5.0, learn_tau=True, learn_threshold=True),
    st.LIF(tau_m=5.0, learn_tau=True, learn_threshold=True, shape=(8,)),
    st.IF(reset="zero"),
    st.CubaLIF(tau_syn=3.0, learn_tau=True),
    st.ALIF(tau_adapt=20.0, boost=0.2),
    st.LI(tau_m=4.0, learn_tau=True),
    st.RecurrentLIF(8),
    st.RecurrentCubaLIF(8, learn_tau=True),
    st.RecurrentALIF(8),
    st.LIF(convention="snntorch", beta=0.9, learn_tau=True),
    st.LIF(convention="spikingjelly", tau=2.0, learn_tau=True),
    st.LIF(convention="norse", learn_tau=True, surrogate="superspike"),
    st.IF(convention="spikingjelly"),
    st.IF(convention="snntorch"),
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_compile_export_copy_and_state(module):
    module = copy.deepcopy(module)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 8), module, nn.Linear(8, 3))
    with torch.no_grad():
        net[0].weight.abs_()
    x = torch.rand(9, 4, 6) * 10
    expected = net(x)
    expected.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    assert all(torch.isfinite(g).all() for g in gradients.values())
    learned = [g for name, g in gradients.items() if name.startswith("1.")]
    assert all(float(g.abs().sum()) > 0 for g in learned)

    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(net), backend="aot_eager", fullgraph=True)
    for p in compiled.parameters():
        p.grad = None
    found = compiled(x)
    found.square().sum().backward()
    assert torch.equal(found, expected)
    for name, p in compiled.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name.removeprefix("_orig_mod.")])

    exported = torch.export.export(net, (x,))
    assert torch.equal(exported.module()(x), expected)

    other = nn.Sequential(nn.Linear(6, 8), copy.deepcopy(module), nn.Linear(8, 3))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), expected)


def test_learned_parameters_find_their_values():
    """Gradients lead to the time constant and threshold that made the spikes."""
    torch.manual_seed(0)
    x = torch.rand(60, 32, 20) * 2.5
    with torch.no_grad():
        wanted = st.lif(x, tau_m=8.0, v_threshold=0.7).mean(0)
    module = st.LIF(tau_m=3.0, v_threshold=1.0, learn_tau=True, learn_threshold=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (module(x).mean(0) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]


X = torch.rand(4, 2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: st.lif([1.0]), TypeError, "lif: x must be a torch.Tensor, got list"),
        (lambda: st.lif(X.int()), TypeError, "lif: x must be a dense tensor of float32, .*got torch.int32"),
        (lambda: st.lif(X.to("meta")), TypeError, "on the CPU, got torch.float32"),
        (lambda: st.lif(X.to_sparse()), TypeError, "dense"),
        (lambda: st.lif(X[0, 0]), ValueError, r"x must be \[T, B, .*\].*\(3,\)"),
        (lambda: st.lif(X[:0]), ValueError, "T >= 1"),
        (lambda: st.lif(X, convention="brian"), ValueError, "convention must be .*'brian'"),
        (lambda: st.lif(X, tau=3.0), ValueError, "parameters of convention 'spikelet' must be among tau_m.*'tau'"),
        (lambda: st.lif(X, convention="snntorch"), TypeError, "needs beta"),
        (lambda: st.lif(X, tau_m=0.0), ValueError, "tau_m must be finite and > 0, got 0.0"),
        (lambda: st.lif(X, tau_m=float("nan")), ValueError, "tau_m"),
        (lambda: st.lif(X, tau_m="long"), TypeError, "tau_m must be a number"),
        (lambda: st.lif(X, decay=1.5), ValueError, r"decay must lie in \[0, 1\], got 1.5"),
        (lambda: st.lif(X, reset="hard"), ValueError, "reset must be 'subtract' or 'zero' or 'none', got 'hard'"),
        (lambda: st.lif(X, convention="spikingjelly", tau=0.5), ValueError, "tau must be at least 1, got 0.5"),
        (lambda: st.lif(X, surrogate="step"), ValueError, 'surrogate must be "atan".*got \'step\''),
        (lambda: st.lif(X, alpha=0.0), ValueError, "alpha must be finite and > 0"),
        (lambda: st.lif(X, v_threshold=float("inf")), ValueError, "v_threshold must be finite"),
        (lambda: st.lif(X, v_threshold=torch.ones(2)), ValueError, r"threshold must broadcast to the neurons of x, \(3,\)"),
        (lambda: st.lif(X, v_threshold=torch.ones(3).double()), TypeError, "threshold must be a torch.float32 tensor"),
        (lambda: st.lif(X, v=torch.ones(3)), ValueError, r"v must have the shape \(2, 3\) of one step"),
        (lambda: st.lif(X, v=1.0), TypeError, "v must be a torch.Tensor, got float"),
        (lambda: st.lif(X.requires_grad_(), boost=0.1, checkpoint=False), ValueError, "checkpoint must be True or None"),
        (lambda: st.LIF(tau_m=-1.0), ValueError, "LIF: tau_m"),
        (lambda: st.IF(convention="norse"), ValueError, "IF: convention"),
        (lambda: st.LIF(decay=0.0, learn_tau=True), ValueError, "decay must be a number in"),
        (lambda: st.RecurrentLIF(0), ValueError, "recurrent must be >= 1"),
        (lambda: st.RecurrentLIF(5)(X), ValueError, r"recurrent must be \[N, N\] for x of \[T, B, N\]"),
        (lambda: st.Table(1.0, 0.0, [1.0, 2.0]), ValueError, "low must lie below high"),
        (lambda: st.Table(0.0, 1.0, [1.0]), ValueError, "n >= 2"),
        (lambda: st.set_pool_limit(-1), ValueError, "n_bytes must be >= 0"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_tensors_are_parameters_and_buffers():
    """A tensor given as a parameter is read at each run, and belongs to the module."""
    x = torch.rand(9, 4, 3) * 3
    tau, threshold = nn.Parameter(torch.tensor(2.0)), torch.tensor([0.5, 0.7, 0.9])
    module = st.LIF(tau_m=tau, v_threshold=threshold)
    assert [name for name, _ in module.named_parameters()] == ["tensors.tau_m"]
    assert set(module.state_dict()) == {"tensors.tau_m", "threshold"}
    for value in (2.0, 50.0):
        tau.data.fill_(value)
        expected = st.lif(x, tau_m=tau, v_threshold=threshold)
        assert torch.equal(module(x), expected)
        tau.grad = None
        module(x).sum().backward()  # a graph of its own each time
        assert float(tau.grad.abs()) > 0
    twin = copy.deepcopy(module)
    twin.load_state_dict(module.state_dict())
    assert torch.equal(twin(x), module(x))
    wide = copy.deepcopy(module).double()
    assert wide(x.double()).dtype == torch.float64
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), module(x))
    with pytest.raises(ValueError, match="v_threshold must be a number with learn_threshold"):
        st.LIF(v_threshold=threshold, learn_threshold=True)


@pytest.mark.parametrize("gain", [1.0, "normalised"])
def test_learned_time_constants_may_be_long(gain):
    x = torch.rand(50, 3, 4)
    for tau in (1e4, 1e6):
        fixed, learned = st.LI(tau_m=tau, gain=gain), st.LI(tau_m=tau, gain=gain, learn_tau=True)
        # The logit itself is a float32: a relative error of 1e-6 in tau.
        torch.testing.assert_close(learned(x), fixed(x), rtol=1e-5, atol=0)
    with torch.no_grad():
        learned.leak.fill_(18.0)
    learned(x).sum().backward()
    assert torch.isfinite(learned.leak.grad)
    assert float(learned.leak.grad) != 0


def test_unknown_states_are_refused():
    x = torch.rand(4, 2, 3)
    for state in ("i", "a", "first_spikes"):
        with pytest.raises(
            ValueError, match=f"LIF: {state} is a state that these neurons do not have"
        ):
            st.LIF().run(x, **{state: torch.ones(2, 3)})
