"""`read` takes modules, models, files, graphs and layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.ann_zoo import SHAPE, trained
from torch import nn

from spikelet import layers as L
from spikelet.conversion.load import read

# --- one door ----------------------------------------------------------------------------------


def test_read_takes_modules_graphs_and_sequences() -> None:
    module = trained(nn.Sequential(nn.Flatten(), nn.Linear(216, 3), nn.ReLU()))
    graph = read(module, SHAPE)
    assert read(graph, SHAPE) is graph
    weight = graph["1"].layer.weight
    layers = [L.Flatten(), ("fc", L.Linear(weight), ("flatten0",)), L.ReLU()]
    assert [n.name for n in read(layers, SHAPE)] == ["flatten0", "fc", "relu2"]
    assert len(read(L.ReLU(), (4,))) == 1


@pytest.mark.parametrize("ann", [None, 3.0, b"model", nn.ReLU, [nn.ReLU()], {"a": L.ReLU()}])
def test_read_names_what_it_takes(ann: Any) -> None:
    with pytest.raises(TypeError, match=r"torch\.nn\.Module|layer of sl\.layers"):
        read(ann, SHAPE)


@pytest.mark.parametrize(
    ("name", "fields", "hint"),
    [
        ("ExportedProgram", {}, r"pass its \.module\(\)$"),
        ("ONNXProgram", {}, r"pass its \.model_proto$"),
        (
            "MLPClassifier",
            {"coefs_": [], "intercepts_": []},
            r"make layers of it: Linear\(w\.T, b\)",
        ),
    ],
)
def test_other_objects_have_a_way_in(name: str, fields: dict[str, Any], hint: str) -> None:
    with pytest.raises(TypeError, match=rf"got {name}; {hint}"):
        read(type(name, (), fields)(), (4,))
    with pytest.raises(TypeError, match="load a state_dict into its module"):
        read(nn.Linear(4, 3).state_dict(), (4,))


def test_read_checks_shapes_and_paths() -> None:
    with pytest.raises(ValueError, match="Linear 'linear0': input shape"):
        read([L.Linear(np.ones((2, 5)))], (4,))
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        read("model.pt", (4,))
    with pytest.raises(FileNotFoundError):
        read("missing.onnx", (4,))


def test_names_of_layers_that_stay_analog() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.LSTM(3, 2), nn.Linear(2, 1))
    with pytest.raises(TypeError, match=r"^read: keep must be a collection of names, got '1'"):
        read(module, (4,), keep="1")
    sorts = nn.Sequential(nn.Linear(4, 3), nn.LSTM(3, 2, batch_first=True))
    with pytest.raises(ValueError, match=r"layer '1' \(LSTM\)"):
        read(sorts, (5, 4))
