"""Layered models in files: `SpikingModel.save` and `SpikingModel.load`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz, pick
from tests.support.layered import ann_graph

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import ConvertedModel

SHAPE = (2, 8, 8)
STEPS = 4
NEURONS = (
    L.IF(0.5, v_init=0.2, amplitude=0.5), L.IF(0.5, "zero"), L.LIF(0.3, tau_m=4.0), L.IF(0.5, code="signed", levels=2),
    L.IF(0.5, code="differential"),
    L.PredictiveIF(pace=np.linspace(2.5, 2.0, STEPS), limit=[math.inf, 0.9, 0.7, 0.5]),
)  # fmt: skip


def model(seed: int) -> sl.SpikingModel:
    """Return a small model, of varied content; every other one is a converted one."""
    rng = np.random.default_rng(seed)
    graph = ann_graph(seed % 1000)
    neurons = {n.name: pick(rng, NEURONS) for n in graph if isinstance(n.layer, L.ReLU)}
    graph = graph.replaced({**neurons, "relu3": L.ReLU(np.linspace(1.0, 2.0, 8), levels=5)})
    pools = (L.MaxPool2d(2), L.AvgPool2d(2), L.AdaptiveAvgPool2d(2), L.MaxPool2d(3, 2, 1))
    graph = graph.replaced({"pool": pick(rng, pools)})
    dtype = pick(rng, ("float32", "float64", "int16"))
    if seed % 2:
        return sl.SpikingModel(graph, dtype=dtype, threads=1, input_scale=2.5)
    ann = sl.SpikingModel(ann_graph(seed % 1000), threads=1)
    return ConvertedModel(
        graph, ann, method="fitted", neuron="soft", steps=STEPS, delay=1, dtype=dtype, threads=1,
    )  # fmt: skip


def seen(snn: sl.SpikingModel, count: int) -> Any:
    """Return all that a user can see of a model."""
    names = ("dtype", "input_scale", "method", "neuron", "steps", "delay", "coding")
    about = {name: getattr(snn, name, None) for name in names}
    x = np.random.default_rng(1).normal(size=(count, *SHAPE))
    found = [type(snn).__name__, about, [list(n.inputs) for n in snn.graph], repr(snn)]
    shapes = snn.graph.shapes(SHAPE)  # a valid file may hold another network, of any size
    if sum(math.prod(shape) for shape in shapes.values()) < 1e6:
        found.append(snn.run(x, STEPS, record=True).records)
    return found


class SpikingModelFile(Format):
    def write(self, folder: Path, seed: int) -> None:
        model(seed).save(folder / "model.spk")

    def read(self, folder: Path) -> Any:
        snn = sl.SpikingModel.load(folder / "model.spk", threads=1)
        fields = [[n.name, n.layer] for n in snn.graph]
        return fields, seen(snn, 2)

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "model.spk", rng)

    def use(self, folder: Path) -> None:
        snn = sl.SpikingModel.load(folder / "model.spk", threads=1)
        seen(snn, 1)
        snn.save(folder.parent / "again.spk")
        sl.SpikingModel.load(folder.parent / "again.spk", threads=1)


FORMAT = SpikingModelFile()
