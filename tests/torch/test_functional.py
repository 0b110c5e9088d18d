"""Fused neurons against plain PyTorch loops: spikes, states and every gradient, for each kind of cell."""

from __future__ import annotations

import hashlib
import weakref

import pytest
import torch
from tests.support.torch_cells import compare

import spikelet as sl
import spikelet.torch as st
from spikelet.torch.cell import Cell, Charge, Reset, When

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


def test_spikelets_own_is_exact():
    """V(t) = x (1 - exp(-t / tau)) for a constant input."""
    x = torch.full((50, 1, 1), 0.9, dtype=torch.float64)
    v = st.integrate(x, tau_m=7.0, dt=0.5, gain="normalized")
    t = 0.5 * torch.arange(1, 51, dtype=torch.float64)
    torch.testing.assert_close(v[:, 0, 0], 0.9 * (1 - torch.exp(-t / 7.0)), rtol=1e-13, atol=0)
    learned = st.integrate(
        x, tau_m=torch.tensor(7.0, dtype=torch.float64), dt=0.5, gain="normalized"
    )
    torch.testing.assert_close(learned, v, rtol=1e-13, atol=0)


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


def digest(threads: int) -> str:
    """Return a hash of spikes and gradients of several neurons."""
    torch.set_num_threads(threads)
    sha = hashlib.sha256()

    def add(*tensors):
        for t in tensors:
            sha.update(t.detach().contiguous().numpy().tobytes())

    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(5)
        g = torch.Generator().manual_seed(1)
        x = (torch.rand(30, 16, 4, 9, 11, generator=g, dtype=dtype) * 2).requires_grad_()
        w = torch.randn(x.shape, generator=g, dtype=dtype)
        for surrogate in ("atan", "sigmoid", "gaussian", "triangle"):
            tau = torch.full((), 5.0, dtype=dtype)
            threshold = torch.full((4, 1, 1), 0.8, dtype=dtype)
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
    return sha.hexdigest()


def test_bits_for_threads_and_simd_levels(digests_at_levels):
    before = torch.get_num_threads()
    try:
        first, other = digest(1), digest(3)
    finally:
        torch.set_num_threads(before)
    assert other == first
    assert {*digests_at_levels, sl.simd_level()} == set(sl.available_simd_levels())
    for level, digests in digests_at_levels.items():
        assert digests["level"] == level
        assert digests["neurons"] == first


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


def test_nothing_is_kept_without_a_backward_pass():
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


def test_a_backward_pass_keeps_the_bytes_of_a_raster():
    """A learned leak needs the input: of a raster only its bytes outlive the forward pass."""
    raster = (torch.rand(50, 8, 64) < 0.3).to(torch.uint8)
    decay = torch.tensor(0.9, requires_grad=True)
    copies = []
    convert = torch.Tensor.to

    def noting(tensor, *given, **options):
        result = convert(tensor, *given, **options)
        if tensor is raster:
            copies.append(weakref.ref(result))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", noting)
        spikes = st.lif(raster, decay=decay)
    assert len(copies) == 1
    assert copies[0]() is None
    (mine,) = torch.autograd.grad(spikes.sum(), decay)
    (wanted,) = torch.autograd.grad(st.lif(raster.float(), decay=decay).sum(), decay)
    assert torch.equal(mine, wanted)
