"""Layers with delays: against a dense sum over all delays in plain PyTorch, and as trained."""

from __future__ import annotations

import copy
import hashlib
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import spikelet.torch as st
from spikelet.torch.delay import (
    Delay,
    delayed,
    expanded,
    first_delays,
    kept_within,
    narrow_delays,
    shape_of,
)

F64 = torch.float64
PER = ("synapse", "axon", "neuron")


def later(x: Tensor, lag: int) -> Tensor:
    """Return x a number of steps later (earlier if it is negative), with zeros where nothing is left."""
    n = min(abs(lag), len(x))
    zeros = torch.zeros_like(x[:n])
    return torch.cat([zeros, x[: len(x) - n]]) if lag >= 0 else torch.cat([x[n:], zeros])


def dense(layer: Delay, x: Tensor) -> Tensor:
    """Return the outputs as a sum over all lags of products with a kernel [out, in] for each; autograd differentiates it.

    The kernel of a synapse is a triangle, 1 - |lag - delay|; before, the inputs are convolved with the layer's Gaussian, cut
    off at 3 widths.
    """
    delay = layer.delay[:, None] if layer.per == "neuron" else layer.delay
    delay = delay.expand(layer.weight.shape)
    if layer.width > 0.25:
        reach = min(math.ceil(3 * layer.width), len(x) - 1)
        bells = {j: math.exp(-((j / layer.width) ** 2) / 2) for j in range(-reach, reach + 1)}
        x = sum((bells[j] / sum(bells.values()) * later(x, j) for j in bells), torch.zeros_like(x))
    y = layer.bias.expand(*x.shape[:2], -1)
    for lag in range(layer.max_delay + 2):
        distance = lag - delay
        # At a whole number of steps, the derivative is that to the right.
        rising, falling = (distance > 0) & (distance < 1), (distance > -1) & (distance <= 0)
        triangle = torch.where(rising, 1 - distance, torch.where(falling, 1 + distance, 0.0))
        y = y + later(x, lag) @ (layer.weight * triangle).T
    return y


def results(function: Any, layer: Delay, x: Tensor) -> list[Tensor]:
    """Return outputs and the gradients of the input and all parameters."""
    x = x.detach().requires_grad_()
    y = function(x)
    by = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    return [y, *torch.autograd.grad((y * by).sum(), [x, *layer.parameters()])]


@pytest.mark.parametrize("backend", ["core", "torch"])
@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize(
    ("steps", "samples", "sizes", "longest", "width"),
    [
        (13, 3, (5, 7), 4, 0.0),
        (40, 17, (33, 20), 25, 0.0),
        (40, 9, (6, 4), 25, 2.0),
        (7, 2, (3, 2), 25, 12.5),
        (150, 2, (4, 3), 9, 1.3),
        (1, 1, (1, 1), 0, 0.0),
    ],
)
def test_equal_to_a_dense_sum_over_delays(
    backend: Any,
    per: Any,
    steps: int,
    samples: int,
    sizes: tuple[int, int],
    longest: int,
    width: float,
) -> None:
    torch.manual_seed(0)
    layer = Delay(*sizes, longest, per=per, width=width, backend=backend).double()
    x = torch.randn(steps, samples, sizes[0], dtype=F64)
    found, wanted = results(layer, layer, x), results(lambda x: dense(layer, x), layer, x)
    for mine, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-9)
    assert not 0 < longest < steps or found[3].abs().max() > 0  # of the delays


