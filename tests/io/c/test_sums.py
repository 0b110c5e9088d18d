"""Sums of spikes in C: the order of their parts, and of the weights within each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.c_networks import STEPS, chain, inputs, neuron, w
from tests.support.c_programs import same_bits

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph

KERNELS: dict[str, Any] = {
    "that is scattered, as its rows are wide": lambda: L.Conv2d(w(8, 8, 7, 7), padding=3, stride=2),
    "in groups": lambda: L.Conv2d(w(12, 4, 3, 3), groups=2, padding=(0, 1, 2, 1)),
    "of each channel": lambda: L.Conv2d(w(16, 1, 5, 3), groups=8),
    "with holes": lambda: L.Conv2d(w(8, 8, 3, 3), dilation=(2, 3), padding=2, stride=(2, 1)),
    "upwards": lambda: L.ConvTranspose2d(w(8, 4, 4, 4), stride=2, padding=1),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_convolutions(kernel: str, tmp_path: Path) -> None:
    model = chain(L.Conv2d(w(8, 3, 3, 3), padding=1), neuron(), KERNELS[kernel](), neuron())
    same_bits(tmp_path, model, inputs(), STEPS)


def test_sequences_and_volumes(tmp_path: Path) -> None:
    line = chain(
        L.Conv1d(w(6, 4, 9), padding=4), neuron(), L.Conv1d(w(12, 2, 3), groups=3), neuron()
    )
    same_bits(tmp_path / "line", line, inputs(4, 20), STEPS)
    volume = chain(
        L.Conv3d(w(6, 2, 3, 3, 3), padding=1), neuron(), L.Conv3d(w(9, 6, 2, 3, 3), stride=(2, 1, 2), padding=1), neuron()
    )  # fmt: skip
    same_bits(tmp_path / "volume", volume, inputs(2, 5, 6, 4), STEPS)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_many_parts(dtype: Any, tmp_path: Path) -> None:
    """Spikes of both signs, a constant, a shortcut, and a concatenation."""
    graph = Graph([
        ("c1", L.Conv2d(w(8, 3, 3, 3), w(8, 1)[:, 0] * 0.1, padding=1), "input"),
        ("n1", neuron().replace(code="signed"), "c1"),
        ("c2", L.Conv2d(w(8, 3, 1, 1)), "input"),
        ("c3", L.Conv2d(w(8, 8, 3, 3), w(8, 1)[:, 0] * 0.1, padding=1), "n1"),
        ("add", L.Add(), ("c3", "n1", "c2")),
        ("n2", neuron(), "add"),
        ("cat", L.Concat(), ("n2", "n1", "input")),
        ("c4", L.Conv2d(w(16, 19, 3, 3), stride=2), "cat"),
        ("n3", neuron(), "c4"),
    ])  # fmt: skip
    model = sl.SpikingModel(graph, dtype=dtype, threads=1)
    same_bits(tmp_path, model, inputs(), STEPS)
