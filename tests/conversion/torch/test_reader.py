"""Modules of PyTorch as graphs: inputs, outputs, names, and the comparison with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.ann_zoo import SHAPE, ResNet, trained, zoo
from tests.support.torch_blocks import blocks
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.load import read_torch
from spikelet.conversion.torch.reader import convert
from spikelet.layers.spiking_model import SpikingModel


def test_layers_are_called_as_in_the_module() -> None:
    graph = read_torch(trained(ResNet("B")), SHAPE)
    names = [node.name for node in graph]
    assert names[:4] == ["conv1", "bn1", "relu", "blocks.0.conv1"]
    assert {"blocks.0.relu", "blocks.0.relu_1", "blocks.0.add", "blocks.1.down.0"} <= set(names)
    assert graph["blocks.0.add"].inputs == ("blocks.0.bn2", "relu")
    assert names[-3:] == ["mean.pool", "mean", "fc"]


def test_a_shared_module_is_a_layer_for_each_call() -> None:
    graph = read_torch(zoo()["shared"], SHAPE)
    convs = [n for n in graph if isinstance(n.layer, L.Conv2d)]
    assert [n.name for n in convs] == ["conv", "conv_1", "conv_2"]
    np.testing.assert_array_equal(convs[0].layer.weight, convs[2].layer.weight)
    assert sum(isinstance(n.layer, L.ReLU) for n in graph) == 4


def test_layers_that_do_not_lead_to_the_output_are_ignored() -> None:
    def forward(m: Any, x: Any) -> Any:
        torch.sort(m.b(x))
        return m.a(x)

    module = Lambda(forward, a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 2, 1))
    assert [n.name for n in read_torch(module, SHAPE)] == ["a"]


BLOCKS = blocks()


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_known_architectures(name: str) -> None:
    module, shape = BLOCKS[name]
    graph = read_torch(trained(module), shape)
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        wanted = module.eval()(x)
    result = SpikingModel(graph, dtype="float64", threads=1).run(x.double(), steps=1)
    named = wanted if isinstance(wanted, dict) else {graph.outputs[0]: wanted}
    assert graph.outputs == tuple(named)
    for output, y in named.items():
        np.testing.assert_allclose(
            result.outputs[output], y, rtol=0, atol=1e-4 * float(y.abs().max())
        )


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.state = nn.Conv2d(3, 2, 3), nn.Linear(4, 2)

    def forward(self, x: Any, state: Any, scale: float = 0.5) -> Any:
        y = self.image(x).mean((2, 3)) * scale
        return {"sum": y + self.state(state), "inner": (y, state)}


@pytest.mark.parametrize(
    "shapes", [((3, 6, 5), (4,)), {"x": (3, 6, 5), "state": (4,)}, {"state": (4,), "x": (3, 6, 5)}]
)
def test_several_inputs_and_outputs(shapes: Any) -> None:
    module = Two()
    graph = read_torch(module, shapes)
    assert set(graph.inputs) == {"x", "state"}
    assert graph.outputs == ("sum", "inner", "inner_1")
    x, state = torch.rand(3, 3, 6, 5), torch.rand(3, 4)
    result = SpikingModel(graph, dtype="float64").run({"x": x, "state": state}, steps=1)
    with torch.no_grad():
        wanted = module(x, state)
    for name, y in zip(graph.outputs, (wanted["sum"], *wanted["inner"]), strict=True):
        np.testing.assert_allclose(result.outputs[name], y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ((3, 6, 5), r"Two: forward takes the inputs \['x', 'state'\], got the shape of 1"),
        ({"x": (3, 6, 5), "z": (4,)}, r"Two: forward takes the inputs \['x', 'state'\]"),
        (((3, 6, 5), (4,), (2,), (2,)), "Two: .*cannot be run"),
    ],
)
def test_the_inputs_must_be_those_of_forward(shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_torch(Two(), shapes)


def test_an_input_that_no_output_needs_is_named() -> None:
    class Half(nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            del y
            return x.relu()

    with pytest.raises(ValueError, match=r"output must depend on every input, got .*'y'"):
        read_torch(Half(), ((3,), (3,)))


@pytest.mark.parametrize("make", [lambda x: (x, 3), lambda x: {"y": "z"}, lambda x: 1.5])
def test_outputs_are_tensors(make: Any) -> None:
    with pytest.raises(TypeError, match=r"read_torch: output.* must be a tensor, got"):
        read_torch(Lambda(lambda m, x: make(x.relu())), SHAPE)


def test_outputs_depend_on_the_input() -> None:
    """Also where an operator of the input gives a constant, as the weights of learned queries and keys."""

    def forward(m: Any, x: Any) -> Any:
        tokens = m.tokens.weight.expand(len(x), -1, -1)
        return m.a(tokens, tokens, x.relu())

    module = Lambda(forward, a=nn.MultiheadAttention(4, 1, batch_first=True), tokens=nn.Embedding(3, 4))  # fmt: skip
    with pytest.raises(ValueError, match=r"output must be .* the input, got a constant of shape"):
        read_torch(module, (3, 4))


def test_control_flow_may_follow_shapes() -> None:
    def forward(m: Any, x: Any) -> Any:
        for _ in range(x.shape[1] // 2):
            x = m.fc(x).relu()
        return x if x.ndim == 2 and len(x) else x.flatten(1)

    graph = read_torch(Lambda(forward, fc=nn.Linear(6, 6)), (6,))
    assert [n.name for n in graph] == ["fc", "relu", "fc_1", "relu_1", "fc_2", "relu_2"]


def test_hooks_belong_to_the_module() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    module[0].register_forward_hook(lambda _m, _x, y: y * 2)
    graph = read_torch(module, SHAPE)
    assert [n.name for n in graph] == ["0", "0_1", "1"]


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_code_that_pytorch_does_not_see_is_found_out() -> None:
    """A scripted function is not recorded: its result looks like a constant."""

    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x.mean(0, keepdim=True).relu()

    scripted = torch.jit.script(doubled)
    with pytest.raises(ValueError, match="differs from its operators run one by one"):
        read_torch(Lambda(lambda _, x: x + scripted(x)), (3,))
    with pytest.raises(ValueError, match="differs from its operators run one by one"):
        read_torch(Lambda(lambda _, x: x + torch.rand(3)), (3,))


def test_views_changed_in_place_are_found_out() -> None:
    def forward(_: Any, x: Any) -> Any:
        y = x * 2
        z = y.view(2, -1)
        y.relu_()
        return z + 1

    with pytest.raises(
        ValueError, match=r"layer 'add': differs from PyTorch; do not change in place"
    ):
        read_torch(Lambda(forward), (3,))


def test_dtypes_of_modules_and_constants() -> None:
    weight = torch.rand(4, 3)  # float32, and no parameter
    for module in (
        trained(ResNet("A")).double(),
        trained(ResNet("A")).half(),
        trained(ResNet("A")).bfloat16(),
        Lambda(lambda _, x: F.linear(x.mean((2, 3)), weight)),
        Lambda(lambda _, x: x.half().float().relu()),
    ):
        assert len(read_torch(module, SHAPE)) > 0


def _standardized(_: Any, x: torch.Tensor) -> torch.Tensor:
    x -= 0.5
    x /= 2.0
    return x.flatten(1).relu()


def _first_doubled(_: Any, x: torch.Tensor) -> torch.Tensor:
    x[:, 0] = x[:, 0] * 2
    return x.flatten(1).relu()


@pytest.mark.parametrize("forward", [_standardized, _first_doubled])
def test_a_module_may_change_its_input_in_place(forward: Any) -> None:
    x = np.random.default_rng(2).normal(size=(5, *SHAPE))
    graph = read_torch(Lambda(forward), SHAPE)
    expected = forward(None, torch.tensor(x)).numpy()
    found = SpikingModel(graph, dtype="float64").run(x, steps=1).output
    np.testing.assert_allclose(found, expected, atol=1e-12)


def _beside_zeros(m: Any, x: torch.Tensor) -> torch.Tensor:
    padded = torch.zeros(len(x), 4)
    padded[:, :3] = x
    return m.fc(padded)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: x[:, :1] + m.fc(torch.ones(1, 4)),
        lambda m, x: x[:, :1] + m.fc(torch.arange(4.0).to(torch.float32)),
        lambda m, x: x[:, :1] + m.fc(torch.ones(4).half().mul_(3).float()),
        lambda m, x: x[:, :1] + m.fc(torch.empty(4).fill_(0.5)),
        _beside_zeros,
    ],
)
def test_constants_of_another_precision_meet_weights(forward: Any) -> None:
    """The module runs in float64, tensors that its code makes are float32."""
    module = Lambda(forward, fc=nn.Linear(4, 2))
    x = np.random.default_rng(3).normal(size=(5, 3))
    found = SpikingModel(read_torch(module, (3,)), dtype="float64").run(x, steps=1).output
    with torch.no_grad():
        expected = module(torch.tensor(x, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def _centered(x: torch.Tensor) -> torch.Tensor:
    return x - x.mean((1, 2, 3), keepdim=True)


def test_a_layer_whose_values_are_rounding_is_read() -> None:
    """The mean of what has mean 0."""
    module = Lambda(lambda _, x: _centered(_centered(x)).flatten(1))
    assert len(read_torch(module, (2, 7, 10))) > 0


@pytest.mark.parametrize(
    "after",
    [
        lambda c, _: c.mean(1, keepdim=True),
        lambda c, _: -c.mean(1, keepdim=True),
        lambda c, _: c.sum(1, keepdim=True).relu(),
        lambda c, x: c.mean(1, keepdim=True) * x,
    ],
)
def test_rounding_passes_through_layers(after: Any) -> None:
    module = Lambda(lambda _, x: after(x - x.mean(1, keepdim=True), x))
    assert len(read_torch(module, (6,))) > 0


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e-10, 1e-12, 1e-20, 1e-30])
@pytest.mark.parametrize("last", [lambda m, x: m.fc(x), lambda m, x: x])
def test_what_changes_between_runs_is_refused_at_any_scale(last: Any, scale: float) -> None:
    runs = []

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        runs.append(1)
        return last(m, x * (scale * (1 if len(runs) % 2 else 1.3)))

    with pytest.raises(ValueError, match="differs from"):
        read_torch(Lambda(forward, fc=nn.Linear(6, 6, bias=False)), (6,))


def test_a_cast_to_whole_numbers_is_named() -> None:
    module = Lambda(lambda m, x: m.fc(x.relu().int().float()), fc=nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"layer 'int' \(int\): cannot be converted; it has steps"):
        read_torch(module, (3,))


def test_a_nan_is_named_by_its_index_and_not_printed() -> None:
    conv = nn.Conv2d(3, 200, 3)
    with torch.no_grad():
        conv.weight[7, 1, 2, 0] = float("nan")
    with pytest.raises(
        ValueError, match=r"layer '0' \(Conv2d\): .*NaN at index \(7, 1, 2, 0\)"
    ) as caught:
        read_torch(nn.Sequential(conv), SHAPE)
    assert len(str(caught.value)) < 200


def test_further_classes_may_be_one_operator() -> None:
    class Odd(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.where(x > 0, x, 0.0)

    graph = convert(
        nn.Sequential(nn.Linear(3, 2), Odd()),
        (3,),
        whole={Odd: lambda c, x, module: c.add(L.ReLU(), x)},
    )
    assert [(n.name, type(n.layer)) for n in graph] == [("0", L.Linear), ("1", L.ReLU)]