def digest(threads: int) -> str:
    """Return a hash of the bits of outputs and gradients of layers that need more than one tile of everything."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found = hashlib.sha256()
    for dtype in (torch.float32, F64):
        for steps, samples, inputs, outputs, longest in ((60, 40, 70, 50, 12), (131, 3, 9, 5, 40)):
            g = torch.Generator().manual_seed(steps)
            x = torch.randn(steps, samples, inputs, generator=g, dtype=dtype, requires_grad=True)
            early, late = (
                torch.randn(outputs, inputs, generator=g, dtype=dtype, requires_grad=True)
                for _ in range(2)
            )
            lag = torch.randint(0, longest + 1, (outputs, inputs), generator=g, dtype=torch.int32)
            y = delayed(x, early, late, lag, longest)
            for part in (y, *torch.autograd.grad(y.square().sum(), (x, early, late))):
                found.update(part.detach().numpy().tobytes())
    torch.set_num_threads(before)
    return found.hexdigest()


def test_bits_do_not_depend_on_threads_and_levels(
    digests_at_levels: dict[str, dict[str, str]],
) -> None:
    wanted = digest(1)
    assert digest(2) == digest(5) == wanted
    assert all(found["delays"] == wanted for found in digests_at_levels.values())


def test_eval_mode_rounds() -> None:
    torch.manual_seed(0)
    layer = Delay(6, 5, 8, width=3.0).eval()
    x = (torch.rand(20, 3, 6) < 0.3).float()
    whole = copy.deepcopy(layer).train()
    whole.width = 0.0
    with torch.no_grad():
        whole.delay.round_()
    torch.testing.assert_close(layer(x), whole(x))
    assert torch.equal(layer.rounded(), whole.delay.long())
    late = x.clone()
    late[12:] = 0  # no output before a change knows of it
    assert torch.equal(layer(late)[:12], layer(x)[:12])


def test_delays_are_learned_and_stay_in_range() -> None:
    """From a wide Gaussian that narrows, delays find the ones that made the target."""
    torch.manual_seed(1)
    x = (torch.rand(60, 16, 4) < 0.1).float()
    teacher = Delay(4, 3, 20, width=0.0, bias=False, delay=torch.randint(0, 21, (3, 4)).double())
    with torch.no_grad():
        teacher.weight.fill_(1.0)
        target = teacher(x)
    layer = Delay(4, 3, 20, bias=False, delay=10.0)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    optimizer = torch.optim.Adam([layer.delay], 0.3)
    for step in range(300):
        narrow_delays(layer, step / 200)
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    assert torch.equal(layer.rounded(), teacher.rounded())
    with torch.no_grad():
        layer.delay[0, 0], layer.delay[0, 1] = -3.0, 99.0
    layer(x)
    assert layer.delay[0, 0] == 0
    assert layer.delay[0, 1] == 20


def test_narrowing() -> None:
    model = nn.Sequential(Delay(3, 3, 16), st.LIF(), Delay(3, 2, 4, width=0.1))
    widths = []
    for progress in (0.0, 0.5, 0.99, 1.0, 3.0):
        narrow_delays(model, progress)
        widths.append(model[0].width)
    assert widths[0] == 8
    assert widths[1] == pytest.approx(math.sqrt(8 * 0.25))
    assert widths[3:] == [0, 0]
    assert sorted(widths, reverse=True) == widths
    assert model[2].width == 0
    fresh = nn.Sequential(Delay(3, 3, 16), st.LIF(), Delay(3, 2, 4))
    fresh.load_state_dict(model.state_dict())
    assert fresh[0].width == 0


def test_types_shapes_and_compilers() -> None:
    layer = Delay(6, 5, 3)
    raster = (torch.rand(9, 2, 6) < 0.3).to(torch.uint8)
    assert torch.equal(layer(raster), layer(raster.float()))
    assert layer(raster.bool()).dtype == torch.float32
    bytes_of, floats_of = (
        torch.autograd.grad(still(x).square().sum(), list(still.parameters()))
        for still, x in ((layer, raster), (layer, raster.float()))
    )
    assert all(map(torch.equal, bytes_of, floats_of))
    assert layer(torch.zeros(0, 2, 6)).shape == (0, 2, 5)
    assert layer(torch.zeros(4, 0, 6)).shape == (4, 0, 5)
    layer(torch.zeros(4, 0, 6)).sum().backward()
    assert copy.deepcopy(layer).bfloat16()(raster.bfloat16()).dtype == torch.bfloat16
    assert "per='synapse'" in repr(layer)
    x = raster.float()
    still = Delay(6, 5, 3, width=0.0).eval()
    exported = torch.export.export(still, (x,))
    torch.testing.assert_close(exported.module()(x), still(x))  # a convolution of PyTorch
    strided = torch.rand(2, 9, 6).transpose(0, 1)
    assert torch.equal(layer(strided), layer(strided.contiguous()))


def test_it_is_made_without_memory() -> None:
    """As `torch.device("meta")` makes modules whose parameters are loaded afterwards."""
    with torch.device("meta"):
        layer = Delay(6, 5, 3)
    trained, x = Delay(6, 5, 3), torch.rand(4, 2, 6)
    layer.load_state_dict(trained.state_dict(), assign=True)
    assert (layer.first_width, layer.width) == (1.5, 1.5)
    assert torch.equal(layer(x), trained(x))


BAD = [
    (lambda: Delay(0, 3, 4), ValueError, "in_features must be >= 1"),
    (lambda: Delay(3, 3, -1), ValueError, "max_delay must be >= 0"),
    (lambda: Delay(3, 3, 4.5), TypeError, "max_delay must be an integer"),
    (lambda: Delay(3, 3, 4, per="all"), ValueError, 'per must be "synapse", "axon" or "neuron"'),
    (lambda: Delay(3, 3, 4, backend="cuda"), ValueError, 'backend must be "core" or "torch"'),
    (lambda: Delay(3, 3, 4, width=-1), ValueError, "width must be .*>= 0, got -1"),
    (lambda: Delay(3, 3, 4, width=math.nan), ValueError, "width must not contain NaN"),
    (lambda: Delay(3, 3, 4, delay=4.5), ValueError, r"delay must lie in 0 .. max_delay = 4 steps, got 4.5"),
    (lambda: Delay(3, 3, 4, delay=-1), ValueError, "delay must lie in 0 .. max_delay"),
    (lambda: Delay(3, 3, 4, delay=math.nan), ValueError, "delay must not contain NaN"),
    (lambda: Delay(3, 2, 4, delay=[1, 2, 3]), ValueError, r"delay must be a number or \[2, 3\].*got shape \(3,\)"),
    (lambda: Delay(3, 2, 4)(torch.rand(5, 2)), ValueError, r"x must be \[T, B, 3\]"),
    (lambda: Delay(3, 2, 4)(torch.rand(5, 2, 4)), ValueError, r"x must be \[T, B, 3\]"),
    (lambda: Delay(3, 2, 4)([1.0]), TypeError, "x must be a dense torch.Tensor"),
    (lambda: Delay(3, 2, 4)(torch.rand(5, 2, 3).double()), TypeError, "x must be a torch.float32 tensor on cpu like weight"),
    (lambda: Delay(3, 2, 4).to("meta")(torch.rand(5, 2, 3, device="meta")), TypeError, 'CPU with backend="core"; backend="torch"'),
    (lambda: narrow_delays(nn.Linear(2, 2), 0.5), ValueError, "model must contain a Delay"),
    (lambda: narrow_delays(Delay(2, 2, 2), -0.5), ValueError, "progress must be"),
    (lambda: narrow_delays(3, 0.5), TypeError, "model must be a torch.nn.Module"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_delays_that_are_not_finite_are_refused_before_anything_changes() -> None:
    layer = Delay(2, 2, 4)
    with torch.no_grad():
        layer.delay[0, 0], layer.delay[0, 1] = math.nan, 9.0
    for mode in (True, False):
        with pytest.raises(ValueError, match="delay must be finite; reduce the learning rate"):
            layer.train(mode)(torch.rand(3, 1, 2))
    assert layer.delay[0, 1] == 9


@pytest.mark.parametrize("backend", ["core", "torch"])
@pytest.mark.parametrize("training", [False, True])
def test_no_steps_and_no_samples(backend, training) -> None:
    layer = st.Delay(4, 3, 5, backend=backend).train(training)
    assert layer(torch.rand(0, 2, 4)).shape == (0, 2, 3)
    assert layer(torch.rand(5, 0, 4)).shape == (5, 0, 3)


def test_forward_by_hand() -> None:
    x = torch.tensor([1.0, 0.0, 2.0, 0.0]).reshape(4, 1, 1)
    y = delayed(
        x, torch.tensor([[3.0]]), torch.tensor([[0.5]]), torch.tensor([[1]], dtype=torch.int32), 2
    )
    assert y.flatten().tolist() == [0.0, 3.0, 0.5, 6.0]


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_gradients_are_those_wanted(wanted: tuple[bool, bool]) -> None:
    torch.manual_seed(0)
    x = torch.rand(9, 3, 4, dtype=torch.float64, requires_grad=wanted[0])
    early, late = (torch.rand(5, 4, dtype=torch.float64, requires_grad=wanted[1]) for _ in "ab")
    lag = torch.randint(0, 4, (5, 4), dtype=torch.int32)
    assert torch.autograd.gradcheck(lambda *t: delayed(*t, lag, 3), (x, early, late))


def test_bounds_are_checked_in_the_core() -> None:
    x, w = torch.rand(9, 3, 4), torch.rand(5, 4)
    for lag in (torch.full((5, 4), 4), torch.full((5, 4), -1), torch.zeros(4, 5)):
        with pytest.raises((ValueError, TypeError)):
            delayed(x, w, w, lag.int(), 3)
    with pytest.raises((ValueError, TypeError)):
        delayed(x, w[:, :3], w, torch.zeros(5, 4, dtype=torch.int32), 3)


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives(training: bool) -> None:
    torch.manual_seed(0)
    x = torch.rand(6, 2, 3, dtype=torch.float64, requires_grad=True)
    layer = Delay(3, 4, 3).double().train(training)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        y = torch.func.functional_call(layer, {"weight": weight}, (x,))
        (by_x,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return by_x.square().sum()

    for backend in ("core", "torch"):
        layer.backend = backend
        assert torch.autograd.gradcheck(penalty, layer.weight)


def test_shapes_and_what_synapses_see() -> None:
    assert shape_of("x", "synapse", 3, 2) == (2, 3)
    assert shape_of("x", "axon", 3, 2) == (3,)
    assert shape_of("x", "neuron", 3, 2) == (2,)
    with pytest.raises(ValueError, match="x: per must be"):
        shape_of("x", "dendrite", 3, 2)
    axon, neuron = torch.arange(3.0), torch.arange(2.0)
    assert expanded(axon, "axon", (2, 3)).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert expanded(neuron, "neuron", (2, 3)).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_first_delays() -> None:
    drawn = first_delays("x", None, (200, 3), 7.0, "ms", torch.Generator().manual_seed(0))
    assert 0 <= drawn.min() < 0.5
    assert 6.5 < drawn.max() <= 7
    assert first_delays("x", 2, (2, 3), 7.0, "ms").tolist() == [[2.0] * 3] * 2
    given = np.arange(6.0).reshape(2, 3)
    for array in (given, given.tolist(), torch.from_numpy(given)):
        assert first_delays("x", array, (2, 3), 7.0, "ms").tolist() == given.tolist()


def test_given_delays_keep_the_digits_of_their_type() -> None:
    exact = first_delays("x", 0.1, (2,), 7.0, "ms", dtype=torch.float64)
    assert exact.tolist() == [0.1, 0.1]
    layer = st.EventProp(3, 2, max_delay=7.0, delay=0.1, dtype=torch.float64)
    assert (layer.delay == 0.1).all()


@pytest.mark.parametrize("bad", [-0.5, 7.5, float("nan"), float("inf")])
def test_delays_out_of_their_range_are_refused(bad: float) -> None:
    with pytest.raises(
        ValueError, match=r"x: delay must (lie in 0 \.\. max_delay = 7 ms|not contain NaN)"
    ):
        first_delays("x", bad, (2, 3), 7.0, "ms")
    with pytest.raises(ValueError, match=r"must be a number or \[2, 3\]"):
        first_delays("x", np.zeros((3, 2)), (2, 3), 7.0, "ms")


def test_bounds_are_kept_and_set_in_training() -> None:
    delay = torch.nn.Parameter(torch.tensor([-1.0, 3.0, 9.0]))
    assert kept_within("x", "delay", delay, 7, training=False).tolist() == [0, 3, 7]
    assert delay.tolist() == [-1, 3, 9]
    assert kept_within("x", "delay", delay, 7, training=True) is delay
    assert delay.tolist() == [0, 3, 7]
    version = delay._version
    for training in (False, True):
        assert kept_within("x", "delay", delay, 7, training=training) is delay
    assert delay._version == version  # nothing to change: a graph may have saved it
    with torch.no_grad():
        delay[1] = float("nan")
    for training in (False, True):
        with pytest.raises(ValueError, match="x: delay must be finite; reduce the learning rate"):
            kept_within("x", "delay", delay, 7, training=training)
