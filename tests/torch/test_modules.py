"""Modules of neurons: PyTorch's tools, bad input, memory."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
import torch
from tests.conftest import spawn
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


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # of torch itself
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
        (lambda: st.lif(X, tau=3.0), ValueError, "lif: has no parameter 'tau'; did you mean 'tau_m'"),
        (lambda: st.lif(X, convention="snntorch"), TypeError, "needs beta"),
        (lambda: st.lif(X, tau_m=0.0), ValueError, "tau_m must be finite and > 0, got 0.0"),
        (lambda: st.lif(X, tau_m=float("nan")), ValueError, "tau_m"),
        (lambda: st.lif(X, tau_m="long"), TypeError, "tau_m must be a number"),
        (lambda: st.lif(X, decay=1.5), ValueError, r"decay must lie in \[0, 1\], got 1.5"),
        (lambda: st.lif(X, reset="hard"), ValueError, "reset must be 'subtract' or 'zero' or 'value' or 'none', got 'hard'"),
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


@pytest.mark.parametrize("convention", ["spikelet", "snntorch"])
def test_a_run_has_the_potentials_of_all_steps(convention):
    torch.manual_seed(3)
    x = torch.rand(6, 2, 3, requires_grad=True)
    given = {"beta": 0.9} if convention == "snntorch" else {}
    lif = st.LIF(convention=convention, **given)
    done = lif.run(x)
    assert done.spikes.any()
    assert torch.equal(done.v_seq[-1], done.v)
    for t in range(1, 7):
        assert torch.equal(lif.run(x[:t]).v, done.v_seq[t - 1])
    (by_all,) = torch.autograd.grad(done.v_seq.sum(), x)
    (by_last,) = torch.autograd.grad(sum(lif.run(x[:t]).v.sum() for t in range(1, 7)), x)
    torch.testing.assert_close(by_all, by_last)
    without = lif.run(x, v_seq=False)
    assert without.v_seq.numel() == 0
    assert torch.equal(without.spikes, done.spikes)
    potentials = st.LI().run(x, v_seq=False)  # what LI is for
    assert torch.equal(potentials.v_seq, st.LI()(x))


def test_unknown_states_are_refused():
    x = torch.rand(4, 2, 3)
    for state in ("i", "a", "first_spikes"):
        with pytest.raises(
            ValueError, match=f"LIF: {state} is a state that these neurons do not have"
        ):
            st.LIF().run(x, **{state: torch.ones(2, 3)})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: st.LIF(v_threshold=np.ones(4)), TypeError, "LIF: v_threshold must be a number or a torch.Tensor"),
        (lambda: st.LIF(tau_m=torch.tensor([5.0, 0.0])), ValueError, "LIF: tau_m must be finite and > 0, got 0.0"),
        (lambda: st.LIF(v_threshold=torch.tensor(math.nan)), ValueError, "LIF: v_threshold must be finite"),
        (lambda: st.LIF(decay=torch.tensor([0.9, 1.5])), ValueError, r"LIF: decay must lie in \[0, 1\], got 1.5"),
        (lambda: st.LIF(convention="spikingjelly", tau=torch.tensor(0.5)), ValueError, "LIF: tau must be at least 1, got 0.5"),
        (lambda: st.LIF(tau_m=torch.tensor(True)), TypeError, "LIF: tau_m must be a dense tensor of real"),
        (lambda: st.LIF(learn_tau=True, shape="ab"), TypeError, "LIF: shape must be an integer"),
        (lambda: st.LIF(gain="exact"), ValueError, "gain must be a number or 'normalized', got 'exact'"),
        (lambda: st.LIF(gain=None), TypeError, "LIF: gain must be a number"),
        (lambda: st.IF(gain="normalized"), ValueError, "IF: gain must be a number for neurons without a leak"),
        (lambda: st.LIF(reset=torch.ones(3)), ValueError, "LIF: reset must be 'subtract'"),
        (lambda: st.LIF(surrogate=["atan"]), ValueError, 'LIF: surrogate must be "atan"'),
        (lambda: st.lif(X, v_threshold=torch.ones(3).to_sparse()), TypeError, "v_threshold must be a dense tensor; .*torch.sparse_coo"),
    ],
)  # fmt: skip
def test_bad_parameters(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("make", [
    lambda: st.LIF(learn_tau=True, learn_threshold=True), lambda: st.LIF(tau_m=torch.tensor(5.0)),
    lambda: st.LIF(convention="snntorch", beta=nn.Parameter(torch.tensor(0.9))),
    lambda: st.LIF(v_threshold=torch.tensor(1)), lambda: st.LIF(gain=torch.tensor(1.0)),
    lambda: st.RecurrentALIF(4, learn_tau=True), lambda: st.LI(learn_tau=True),
])  # fmt: skip
def test_modules_follow_the_type_of_their_input(make):
    """Moved or not, to more digits or to fewer: half precision is computed in float32."""
    torch.manual_seed(0)
    module, x = make(), torch.rand(10, 2, 4) * 2
    potentials = isinstance(module, st.LI)
    assert module(x.double()).dtype == torch.float64
    assert copy.deepcopy(module).double()(x.double()).dtype == torch.float64
    for dtype in (torch.bfloat16, torch.float16):
        short = x.to(dtype)
        expected = module(short.float())
        found = module(short)
        assert found.dtype == (torch.float32 if potentials else dtype)
        assert torch.equal(found.float(), expected)
        moved = copy.deepcopy(module).to(dtype)(short.requires_grad_())
        assert moved.dtype == found.dtype
        moved.sum().backward()
        assert short.grad.dtype == dtype
    with torch.autocast("cpu", dtype=torch.bfloat16):
        net = nn.Sequential(nn.Linear(4, 4), module)
        assert torch.isfinite(net(x)).all()


def test_the_weights_that_torch_draws_make_neurons_spike():
    """At the first pass of the training page's network, for rate-coded images of which a fifth is not 0."""
    torch.manual_seed(0)
    rates = torch.rand(32, 784) * (torch.rand(32, 784) < 0.2)
    x = (torch.rand(25, 32, 784) < rates).float()
    linear = nn.Linear(784, 200)
    for tau in (10.0, 20.0):
        assert st.LIF(tau_m=tau)(linear(x)).sum(0).mean() > 0.5
        assert st.LIF(tau_m=tau, gain="normalized")(linear(x)).sum() == 0


