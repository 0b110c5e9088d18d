"""What is no path is refused by everything that reads or writes files, with one message, before anything happens."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet import layers


def _model() -> sl.SpikingModel:
    return sl.SpikingModel([layers.Linear(np.eye(2)), layers.IF()], threads=1)


def _recorded(path: Any) -> object:
    net = make()
    return net.record(net.population(1, sl.LIF()), "spikes", to=path)


def _to_onnx(path: Any) -> object:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from spikelet.torch import to_onnx  # noqa: PLC0415  # needs an extra

    return to_onnx(torch.nn.Linear(2, 3), path, torch.ones(4, 1, 2))


CALLS: dict[str, Callable[[Any], object]] = {
    "Network.save": lambda path: make().save(path),
    "Network.load": sl.Network.load,
    "record": _recorded,
    "read_recording": sl.read_recording,
    "SpikingModel.save": lambda path: _model().save(path),
    "SpikingModel.load": sl.SpikingModel.load,
    "SpikingModel.export": lambda path: _model().export(path),
    "write_nir": lambda path: sl.io.write_nir(_model(), path),
    "read_sonata": sl.io.read_sonata,
    "write_sonata": lambda path: sl.io.write_sonata(make(), path, tstop=1.0),
    "read_events": sl.datasets.read_events,
    "n_mnist": sl.datasets.n_mnist,
    "n_caltech101": sl.datasets.n_caltech101,
    "st_mnist": sl.datasets.st_mnist,
    "dvs_gesture": sl.datasets.dvs_gesture,
    "mnist": sl.datasets.mnist,
    "n_cars": sl.datasets.n_cars,
    "read_gestures": lambda path: sl.datasets.read_gestures("a.aedat", path),
    "read_spiking_speech": sl.datasets.read_spiking_speech,
    "SweepResult.save": lambda path: sl.sweep(
        lambda a, seed: {"b": a}, {"a": [1]}, executor="serial"
    ).save(path),
    "Network.report": lambda path: make().report(path),
    "to_onnx": _to_onnx,
}
NEEDS = {
    "write_nir": "nir",
    "SweepResult.save": "h5py",
    "to_onnx": "torch",
    "Network.report": "plotly",
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_path(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    for path in (io.BytesIO(), 3.5, ["a"]):
        with pytest.raises(
            TypeError, match=r"(path|to|folder|data_dir) must be a path: a str or a pathlib\.Path"
        ):
            CALLS[name](path)
