"""Parameters of neurons that are assigned to a module after its construction."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

import spikelet.torch as st

X = torch.randn(9, 3, 5, generator=torch.Generator().manual_seed(3)).double() * 2


def results(module):
    x = X.clone().requires_grad_()
    y = module.double()(x)
    y.square().sum().backward()
    return y.detach(), x.grad


def learned(value):
    return nn.Parameter(torch.tensor(value).double())


@pytest.mark.parametrize(
    ("kind", "given", "assigned"),
    [
        (st.LIF, {}, {"alpha": 7.0}),
        (st.LIF, {"tau_m": torch.tensor(3.0).double()}, {"alpha": torch.tensor(7.0), "dt": 0.5}),
        (st.LIF, {}, {"surrogate": "triangle"}),
        (st.LIF, {"tau_m": 3.0}, {"tau_m": 9.0}),
        (st.LIF, {"tau_m": 3.0}, {"decay": 0.3}),
        (st.LIF, {"decay": 0.3}, {"tau_m": 3.0}),
        (st.LIF, {}, {"v_threshold": 0.4}),
        (st.LIF, {}, {"reset": "value", "v_reset": -0.2, "detach_reset": False}),
        (st.LIF, {}, {"gain": "normalised"}),
        (st.CubaLIF, {}, {"tau_syn": 2.0}),
        (st.ALIF, {}, {"boost": 0.9}),
        (st.LI, {}, {"tau_m": 2.0}),
        (st.LIF, {"convention": "snntorch", "beta": 0.9}, {"beta": 0.4}),
        (st.LIF, {"convention": "spikingjelly"}, {"tau": 5.0}),
        (st.LIF, {"convention": "norse"}, {"tau_syn_inv": 100.0}),
        (st.LIF, {"learn_tau": True, "tau_m": 4.0}, {"alpha": 5.0, "gain": 0.5}),
        (st.LIF, {"learn_tau": True, "learn_threshold": True}, {"reset": "zero"}),
        (st.LIF, {"tau_m": torch.tensor(3.0).double()}, {"surrogate": "sigmoid", "alpha": 2.0}),
    ],
)
def test_an_assigned_parameter_is_that_of_the_constructor(kind, given, assigned):
    module = kind(**given)
    before = results(module)
    for name, value in assigned.items():
        setattr(module, name, value)
        assert getattr(module, name) == value or value == "normalised"
    replaced = {"tau_m", "decay"} if {"tau_m", "decay"} & assigned.keys() else set()
    kept = {name: value for name, value in given.items() if name not in replaced}
    for same in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        for found, expected in zip(results(same), results(kind(**kept | assigned)), strict=True):
            assert torch.equal(found, expected)
    assert not all(map(torch.equal, before, results(module)))
    assert module.state_dict().keys() == kind(**given).state_dict().keys()


@pytest.mark.parametrize(
    ("name", "key"), [("tau_m", "tensors.tau_m"), ("v_threshold", "threshold")]
)
def test_an_assigned_parameter_of_pytorch_is_learned(name, key):
    module, value = st.LIF(), learned(0.8)
    results(module)
    setattr(module, name, value)
    found = results(module)
    assert dict(module.named_parameters())[key] is value
    assert value.grad is not None
    assert value.grad != 0
    assert all(map(torch.equal, found, results(st.LIF(**{name: learned(0.8)}))))


@pytest.mark.parametrize(
    ("module", "name", "value", "message"),
    [
        (st.LIF(), "alpha", -1.0, "LIF: alpha must be finite and > 0"),
        (st.LIF(), "surrogate", "step", "LIF: surrogate must be"),
        (st.LIF(), "tau_m", 0.0, "LIF: tau_m must be finite and > 0"),
        (st.LIF(), "convention", "norse", "fixed when the module is made"),
        (st.LIF(), "learn_tau", True, "fixed when the module is made"),
        (
            st.LIF(learn_tau=True),
            "tau_m",
            3.0,
            "is held by the tensor 'leak' here: change its values",
        ),
        (st.LIF(learn_tau=True), "dt", 0.5, "is held by the tensor 'leak' here"),
        (
            st.LIF(learn_threshold=True),
            "v_threshold",
            3.0,
            "is held by the tensor 'threshold' here",
        ),
        (st.LIF(tau_m=learned(3.0)), "tau_m", 3.0, r"is held by the tensor 'tensors\.tau_m' here"),
        (st.LIF(tau_m=learned(3.0)), "decay", 0.5, r"is held by the tensor 'tensors\.tau_m' here"),
        (st.LIF(), "v_reset", 0.5, 'v_reset needs reset="value"'),
        (st.LI(), "v_threshold", 2.0, "LI: v_threshold must not be given"),
        (st.IF(), "tau_m", 2.0, "IF: tau_m must not be given"),
    ],
)
def test_a_refused_assignment_changes_nothing(module, name, value, message):
    before, state = results(module), repr(module)
    with pytest.raises(ValueError, match=message):
        setattr(module, name, value)
    assert all(map(torch.equal, before, results(module)))
    assert repr(module) == state


def test_online_training_follows_an_assigned_decay():
    net = nn.Sequential(nn.Linear(5, 6), st.LIF(tau_m=3.0), nn.Linear(6, 2), st.LI()).double()
    online = st.OTTT(net)
    net[1].tau_m = 15.0
    twin = copy.deepcopy(net)
    for each in (online, st.OTTT(twin)):
        for x in X:
            each.learn(each.step(x))
    assert torch.equal(net[0].weight.grad, twin[0].weight.grad)
    net[1].reset = "zero"
    with pytest.raises(ValueError, match="module '1'"):
        online.step(X[0])


def test_attributes_of_a_subclass_stay_its_own():
    class Own(st.LIF):
        def __init__(self):
            super().__init__()
            self.shape = (3,)

    assert Own().shape == (3,)
