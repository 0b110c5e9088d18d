"""Parameters of modules that are tensors: which are learned, where, and within which range."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st

X = torch.rand(4, 2, 3)
PARAMETERS: dict[str, dict[str, float]] = {
    "spikelet": {"tau_m": 5.0, "decay": 0.7, "tau_syn": 4.0, "tau_adapt": 50.0, "boost": 0.2},
    "snntorch": {"beta": 0.8},
    "spikingjelly": {"tau": 2.0},
    "norse": {"tau_mem_inv": 100.0, "tau_syn_inv": 200.0},
}  # fmt: skip

LEARNED = [
    *((c, name, value) for c, p in PARAMETERS.items() for name, value in p.items()),
    *((c, "v_threshold", 0.8) for c in PARAMETERS),
]


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


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # of torch itself
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


@pytest.mark.parametrize("gain", [1.0, "normalized"])
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


@pytest.mark.parametrize(("convention", "name", "value"), LEARNED)
@pytest.mark.parametrize("shape", [(), (4,)])
def test_parameters_may_be_learned(convention, name, value, shape):
    """As a tensor, of one value or of one for each neuron, in all modules and in the function; with the same spikes."""
    needed = {"beta": 0.9} if convention == "snntorch" and name != "beta" else {}
    x = torch.rand(20, 3, 4) * 2
    learned = nn.Parameter(torch.full(shape, value))
    module = st.LIF(convention=convention, **needed, **{name: learned})
    expected = st.lif(x, convention=convention, **needed, **{name: value})
    found = module(x)
    assert (
        float((found - expected).detach().abs().mean()) < 0.01
    )  # a potential may meet the threshold
    found.sum().backward()
    assert learned.grad.shape == shape
    assert float(learned.grad.abs().sum()) > 0
    assert any(p is learned for p in module.parameters())
    assert torch.equal(st.lif(x, convention=convention, **needed, **{name: learned}), found)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(module)))
    assert torch.equal(twin(x), found)


@pytest.mark.parametrize("make", [st.LIF, st.IF, st.CubaLIF, st.ALIF, st.RecurrentLIF])
def test_thresholds_are_learned_by_all_modules(make):
    size = (4,) if make is st.RecurrentLIF else ()
    module = make(*size, v_threshold=nn.Parameter(torch.tensor(0.9)))
    module(torch.rand(10, 2, 4) * 3).sum().backward()
    assert float(module.threshold.grad.abs()) > 0
    assert float(module.v_threshold) == pytest.approx(0.9)


@pytest.mark.parametrize("name", ["gain", "dt", "v_reset", "alpha"])
def test_numbers_may_be_tensors_but_are_not_learned(name):
    with pytest.raises(TypeError, match=f"LIF: {name} must be a number, as it cannot be learned"):
        st.LIF(**{name: nn.Parameter(torch.tensor(1.0))})
    x = torch.rand(9, 2, 4) * 2
    reset = {"reset": "value"} if name == "v_reset" else {}
    expected = st.lif(x, **{name: 0.5}, **reset)
    for value in (torch.tensor(0.5), np.float32(0.5), np.array(0.5), torch.tensor([0.5])):
        if name == "alpha" or np.ndim(value) == 0 or isinstance(value, torch.Tensor):
            assert torch.equal(st.LIF(**{name: value}, **reset)(x), expected)
    with pytest.raises(ValueError, match=f"LIF: {name} must be one number"):
        st.LIF(**{name: torch.ones(4)})


def test_a_learned_synapse_and_a_learned_leak_go_together():
    """The leak is learned from the cell that all parameters make, those that are tensors too."""
    x = torch.rand(20, 2, 4)
    module = st.CubaLIF(tau_syn=nn.Parameter(torch.tensor(5.0)), learn_tau=True)
    assert torch.equal(module(x), st.CubaLIF(tau_syn=5.0, learn_tau=True)(x))
    assert module(x).sum() > 0


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("tau_m", -1.0, "must be finite and > 0, got -1.0; .*learn_tau=True keeps"),
        ("tau_m", 0.0, "must be finite and > 0"),
        ("tau_m", math.nan, "must be finite and > 0"),
        ("tau_syn", -1.0, "must be finite and > 0, got -1.0; .*clamp"),
        ("tau_adapt", -1.0, "must be finite and > 0"),
        ("decay", 1.5, r"must lie in \[0, 1\], got 1.5; .*clamp"),
        ("boost", math.inf, "must be finite"),
    ],
)
def test_a_learned_parameter_that_leaves_its_range_is_noticed(name, value, rule):
    module = st.LIF(**{name: nn.Parameter(torch.tensor([0.5, 0.5, 0.5]))})
    assert module(X).shape == X.shape
    with torch.no_grad():
        module.tensors.get_parameter(name)[1] = value
    with pytest.raises(ValueError, match=f"LIF: {name} {rule}"):
        module(X)
    with pytest.raises(ValueError, match=f"lif: {name} {rule.partition(', got')[0]}"):
        st.lif(X, **{name: torch.tensor([0.5, value, 0.5])})


def test_a_subclass_may_compute_its_tensors():
    class Learned(st.LIF):
        @property
        def threshold(self):
            return torch.full((3,), 0.4)

    class Recurrent(st.LIF):
        @property
        def recurrent(self):
            return torch.eye(3)

    class Replaced(st.LIF):
        def setting(self):
            return st.LIF(v_threshold=0.4).setting()

    x = torch.rand(6, 2, 3)
    wanted = st.LIF(v_threshold=torch.full((3,), 0.4))(x)
    assert not torch.equal(wanted, st.LIF()(x))
    assert torch.equal(Learned()(x), wanted)
    assert torch.equal(Replaced()(x), st.LIF(v_threshold=0.4)(x))
    fed_back = st.RecurrentLIF(3)
    with torch.no_grad():
        fed_back.recurrent.copy_(torch.eye(3))
    assert not torch.equal(fed_back(x), st.LIF()(x))
    assert torch.equal(Recurrent()(x), fed_back(x))
