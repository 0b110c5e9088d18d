"""The core's integers equal those of a simulation step by step, at any SIMD level and number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.support.first_spike_steps import StepByStep

from spikelet import _core, layers
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.graph import Graph


def networks() -> dict[str, tuple[Graph, tuple[int, ...]]]:
    """Return networks of all layers that can take part, with the shape of a sample."""
    rng = np.random.default_rng(5)

    def w(*shape: int) -> Any:
        return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)

    def fire(n: int) -> FirstSpike:
        return FirstSpike(rng.uniform(0.4, 1.5, n))

    conv, convolutions = layers.Conv2d, {}
    for name, options, channels in (
        ("padding", {"padding": 1}, 3),
        ("stride", {"stride": 2, "padding": (0, 1, 2, 1)}, 3),
        ("dilation", {"dilation": (1, 2)}, 3),
        ("groups", {"groups": 3}, 3),
        ("depthwise", {"groups": 20}, 1),
    ):
        wide = 20 if name == "depthwise" else 9
        convolutions[name] = [
            conv(w(wide, 3, 1, 1)), fire(wide),
            conv(w(wide if wide == 20 else 18, channels if channels < 3 or "groups" in options else wide, 3, 3), rng.normal(0, 0.1, wide if wide == 20 else 18), **options),
            fire(wide if wide == 20 else 18), layers.Flatten(),
        ]  # fmt: skip
    found: dict[str, tuple[Graph, tuple[int, ...]]] = {}
    for name, parts in convolutions.items():
        size = Graph(parts).shapes((3, 7, 9))
        n = int(np.prod(list(size.values())[-1]))
        found[name] = Graph([*parts, layers.Linear(w(5, n), rng.normal(0, 0.1, 5))]), (3, 7, 9)
    residual = [
        ("a", conv(w(6, 3, 3, 3), padding=1), ("input",)), ("fa", fire(6), ("a",)),
        ("b", conv(w(6, 6, 3, 3), padding=1), ("fa",)), ("add", layers.Add(), ("b", "fa")),
        ("fb", fire(6), ("add",)), ("pool", layers.MaxPool2d(3, 2, 1), ("fb",)),
        ("c", conv(w(4, 6, 1, 1)), ("pool",)), ("fc", fire(4), ("c",)),
        ("joined", layers.Concat(0), ("fc", "pool")),
        ("scaled", layers.Affine(rng.normal(0, 1, 10), rng.normal(0, 0.1, 10)), ("joined",)),
        ("fd", fire(10), ("scaled",)), ("mean", layers.AdaptiveAvgPool2d(1), ("fd",)),
        ("flat", layers.Flatten(), ("mean",)), ("out", layers.Linear(w(5, 10)), ("flat",)),
    ]  # fmt: skip
    found["residual"] = Graph(residual), (3, 8, 8)
    found["sequence"] = Graph([
        layers.Conv1d(w(5, 2, 3), padding=1), fire(5), layers.AvgPool1d(2), fire(5),
        layers.Slice((0, 1), (5, 4)), layers.Flatten(),
        layers.Linear(w(3, 15)),
    ]), (2, 10)  # fmt: skip
    found["shapes"] = Graph([
        ("a", layers.Conv2d(w(4, 3, 1, 1)), ("input",)), ("fa", fire(4), ("a",)),
        ("flat", layers.Flatten(), ("fa",)), ("b", layers.Linear(w(36, 36)), ("flat",)),
        ("fb", fire(36), ("b",)), ("joined", layers.Concat(0), ("flat", "fb")),
        ("scaled", layers.Affine(rng.normal(0, 1, 72), rng.normal(0, 1, 72)), ("joined",)),
        ("fc", FirstSpike(1.0), ("scaled",)), ("image", layers.Reshape((8, 3, 3)), ("fc",)),
        ("c", layers.Conv2d(w(5, 8, 2, 2)), ("image",)),
    ]), (3, 3, 3)  # fmt: skip

    found["shuffle"] = Graph([
        conv(w(6, 3, 1, 1)), fire(6), layers.Reshape((2, 3, 2, 3)), layers.Permute((1, 0, 2, 3)),
        layers.Reshape((6, 2, 3)), conv(w(4, 3, 2, 2), groups=2), fire(4),
        layers.Permute((2, 0, 1)), layers.Flatten(), layers.Linear(w(3, 8)),
    ]), (3, 2, 3)  # fmt: skip
    found["small"] = Graph([  # each window of the pool sees the whole map
        conv(w(4, 3, 1, 1)), fire(4), layers.MaxPool2d(3, 1, 1), conv(w(5, 4, 2, 2)),
    ]), (3, 2, 2)  # fmt: skip
    found["transposed"] = Graph([
        ("up", layers.ConvTranspose2d(w(3, 8, 3, 3), rng.normal(0, 0.1, 8), 2, 1, 1), ("input",)),
        ("fa", fire(8), ("up",)),
        ("deep", layers.ConvTranspose2d(w(8, 2, 2, 3), None, (3, 1), (2, 0), 0, 4, (1, 2)), ("fa",)),
        ("fb", fire(8), ("deep",)), ("out", layers.ConvTranspose2d(w(8, 1, 1, 1)), ("fb",)),
    ]), (3, 3, 4)  # fmt: skip

    def signed(n: int, function: str, *parameters: Any) -> FirstSpike:
        unit = layers.Activation(function, *parameters)
        return FirstSpike(rng.uniform(0.4, 1.5, n), function=unit, reach=rng.uniform(2, 6, n))

    found["signed"] = Graph([
        conv(w(9, 3, 3, 3), padding=1), signed(9, "silu"), conv(w(9, 1, 3, 3), padding=1, groups=9),
        signed(9, "hardswish"), conv(w(5, 9, 1, 1)), signed(5, "clip"),
        conv(w(9, 5, 3, 3), padding=1), signed(9, "leaky_relu", rng.uniform(0, 0.5, 9)),
        layers.AvgPool2d(2), layers.Flatten(), layers.Linear(w(8, 54)), signed(8, "gelu"),
        layers.Linear(w(8, 8)), signed(8, "tanh"), layers.Linear(w(8, 8)), signed(8, "sigmoid"),
        layers.Linear(w(5, 8)),
    ]), (3, 5, 7)  # fmt: skip
    found["pooled"] = Graph([
        ("a", conv(w(20, 3, 3, 3), padding=1), ("input",)), ("fa", fire(20), ("a",)),
        ("mean", layers.AvgPool2d(3, 2, 1, ceil_mode=True), ("fa",)),
        ("b", conv(w(9, 20, 1, 1)), ("mean",)), ("fb", signed(9, "leaky_relu", 0.3), ("b",)),
        ("max", layers.MaxPool2d(3, 2, (1, 0, 1, 1), dilation=(1, 2)), ("fb",)), ("c", conv(w(6, 9, 1, 1)), ("fb",)),
        ("inside", layers.AvgPool2d(3, 1, 1, count_include_pad=False), ("fb",)), ("uneven", layers.AdaptiveAvgPool2d((3, 2)), ("c",)), ("most", layers.AdaptiveMaxPool2d((2, 3)), ("c",)),
    ], outputs=["max", "inside", "uneven", "most"]), (3, 7, 9)  # fmt: skip
    found["resized"] = Graph([
        ("up", layers.Resize((9, 11), "linear"), ("input",)), ("fi", fire(3), ("up",)), ("a", conv(w(17, 3, 3, 3)), ("fi",)),
        ("fa", signed(17, "silu"), ("a",)), ("twice", layers.Resize(14, "linear"), ("fa",)),
        ("b", conv(w(5, 17, 1, 1)), ("twice",)), ("sums", layers.Resize((7, 28), "linear"), ("b",)), ("fb", fire(5), ("sums",)),
        ("cubic", layers.Resize((4, 9), "cubic"), ("fb",)), ("near", layers.Resize((7, 5)), ("fb",)),
    ], outputs=["near", "cubic"]), (3, 5, 4)  # fmt: skip
    found["dense"] = Graph([layers.Linear(w(40, 30)), fire(40), layers.Linear(w(7, 40))]), (30,)
    return found


NETWORKS = networks()


def results(name: str, steps: int, bits: int, threads: int = 1) -> list[Any]:
    """Return the integers of the outputs and neurons of a network, and the counts."""
    graph, shape = NETWORKS[name]
    rng = np.random.default_rng(steps)
    x = rng.uniform(-1, 1.5, (5, *shape)).astype(np.float32)
    program = FirstSpikeProgram("test", graph, graph.shapes(shape), [(-1.0, 1.5)], steps, bits)
    names = [n.name for n in graph if isinstance(n.layer, FirstSpike)]
    found, work = program.run([x], [*graph.outputs, *names], threads)
    return [k for k, _ in found] + [
        np.array([(o.additions, o.products, o.spikes) for o in work.values()])
    ]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("steps", [2, 7, 64, 256])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_window_at_once_is_the_simulation_step_by_step(
    monkeypatch: pytest.MonkeyPatch, name: str, steps: int, bits: int
) -> None:
    at_once = results(name, steps, bits)
    monkeypatch.setattr(_core, "FirstSpikeBuilder", StepByStep)
    for array, expected in zip(at_once, results(name, steps, bits), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert any(array.any() for array in at_once)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    for one, three in zip(results("residual", 32, 8), results("residual", 32, 8, 3), strict=True):
        np.testing.assert_array_equal(one, three)


def test_all_simd_levels_give_the_same_integers() -> None:
    code = (
        "import hashlib; from tests.layers.test_first_spike_program import NETWORKS, results; "
        "print([hashlib.sha256(b''.join(a.tobytes() for a in results(n, 32, b))).hexdigest()"
        " for n in NETWORKS for b in (8, 16)])"
    )
    found = set()
    for level in _core.available_simd_levels():
        environment = {**os.environ, "SPIKELET_SIMD": level}
        run = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(run.stdout)
    assert len(found) == 1


def test_a_layer_that_cannot_take_part_is_named() -> None:
    graph = Graph([("a", layers.Linear(np.eye(2)), ("input",)), ("b", layers.Softmax(), ("a",))])
    rule = r"layer 'b', Softmax, cannot be computed .* neuron=\"predictive\" can convert it"
    with pytest.raises(ValueError, match=rule):
        FirstSpikeProgram("convert", graph, graph.shapes((2,)), [(0.0, 1.0)], 8, 8)
    graph = Graph(
        [("a", layers.Linear(np.eye(2)), ("input",)), ("b", layers.Linear(np.eye(2)), ("a",))]
    )
    with pytest.raises(ValueError, match="layer 'b', Linear, needs spikes, so a ReLU must stand"):
        FirstSpikeProgram("convert", graph, graph.shapes((2,)), [(0.0, 1.0)], 8, 8)

    excited = [
        ("conv", layers.Conv2d(np.ones((2, 2, 1, 1))), "input"), ("norm", layers.Affine(1.5), "conv"),
        ("mean", layers.AdaptiveAvgPool2d(1), "norm"), ("squeeze", layers.Conv2d(np.ones((2, 2, 1, 1))), "mean"),
        ("gate", FirstSpike(1.0), "squeeze"), ("product", layers.Multiply(), ("norm", "gate")),
    ]  # fmt: skip
    volume = [layers.Conv3d(np.ones((2, 1, 1, 1, 1))), FirstSpike(1.0), layers.MaxPool3d(2)]
    for parts, shape, rule in (
        (excited, (2, 3, 3), r"layer 'product', Multiply, multiplies signals, .* can convert it"),
        (volume, (1, 2, 2, 2), r"layer 'conv3d0', Conv3d, has three axes, .* can convert it"),
    ):  # named before layers that only lead to it
        graph = Graph(parts)
        with pytest.raises(ValueError, match=rule):
            FirstSpikeProgram("convert", graph, graph.shapes(shape), [(0.0, 1.0)], 8, 8)

    mixed = [layers.Linear(np.eye(4)), FirstSpike([1.0, 2.0, 3.0, 4.0]), layers.Reshape((1, 2, 2)), layers.Conv2d(np.ones((1, 1, 2, 2)))]  # fmt: skip
    graph = Graph(mixed)
    with pytest.raises(ValueError, match=r"layer 'conv2d3', Conv2d, mixes channels"):
        FirstSpikeProgram("convert", graph, graph.shapes((4,)), [(0.0, 1.0)], 8, 8)

    shortcut = [
        ("a", layers.Linear(np.eye(2)), "input"), ("f", FirstSpike(1.0), "a"),
        ("b", layers.Linear(np.eye(2)), "f"), ("add", layers.Add(), ("b", "a")), ("g", FirstSpike(1.0), "add"),
    ]  # fmt: skip
    graph = Graph(shortcut)
    with pytest.raises(ValueError, match=r"layer 'g', \w+, adds a sum, whose weights would be"):
        FirstSpikeProgram("convert", graph, graph.shapes((2,)), [(0.0, 1.0)], 8, 16)


def test_work_is_counted_as_a_referee_would() -> None:
    """Values of the input are multiplied; a pool and what is behind it add once for each spike, or multiply sums."""
    graph = Graph([
        ("a", layers.Conv2d(np.ones((2, 1, 2, 2)), padding=1), ("input",)), ("fa", FirstSpike(4.0), ("a",)),
        ("mean", layers.AdaptiveAvgPool2d(1), ("fa",)), ("flat", layers.Flatten(), ("mean",)),
        ("out", layers.Linear(np.ones((3, 2))), ("flat",)),
    ])  # fmt: skip
    x = np.zeros((1, 1, 3, 3), np.float32)
    x[0, 0, 1, 1] = 1.0
    program = FirstSpikeProgram("test", graph, graph.shapes((1, 3, 3)), [(0.0, 1.0)], 64, 8)
    _, work = program.run([x], ["out"], 1)
    assert (work["a"].products, work["a"].additions, work["a"].dense) == (8, 0, 72)
    assert work["fa"].spikes == 8
    assert (work["mean"].additions, work["out"].products, work["out"].dense) == (8, 6, 6)
