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


def test_read_checks_shapes_and_paths() -> None:
    with pytest.raises(ValueError, match="Linear 'linear0': input shape"):
        read([L.Linear(np.ones((2, 5)))], (4,))
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        read("model.pt", (4,))
    with pytest.raises(FileNotFoundError):
        read("missing.onnx", (4,))
