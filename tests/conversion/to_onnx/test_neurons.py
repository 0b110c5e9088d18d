"""Neurons and delays in ONNX: a runtime gives what the engine gives, alone and in cycles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph

reference = pytest.importorskip("onnx.reference")

STEPS, SIZE = 9, (4, 3)
EACH = np.linspace(0.3, 0.9, 12).reshape(SIZE)
SIZES = np.array([4.0, -3.9, 2.5, -1.0, 2.0, 1.0, 0.5, 0.5, -0.25])
SIZES = SIZES * STEPS / SIZES.sum()
KINDS: dict[str, Any] = {
    "without a leak": L.IF(0.7, v_init=0.35, amplitude=0.7),
    "to zero": L.IF(EACH, "zero"),
    "to a value": L.LIF(0.5, "value", -0.25, decay=0.75, gain=1.0),
    "without a reset": L.LIF(0.5, "none", decay=0.5, gain=1.0),
    "leaky": L.LIF(EACH, tau_m=4.0, amplitude=[1.0, 2.0, 0.5, 1.0]),
    "each its own leak": L.LIF(0.5, decay=EACH, gain=[1.0, 0.5, 2.0, 1.0], drive=0.0625),
    "a step later": L.LIF(0.5, decay=0.75, gain=1.0, reset_delay=True, strict=True),
    "current": L.CubaLIF(0.5, tau_m=4.0, tau_syn=3.0),
    "exact current": L.CubaLIF(0.5, decay=0.75, gain=0.25, syn_decay=0.5, pull=0.5, syn_gain=2.0),
    "adaptive": L.ALIF(0.5, decay=0.75, gain=1.0, tau_adapt=5.0, boost=0.25),
    "adaptive with a current": L.ALIF(0.5, "zero", decay=0.75, gain=1.0, tau_syn=3.0),
    "integrator": L.LI(decay=0.75, gain=0.25, v_init=0.5, drive=EACH),
    "integrator of a current": L.LI(tau_m=5.0, tau_syn=2.0),
    "schedule": L.PredictiveIF(
        pace=np.linspace(2, 1, STEPS), limit=[np.inf, *np.full(STEPS - 1, 0.5)], amplitude=0.5
    ),
    "bounded schedule of sizes": L.PredictiveIF(
        pace=np.full(STEPS, 2.0),
        limit=np.full(STEPS, 0.25),
        ceiling=np.full((STEPS, 4), 2.5),
        amplitude=0.5,
        sizes=SIZES,
    ),
    "pair": L.PredictivePair(
        pace=np.full(STEPS, 1.5),
        limit=np.full(STEPS, 0.25),
        ceiling=np.full(STEPS, 3.0),
        levels=3,
        level_ratio=0.7,
        amplitude=[0.5, 1.0, 0.25, 0.5],
        sizes=np.abs(SIZES) / np.abs(SIZES).mean(),
    ),
    "activation": L.PredictiveActivation(
        pace=np.full((STEPS, 4), 1.5),
        limit=np.full(STEPS, 0.25),
        offset=np.full(STEPS, -0.5),
        amplitude=0.5,
        activation=L.Activation("gelu"),
        scale=[4.0, 5.0, 3.0, 2.0],
    ),
    "delay": L.Delay(2),
    "delay of channels": L.Delay([0, 1, 2, 3]),
    "delay of values": L.Delay(np.arange(12).reshape(SIZE) % 5),
}


def check(
    model: sl.SpikingModel, x: Any, folder: Path, shape: tuple[int, ...], **options: Any
) -> None:
    """Compare a written model with the engine, in double precision."""
    steps = options.get("steps")
    expected = model.run(x, steps).output
    sl.io.write_onnx(model, folder / "n.onnx", input_shape=shape, dtype="float64", **options)
    run = reference.ReferenceEvaluator(str(folder / "n.onnx")).run
    np.testing.assert_allclose(run(None, {"input": x})[0], expected, rtol=1e-12, atol=1e-12)
    assert expected.std() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_layers_with_a_state(kind: str, tmp_path: Path) -> None:
    model = sl.SpikingModel([KINDS[kind]], dtype="float64", threads=1)
    x = 1.5 * np.random.default_rng(0).random((STEPS, 2, *SIZE)) - 0.25
    check(model, x, tmp_path, SIZE)


def test_delayed_synapses(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    delay = rng.integers(0, 4, (5, 6))
    for bias in (None, rng.normal(size=5)):
        layers = [L.DelayedLinear(rng.normal(size=(5, 6)), delay, bias), L.LIF(0.5, tau_m=4.0)]
        model = sl.SpikingModel(layers, dtype="float64", threads=1)
        check(model, rng.random((STEPS, 2, 6)), tmp_path, (6,))


@pytest.mark.parametrize("steps", [None, 7])
def test_cycles(steps: int | None, tmp_path: Path) -> None:
    """Neurons that see their own spikes, and potentials that come back two steps later."""
    rng = np.random.default_rng(1)
    graph = Graph([
        ("in", L.Linear(rng.normal(size=(8, 6))), "input"),
        ("back", L.Delay(1), "lif"),
        ("recurrent", L.Linear(rng.normal(0, 0.5, (8, 8))), "back"),
        ("sum", L.Add(), ("in", "recurrent")),
        ("lif", L.LIF(0.5, decay=0.5, gain=1.0), "sum"),
        ("echo", L.Delay([2] * 4 + [3] * 4), "li"),
        ("met", L.Add(), ("lif", "echo")),
        ("li", L.LI(decay=0.5, gain=0.5), "met"),
        ("out", L.Linear(rng.normal(size=(3, 8))), "li"),
    ])  # fmt: skip
    model = sl.SpikingModel(graph, dtype="float64", threads=1)
    x = rng.random((2, 6) if steps else (STEPS, 2, 6))
    check(model, x, tmp_path, (6,), steps=steps)


def test_graded_units_and_pools_of_counts_follow_their_means(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    graph = Graph([
        ("c1", L.Conv2d(rng.normal(0.1, 0.5, (4, 2, 3, 3)), padding=1), "input"),
        ("n1", L.IF(0.5, amplitude=0.5), "c1"),
        ("pool", L.MaxPool2d(2), "n1"),
        ("gelu", L.Activation("gelu"), "pool"),
        ("gate", L.Reduce("mean", (1, 2), keepdims=True), "pool"),
        ("met", L.Multiply(), ("gelu", "gate")),
        ("n2", L.IF(0.25, amplitude=0.25), "met"),
        ("relu", L.ReLU(0.5), "n2"),
        ("flat", L.Flatten(), "relu"),
        ("last", L.Linear(rng.normal(size=(3, 64))), "flat"),
        ("out", L.Softmax(), "last"),
    ])  # fmt: skip
    model = sl.SpikingModel(graph, dtype="float64", threads=1)
    check(model, rng.random((2, 2, 8, 8)), tmp_path, (2, 8, 8), steps=6)


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("sizes", [None, SIZES])
def test_sizes_and_delays_of_means(sizes: Any, delay: int, tmp_path: Path) -> None:
    """Pools and graded units weigh steps too; negative sizes may leave too little to divide by."""
    rng = np.random.default_rng(2)

    def fire() -> L.Layer:
        return L.PredictiveIF(
            pace=np.full(STEPS, 2.0), limit=np.full(STEPS, 0.3), amplitude=0.5, sizes=sizes
        )

    layers = [
        L.Conv2d(rng.normal(0.1, 0.5, (4, 2, 3, 3)), rng.normal(0, 0.1, 4), padding=1), fire(), L.MaxPool2d(2),
        L.Activation("gelu"), L.Flatten(), L.Linear(rng.normal(0, 0.3, (8, 64)), rng.normal(0, 0.1, 8)), fire(),
        L.ReLU(), L.Linear(rng.normal(size=(4, 8))),
    ]  # fmt: skip
    graph = sl.SpikingModel(layers).graph
    ann = sl.SpikingModel([L.Linear(np.eye(2)), L.ReLU()])
    made = {"method": "fitted", "neuron": "predictive", "steps": STEPS}
    model = sl.conversion.ConvertedModel(
        graph, ann, delay=delay, input_shapes=[(2, 8, 8)], dtype="float64", **made
    )
    check(model, rng.random((2, 2, 8, 8)), tmp_path, (2, 8, 8), steps=STEPS)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (L.IF(code="signed"), r"layer 'if0' \(IF\): sends signed spikes; convert with neuron="),
        (L.Foreign(np.sin, SIZE), r"layer 'foreign0' \(Foreign\): has no form in ONNX"),
    ],
)
def test_what_cannot_be_written_is_named(layer: L.Layer, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"write_onnx: .*{message}"):
        sl.io.write_onnx(Graph([layer]), tmp_path / "n.onnx", input_shape=SIZE)
    assert not list(tmp_path.iterdir())
