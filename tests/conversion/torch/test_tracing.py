"""A run of a PyTorch module is recorded operator by operator."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

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
