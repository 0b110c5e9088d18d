"""e-prop against autograd through a plain loop, without the paths that it leaves out."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest
import torch
from tests.support.torch_reference import spike
from torch import Tensor
from torch.nn import functional as F

from spikelet.torch import EProp

F64 = torch.float64


def backpropagated(net: EProp, x: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the loss and its gradients, with spikes cut off from recurrent inputs and resets."""
    leak, decay = net.cell.leak, net.cell.adapt_decay
    b, n = x.shape[1], len(net.weight)
    v = s = a = torch.zeros(b, n, dtype=F64)
    y, loss = torch.zeros(b, len(net.readout), dtype=F64), torch.zeros((), dtype=F64)
    for x_t in x:
        seen = x_t @ net.weight.T
        if net.recurrent is not None:
            seen = seen + s.detach() @ net.recurrent.T
        v = leak * v + seen
        s = spike(v - net.cell.threshold - net.cell.boost * a, False, "atan", 2.0)
        v = v - net.cell.threshold * s.detach()
        a = decay * a + s
        y = net.out_decay * y + s @ net.readout.T
        loss = loss + F.cross_entropy(y, labels, reduction="sum")
    assert 0.02 < s.mean() < 0.9
    return loss, list(torch.autograd.grad(loss, list(net.parameters())))


def online(net: EProp, x: Tensor, labels: Tensor) -> None:
    net.reset(x.shape[1])
    for x_t in x:
        y = net.step(x_t)
        net.learn(y.softmax(1) - F.one_hot(labels, y.shape[1]))


def scene(**options: Any) -> tuple[EProp, Tensor, Tensor]:
    torch.manual_seed(0)
    net = EProp(7, 11, 3, **options).double()
    with torch.no_grad():
        net.weight.mul_(2)
    return net, (torch.rand(40, 5, 7) < 0.4).double(), torch.arange(5) % 3


@pytest.mark.parametrize("boost", [0.0, 0.3])
@pytest.mark.parametrize("recurrent", [True, False])
def test_equal_to_truncated_backpropagation(boost: float, recurrent: bool) -> None:
    net, x, labels = scene(boost=boost, recurrent=recurrent, tau_adapt=50.0, tau_out=10.0)
    _, wanted = backpropagated(net, x, labels)
    online(net, x, labels)
    for parameter, reference in zip(net.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, reference, rtol=1e-9, atol=1e-9)
        assert reference.abs().max() > 0.01


def test_memory_does_not_depend_on_the_number_of_steps() -> None:
    net, x, labels = scene(boost=0.3)

    def living(steps: int) -> int:
        online(net, x.repeat(steps // len(x), 1, 1), labels)
        gc.collect()
        tensors = [t for t in gc.get_objects() if type(t) is Tensor]
        assert not any(t.grad_fn is not None for t in tensors if t.shape[:1] == (5,))
        return sum(t.nbytes for t in (*net.parameters(), *net.state_dict().values())) + sum(
            t.nbytes for t in tensors if t.shape[:1] == (5,)
        )

    assert living(40) == living(400) == living(4000)


def test_it_learns() -> None:
    """Which of three inputs spikes most, read from the last steps."""
    torch.manual_seed(1)
    labels = torch.arange(30) % 3
    net = EProp(6, 40, 3, feedback="random")
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(30):
        x = (torch.rand(30, 30, 6) < 0.1 + 0.5 * F.one_hot(labels, 3).repeat(1, 2)).float()
        optimizer.zero_grad()
        online(net, x, labels)
        optimizer.step()
    net.reset(30)
    for x_t in x:
        y = net.step(x_t)
    assert (y.argmax(1) == labels).float().mean() > 0.9
    assert net.spikes.shape == (30, 40)


def test_outputs_can_be_changed_in_place() -> None:
    net, x, labels = scene()
    online(net, x, labels)
    wanted = net.weight.grad
    net.zero_grad()
    net.reset(x.shape[1])
    target = torch.nn.functional.one_hot(labels, 3)
    for x_t in x:
        y = net.step(x_t)
        error = y.softmax(1) - target
        y.zero_()
        net.spikes.zero_()
        net.learn(error)
    assert torch.equal(net.weight.grad, wanted)


@pytest.mark.parametrize(
    "assigned",
    [{"tau_m": 5.0}, {"tau_out": 3.0}, {"v_threshold": 0.4}, {"alpha": 5.0}, {"surrogate": "triangle"}, {"dt": 2.0},
     {"boost": 0.3, "tau_adapt": 7.0}, {"tau_m": torch.tensor(5.0)}],
    ids=str,
)  # fmt: skip
def test_an_assigned_parameter_is_that_of_the_constructor(assigned: dict[str, Any]) -> None:
    net, x, labels = scene()
    online(net, x, labels)
    before = net.weight.grad
    net.zero_grad()
    for name, value in assigned.items():
        setattr(net, name, value)
        assert getattr(net, name) == value
    wanted, _, _ = scene(**assigned)
    wanted.load_state_dict(net.state_dict())
    same = copy.deepcopy(net)
    for each in (net, wanted, same):
        online(each, x, labels)
    for found in (net, same):
        assert torch.equal(found.weight.grad, wanted.weight.grad)
    assert not torch.equal(wanted.weight.grad, before)


def test_parameters_change_between_steps_and_errors_change_nothing() -> None:
    net, x, _ = scene()
    net.reset(x.shape[1])
    net.step(x[0])
    net.boost = 0.5
    assert torch.isfinite(net.step(x[1])).all()
    cell = net.cell
    for name, value in (("tau_m", -1.0), ("tau_out", 0.0), ("surrogate", None)):
        with pytest.raises(ValueError, match=f"EProp: {name} must be"):
            setattr(net, name, value)
    with pytest.raises(ValueError, match=r"tau_m must be one number .* got a tensor of shape \(11,\)"):  # fmt: skip
        net.tau_m = torch.full((11,), 5.0)
    assert net.cell is cell
    assert net.tau_m == 20.0


def test_weights_that_are_frozen_keep_no_gradient() -> None:
    net, x, labels = scene()
    net.weight.requires_grad_(False)
    online(net, x, labels)
    assert net.weight.grad is None
    assert net.readout.grad is not None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EProp(0, 3, 2), ValueError, "inputs must be >= 1"),
        (lambda: EProp(3, 3, 2, tau_m=-1), ValueError, "EProp: tau_m must be"),
        (lambda: EProp(3, 3, 2, tau_out=0), ValueError, "EProp: tau_out must be"),
        (lambda: EProp(3, 3, 2, feedback="none"), ValueError, "feedback must be"),
        (lambda: EProp(3, 3, 2, surrogate=None), ValueError, "surrogate must be one"),
        (lambda: EProp(3, 3, 2).step(torch.rand(2, 3)), ValueError, r"call reset\(batch\)"),
        (lambda: EProp(3, 3, 2).reset(0), ValueError, "batch must be >= 1"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_shapes_are_checked() -> None:
    net, x, _ = scene()
    net.reset(5)
    before = net.spikes
    with pytest.raises(
        ValueError, match=r"EProp.step: x must be a tensor \[5, 7\], got shape \(5, 6\)"
    ):
        net.step(x[0, :, :6])
    with pytest.raises(ValueError, match=r"EProp.learn: error must be a tensor \[5, 3\]"):
        net.learn(torch.rand(5, 2))
    assert torch.equal(net.spikes, before)
