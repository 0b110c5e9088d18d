"""Triton kernels in Triton's interpreter, on the CPU: spikes and gradients of the core.

Kernels are interpreted only if the environment says so before Triton is imported: `tests/torch/test_triton_neuron.py` runs
this file in a process of its own.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import nn

import spikelet.torch as st

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("test_triton_neuron runs this file, in the interpreter", allow_module_level=True)


def both(x: torch.Tensor, v: torch.Tensor | None = None, exact: bool = False, **given: Any) -> None:
    """Compare spikes, potentials and all gradients of kernels and the core."""
    found = []
    for backend in ("core", "triton"):
        torch.manual_seed(0)
        module = st.Neuron(backend=backend, **given).to(x.dtype)
        leaf = x.clone().requires_grad_()
        start = None if v is None else v.clone().requires_grad_()
        result = module.run(leaf, v=start)
        parts = [result.spikes, result.v, *(s for s in (result.i, result.a) if s.numel())]
        by = torch.Generator().manual_seed(1)
        total = sum((p * torch.randn(p.shape, generator=by, dtype=x.dtype)).sum() for p in parts)
        leaves = [leaf, *([] if start is None else [start]), *module.parameters()]
        found.append(([p.detach() for p in parts], torch.autograd.grad(total, leaves)))
    (core, by_core), (mine, by_mine) = found
    assert torch.equal(mine[0], core[0])
    if given.get("reset") != "none":
        assert 0.02 < core[0].mean() < 0.95
    tight = 1e-12 if x.dtype == torch.float64 else 0 if exact else 1e-6
    for a, b in zip(mine, core, strict=True):
        torch.testing.assert_close(a, b, rtol=tight, atol=tight)
    limit = 1e-9 if x.dtype == torch.float64 else 2e-5
    for a, b in zip(by_mine, by_core, strict=True):
        torch.testing.assert_close(a, b, rtol=limit, atol=limit)


CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no leak": {"decay": 1.0},
    "normalised": {"gain": "normalised", "v_threshold": 0.2},
    "zero": {"reset": "zero", "v_reset": -0.2},
    "zero, with its gradient": {"reset": "zero", "v_reset": -0.2, "detach_reset": False},
    "with its gradient": {"detach_reset": False},
    "no reset": {"reset": "none"},
    "learned": {"learn_tau": True, "learn_threshold": True},
    "learned by channel": {"learn_tau": True, "learn_threshold": True, "shape": (4, 1), "gain": "normalised",
                           "v_threshold": 0.2},
    "learned time constant": {"tau_m": nn.Parameter(torch.linspace(3.0, 9.0, 5))},
    "snntorch": {"convention": "snntorch", "beta": 0.8},
    "snntorch, learned": {"convention": "snntorch", "beta": 0.8, "learn_tau": True, "learn_threshold": True},
    "current": {"tau_syn": 4.0, "v_threshold": 2.0},
    "current, learned": {"tau_syn": nn.Parameter(torch.linspace(2.0, 5.0, 5)), "learn_tau": True, "v_threshold": 2.0},
    "adaptive": {"tau_adapt": 20.0, "boost": 0.3},
    "adaptive, learned": {"tau_adapt": nn.Parameter(torch.linspace(10.0, 30.0, 5)), "learn_threshold": True,
                          "boost": nn.Parameter(torch.linspace(0.1, 0.4, 5)), "detach_reset": False},
    "adaptive with a current, zero": {"tau_adapt": 20.0, "boost": 0.3, "tau_syn": 4.0, "reset": "zero",
                                      "detach_reset": False},
    "norse": {"convention": "norse", "v_threshold": 0.3},
    "spikingjelly": {"convention": "spikingjelly", "tau": 2.0, "v_threshold": 0.5},
    "spikingjelly, soft, learned": {"convention": "spikingjelly", "v_reset": None, "tau": 3.0, "learn_tau": True,
                                    "v_threshold": 0.4},
    "spikingjelly, input as it is": {"convention": "spikingjelly", "tau": 3.0, "decay_input": False, "v_reset": 0.1,
                                     "learn_tau": True},
}  # fmt: skip


@pytest.mark.parametrize("given", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_are_those_of_the_core(given: dict[str, Any], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.rand(10, 3, 4, 5).to(dtype) * 1.2
    v = torch.rand(3, 4, 5).to(dtype) if dtype == torch.float64 else None
    both(x, v, exact=given == {}, **given)


@pytest.mark.parametrize(
    "surrogate", ["atan", "sigmoid", "fast_sigmoid", "triangle", "rectangle", "gaussian"]
)
def test_each_surrogate(surrogate: str) -> None:
    torch.manual_seed(0)
    both(torch.rand(9, 2, 30).double(), surrogate=surrogate, alpha=1.7, detach_reset=False)


def test_everyday_use() -> None:
    torch.manual_seed(0)
    x = torch.rand(10, 3, 7)
    assert torch.equal(st.LI(backend="triton")(x), st.LI()(x))
    assert torch.equal(st.integrate(x, backend="triton"), st.integrate(x))
    assert torch.equal(st.IF(steps=6, backend="triton")(x[0]), st.IF(steps=6)(x[0]))
    grads = []
    for backend in ("core", "triton"):
        held = x[0].clone().requires_grad_()
        st.lif(held, steps=6, backend=backend).sum().backward()
        grads.append(held.grad)
    torch.testing.assert_close(*grads)
    assert st.LIF(backend="triton")((x > 0.5).to(torch.uint8)).dtype == torch.float32
    assert torch.equal(st.LIF(backend="triton")(x.bfloat16()), st.LIF()(x.bfloat16()))
    assert not st.lif(x.requires_grad_(), surrogate=None, backend="triton").requires_grad
    assert st.LIF(backend="triton")(torch.rand(4, 0, 3)).shape == (4, 0, 3)
    assert torch.equal(st.LIF(backend="triton")(torch.ones(3, 1, 1)), st.LIF()(torch.ones(3, 1, 1)))
    net = nn.Sequential(
        nn.Linear(7, 5), st.LIF(backend="triton"), nn.Linear(5, 2), st.LI(backend="triton")
    )
    net(torch.rand(10, 3, 7)).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_more_neurons_than_one_program_steps() -> None:
    torch.manual_seed(0)
    both(torch.rand(4, 5, 1000))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: st.RecurrentLIF(4, backend="triton"), "has no neurons with recurrent weights"),
        (lambda: st.LIF(backend="triton", surrogate=st.Table(-1, 1, (0, 1, 0))), "a table as surrogate"),
        (lambda: st.LIF(backend="triton", convention="snntorch", beta=0.9, reset="zero"), "this delayed reset"),
    ],
)  # fmt: skip
def test_neurons_that_kernels_do_not_have(module: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message + '.*choose backend="torch"'):
        module()(torch.rand(5, 2, 4))


def test_no_second_derivative() -> None:
    x = torch.rand(5, 2, 4, requires_grad=True)
    weights = torch.rand(5, 2, 4, requires_grad=True)
    (by,) = torch.autograd.grad(st.LIF(backend="triton")(x), x, weights, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        by.sum().backward()
