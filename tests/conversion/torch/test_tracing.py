"""A run of a PyTorch module is recorded operator by operator."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet.conversion.load import read_torch
from spikelet.conversion.torch.copies import copied, is_layer
from spikelet.conversion.torch.tracing import (
    Recorder,
    Value,
    is_in_place,
    kind_of,
    leaves,
    mapped,
    name_of,
    outputs_of,
)
from spikelet.layers.spiking_model import SpikingModel

Pair = namedtuple("Pair", "a b")  # as torch's own return types


@dataclass
class Detection:
    boxes: Any
    scores: Any = None


def recorded(module: nn.Module, *shapes: tuple[int, ...]) -> tuple[Recorder, Any]:
    recorder = Recorder(copied(module).double(), ())
    with torch.no_grad():
        found = recorder.run([torch.rand(2, *s, dtype=torch.float64) for s in shapes])
    return recorder, found


def test_functions_methods_and_operators_have_one_name() -> None:
    module = Lambda(lambda _, x: F.relu_(torch.relu(x).relu_()) + (1 - x) / 2 - x.T.mT)
    recorder, _ = recorded(module, (2,))
    assert [s.kind for s in recorder.steps] == ["relu", "relu", "relu", "rsub", "div", "add", "T", "mT", "sub"]  # fmt: skip
    assert kind_of(torch.Tensor.__getitem__) == "getitem"


def test_constants_are_computed() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        grid = torch.arange(x.shape[-1]) * 2
        return x + grid.flip(0).to(x) if x.ndim == 2 else x

    recorder, _ = recorded(Lambda(forward), (3,))
    (step,) = recorder.steps
    assert step.kind == "add"
    assert step.args[1].tolist() == [4, 2, 0]
    assert step.operands == [recorder.inputs[0]]


def test_labels_name_the_module_and_its_function() -> None:
    inner = Lambda(lambda m, x: m.act(m.conv(x)) * 2, conv=nn.Conv1d(3, 3, 1), act=nn.ReLU())
    recorder, _ = recorded(nn.Sequential(inner, nn.Flatten()), (3, 4))
    assert [s.name for s in recorder.steps] == ["0.conv", "0.act", "0.mul", "1"]
    assert recorder.steps[0].where == "read_torch: layer '0.conv' (Conv1d)"
    assert is_layer(nn.MultiheadAttention(4, 2))
    assert not is_layer(nn.TransformerEncoderLayer(4, 2))


def test_tensors_changed_in_place_are_known() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y += 1
        return y

    recorder, found = recorded(Lambda(forward), (3,))
    first, second = recorder.steps
    assert not first.result.is_intact
    assert second.result.is_intact
    assert recorder.value(found) is second.result
    assert second.operands == [first.result]


def test_a_constant_that_data_is_written_to() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        y = torch.ones(2, 3)
        y[:, 1:] = x[:, 1:]
        return y

    recorder, found = recorded(Lambda(forward), (3,))
    step = recorder.steps[-1]
    assert step.kind == "setitem"
    assert recorder.value(found) is step.result
    assert step.args[0].tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    "function",
    [lambda x: x if x.sum() > 0 else -x, lambda x: x * float(x.sum()), lambda x: x + x.max().item(),
     lambda x: [x][int(x.mean())], lambda x: torch.from_numpy(x.numpy() * 2)],
)  # fmt: skip
def test_control_flow_on_values_is_refused(function: Any) -> None:
    module = nn.Sequential(nn.ReLU(), Lambda(lambda _, x: function(x)))
    with pytest.raises(
        ValueError, match=r"^read_torch: module '1' \(Lambda\): .*control flow depends on its input"
    ):
        recorded(module, (3,))


def test_a_refusal_that_the_module_catches_is_still_one() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return x if x.sum() > 0 else -x
        except ValueError:
            return x

    with pytest.raises(ValueError, match="control flow"):
        recorded(Lambda(forward), (3,))


def test_shapes_that_do_not_fit_are_explained() -> None:
    with pytest.raises(
        ValueError,
        match=r"layer '0' \(Conv2d\): cannot take samples of shape \(8, 8, 3\) .*looks like \(height, width, channels\)",
    ):
        recorded(nn.Sequential(nn.Conv2d(3, 2, 1)), (8, 8, 3))
    with pytest.raises(ValueError, match=r"module '0' \(Unflatten\)|layer '0' \(Unflatten\)"):
        recorded(nn.Sequential(nn.Unflatten(1, (2, 2))), (3,))
    with pytest.raises(ValueError, match=r"layer '0' \(Embedding\): cannot take .*embedded values"):
        recorded(nn.Sequential(nn.Embedding(3, 2)), (3,))


def test_outputs_of_every_form() -> None:
    y = torch.ones(1)
    assert list(outputs_of(y)) == [("", y)]
    assert [n for n, _ in outputs_of((y, [y, None], Pair(y, y)))] == ["", "", "a", "b"]
    assert [n for n, _ in outputs_of({"out": y, "aux": {"x": y}})] == ["out", "aux.x"]
    assert [n for n, _ in outputs_of(Detection(y))] == ["boxes"]
    assert list(outputs_of(None)) == []


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_copies_have_no_gradients_and_no_hooks_in_the_way() -> None:
    with pytest.warns(FutureWarning, match="weight_norm"):
        module = nn.utils.weight_norm(nn.Linear(3, 2))
    twin = copied(module.train())
    assert not twin.training
    assert not any(p.requires_grad for p in twin.parameters())
    assert module.training
    for broken, message in (
        (nn.Sequential(nn.LazyConv2d(2, 1)), r"'0\.weight': has no shape yet"),
        (nn.Sequential(torch.jit.script(nn.ReLU())), "is scripted"),
        (nn.Linear(2, 2, device="meta"), r"'weight': has no values"),
    ):
        with pytest.raises(ValueError, match=message):
            copied(broken)


def test_values_know_their_shape() -> None:
    assert Value(torch.ones(2, 3)).shape == (2, 3)


def test_names_of_operators() -> None:
    assert [kind_of(f) for f in (torch.relu, F.relu_, torch.Tensor.relu_)] == ["relu"] * 3
    assert name_of(torch.ops.aten.relu_.default) == "relu_"
    assert kind_of(torch.Tensor.T.__get__) == "T"  # an attribute


def test_operators_that_change_their_first_argument() -> None:
    for function in (torch.Tensor.relu_, torch.Tensor.__setitem__, torch.ops.aten.add_.Tensor):
        assert is_in_place(function)
    for function in (torch.relu, torch.Tensor.__getitem__, torch.Tensor.T.__get__):
        assert not is_in_place(function)


def test_nested_arguments() -> None:
    tree = ([1, (2, Pair(3, 4))], {"k": slice(5, None)}, torch.Size([7]))
    assert mapped(lambda a: a, tree) == tree
    assert [a for a in leaves(tree) if a is not None] == [1, 2, 3, 4, 5]
    doubled = mapped(lambda a: a and 2 * a, tree)
    assert doubled[1]["k"] == slice(10, None)


# --- constants are what PyTorch computes: in its precision, in its memory --------------------------

N = 70


def _agrees(module: nn.Module, size: int) -> None:
    """Compare the graph with the plain module, in the precision in which it is used."""
    x = np.random.default_rng(3).normal(size=(5, size))
    found = SpikingModel(read_torch(module, (size,)), dtype="float64").run(x, steps=1).output
    with torch.no_grad():
        expected = module(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def _view(c: torch.Tensor) -> torch.Tensor:
    v = c.view(-1)
    v[0], v[1] = 3.0, 2.0
    return c


def _slices(c: torch.Tensor) -> torch.Tensor:
    c[:3].fill_(2.0)
    c[3:].fill_(1.0)
    return c


def _chunks(c: torch.Tensor) -> torch.Tensor:
    a, b = c.view(1, 6).chunk(2, 1)
    a.fill_(1.0)
    b.fill_(2.0)
    return c


def _out(c: torch.Tensor) -> torch.Tensor:
    torch.add(torch.ones(6), torch.ones(6), out=c)
    torch.mul(c[:2], 0.7, out=c[2:4])
    return c


def _detached(c: torch.Tensor) -> torch.Tensor:
    same = c
    same += 1
    d = c.detach()
    d *= 2
    e = c.data
    e += 1
    return c


def _masked(c: torch.Tensor) -> torch.Tensor:
    c[::2] = 1
    c.t().mul_(2.0)
    return c


def _functional(c: torch.Tensor) -> torch.Tensor:
    c[:3].fill_(-1.0)
    c[3:].fill_(2.0)
    F.relu(c, inplace=True)
    F.relu(c[4:], inplace=True).mul_(3)
    return c


def _cast(c: torch.Tensor) -> torch.Tensor:
    same, other = c.float(), c.double()
    same[0] = 5.0  # the tensor itself
    other[1] = 5.0  # a copy
    same[2:] += 1
    return c


def _scattered(c: torch.Tensor) -> torch.Tensor:
    return c.scatter_(0, torch.tensor([1, 3]), torch.ones(2) * 0.7)


def _transposed(c: torch.Tensor) -> torch.Tensor:
    c.unsqueeze_(0)
    c[0, 1] = 4.0
    c.t_()
    return c.squeeze_(1)


def _exchanged(c: torch.Tensor) -> torch.Tensor:
    new = torch.full((6,), 0.3)
    kept = c.data
    c.data = new
    new[0] = 2.0
    c[1] = 3.0
    c.data = kept.zero_()
    return c + new


CHANGES = [_view, _slices, _chunks, _out, _detached, _masked, _functional, _cast, _scattered, _transposed, _exchanged]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_written_to_a_tensor_is_read_by_its_other_names(
    change: Callable[[torch.Tensor], torch.Tensor], fresh: bool
) -> None:
    """Of a tensor that the forward pass makes, and of one that is kept as an attribute but is no buffer."""
    kept = torch.zeros(6)

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        c = torch.zeros(6) if fresh else m.kept.zero_()
        return m.fc(x * change(c))

    module = Lambda(forward, fc=nn.Linear(6, 6))
    module.kept = kept
    _agrees(module, 6)


def test_memory_of_numpy_is_shared() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        c = torch.from_numpy(np.ones((2, 3), np.float32))
        c.view(-1)[0] = 5.0
        d = torch.zeros(6)
        d.numpy()[1] = 4.0
        return m.fc(x * (c.view(-1) + d))

    _agrees(Lambda(forward, fc=nn.Linear(6, 6)), 6)


def _stepped(fresh: torch.Tensor) -> torch.Tensor:
    fresh[0] = 0
    return fresh.cumsum(0)


@pytest.mark.parametrize(
    "index",
    [
        lambda: (torch.linspace(0, 1, N) * (N - 1)).floor().long(),
        lambda: (torch.arange(N) * (49 / 70)).floor().long(),
        lambda: (torch.arange(N).float() * 0.7 * 10 / 7).floor().long(),
        lambda: (_stepped(torch.ones(N)) * 0.7 * 10 / 7).floor().long(),
        lambda: (_stepped(torch.full((N,), 0.7)) * 10 / 7).floor().long(),
        lambda: torch.zeros(N).add_(torch.arange(N)).mul_(0.7).mul_(10 / 7).floor_().long(),
        lambda: torch.bucketize(torch.arange(0, 1.735, 0.025), torch.linspace(0, 1, 11)),
    ],
)
def test_the_rounding_of_indices_is_that_of_pytorch(index: Callable[[], torch.Tensor]) -> None:
    _agrees(Lambda(lambda m, x: m.fc(x[:, index()]), fc=nn.Linear(len(index()), 6)), N)


def test_a_view_of_what_holds_inputs_is_no_copy() -> None:
    """A module that cannot be read must not be read wrongly: no layer changes another one's memory."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.kept[:] = x
        m.kept.view(-1)[0] = 3.0
        return m.fc(m.kept)

    module = Lambda(forward, fc=nn.Linear(6, 6))
    module.kept = torch.zeros(2, 6)
    with pytest.raises(ValueError, match="read_torch: "):
        read_torch(module, (6,))


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.fc(x) + torch.ones(6) @ m.fc.weight,
        lambda m, x: m.fc(x) + m.fc(torch.tensor([0.3] * 6)),
        lambda m, x: m.fc(x) * F.conv1d(torch.ones(1, 1, 6), m.fc.weight[:1, None, :3]).sum(),
        lambda m, x: m.fc(x * F.layer_norm(torch.linspace(0, 1, 6), (6,), m.fc.weight[0])),
        lambda m, x: m.fc(x * torch.func.vmap(lambda a: 2 * a)(torch.ones(3, 6))[0]),
        lambda m, x: m.fc(torch.zeros(1, 6).repeat(len(x), 1).copy_(x)),
    ],
)
def test_products_of_constants_and_weights(forward: Any) -> None:
    _agrees(Lambda(forward, fc=nn.Linear(6, 6)), 6)
