"""Fused neurons against plain PyTorch loops: spikes, states and every gradient, for each kind of cell."""

from __future__ import annotations

import pytest
import torch
from tests.conftest import spawn
from tests.support.torch_reference import lif as reference_lif
from tests.support.torch_reference import simulate

import spikelet as sl
import spikelet.torch as st
from spikelet.torch.cell import PARAMETERS, Cell, Charge, Reset, Surrogate, When, packed
from spikelet.torch.conventions import Setting
from spikelet.torch.functional import run

SHAPES = {"leak": (1,), "threshold": (5,), "syn_decay": (1,), "adapt_decay": (), "boost": (5,)}
SURROGATES = ["atan", "sigmoid", "fast_sigmoid", "triangle", "rectangle", "gaussian"]


def charge_of(cell, leak):
    if cell.charge == Charge.decay:
        return lambda v, x: leak * v + cell.gain * x
    if cell.charge == Charge.relax_input:
        return lambda v, x: v + (cell.gain * x - (v - cell.rest)) / leak
    return lambda v, x: v - (v - cell.rest) / leak + cell.gain * x


def leaf(shape, low, high, generator, dtype=torch.float64):
    values = low + (high - low) * torch.rand(shape, generator=generator, dtype=dtype)
    return values.requires_grad_()


def compare(
    cell,
    *,
    steps=12,
    features=(3, 5),
    recurrent=False,
    learned=True,
    checkpoint=None,
    order=None,
    seed=0,
):
    """Run a cell in the core and in PyTorch on the same leaves; compare all results and gradients."""
    g = torch.Generator().manual_seed(seed)
    shape = (steps, 2, *features)
    x = leaf(shape, -0.5, 2.5, g)
    if order is not None:
        x = (
            x.detach()
            .permute(order)
            .contiguous()
            .permute([order.index(d) for d in range(x.ndim)])
            .requires_grad_()
        )
    v = leaf(shape[1:], -0.3, 0.8, g)
    ranges = {"leak": (1.5, 4.0) if cell.charge != Charge.decay else (0.3, 0.95), "threshold": (0.6, 1.2),
              "syn_decay": (0.2, 0.8), "adapt_decay": (0.5, 0.9), "boost": (0.1, 0.4)}  # fmt: skip
    used = {"leak", "threshold"} | ({"syn_decay"} if cell.synapse else set())
    used |= {"adapt_decay", "boost"} if cell.adaptive else set()
    values = {n: leaf(SHAPES[n] if learned else (), *ranges[n], g) for n in PARAMETERS if n in used}
    if not learned:
        values = {n: float(t.detach()) for n, t in values.items()}
        cell = Cell(**{**cell.__dict__, **values})
    weights = leaf((features[-1], features[-1]), -0.5, 0.5, g) if recurrent else None
    leaves = [x, v, *(values.values() if learned else ()), *([weights] if recurrent else ())]
    by_spikes, by_v = (torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(2))
    by_last = torch.randn(shape[1:], generator=g, dtype=torch.float64)

    def gradients(spikes, v_seq, v_last):
        total = (spikes * by_spikes).sum() + (v_seq * by_v).sum() + (v_last * by_last).sum()
        return torch.autograd.grad(total, leaves)

    made = Setting(cell, packed(cell), values if learned else {})
    found = run("test", x, made, v=v, recurrent=weights, give_v_seq=True, checkpoint=checkpoint)
    surrogate = cell.surrogate.name
    expected = simulate(
        x, charge_of(cell, values["leak"]), v=v, v_threshold=values["threshold"], strict=cell.strict, surrogate=surrogate,
        alpha=cell.alpha, reset=cell.reset.name, v_reset=cell.v_reset, when=cell.when.name, detach_reset=cell.detached,
        syn_decay=values.get("syn_decay"), adapt_decay=values.get("adapt_decay"), boost=values.get("boost", 0.0),
        recurrent=weights,
    )  # fmt: skip
    assert torch.equal(found.spikes, expected["spikes"])
    assert 0.02 < float(found.spikes.detach().mean()) < 0.95
    torch.testing.assert_close(found.v_seq, expected["v"], rtol=0, atol=1e-12)
    torch.testing.assert_close(found.v, expected["last_v"], rtol=0, atol=1e-12)
    if cell.synapse:
        torch.testing.assert_close(found.i, expected["last_i"], rtol=0, atol=1e-12)
    if cell.adaptive:
        torch.testing.assert_close(found.a, expected["last_a"], rtol=0, atol=1e-12)
    ours = gradients(found.spikes, found.v_seq, found.v)
    theirs = gradients(expected["spikes"], expected["v"], expected["last_v"])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