def test_modules_refuse_two_dimensions():
    """After a layer x is [B, N], and would be taken for [T, B]."""
    x = torch.rand(6, 4)
    for run in (st.LIF(), st.LI(), st.RecurrentLIF(4)):
        with pytest.raises(
            ValueError, match=r"x must be \[T, B, ...\]: pass x\[None\].*steps=T.*\(6, 4\)"
        ):
            run(x)
    assert st.LIF()(x[None]).shape == (1, 6, 4)
    assert torch.equal(st.lif(x), st.lif(x[..., None])[..., 0])  # [T, B]: a function says what x is
    assert st.LIF(steps=3)(x).shape == (3, 6, 4)


def test_a_forked_child_computes_like_its_parent():
    """After threads in the parent, and with threads in the child.

    PyTorch's own operators hang there once their tensors are large enough for its threads; these are smaller.
    """
    code = """
import multiprocessing, warnings
import torch
import spikelet.torch as st
warnings.simplefilter("ignore")  # Python 3.12 warns that this process has threads
torch.set_num_threads(2)
torch.manual_seed(1)
x = torch.rand(20, 32, 50) * 3
cells = (st.LIF(learn_tau=True), st.CubaLIF(tau_syn=3.0), st.RecurrentALIF(50, learn_tau=True))
def work():
    found = []
    for cell in cells:
        y = x.clone().requires_grad_()
        spikes = cell(y)
        found += [spikes, *torch.autograd.grad((spikes * spikes).sum(), [y, *cell.parameters()])]
    assert all(float(t.detach().abs().sum()) > 0 for t in found)
    return [t.detach().numpy().tobytes() for t in found]
expected = work()
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(work).get(timeout=60) == expected
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_repr_shows_numbers_by_value_and_tensors_by_shape() -> None:
    assert "tau_m=5.0, v_threshold=1.0, atan" in str(st.LIF(tau_m=5.0))
    neuron = st.LIF(v_threshold=nn.Parameter(torch.tensor(0.5)), tau_m=torch.tensor(5.0))
    text = str(neuron)
    assert "threshold learned ()" in text
    assert "tau_m fixed ()" in text
    assert "1.0" not in text


def _makers():
    """Return neurons whose backward pass keeps the potential, the input, or both with other tensors."""
    return [
        st.LIF,
        lambda: st.LIF(learn_tau=True, learn_threshold=True),
        lambda: st.CubaLIF(tau_syn=nn.Parameter(torch.tensor(3.0))),
        lambda: st.ALIF(learn_threshold=True),
        lambda: st.LI(learn_tau=True),
        lambda: st.RecurrentLIF(5),
        lambda: st.LIF(learn_tau=True, steps=3),
    ]


@pytest.mark.parametrize("raster", [torch.uint8, torch.bool])
@pytest.mark.parametrize("make", _makers())
def test_rasters_enter_neurons_as_they_are(make, raster):
    """As the same values in float32 do, and kept for the backward pass in a byte each."""
    torch.manual_seed(0)
    module = make()
    given = (torch.rand(4, 3, 5) < 0.6) if module.steps is None else (torch.rand(3, 5) < 0.6)
    given = given.to(raster)

    v = torch.rand(3, 5).requires_grad_()
    learned = [v, *module.parameters()]
    results = []
    for x in (given, given.float()):
        out = module(x, v=v)
        results.append((out, *torch.autograd.grad(out.square().sum() + 0 * v.sum(), learned)))
    assert results[0][0].dtype == torch.float32
    for mine, wanted in zip(*results, strict=True):
        assert torch.equal(mine, wanted)
    assert module.double()(given).dtype == torch.float64 or not list(module.parameters())


def _snntorch(n: int) -> st.LIF:
    return st.LIF(convention="snntorch", beta=0.9, learn_tau=True, learn_threshold=True, shape=(n,))


@pytest.mark.parametrize(
    ("saved", "here", "message"),
    [
        (
            _snntorch(3),
            _snntorch(4),
            r"LIF: beta \(key '1.leak'\) has the shape \(3,\), here \(4,\); .* shape=\(3,\)",
        ),
        (
            _snntorch(3),
            _snntorch(4),
            r"LIF: v_threshold \(key '1.threshold'\) has the shape \(3,\)",
        ),
        (
            st.LIF(learn_tau=True, shape=(3,)),
            st.LIF(learn_tau=True),
            r"LIF: tau_m \(key '1.leak'\) has the shape \(3,\), here \(\)",
        ),
        (
            st.LIF(learn_tau=True, shape=(3,)),
            st.LIF(decay=0.5, learn_tau=True),
            r"LIF: decay \(key '1.leak'\) has the shape \(3,\)",
        ),
        (
            st.LIF(convention="spikingjelly", tau=2.0, learn_tau=True),
            st.LIF(convention="spikingjelly", tau=2.0, learn_tau=True, shape=(2, 1)),
            r"tau \(key '1.leak'\) has the shape \(\), here \(2, 1\)",
        ),
        (
            st.RecurrentLIF(3),
            st.RecurrentLIF(4),
            r"recurrent \(key '1.recurrent'\) .* as many neurons",
        ),
    ],
)
def test_checkpoints_of_another_shape_name_the_users_parameters(saved, here, message) -> None:
    whole = [torch.nn.Sequential(torch.nn.Identity(), m) for m in (saved, here)]
    with pytest.raises(RuntimeError, match=message) as error:
        whole[1].load_state_dict(whole[0].state_dict())
    assert "size mismatch" not in str(error.value)
    assert "key(s) in state_dict" not in str(error.value)


def test_checkpoints_load_where_they_fit() -> None:
    saved, here = _snntorch(3), _snntorch(3)
    with torch.no_grad():
        saved.leak.fill_(1.5)
    here.load_state_dict(saved.state_dict())
    assert torch.equal(here.leak, saved.leak)
    assert st.LIF().load_state_dict({"leak": torch.ones(())}, strict=False).unexpected_keys == [
        "leak"
    ]
    assert st.LIF(learn_tau=True).load_state_dict({}, strict=False).missing_keys == ["leak"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.LIF(tau_m=3.0, decay=0.5), "LIF: tau_m must not be given with decay"),
        (lambda: st.lif(X, tau_m=3.0, decay=0.5), "lif: tau_m must not be given with decay"),
        (lambda: st.LIF(tau_m=torch.ones(4), decay=0.5), r"tau_m must not .* decay.*\(4,\)"),
        (lambda: st.LI(tau_m=3.0, decay=0.5), "LI: tau_m must not be given with decay"),
        (lambda: st.integrate(X, tau_m=3.0, decay=0.5), "integrate: tau_m must not be .* decay"),
        (lambda: st.IF(tau_m=10.0), "IF: tau_m must not be given: decay is 1.*LIF"),
        (lambda: st.LIF(v_reset=-0.5), 'v_reset needs reset="value"'),
        (lambda: st.LIF(surrogate=TABLE, alpha=2.0), "alpha must not be given with a Table"),
        (lambda: st.LIF(shape=(4,)), "shape .* needs learn_tau=True or learn_threshold=True"),
        (lambda: st.LI(v_threshold=2.0), "LI: v_threshold must not be given"),
        (lambda: st.LI(reset="zero"), "LI: reset must not be given"),
        (lambda: st.LIF(taum=3.0), "LIF: has no parameter 'taum'; did you mean 'tau_m'"),
        (lambda: st.LIF(vthreshold=3.0), "no parameter 'vthreshold'; did you mean 'v_threshold'"),
        (lambda: st.LIF(convention="snntorch", bet=0.5), "'bet'; did you mean 'beta'"),
        (lambda: st.LIF(beta=0.9), "'beta'; did you mean 'decay'.*; 'snntorch' has beta"),
        (lambda: st.LIF(tau=2.0), "'tau'; did you mean 'tau_m'.*; 'spikingjelly' has tau"),
        (lambda: st.LIF(convention="snntorch", beta=0.9, reset_mechanism="zero"), "did you mean 'reset'"),
    ],
)  # fmt: skip
def test_no_parameter_is_ignored(call, message):
    with pytest.raises(ValueError, match=message):
        call()


TABLE = st.Table(-1.0, 1.0, [0.0, 1.0, 0.0])


@pytest.mark.parametrize("name", ["return_v", "checkpoint", "learn_tau", "learn_threshold"])
def test_options_are_true_or_false(name):
    for value in (3, "x", 1.0):
        with pytest.raises(TypeError, match=f"LIF: {name} must be True or False, got {value!r}"):
            st.LIF(**{name: value})
    if not name.startswith("learn"):
        with pytest.raises(TypeError, match=f"lif: {name} must be True or False, got 3"):
            st.lif(X, **{name: 3})


def test_the_default_time_constant_of_integrate():
    assert torch.equal(st.integrate(X), st.integrate(X, tau_m=20.0))
    assert torch.equal(st.integrate(X, decay=0.5), st.LI(decay=0.5)(X))


def test_spikes_may_be_changed_in_place():
    """As docs/training_speed.md says: those of recurrent layers are read by the backward pass, and a copy may be changed."""
    for module in (st.LIF(), st.CubaLIF(), st.ALIF(), st.LI(), st.LIF(learn_tau=True)):
        x = (torch.rand(4, 2, 3) * 3).requires_grad_()
        grads = []
        for change in (torch.mul, torch.Tensor.mul_):
            x.grad = None
            change(module(x), 0.5).sum().backward()
            grads.append(x.grad)
        assert torch.equal(*grads)
    spikes = st.RecurrentLIF(3)(torch.rand(4, 2, 3).requires_grad_())
    spikes.clone().mul_(0.5).sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="inplace"):
        spikes.mul_(0.5).sum().backward()


def test_tensors_that_are_set_later_are_used():
    x = torch.rand(6, 2, 3)
    threshold = torch.full((3,), 0.4)
    wanted = st.LIF(v_threshold=threshold)(x)
    assert not torch.equal(wanted, st.LIF()(x))
    lif = st.LIF()
    lif.threshold = threshold
    assert torch.equal(lif(x), wanted)
    lif = st.LIF()
    lif.register_buffer("threshold", threshold)
    assert torch.equal(lif(x), wanted)
    lif = st.LIF()
    lif.threshold = nn.Parameter(threshold)
    assert torch.equal(lif(x), wanted)
    lif(x).sum().backward()
    assert lif.threshold.grad.any()


SERIES = torch.randn(9, 3, 5, generator=torch.Generator().manual_seed(3)).double() * 2


def results(module):
    x = SERIES.clone().requires_grad_()
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
        (st.LIF, {}, {"gain": "normalized"}),
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
        assert getattr(module, name) == value or value == "normalized"
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
        for x in SERIES:
            each.learn(each.step(x))
    assert torch.equal(net[0].weight.grad, twin[0].weight.grad)
    net[1].reset = "zero"
    with pytest.raises(ValueError, match="module '1'"):
        online.step(SERIES[0])


def test_attributes_of_a_subclass_stay_its_own():
    class Own(st.LIF):
        def __init__(self):
            super().__init__()
            self.shape = (3,)

    assert Own().shape == (3,)


def test_signatures_name_every_parameter():
    names = {
        kind: list(inspect.signature(kind).parameters)
        for kind in (st.LIF, st.IF, st.LI, st.CubaLIF, st.RecurrentALIF)
    }
    assert names[st.LIF][:4] == ["tau_m", "dt", "decay", "gain"]
    for name in ("beta", "tau", "tau_mem_inv", "v_threshold", "learn_tau", "surrogate", "backend"):
        assert name in names[st.LIF]
    assert "tau_m" not in names[st.IF]
    assert not {"v_threshold", "reset", "boost"} & set(names[st.LI])
    assert names[st.CubaLIF][0] == "tau_syn"
    assert names[st.RecurrentALIF][:3] == ["n", "tau_adapt", "boost"]
    assert "recurrent" not in names[st.RecurrentALIF]

    class Own(st.LIF):
        def __init__(self, size: int) -> None:
            super().__init__(tau_m=size)

    assert str(inspect.signature(Own)) in ("(size: int)", "(size: 'int')")
