"""Operators that stay in PyTorch, such as embeddings, which look up rows by numbers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.load import read_torch
from spikelet.layers.spiking_model import SpikingModel

LSTM = nn.LSTM(4, 3, batch_first=True)


@pytest.mark.parametrize(
    ("function", "analog"),
    [
        (lambda m, x: x.sort(dim=1)[0] * 2, "sort"),
        (lambda m, x: torch.sort(x.permute(1, 0, 2), 0).values.permute(1, 2, 0), "sort"),
        (lambda m, x: m.rnn(m.fc(x))[0].relu(), "rnn"),
        (lambda m, x: m.fc(torch.take_along_dim(x, x.argsort(1), 1)), ["argsort", "take_along_dim"]),
        (lambda m, x: x.flatten(0, 1).sort(-1)[0].view(x.shape), "sort"),
        (lambda m, x: x.mT.permute(2, 0, 1).flatten(0, 1).sort(-1)[0].view(5, -1, 4).permute(1, 0, 2), "sort"),
    ],
)  # fmt: skip
def test_a_named_layer_runs_in_pytorch(function: Any, analog: Any) -> None:
    module = Lambda(function, rnn=LSTM, fc=nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r'or keep it analog, run by PyTorch: keep=\["\w+"\]'):
        read_torch(module, (5, 4))
    graph = read_torch(module, (5, 4), keep=[analog] if isinstance(analog, str) else analog)
    assert L.Foreign in [type(n.layer) for n in graph]
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = module(x).numpy()
    found = SpikingModel(graph, dtype="float64").run(x.double(), steps=1).output
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_layer_that_can_be_converted_is_no_foreign_one() -> None:
    graph = read_torch(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), (4,), keep=["1"])
    assert [type(n.layer) for n in graph] == [L.Linear, L.ReLU]


def test_samples_stay_apart_there_too() -> None:
    module = Lambda(lambda _, x: x.sort(dim=0)[0] * 1)
    with pytest.raises(ValueError, match=r"layer 'sort' \(sort\): mixes the samples of a batch"):
        read_torch(module, (4,), keep=["sort"])


def test_names_must_be_those_of_layers() -> None:
    body = nn.Sequential(OrderedDict(fc=nn.Linear(4, 4), act=nn.ReLU()))
    module = nn.Sequential(OrderedDict(body=body, fc=nn.Linear(4, 2)))
    rule = r"must name layers or modules; the nearest is 'body\.act'"
    with pytest.raises(ValueError, match=rf"^read_torch: keep {rule}, got 'act'$"):
        read_torch(module, (4,), keep=["act"])


def test_what_no_layer_takes_is_refused() -> None:
    pool = nn.MaxPool2d(2, return_indices=True)
    unpooled = Lambda(lambda m, x: nn.functional.max_unpool2d(*m.pool(x), 2), pool=pool)
    with pytest.raises(ValueError, match="takes the indices of another operator"):
        read_torch(unpooled, (3, 4, 4), keep=["max_unpool2d"])
    spectrum = Lambda(lambda _, x: torch.fft.rfft(x).abs())
    with pytest.raises(ValueError, match=r"\(fft_rfft\): gives complex numbers"):
        read_torch(spectrum, (3, 8), keep=["fft_rfft"])


# --- embeddings ---------------------------------------------------------------------------------------

GENERATOR = torch.Generator().manual_seed(3)
TOKENS = torch.randint(0, 20, (40, 7), generator=GENERATOR)


class Text(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """A convolution over embedded tokens and their positions."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 6, padding_idx=0), nn.Embedding(7, 6)
        self.conv, self.fc = nn.Conv1d(6, 8, 3), nn.Linear(8, 3)

    def forward(self, tokens: torch.Tensor) -> Any:
        x = self.words(tokens) + self.places(torch.arange(7))
        return self.fc(self.conv(x.transpose(1, 2)).relu().amax(2))