WHEN = [(When.same, False), (When.same, True), (When.next, True), (When.both, False)]


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("reset", Reset)
@pytest.mark.parametrize("charge", Charge)
@pytest.mark.parametrize(("when", "detached"), WHEN)
def test_every_step_and_reset(charge, reset, when, detached, learned):
    cell = Cell(
        charge=charge, reset=reset, when=when, detached=detached, gain=0.7, rest=-0.1, v_reset=-0.2
    )
    compare(cell, learned=learned)
    compare(Cell(**{**cell.__dict__, "strict": True}), learned=learned, checkpoint=True)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize(("synapse", "adaptive"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("charge", Charge)
@pytest.mark.parametrize("learned", [True, False])
def test_synapses_adaptation_and_recurrence(charge, synapse, adaptive, recurrent, learned):
    for reset in (Reset.subtract, Reset.value):
        cell = Cell(charge=charge, synapse=synapse, adaptive=adaptive, reset=reset, gain=0.6)
        compare(cell, learned=learned, recurrent=recurrent, features=(5,) if recurrent else (3, 5))


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("rich", [False, True])
def test_surrogates(surrogate, rich):
    for alpha in (0.8, 3.0):
        compare(
            Cell(surrogate=Surrogate[surrogate], alpha=alpha, detached=False, synapse=rich),
            learned=rich,
        )


def test_superspike_is_a_fast_sigmoid():
    x = torch.rand(5, 2, 3, dtype=torch.float64).requires_grad_()
    a, b = (
        torch.autograd.grad(st.lif(x, surrogate=s, alpha=7.0).sum(), x)[0]
        for s in ("superspike", "fast_sigmoid")
    )
    assert torch.equal(a, b)
    assert float(a.abs().sum()) > 0


def test_table():
    table = st.Table(-1.0, 1.0, [0.0, 2.0, 1.0])
    x = (
        torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5, 2.0, 2.1, float("nan")], dtype=torch.float64)
        .reshape(1, 1, 8)
        .requires_grad_()
    )
    s = st.lif(x, decay=0.5, gain=1.0, surrogate=table)  # u = x - 1
    s.sum().backward()
    assert x.grad.flatten().tolist()[:7] == [0.0, 0.0, 0.5, 2.0, 1.5, 1.0, 0.0]
    assert s.flatten().tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "parameters",
    [
        *({"convention": "snntorch", "beta": 0.8, "reset": r, "reset_delay": d} for r in ("subtract", "zero", "none")
          for d in (True, False)),
        *({"convention": "spikingjelly", "tau": t, "v_reset": v, "detach_reset": d, "decay_input": i}
          for t in (None, 2.0, 3.3) for v in (None, 0.0, -0.3) for d in (True, False) for i in (True, False)),
        {"convention": "norse", "tau_mem_inv": 200.0, "tau_syn_inv": 300.0},
        {"convention": "norse", "v_leak": 0.2, "v_reset": -0.1},
    ],
)  # fmt: skip
def test_conventions(parameters):
    """The reference is compared with the libraries themselves by bench/python/compare_training.py."""
    torch.manual_seed(3)
    x = (torch.rand(20, 3, 7, dtype=torch.float64) * 2.5).requires_grad_()
    found, v = st.lif(x, return_v=True, alpha=3.0, v_threshold=0.7, **parameters)
    expected, v_expected = reference_lif(x, return_v=True, alpha=3.0, v_threshold=0.7, **parameters)
    assert torch.equal(found, expected)
    assert 0.05 < float(found.detach().mean()) < 0.99
    torch.testing.assert_close(v, v_expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(x)
    ours, theirs = (
        torch.autograd.grad((s * weights).sum() + last.sum(), x)[0]
        for s, last in ((found, v), (expected, v_expected))
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_spikelets_own_is_exact():
    """V(t) = x (1 - exp(-t / tau)) for a constant input."""
    x = torch.full((50, 1, 1), 0.9, dtype=torch.float64)
    v = st.integrate(x, tau_m=7.0, dt=0.5)
    t = 0.5 * torch.arange(1, 51, dtype=torch.float64)
    torch.testing.assert_close(v[:, 0, 0], 0.9 * (1 - torch.exp(-t / 7.0)), rtol=1e-13, atol=0)
    learned = st.integrate(x, tau_m=torch.tensor(7.0, dtype=torch.float64), dt=0.5)
    torch.testing.assert_close(learned, v, rtol=1e-13, atol=0)


@pytest.mark.parametrize("order", [(0, 1, 3, 4, 2), (0, 1, 4, 2, 3), (1, 0, 2, 3, 4)])
@pytest.mark.parametrize("cell", [Cell(), Cell(synapse=True, adaptive=True)])
def test_channels_last_and_other_orders(order, cell, monkeypatch):
    for shape in ((3, 1, 1), (4, 5), (3, 1, 5)):
        monkeypatch.setitem(SHAPES, "threshold", shape)
        compare(cell, features=(3, 4, 5), order=order)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("parameters", [{}, {"tau_syn": 4.0, "checkpoint": True}])
@pytest.mark.parametrize("shape", [(3, 6), (2, 5, 4, 6), (1, 20_000)])
def test_constant_input(dtype, parameters, shape):
    torch.manual_seed(0)
    x = (torch.rand(shape, dtype=dtype) * 2).requires_grad_()
    if len(shape) == 4:
        x = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    w = torch.randn(9, *shape, dtype=dtype)
    found = st.lif(x, steps=9, tau_m=5.0, **parameters)
    expected = st.lif(x.expand(9, *shape), tau_m=5.0, **parameters)
    assert torch.equal(found, expected)
    ours, theirs = (torch.autograd.grad((s * w).sum(), x)[0] for s in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_constant_input_of_modules():
    x = torch.rand(3, 8) * 3
    for module in (st.LIF(tau_m=3.0), st.RecurrentLIF(8), st.LI()):
        expected = module(x.expand(4, 3, 8))
        module.steps = 4
        assert torch.equal(module(x), expected)


def test_memory_order_is_kept():
    x = torch.rand(4, 2, 3, 5, 6).permute(0, 1, 4, 2, 3).requires_grad_()
    s = st.lif(x)
    s.sum().backward()
    assert s.stride() == x.stride()
    assert x.grad.stride() == x.stride()


@pytest.mark.parametrize("cell", [Cell(), Cell(synapse=True, adaptive=True, reset=Reset.value)])
def test_long_runs_go_by_segments(cell):
    """More steps than fit the cache at once are run again in segments."""
    compare(cell, steps=1300, features=(2,), checkpoint=True, learned=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 15, 64, 333, 20_000])
def test_checkpoint_changes_no_bit(dtype, size):
    torch.manual_seed(size)
    x = (torch.rand(9, 1, size, dtype=dtype) * 2).requires_grad_()
    g = torch.randn_like(x)
    results = []
    for checkpoint in (None, False, True):
        s = st.lif(x, tau_m=3.0, checkpoint=checkpoint, detach_reset=False)
        results.append((s.detach(), *torch.autograd.grad((s * g).sum(), x)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


BITS = """
import hashlib, os, torch
import spikelet.torch as st
torch.set_num_threads(int(os.environ["THREADS"]))
digest = hashlib.sha256()
def add(*tensors):
    for t in tensors:
        digest.update(t.detach().contiguous().numpy().tobytes())
for dtype in (torch.float32, torch.float64):
    torch.manual_seed(5)
    g = torch.Generator().manual_seed(1)
    x = (torch.rand(30, 16, 4, 9, 11, generator=g, dtype=dtype) * 2).requires_grad_()
    w = torch.randn(x.shape, generator=g, dtype=dtype)
    for surrogate in ("atan", "sigmoid", "gaussian", "triangle"):
        tau, threshold = torch.full((), 5.0, dtype=dtype), torch.full((4, 1, 1), 0.8, dtype=dtype)
        neuron = torch.full((9, 11), 1.2, dtype=dtype)
        leaves = [x, tau.requires_grad_(), threshold.requires_grad_()]
        s = st.lif(x, tau_m=tau, v_threshold=threshold, surrogate=surrogate)
        add(s, *torch.autograd.grad((s * w).sum(), leaves))
        neuron.requires_grad_()
        s = st.lif(x, v_threshold=neuron, tau_syn=4.0, tau_adapt=30.0, surrogate=surrogate)
        add(s, *torch.autograd.grad((s * w).sum(), [x, neuron]))
    r = st.RecurrentALIF(44, learn_tau=True, learn_threshold=True).to(dtype)
    y = (torch.rand(20, 13, 44, generator=g, dtype=dtype) * 3).requires_grad_()
    s = r(y)
    add(s, *torch.autograd.grad((s * s.cumsum(0)).sum(), [y, *r.parameters()]))
print(digest.hexdigest())
"""


def test_bits_for_threads_and_simd_levels():
    first = spawn(BITS, THREADS="1")
    assert spawn(BITS, THREADS="3") == first
    for level in sl.available_simd_levels():
        assert spawn(BITS, THREADS="2", SPIKELET_SIMD=level) == first


def test_sums_over_many_neurons():
    """Parameters that all neurons share are summed in double precision."""
    x = torch.rand(4, 64, 1000).requires_grad_()
    tau = torch.tensor(5.0, requires_grad=True)
    s = st.lif(x * 3, tau_m=tau)
    (found,) = torch.autograd.grad(s.sum(), tau)
    wide = x.detach().double().requires_grad_()
    tau64 = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(st.lif(wide * 3, tau_m=tau64).sum(), tau64)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_state_is_carried_over():
    torch.manual_seed(0)
    x = torch.rand(20, 2, 6, dtype=torch.float64) * 2
    whole = st.lif(x, tau_m=4.0)
    first, v = st.lif(x[:11], tau_m=4.0, return_v=True)
    assert torch.equal(whole, torch.cat([first, st.lif(x[11:], tau_m=4.0, v=v)]))
    layer = st.RecurrentALIF(6, surrogate=None).double()
    done = layer.run(x[:7])
    rest = layer.run(x[7:], v=done.v, a=done.a, first_spikes=done.spikes[-1])
    assert torch.equal(torch.cat([done.spikes, rest.spikes]), layer(x))


def test_state_carries_gradients():
    torch.manual_seed(0)
    x = (torch.rand(14, 2, 6, dtype=torch.float64) * 2).requires_grad_()
    layer = st.RecurrentALIF(6, tau_syn=3.0).double()
    w = torch.randn(14, 2, 6, dtype=torch.float64)
    whole = torch.autograd.grad((layer(x) * w).sum(), [x, layer.recurrent])
    done = layer.run(x[:5])
    rest = layer.run(x[5:], v=done.v, i=done.i, a=done.a, first_spikes=done.spikes[-1])
    parts = torch.autograd.grad(
        (torch.cat([done.spikes, rest.spikes]) * w).sum(), [x, layer.recurrent]
    )
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_nothing_is_kept_without_a_way_back():
    x = torch.rand(5, 2, 3)
    assert st.lif(x).grad_fn is None
    assert st.lif(x.requires_grad_(), surrogate=None).grad_fn is None
    with torch.no_grad():
        assert st.lif(x).grad_fn is None
    assert st.lif(x).grad_fn is not None


@pytest.mark.parametrize("threads", [1, 2])
def test_empty_batches(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x = torch.rand(5, 0, 3).requires_grad_()
        tau = torch.tensor(3.0, requires_grad=True)
        s, v = st.lif(x, tau_m=tau, return_v=True)
        assert (s.shape, v.shape) == ((5, 0, 3), (0, 3))
        s.sum().backward()
        assert float(tau.grad) == 0
        assert st.RecurrentLIF(3)(x).shape == (5, 0, 3)
    finally:
        torch.set_num_threads(before)


def test_nan_and_infinite_inputs_do_not_spread():
    x = torch.rand(6, 1, 40)
    x[2, 0, 7], x[3, 0, 9] = float("nan"), float("inf")
    clean = x.clone()
    clean[:, 0, [7, 9]] = 0
    s, expected = st.lif(x), st.lif(clean)
    keep = [k for k in range(40) if k not in (7, 9)]
    assert torch.equal(s[..., keep], expected[..., keep])
    assert s[2:, 0, 7].sum() == 0
