"""EventProp: spike times against the solved equation, gradients against finite differences, and what is refused."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from spikelet.torch.event_prop import EventProp, EventSpikes, first_spike_cross_entropy

INF = math.inf


def some_spikes(batch: int = 3, n: int = 5, each: int = 12, *, seed: int = 0) -> EventSpikes:
    """Spikes of which a neuron has several."""
    g = torch.Generator().manual_seed(seed)
    times = (30 * torch.rand(batch, each, generator=g, dtype=torch.float64)).sort(1).values
    ids = torch.randint(n, (batch, each), generator=g)
    return EventSpikes(times.flatten(), ids.flatten(), torch.arange(batch + 1) * each, n)


def layer(n_in: int, n_out: int, *, seed: int = 0, **options: Any) -> EventProp:
    """A layer in double precision."""
    g = torch.Generator().manual_seed(seed)
    options = {"t_max": 60.0, "dtype": torch.float64, "generator": g} | options
    return EventProp(n_in, n_out, **options)


def with_weights(weights: list[list[float]], **options: Any) -> EventProp:
    made = layer(len(weights[0]), len(weights), **options)
    made.weight.data = torch.tensor(weights, dtype=torch.float64)
    return made


def test_spike_times_where_the_equation_is_quadratic() -> None:
    # tau_mem = 2 tau_syn: V = w (a - a^2), a = exp(-s / tau_mem); I = w a^2 drives V again from 0.
    net = with_weights([[7.0]], tau_mem=10.0, tau_syn=5.0, t_max=INF)
    out = net(EventSpikes.from_first(torch.tensor([[2.0]])))
    expected, current, at = [], 7.0, 2.0
    while current >= 4:
        a = (1 + math.sqrt(1 - 4 / current)) / 2
        at, current = at - 10 * math.log(a), current * a * a
        expected.append(at)
    assert len(expected) == 2
    torch.testing.assert_close(
        out.times, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0
    )


@pytest.mark.parametrize("taus", [(20.0, 5.0), (10.0, 10.0), (5.0, 20.0), (10.0, 10.0 + 1e-9)])
def test_peak_is_what_a_lone_spike_reaches(taus: tuple[float, float]) -> None:
    options = {"tau_mem": taus[0], "tau_syn": taus[1], "t_max": INF}
    peak = layer(1, 1, **options).peak
    net = with_weights([[1 / peak - 1e-7], [1 / peak + 1e-7]], **options)
    assert net(EventSpikes.from_first(torch.tensor([[1.0]]))).counts().tolist() == [[0, 1]]


@pytest.mark.parametrize("taus", [(20.0, 5.0), (12.0, 12.0), (5.0, 20.0)])
def test_gradients_of_two_layers_by_finite_differences(taus: tuple[float, float]) -> None:
    options = {"tau_mem": taus[0], "tau_syn": taus[1]}
    drive = 12.0 * 5 / taus[1]
    first = layer(5, 10, drive=drive / 3, spread=1.0, **options)
    second = layer(10, 3, drive=drive / 6, seed=1, **options)
    spikes = some_spikes()

    def loss(t: Any, w1: Any, w2: Any) -> Any:
        given = EventSpikes(t, spikes.ids, spikes.offsets, spikes.n)
        hidden = torch.func.functional_call(first, {"weight": w1}, (given,))
        out = torch.func.functional_call(second, {"weight": w2}, (hidden,))
        assert len(out.times) > out.batch * out.n  # more than one spike each
        by_neuron = (out._cells() * 1000 + out.times).argsort()  # an order that stays
        return (out.times[by_neuron] * torch.arange(len(by_neuron)).cos()).sum()

    inputs = (spikes.times.requires_grad_(), first.weight, second.weight)
    assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-6, rtol=1e-6)


def test_gradient_with_a_reset_by_hand() -> None:
    # The second spike of the quadratic case: V = I1 (a - a^2) from t1 on, I1 = w a1^2.
    w = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    a1 = (1 + torch.sqrt(1 - 4 / w)) / 2
    a2 = (1 + torch.sqrt(1 - 4 / (w * a1**2))) / 2
    (expected,) = torch.autograd.grad(-10 * torch.log(a1 * a2), w)
    net = with_weights([[7.0]], tau_mem=10.0, tau_syn=5.0)
    t = torch.tensor([[2.0]], dtype=torch.float64, requires_grad=True)
    net(EventSpikes.from_first(t)).times[1].backward()
    torch.testing.assert_close(net.weight.grad.squeeze(), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(t.grad, torch.ones_like(t), rtol=1e-12, atol=0)


def test_the_same_bits_for_any_number_of_threads() -> None:
    spikes = some_spikes(batch=137)  # enough work for a team
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            net = nn.Sequential(layer(5, 21, drive=5.0, spread=1.0), layer(21, 3, seed=1))
            out = net(spikes)
            out.times.square().sum().backward()
            found.append([out.times, out.ids, out.offsets, *(p.grad for p in net.parameters())])
    finally:
        torch.set_num_threads(before)
    assert len(found[0][0]) > 137
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_first_and_counts() -> None:
    spikes = some_spikes()
    first, counts = spikes.first(), spikes.counts()
    for b in range(spikes.batch):
        begin, end = spikes.offsets[b], spikes.offsets[b + 1]
        for i in range(spikes.n):
            mine = spikes.times[begin:end][spikes.ids[begin:end] == i]
            assert counts[b, i] == len(mine)
            assert first[b, i] == (mine.min() if len(mine) else INF)
    assert spikes.first(silent=99.0).max() == (99.0 if (counts == 0).any() else first.max())


def test_first_spikes_round_trip_with_gradients() -> None:
    times = torch.tensor([[3.0, INF, 1.0, 3.0], [INF] * 4], requires_grad=True)
    spikes = EventSpikes.from_first(times)
    assert spikes.ids.tolist() == [2, 0, 3]
    assert spikes.offsets.tolist() == [0, 3, 3]
    assert spikes.times.dtype == torch.float64
    back = spikes.first(silent=50.0)
    assert back.tolist() == [[3.0, 50.0, 1.0, 3.0], [50.0] * 4]
    (back * torch.arange(8).view(2, 4)).sum().backward()
    assert times.grad is not None
    assert times.grad.tolist() == [[0.0, 0.0, 2.0, 3.0], [0.0] * 4]


def test_no_spikes_in_no_spikes_out() -> None:
    net = nn.Sequential(layer(4, 3), layer(3, 2))
    for times in (torch.full((2, 4), INF), torch.empty(0, 4)):
        out = net(EventSpikes.from_first(times))
        assert out.first().shape == (len(times), 2)
        assert out.counts().sum() == 0
        net.zero_grad()
        out.first(silent=60.0).sum().backward()
        assert all(p.grad.count_nonzero() == 0 for p in net.parameters())


def test_equal_input_times_add_up() -> None:
    apart = with_weights([[4.0, 6.0, -2.0]])(EventSpikes.from_first(torch.full((1, 3), 3.0)))
    one = with_weights([[8.0]])(EventSpikes.from_first(torch.tensor([[3.0]])))
    assert len(one.times) == 1
    assert torch.equal(apart.times, one.times)


def test_t_max_ends_input_and_output() -> None:
    spikes = some_spikes()
    whole = layer(5, 10, drive=5.0, t_max=INF)(spikes)
    cut = layer(5, 10, drive=5.0, t_max=15.0)(spikes)
    kept = whole.times <= 15.0
    assert 0 < kept.sum() < len(kept)
    assert torch.equal(cut.times, whole.times[kept])
    assert torch.equal(cut.ids, whole.ids[kept])


def test_memory_for_the_backward_pass_grows_with_the_spikes() -> None:
    sizes: dict[float, int] = {}
    for t_max in (60.0, 6e5):
        net, total = layer(5, 200, t_max=t_max), 0

        def pack(x: Any) -> Any:
            nonlocal total
            total += x.numel()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            out = net(some_spikes())
        assert total <= net.weight.numel() + 2 * 36 + 2 * len(out.times) + 2 * (out.batch + 1)
        assert len(out.times.grad_fn.currents) == len(out.times)
        sizes[t_max] = total
    assert sizes[6e5] < sizes[60.0] + 200


def test_single_precision_weights_and_a_copy() -> None:
    torch.manual_seed(0)
    net = EventProp(5, 10, drive=4.0)
    assert net.weight.dtype == torch.float32
    out = net(some_spikes())
    assert out.times.dtype == torch.float64
    out.times.sum().backward()
    assert net.weight.grad.dtype == torch.float32
    again = copy.deepcopy(net)(some_spikes())
    assert torch.equal(again.times, out.times)


def test_weights_changed_before_backward_are_noticed() -> None:
    net = layer(5, 10, drive=4.0)
    loss = net(some_spikes()).times.sum()
    with torch.no_grad():
        net.weight.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_generator_makes_the_weights() -> None:
    a, b, other = (layer(50, 40, seed=s).weight for s in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    net = layer(50, 4000, drive=3.0, spread=0.5)
    assert net.weight.mean().item() * net.peak * 50 == pytest.approx(3.0, rel=0.02)
    assert net.weight.std().item() * net.peak * 50**0.5 == pytest.approx(0.5, rel=0.02)


def test_revive_lifts_silent_neurons_until_they_spike() -> None:
    net = with_weights([[1.0, 1.0], [9.0, 0.0]])
    spikes = EventSpikes.from_first(torch.tensor([[1.0, 2.0]]))
    lifted = 0
    while net.revive(net(spikes), 0.5):
        lifted += 1
    assert 0 < lifted < 10
    assert net.weight.tolist() == [[1 + lifted / 2] * 2, [9.0, 0.0]]
    assert net(spikes).counts()[0, 0] == 1


def test_revive_by_the_share_of_samples() -> None:
    net = with_weights([[9.0, 0.0], [9.0, 9.0], [0.0, 0.0]])
    out = net(EventSpikes.from_first(torch.tensor([[1.0, INF], [INF, 1.0]])))
    assert net.revive(out, 1.0, least=0.4) == 1
    assert net.revive(out, 1.0, least=0.5) == 2
    assert net.weight.tolist() == [[10.0, 1.0], [9.0, 9.0], [2.0, 2.0]]


def test_it_learns_to_spike_at_a_time() -> None:
    torch.manual_seed(1)
    net = EventProp(5, 1, drive=3.0, dtype=torch.float64)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    spikes = EventSpikes.from_first(torch.tensor([[1.0, 3.0, 5.0, 7.0, 9.0]]))
    for _ in range(200):
        optimizer.zero_grad()
        loss = (net(spikes).first(silent=30.0) - 11.0).square().sum()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


GOOD: dict[str, Any] = {
    "times": torch.tensor([1.0, 2.0, 1.0]),
    "ids": torch.tensor([0, 1, 1]),
    "offsets": torch.tensor([0, 2, 3]),
    "n": 2,
}


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("times", torch.tensor([1.0, math.nan, 1.0]), ValueError, "times must be finite"),
        ("times", torch.tensor([1.0, INF, 1.0]), ValueError, "times must be finite"),
        ("times", torch.tensor([-1.0, 2.0, 1.0]), ValueError, "times must be .* >= 0"),
        ("times", torch.tensor([2.0, 1.0, 1.0]), ValueError, "times must ascend .* sample 0"),
        ("times", torch.tensor([1, 2, 1]), TypeError, "times must be .* floating"),
        ("times", [1.0, 2.0, 1.0], TypeError, "times must be a tensor"),
        ("times", torch.ones(3, 1), ValueError, "times must have 1 dim"),
        ("times", torch.ones(3, device="meta"), ValueError, "times must be on the CPU"),
        ("ids", torch.tensor([0, 2, 1]), ValueError, r"ids must lie in 0 \.\. 1, got 2"),
        ("ids", torch.tensor([0, -1, 1]), ValueError, r"ids must lie in 0 \.\. 1, got -1"),
        (
            "ids",
            torch.tensor([0.0, 1.0, 1.0]),
            TypeError,
            "ids must be .*int64, got torch.float32",
        ),
        (
            "ids",
            torch.tensor([0, 1]),
            ValueError,
            "ids and times must have the same length, got 2 and 3",
        ),
        ("offsets", torch.tensor([0, 3, 2]), ValueError, "offsets must ascend"),
        ("offsets", torch.tensor([1, 2, 3]), ValueError, "offsets must ascend"),
        ("offsets", torch.tensor([0, 2, 4]), ValueError, "offsets must ascend"),
        ("offsets", torch.tensor([], dtype=torch.int64), ValueError, "offsets must ascend"),
        (
            "offsets",
            torch.tensor([0, 2, 3], dtype=torch.int32),
            TypeError,
            "offsets must be .*int64",
        ),
        ("n", -1, ValueError, "n must be >= 0"),
        ("n", 2.5, TypeError, "n must be an integer"),
    ],
)
def test_bad_spikes(argument: str, value: Any, error: type[Exception], message: str) -> None:
    EventSpikes(**GOOD)
    with pytest.raises(error, match=f"EventSpikes: {message}"):
        EventSpikes(**GOOD | {argument: value})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EventProp(0, 1), ValueError, "in_features must be >= 1"),
        (lambda: EventProp(1, 1, tau_mem=-20.0), ValueError, "tau_mem must be .*> 0"),
        (lambda: EventProp(1, 1, tau_syn=0.0), ValueError, "tau_syn must be .*> 0"),
        (lambda: EventProp(1, 1, tau_syn=math.nan), ValueError, "tau_syn must not contain NaN"),
        (lambda: EventProp(1, 1, tau_mem="x"), TypeError, "tau_mem must be a number"),
        (lambda: EventProp(1, 1, v_threshold=0.0), ValueError, "v_threshold must be .*> 0"),
        (lambda: EventProp(1, 1, t_max=0.0), ValueError, "t_max must be > 0"),
        (lambda: EventProp(1, 1, spread=-1.0), ValueError, "spread must be .*>= 0"),
        (lambda: EventProp(1, 1, dtype=torch.int64), TypeError, "dtype must be a floating"),
        (lambda: EventProp(1, 1)(torch.ones(1, 1)), TypeError, "spikes must be EventSpikes"),
        (
            lambda: EventProp(4, 1)(some_spikes()),
            ValueError,
            "spikes must come from 4 neurons, got n = 5",
        ),
        (lambda: with_weights([[math.nan]])(one()), ValueError, "weights must be finite"),
        (lambda: with_weights([[1e9]])(one()), ValueError, "neuron 0 spike more than 65536 times"),
        (lambda: looping(math.nan)(one()), ValueError, "recurrent weights must be finite"),
        (
            lambda: looping([[1.0]])(one()),
            ValueError,
            r"recurrent must have the shape \(2, 2\), got shape \(1, 1\)",
        ),
        (lambda: layer(1, 2).revive(one(), 0.1), ValueError, "spikes must come from 2 neurons"),
        (
            lambda: EventSpikes.from_first(torch.tensor([[math.nan]])),
            ValueError,
            "times must be >= 0 or inf, got nan",
        ),
        (lambda: EventSpikes.from_first(torch.ones(3)), ValueError, "times must have 2 dim"),
    ],
)
def test_bad_calls(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def looping(recurrent: Any) -> EventProp:
    """Two neurons with recurrent weights: all those of a number, or the given ones."""
    made = layer(1, 2, recurrent=True)
    values = torch.tensor(recurrent, dtype=torch.float64)
    made.recurrent.data = values if values.ndim else values.expand(2, 2).clone()
    return made


def one() -> EventSpikes:
    return EventSpikes.from_first(torch.tensor([[1.0]]))


def test_spikes_changed_in_place_do_no_harm() -> None:
    spikes = some_spikes()
    spikes.ids[3] = 10**12
    with pytest.raises(ValueError, match="EventProp: ids must lie in"):
        layer(5, 2)(spikes)


# --- delays and recurrence ------------------------------------------------------------------------


def delayed(per: str, recurrent: bool, taus: tuple[float, float], seed: int = 3) -> list[EventProp]:
    """Two layers with delays inside their bounds; with this seed no potential just touches the threshold."""
    scale = 5 / taus[1]
    options: dict[str, Any] = {"tau_mem": taus[0], "tau_syn": taus[1], "seed": seed, "per": per}
    first = layer(
        5, 8, drive=4 * scale, spread=scale, max_delay=8.0, recurrent=recurrent, **options
    )
    second = layer(8, 3, drive=2 * scale, max_delay=5.0, **options)
    for net in (first, second):
        for name, p in net.named_parameters():
            if "delay" in name:
                p.data.clamp_(0.1, net.max_delay - 0.1)
    return [first, second]


@pytest.mark.parametrize("taus", [(20.0, 5.0), (12.0, 12.0), (5.0, 20.0)])
@pytest.mark.parametrize(
    ("per", "recurrent"),
    [("synapse", False), ("axon", False), ("neuron", False), ("synapse", True)],
)
def test_gradients_of_delays_by_finite_differences(
    per: str, recurrent: bool, taus: tuple[float, float]
) -> None:
    layers = delayed(per, recurrent, taus)
    spikes = some_spikes()
    owners = [(net, name) for net in layers for name, _ in net.named_parameters()]
    assert len(owners) == 4 + 2 * recurrent

    def loss(t: Any, *values: Any) -> Any:
        out = EventSpikes(t, spikes.ids, spikes.offsets, spikes.n)
        for net in layers:
            own = {n: v for (m, n), v in zip(owners, values, strict=True) if m is net}
            out = torch.func.functional_call(net, own, (out,))
        assert len(out.times) > out.batch * out.n
        by_neuron = (out._cells() * 1000 + out.times).argsort()
        return (out.times[by_neuron] * torch.arange(len(by_neuron)).cos()).sum()

    given = [
        p.detach().clone().requires_grad_()
        for p in (spikes.times, *(getattr(m, n) for m, n in owners))
    ]
    found = torch.autograd.grad(loss(*given), given)
    with torch.no_grad():
        for p, gradient in zip(given, found, strict=True):
            flat, h = p.view(-1), 1e-6
            for k in range(0, len(flat), 3):
                before = flat[k].item()
                flat[k] = before + h
                up = loss(*given)
                flat[k] = before - h
                down = loss(*given)
                flat[k] = before
                expected = (up - down).item() / (2 * h)
                assert abs(gradient.reshape(-1)[k].item() - expected) < 1e-6 * (1 + abs(expected))


def test_delays_move_spikes_and_their_gradient_is_that_of_the_arrival() -> None:
    net = with_weights([[7.0]], tau_mem=10.0, max_delay=6.0, delay=2.5)
    plain = with_weights([[7.0]], tau_mem=10.0)
    times = torch.tensor([[2.0]], dtype=torch.float64)
    out = net(EventSpikes.from_first(times))
    torch.testing.assert_close(out.times, plain(EventSpikes.from_first(times)).times + 2.5)
    out.times.sum().backward()
    assert net.delay.grad is not None
    torch.testing.assert_close(
        net.delay.grad, torch.full((1, 1), float(len(out.times)), dtype=torch.float64)
    )


@pytest.mark.parametrize("recurrent", [False, True])
def test_delays_of_zero_change_nothing(recurrent: bool) -> None:
    plain = layer(5, 20, drive=5.0, spread=1.0)
    net = layer(5, 20, drive=5.0, spread=1.0, max_delay=1.0, delay=0.0, recurrent=recurrent)
    net.load_state_dict(plain.state_dict(), strict=False)
    if recurrent:
        net.recurrent.data.zero_()
    spikes = some_spikes(20)
    a, b = plain(spikes), net(spikes)
    assert torch.equal(a.ids, b.ids)
    torch.testing.assert_close(a.times, b.times, rtol=1e-12, atol=1e-12)
    for out in (a, b):
        out.times.square().sum().backward()
    torch.testing.assert_close(plain.weight.grad, net.weight.grad, rtol=1e-9, atol=1e-9)


def test_delays_and_recurrence_have_the_same_bits_for_any_number_of_threads() -> None:
    spikes = some_spikes(batch=40)  # enough work for a team
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            net = nn.Sequential(
                layer(5, 21, drive=5.0, spread=1.0, max_delay=9.0, recurrent=True),
                layer(21, 3, seed=1, max_delay=2.0, per="axon"),
            )
            out = net(spikes)
            out.times.square().sum().backward()
            found.append([out.times, out.ids, out.offsets, *(p.grad for p in net.parameters())])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_delays_are_saved_copied_and_kept_in_bounds() -> None:
    net = layer(4, 6, max_delay=5.0, recurrent=True)
    names = {"weight", "delay", "recurrent", "recurrent_delay"}
    assert set(net.state_dict()) == names
    again = layer(4, 6, seed=7, max_delay=5.0, recurrent=True)
    again.load_state_dict(net.state_dict())
    spikes = some_spikes(n=4)
    for other in (again, copy.deepcopy(net)):
        assert torch.equal(other(spikes).times, net(spikes).times)
    assert "max_delay=5.0, per='synapse', recurrent=True" in repr(net)
    net.delay.data.fill_(6.0)
    net(spikes)
    assert net.delay.max() == 5
    wanted = net(spikes).times
    net.delay.data.fill_(6.0)
    assert torch.equal(net.eval()(spikes).times, wanted)
    assert net.delay.min() == 6  # nothing is changed in eval mode
    net.train().delay.data[0, 0] = math.nan
    with pytest.raises(
        ValueError, match="EventProp: delay must be finite; reduce the learning rate"
    ):
        net(spikes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_delay": -1.0}, "max_delay must be >= 0"),
        ({"max_delay": math.nan}, "max_delay must not contain NaN"),
        ({"delay": 1.0}, "delay needs max_delay > 0"),
        ({"max_delay": 5.0, "delay": 6.0}, r"delay must lie in 0 \.\. max_delay = 5 ms"),
        ({"max_delay": 5.0, "delay": -1.0}, r"delay must lie in 0 \.\. max_delay = 5 ms"),
        ({"max_delay": 5.0, "delay": torch.zeros(3)}, r"delay must be a number or \[6, 4\]"),
        ({"max_delay": 5.0, "per": "dendrite"}, "per must be"),
    ],
)
def test_bad_delays_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"EventProp: {message}"):
        EventProp(4, 6, **options)
    with pytest.raises(TypeError, match="recurrent must be True or False"):
        EventProp(4, 6, recurrent=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: n.revive(3, 1.0), TypeError, "EventProp.revive: spikes must be the EventSpikes"),
        (lambda n: n.revive(3, float("nan")), ValueError, "EventProp.revive: amount must"),
        (
            lambda n: n.reset_parameters(3),
            TypeError,
            "EventProp.reset_parameters: generator must be",
        ),
    ],
)
def test_bad_calls_of_methods(call, error, message):
    net = EventProp(3, 2, tau_mem=20.0, tau_syn=5.0)
    before = net.weight.detach().clone()
    with pytest.raises(error, match=message):
        call(net)
    assert torch.equal(net.weight, before)


def test_pruned_weights_are_revived() -> None:
    times = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) * 10
    inputs = EventSpikes.from_first(times)
    layer = EventProp(4, 6, t_max=20.0, drive=0.1)
    prune.random_unstructured(layer, "weight", 0.5)
    before = layer.weight.detach().clone()
    assert layer.revive(layer(inputs), 1.0) == 6
    layer(inputs)
    torch.testing.assert_close(layer.weight.detach(), before + layer.weight_mask)


def test_computed_weights_cannot_be_revived() -> None:
    inputs = EventSpikes.from_first(torch.rand(5, 4) * 10)
    layer = parametrizations.weight_norm(EventProp(4, 6, t_max=20.0, drive=0.1))
    spikes = layer(inputs)
    with pytest.raises(ValueError, match="revive: weight must be a parameter"):
        layer.revive(spikes, 1.0)


def test_first_spike_cross_entropy() -> None:
    times = torch.tensor([[3.0, 4.0, 9.0], [5.0, 2.0, 2.5]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    loss = first_spike_cross_entropy(times, labels, tau0=0.7, tau1=5.0, alpha=0.1)
    expected = 0.0
    for row, label in zip(times.tolist(), labels.tolist(), strict=True):
        odds = [math.exp(-t / 0.7) for t in row]
        expected -= math.log(odds[label] / sum(odds)) / 2
        expected += 0.1 * (math.exp(row[label] / 5.0) - 1) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    times[0, 1] = INF
    with pytest.raises(ValueError, match=r"times must be finite.*silent"):
        first_spike_cross_entropy(times, labels)
    with pytest.raises(ValueError, match="tau0 must be"):
        first_spike_cross_entropy(times[1:], labels[1:], tau0=0.0)
    with pytest.raises(ValueError, match=r"labels must be class numbers 0 .. 2.*got 3"):
        first_spike_cross_entropy(times[1:], torch.tensor([3]))
