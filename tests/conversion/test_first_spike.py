"""Conversion to neurons that fire at most once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.first_spike_networks import images, network

import spikelet as sl
from spikelet import layers


@pytest.fixture(scope="module")
def snn() -> Any:
    return sl.convert(network(), images(200), steps=64, neuron="first_spike")


def error(snn: Any, steps: int | None = None) -> float:
    x = images(200, 2)
    wanted = snn.ann.run(x, steps=1).output
    return float(np.abs(snn.run(x, steps).output - wanted).mean() / np.abs(wanted).mean())


def test_outputs_approach_the_anns(snn: Any) -> None:
    assert isinstance(snn, sl.conversion.FirstSpikeModel)
    assert error(snn) < 0.05
    precise = sl.convert(network(), images(200), steps=256, neuron="first_spike", dtype="int16")
    assert error(precise) < error(snn)
    assert error(snn, 8) > error(snn, 32)  # one model runs for any number of steps


@pytest.mark.parametrize("function", ["leaky_relu", "silu", "hardswish", "gelu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("dtype", "cosine"), [("int16", 0.997), ("int8", 0.995)])
def test_functions_become_pairs_of_neurons(function: str, dtype: str, cosine: float) -> None:
    ann = [layers.Activation(function) if isinstance(x, layers.ReLU) else x for x in network()]
    snn: Any = sl.convert(ann, images(200), steps=128, neuron="first_spike", dtype=dtype)
    x = images(100, 2)
    wanted, found = (v.ravel() for v in (snn.ann.run(x, steps=1).output, snn.run(x).output))
    assert found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted) > cosine


@pytest.mark.parametrize("function", ["tanh", "silu"])
def test_longer_windows_do_not_cut_off_pairs_of_8_bits(function: str) -> None:
    ann = [layers.Activation(function) if isinstance(x, layers.ReLU) else x for x in network()]
    steps, options = (128, 256), {"neuron": "first_spike", "dtype": "int8"}
    short, long = (error(sl.convert(ann, images(200), steps=t, **options)) for t in steps)
    assert long < 1.05 * short


def test_sums_are_pooled_before_their_neurons_without_rounded_weights() -> None:
    rng = np.random.default_rng(1)

    def w(*shape: int) -> Any:
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)

    ann = [
        layers.Conv2d(w(10, 3, 3, 3), padding=1), layers.MaxPool2d(2), layers.ReLU(),
        layers.Conv2d(w(20, 10, 5, 5), padding=2), layers.MaxPool2d(2), layers.ReLU(),
        layers.Flatten(), layers.Linear(w(10, 80)),
    ]  # fmt: skip
    snn: Any = sl.convert(ann, images(200), steps=64, neuron="first_spike", dtype="int16")
    assert error(snn) < 0.06


def relayed(kind: str) -> tuple[list[Any], set[str]]:
    """Return a network with sums that several layers take, or with large means, and the relays that it needs."""
    rng = np.random.default_rng(2)

    def conv(n: int, group: int, size: int = 3) -> layers.Conv2d:
        scale = np.sqrt(2 / (group * size**2))
        return layers.Conv2d(rng.normal(0, scale, (n, group, size, size)), padding=size // 2)

    def block(k: int, name: str) -> list[Any]:
        scale, shift = rng.uniform(0.5, 1.5, 8), rng.normal(0, 0.2, 8)
        return [
            (f"norm{k}", layers.Affine(scale, shift), name), (f"relu{k}", layers.ReLU(), f"norm{k}"),
            (f"conv{k}", conv(8, 8), f"relu{k}"), (f"add{k}", layers.Add(), (f"conv{k}", name)),
        ]  # fmt: skip

    def end(name: str, channels: int) -> list[Any]:
        weight = rng.normal(0, 0.03, (10, channels))
        return [("mean", layers.AdaptiveAvgPool2d(1), name), ("flat", layers.Flatten(), "mean"), ("out", layers.Linear(weight), "flat")]  # fmt: skip

    if kind == "pre-activation":
        nodes = [("stem", conv(8, 3), "input"), *block(0, "stem"), *block(1, "add0"), ("last", layers.ReLU(), "add1"), *end("last", 8)]  # fmt: skip
        return nodes, {"stem.relay", "add0.relay"}
    if kind == "dense":  # sums that are concatenated and scaled, but added to no weights, stay sums
        nodes = [
            ("stem", conv(8, 3), "input"), ("relu0", layers.ReLU(), "stem"), ("conv0", conv(4, 8), "relu0"),
            ("joined", layers.Concat(0), ("stem", "conv0")), ("relu1", layers.ReLU(), "joined"),
            ("conv1", conv(12, 12), "relu1"), ("relu2", layers.ReLU(), "conv1"), *end("relu2", 12),
        ]  # fmt: skip
        return nodes, set()
    if kind == "joined":  # interpolations and means that meet spikes, and interpolated inputs
        nodes = [
            ("double", layers.Resize(16, "linear"), "input"), ("stem", conv(8, 3), "double"), ("relu", layers.ReLU(), "stem"),
            ("half", layers.AvgPool2d(3, 2, 1), "relu"), ("low", conv(8, 8), "half"), ("relu1", layers.ReLU(), "low"),
            ("up", layers.Resize(16, "linear"), "relu1"), ("both", layers.Concat(0), ("up", "relu")),
            ("conv", conv(8, 16), "both"), ("relu2", layers.ReLU(), "conv"), ("pooled", layers.AvgPool2d(2), "relu2"), *end("pooled", 8),
        ]  # fmt: skip
        return nodes, {"double.relay", "up.relay", "flat.relay"}
    nodes = [("up", layers.Upsample(2), "input"), ("stem", conv(8, 3), "up"), ("relu", layers.ReLU(), "stem"), *end("relu", 8)]  # fmt: skip
    return nodes, {"flat.relay"}


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("kind", ["pre-activation", "dense", "joined", "mean"])
def test_sums_that_would_be_rounded_are_relayed_as_spikes(kind: str, dtype: str) -> None:
    ann, relays = relayed(kind)
    x = images(300) * np.random.default_rng(3).uniform(0.2, 1.0, (300, 1, 1, 1)).astype(np.float32)
    snn: Any = sl.convert(ann, x[:200], steps=128, neuron="first_spike", dtype=dtype)
    assert {name for name in snn.neurons if "." in name} == relays
    wanted, found = snn.ann.run(x[200:], steps=1).output, snn.run(x[200:]).output
    assert np.abs(found - wanted).mean() < 0.06 * np.abs(wanted).mean()
    assert np.isfinite(snn.run(x[200:], 256).output).all()  # for any number of steps


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_linear_bottlenecks_are_relayed_as_spikes(dtype: str) -> None:
    rng = np.random.default_rng(4)

    def conv(n: int, group: int, size: int, **options: Any) -> layers.Conv2d:
        weight = rng.normal(0, np.sqrt(2 / (group * size**2)), (n, group, size, size))
        return layers.Conv2d(weight, padding=size // 2, **options)

    ann = [
        ("stem", conv(8, 3, 3), "input"), ("relu", layers.ReLU(), "stem"),
        ("project", conv(6, 8, 1), "relu"), ("expand", conv(24, 6, 1), "project"),
        ("relu1", layers.ReLU(upper=6.0), "expand"), ("depthwise", conv(24, 1, 3, groups=24), "relu1"),
        ("relu2", layers.ReLU(upper=6.0), "depthwise"), ("back", conv(6, 24, 1), "relu2"),
        ("add", layers.Add(), ("back", "project")), ("head", conv(20, 6, 1), "add"),
        ("relu3", layers.ReLU(), "head"), ("flat", layers.Flatten(), "relu3"),
        ("out", layers.Linear(rng.normal(0, 0.03, (10, 20 * 64))), "flat"),
    ]  # fmt: skip
    snn: Any = sl.convert(ann, images(200), steps=128, neuron="first_spike", dtype=dtype)
    x = images(100, 2)
    result = snn.run(x)
    assert {name for name, work in result.operations.items() if work.products} == {"stem"}
    wanted, found = snn.ann.run(x, steps=1).output, result.output
    assert np.mean(wanted.argmax(1) == found.argmax(1)) > 0.9
    wanted, found = wanted.ravel(), found.ravel()
    assert found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted) > 0.99


def test_weights_that_need_more_bits_are_told() -> None:
    rng = np.random.default_rng(6)
    first, second = rng.normal(0, 0.3, (20, 16)), rng.normal(0, 0.3, (30, 20))
    first[1], second[:, 0], second[:, 1] = (
        first[0],
        200.0,
        -200.0,
    )  # which cancel: others lose their bits
    ann = [layers.Linear(first), layers.ReLU(), layers.Linear(second), layers.ReLU(), layers.Linear(rng.normal(0, 0.3, (10, 30)))]  # fmt: skip
    x = rng.uniform(0, 1, (200, 16)).astype(np.float32)
    rule = r"^convert: with 8 bits, weights keep [\d.]+% of the ANN's decisions .*; pass dtype=\"int16\""
    with pytest.warns(UserWarning, match=rule):
        sl.convert(ann, x, steps=64, neuron="first_spike")
    sl.convert(ann, x, steps=64, neuron="first_spike", dtype="int16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 1}, "convert: steps must be >= 2 and <= 256"),
        ({"steps": 300}, "convert: steps must be >= 2 and <= 256"),
        ({"dtype": "float64"}, 'dtype for neuron="first_spike" must be "int8" or "int16"'),
        ({"method": "maxnorm"}, 'method for neuron="first_spike" must be "auto" or "first_spike"'),
        ({"coding": "poisson"}, 'coding for neuron="first_spike" must be'),
        ({"keep": ["layer1"]}, "keep must be empty: neurons that fire once"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    parts = [
        (f"layer{k}", layer, (f"layer{k - 1}" if k else "input",))
        for k, layer in enumerate(network())
    ]
    with pytest.raises(ValueError, match=message):
        sl.convert(parts, images(20), **{"steps": 16, "neuron": "first_spike", **options})


def test_a_layer_that_cannot_take_part_is_named_before_anything_is_fitted() -> None:
    parts = [*network()[:-2], layers.Softmax(), layers.Linear(np.ones((2, 30)))]
    with pytest.raises(ValueError, match=r'convert: layer .*Softmax, .*neuron="predictive"'):
        sl.convert(parts, images(20), steps=16, neuron="first_spike")