class Table(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Features beside embedded codes."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.fc = nn.Embedding(5, 3), nn.Linear(8, 2)

    def forward(self, c: torch.Tensor, x: torch.Tensor) -> Any:
        return self.fc(torch.cat([self.table(c.long()).flatten(1), x], 1))


def outputs(module: nn.Module, *given: torch.Tensor) -> Any:
    with torch.no_grad():
        return module(*given).numpy()


def test_tokens_reach_an_embedding_that_stays_in_pytorch() -> None:
    torch.manual_seed(0)
    module = Text()
    model = sl.convert(module, TOKENS.float(), keep=["words"], steps=16, threads=1)
    assert [n.name for n in model.graph if isinstance(n.layer, L.Foreign)] == ["words"]
    wanted = outputs(module, TOKENS)
    np.testing.assert_allclose(model.ann.run(TOKENS, 1).output, wanted, atol=1e-5)
    error = np.sqrt(np.square(model.run(TOKENS).output - wanted).mean())
    assert error < 0.1 * wanted.std()
    assert outputs(module, TOKENS).shape == (40, 3)  # the module itself is as before


@pytest.mark.parametrize(("by", "wrong"), [(1, "20"), (-1, "-1"), (0.25, "0.25")])
def test_indices_are_checked(by: float, wrong: str) -> None:
    graph = read_torch(nn.Sequential(nn.Embedding(20, 2), nn.Flatten()), (20,), keep=["0"])
    model = SpikingModel(graph, threads=1)
    rows = np.arange(20.0)[None]
    assert model.run(rows, 1).output.shape == (1, 40)
    rule = rf"layer '0' \(Embedding\): x must be whole numbers from 0 to 19, got {wrong}$"
    with pytest.raises(ValueError, match=rule):
        model.run(rows + by, 1)


def test_others_are_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match=r'\'words\' \(Embedding\): .*embedded values.* keep=\["words"\]'):  # fmt: skip
        read_torch(Text(), (7,))


def test_a_cast_stays_too() -> None:
    torch.manual_seed(0)
    module = Table()
    shapes = {"c": (2,), "x": (2,)}
    graph = read_torch(module, shapes, keep=["long", "table"])
    codes = torch.randint(0, 5, (9, 2), generator=GENERATOR)
    x = torch.randn(9, 2, generator=GENERATOR)
    found = SpikingModel(graph, threads=1).run({"c": codes, "x": x}, 1).output
    np.testing.assert_allclose(found, outputs(module, codes, x), atol=1e-5)


class Bags(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Sums or means of embedded tokens."""

    def __init__(self, look_up: Any, bag: nn.Module | None = None) -> None:
        super().__init__()
        self.weight, self.fc = nn.Parameter(torch.randn(20, 6)), nn.Linear(6, 3)
        self.look_up, self.bag = look_up, bag

    def forward(self, tokens: torch.Tensor) -> Any:
        return self.fc(self.look_up(self, tokens).relu())


BAGS = {
    "sums": (lambda m, x: m.bag(x), "bag", nn.EmbeddingBag(20, 6, mode="sum")),
    "means": (lambda m, x: m.bag(x), "bag", nn.EmbeddingBag(20, 6, padding_idx=0)),
    "maxima": (lambda m, x: m.bag(x), "bag", nn.EmbeddingBag(20, 6, mode="max")),
    "a function": (lambda m, x: F.embedding_bag(x, m.weight, mode="sum"), "embedding_bag", None),
    "a function of rows": (lambda m, x: F.embedding(x, m.weight).mean(1), "embedding", None),
    "of ATen": (
        lambda m, x: torch.ops.aten.embedding.default(m.weight, x).mean(1),
        "embedding",
        None,
    ),
}


@pytest.mark.parametrize("name", BAGS)
def test_bags_and_functions_stay_in_pytorch(name: str) -> None:
    torch.manual_seed(0)
    look_up, layer, bag = BAGS[name]
    module = Bags(look_up, bag)
    with pytest.raises(ValueError, match=rf'embedded values.* keep=\["{layer}"\]'):
        read_torch(module, (7,))
    model = SpikingModel(read_torch(module, (7,), keep=[layer]), dtype="float64", threads=1)
    np.testing.assert_allclose(model.run(TOKENS, 1).output, outputs(module, TOKENS), atol=1e-5)
    with pytest.raises(
        ValueError, match=rf"layer '{layer}'.*whole numbers from 0 to 19, got \d+\.5"
    ):
        model.run(TOKENS.numpy() + 0.5, 1)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's own code
def test_exported_programs_look_up_rows() -> None:
    module = Bags(lambda m, x: m.bag(x).mean(1), nn.Embedding(20, 6))
    program = torch.export.export(module, (TOKENS[:2],)).run_decompositions().module()
    graph = read_torch(program, (7,), keep=["embedding"])
    found = SpikingModel(graph, dtype="float64", threads=1).run(TOKENS, 1).output
    np.testing.assert_allclose(found, outputs(module, TOKENS), atol=1e-5)
