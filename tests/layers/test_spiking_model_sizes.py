"""Spikes whose sizes differ from step to step: weights of the steps, in all that sums over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.segment import Segment, Stored
from spikelet.layers.spiking_model import SpikingModel

STEPS = 12
SIZES = 0.8 ** np.arange(STEPS)
SIZES *= STEPS / SIZES.sum()
RNG = np.random.default_rng(5)
WEIGHT = RNG.normal(0.05, 0.3, (32, 3, 3, 3))
DEEP = RNG.normal(0.02, 0.25, (32, 32, 3, 3))
OUT = RNG.normal(0, 0.3, (5, 32))
X = RNG.random((3, 3, 8, 8))


def neuron(sizes: Any = SIZES, **options: Any) -> L.PredictiveIF:
    """Return neurons of 32 channels that wait at first."""
    pace = np.linspace(1.5, 1.0, STEPS)[:, None] * np.linspace(0.8, 1.3, 32)
    limit = np.linspace(0.9, 0.3, STEPS)
    limit[:2] = np.inf
    return L.PredictiveIF(amplitude=0.5, pace=pace / 0.5, limit=limit, sizes=sizes, **options)


def layers(sizes: Any = SIZES, **options: Any) -> list[Any]:
    return [
        ("c1", L.Conv2d(WEIGHT, np.full(32, 0.1), padding=1), "input"),
        ("n1", neuron(sizes, **options), "c1"),
        ("max", L.MaxPool2d(2), "n1"),
        ("c2", L.Conv2d(DEEP, np.full(32, -0.05), padding=1), "max"),
        ("n2", neuron(sizes, **options), "c2"),
        ("mean", L.AdaptiveAvgPool2d(1), "n2"),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(OUT, np.arange(5) / 10), "flat"),
    ]


def step_by_step(currents: Any, layer: L.PredictiveIF, sizes: Any) -> Any:
    """Return the spikes of neurons for their input at each step, as the docstring has it."""
    total, sent, spikes = np.zeros(currents.shape[1:]), np.zeros(currents.shape[1:]), []
    for t, current in enumerate(currents):
        total += sizes[t] * current
        by_channel = layer.pace[t][:, None, None]
        sign = np.sign(sizes[t])
        spike = sign * (total * by_channel - sent) >= layer.limit[t]
        if layer.ceiling is not None:
            spike &= sign * sent <= layer.ceiling[t]
        sent += sizes[t] * spike
        spikes.append(spike)
    return np.array(spikes)


def largest_counts(spikes: Any, sizes: Any) -> Any:
    """Return the spikes of a pool that follows the largest sum of sizes of its window."""
    t, b, c, h, w = spikes.shape
    windows = spikes.reshape(t, b, c, h // 2, 2, w // 2, 2)
    sums = np.cumsum(windows * sizes.reshape(-1, *[1] * 6), axis=0).max(axis=(4, 6))
    sent, pooled = np.zeros(sums.shape[1:]), []
    for size, largest in zip(sizes, sums, strict=True):
        spike = np.sign(size) * (largest - sent) >= abs(size) / 2
        sent += size * spike
        pooled.append(spike)
    return np.array(pooled)


@pytest.mark.parametrize("ceiling", [None, np.linspace(0.5, 4.0, STEPS)])
def test_each_layer_is_that_of_plain_loops(ceiling: Any) -> None:
    model = SpikingModel(layers(ceiling=ceiling), dtype="float64", threads=1)
    names = ["c1.value", "n1.spikes", "max.value", "c2.value", "n2.spikes", "out.value", "n2.mean"]
    result = model.run(X, steps=STEPS, record=names)
    first = step_by_step(result["c1.value"], model.graph["n1"].layer, SIZES)  # type: ignore[arg-type]  # it is one
    np.testing.assert_array_equal(result["n1.spikes"], first)
    np.testing.assert_array_equal(result["max.value"] / 0.5, largest_counts(first, SIZES))
    second = step_by_step(result["c2.value"], model.graph["n2"].layer, SIZES)  # type: ignore[arg-type]  # it is one
    np.testing.assert_array_equal(result["n2.spikes"], second)
    assert 0.1 < second[2:].mean() < 0.9
    weighted = np.tensordot(SIZES, second, 1) / STEPS * 0.5
    np.testing.assert_allclose(result["n2.mean"], weighted, atol=1e-12)
    expected = weighted.mean(axis=(2, 3)) @ OUT.T + np.arange(5) / 10
    np.testing.assert_allclose(result.output, expected, atol=1e-12)
    averaged = np.tensordot(SIZES, result["out.value"], 1) / STEPS
    np.testing.assert_allclose(averaged, expected, atol=1e-12)
    late = model.run(X, steps=STEPS, delay=4).output
    values = np.tensordot(SIZES[4:], result["out.value"][4:], 1) / SIZES[4:].sum()
    np.testing.assert_allclose(late, values, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spikes_of_negative_size_take_back(dtype: Any) -> None:
    signed = np.where(np.arange(STEPS) % 3 == 2, -0.8, 1) * SIZES
    signed /= signed.mean()
    ceiling = np.where(signed > 0, np.inf, -0.5 * np.abs(signed))  # no more than was sent
    model = SpikingModel(layers(signed, ceiling=ceiling), dtype=dtype, threads=1)
    names = ["c1.value", "n1.spikes", "max.value", "c2.value", "n2.spikes", "n2.mean"]
    result = model.run(X, steps=STEPS, record=names)
    for current, spikes, name in (("c1", "n1", "n1"), ("c2", "n2", "n2")):
        given = result[f"{current}.value"].astype(np.float64)
        layer = model.graph[name].layer
        wanted = step_by_step(given, layer, signed)  # type: ignore[arg-type]  # it is a neuron
        assert (result[f"{spikes}.spikes"] == wanted).mean() > (
            0.999 if dtype == "float32" else 1 - 1e-12
        )
        assert 0.01 < wanted[signed < 0].mean() < 0.9
    first = result["n1.spikes"].astype(bool)
    pooled = largest_counts(first, signed)
    assert (result["max.value"] / 0.5 == pooled).mean() > 0.999
    sent = np.tensordot(signed, result["n2.spikes"], 1) / STEPS * 0.5
    np.testing.assert_allclose(result["n2.mean"], sent, atol=1e-5)
    assert sent.min() > -0.5 * np.abs(signed).max() / STEPS
    twice = SpikingModel(layers(signed, ceiling=ceiling), dtype=dtype, threads=2).run(X, STEPS)
    np.testing.assert_array_equal(twice.output, result.output)


def test_the_largest_count_is_followed() -> None:
    """What a pool has sent differs from the largest sum of its window by half a size at most, at each step of a window."""
    model = SpikingModel(layers()[:3], dtype="float64", threads=1)
    result = model.run(X, steps=STEPS, record=["n1.spikes", "max.value"])
    windows = result["n1.spikes"].reshape(STEPS, 3, 32, 4, 2, 4, 2)
    sums = np.cumsum(windows * SIZES.reshape(-1, *[1] * 6), axis=0).max(axis=(4, 6))
    sent = np.cumsum(result["max.value"] / 0.5 * SIZES.reshape(-1, *[1] * 4), axis=0)
    assert np.abs(sums[-1] - sent[-1]).mean() < SIZES[-1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_sizes_of_one_are_none(dtype: Any) -> None:
    """The neurons with sizes and those without are different loops, with the same bits."""
    one = SpikingModel(layers(np.ones(STEPS)), dtype=dtype, threads=1).run(X, STEPS, record=True)
    none = SpikingModel(layers(None), dtype=dtype, threads=1).run(X, STEPS, record=True)
    np.testing.assert_array_equal(one.output, none.output)
    for name, values in none.records.items():
        np.testing.assert_array_equal(one[name], values)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_precisions_agree(dtype: Any) -> None:
    exact = SpikingModel(layers(), dtype="float64", threads=1).run(X, STEPS, record="n2")
    other = SpikingModel(layers(), dtype=dtype, threads=2).run(X, STEPS, record="n2")
    assert (other["n2"] == exact["n2"]).mean() > (0.999 if dtype == "float32" else 0.97)
    np.testing.assert_allclose(other.output, exact.output, atol=0.02)


def test_graded_units_and_analog_neurons_take_weighted_means() -> None:
    made = [
        *layers()[:2],
        ("gate", L.Activation("sigmoid"), "n1"),
        ("again", L.ReLU(), "n1"),
        ("both", L.Concat(), ("gate", "again")),
    ]
    model = SpikingModel(made, dtype="float64", threads=1)
    result = model.run(X, steps=STEPS, record=["n1.mean", "gate.value"])
    mean = result["n1.mean"]
    np.testing.assert_allclose(result.output[:, :32], 1 / (1 + np.exp(-mean)), atol=1e-12)
    np.testing.assert_allclose(result.output[:, 32:], mean, atol=1e-12)
    weighted = np.tensordot(SIZES, result["gate.value"], 1) / STEPS
    np.testing.assert_allclose(weighted, 1 / (1 + np.exp(-mean)), atol=1e-12)


SIGNED = (-0.8) ** np.arange(STEPS)
SIGNED *= STEPS / SIGNED.sum()


@pytest.mark.parametrize("delay", range(STEPS))
def test_graded_units_follow_means_of_signed_sizes_from_any_delay_on(delay: int) -> None:
    """Sizes that are left add up to little, or to less than 0."""
    made = [*layers(SIGNED)[:2], ("gate", L.Activation("sigmoid"), "n1")]
    model = SpikingModel(made, dtype="float64", threads=1)
    result = model.run(X, steps=STEPS, delay=delay, record=["n1.mean", "gate.value"])
    expected = 1 / (1 + np.exp(-result["n1.mean"]))
    np.testing.assert_allclose(result.output, expected, atol=1e-9)
    weighted = np.tensordot(SIGNED[delay:], result["gate.value"][delay:], 1)
    np.testing.assert_allclose(weighted / SIGNED[delay:].sum(), expected, atol=1e-9)


def test_a_delay_must_leave_sizes_by_which_a_mean_can_be_divided() -> None:
    sizes = np.array([5.0, -1.0, 2.0, *[1.0] * (STEPS - 5), -1.0, -1.0])
    sizes[0] += STEPS - sizes.sum()
    model = SpikingModel(layers(sizes), threads=1)
    left = STEPS - 4  # 1, 1, -1 and -1
    model.run(X, steps=STEPS, delay=left - 1)
    with pytest.raises(
        ValueError,
        match=rf"^SpikingModel.run: delay must leave steps whose sizes do not add up to 0, got {left}$",
    ):
        model.run(X, steps=STEPS, delay=left)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_segments_keep_the_sizes(dtype: Any) -> None:
    graph = Graph(layers())
    whole = SpikingModel(graph, dtype=dtype, threads=1).run(X, STEPS, record=["n1.mean"])
    first = Segment(graph.between(["input"], ["n1"]), {"input": Stored.of(X)}, [("n1", "packed")], STEPS, dtype=dtype)  # fmt: skip
    packed = first.run({"input": X}, 1)["n1", "packed"]
    np.testing.assert_array_equal(packed.mean(), whole["n1.mean"])
    rest = graph.between(["n1"], ["out"])
    second = Segment(rest, {"n1": packed.stored}, [("out", "mean")], STEPS, dtype=dtype)
    np.testing.assert_array_equal(second.run({"n1": packed}, 1)["out", "mean"], whole.output)
    tail = graph.between(["n2"], ["out"])  # without neurons: the spikes bring their sizes
    spikes = Segment(rest, {"n1": packed.stored}, [("n2", "packed")], STEPS, dtype=dtype).run({"n1": packed}, 1)["n2", "packed"]  # fmt: skip
    last = Segment(tail, {"n2": spikes.stored}, [("out", "mean")], STEPS, dtype=dtype)
    np.testing.assert_array_equal(last.run({"n2": spikes}, 1)["out", "mean"], whole.output)
    plain = Graph(layers(None)).between(["n1"], ["out"])
    with pytest.raises(ValueError, match="sizes must be the same for all neurons and packed"):
        Segment(plain, {"n1": packed.stored}, [("out", "mean")], STEPS)


def test_a_model_has_one_schedule() -> None:
    assert SpikingModel(layers(None)).sizes is None
    model = SpikingModel(layers())
    assert model.sizes is not None
    np.testing.assert_array_equal(model.sizes, SIZES)
    rule = "SpikingModel: sizes of 'n2' must be those of 'n1'"
    for other in (neuron(SIZES[::-1]), neuron(None), L.IF(0.5)):
        with pytest.raises(ValueError, match=rule):
            SpikingModel(Graph(layers()).replaced({"n2": other}))
    with pytest.raises(ValueError, match="steps must be 12"):
        model.run(X, steps=11)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sizes": SIZES[1:] / SIZES[1:].mean()},
            "pace and limit and sizes must have the same number of steps",
        ),
        ({"sizes": 2 * SIZES}, "sizes must have the mean 1, got mean 2"),
        ({"sizes": np.where(SIZES.min() < SIZES, SIZES, 0)}, "sizes must not be 0"),
        (
            {"sizes": np.array([1.0, -1.0, *[1.2] * (STEPS - 2)])},
            "sizes must not add up to 0 at any step",
        ),
        ({"sizes": np.ones((STEPS, 1))}, "sizes must have at most one dimension"),
        ({"sizes": 1.0}, r"sizes must be \[steps\]"),
        ({"ceiling": np.ones(3)}, "must have the same number of steps"),
        ({"ceiling": 2.0}, r"ceiling must be \[steps\] or"),
        ({"ceiling": np.full(STEPS, np.nan)}, "ceiling"),
    ],
)
def test_bad_sizes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^PredictiveIF: .*{message}"):
        neuron(**options)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_only_the_steps_in_which_a_layer_can_spike_matter(dtype: Any) -> None:
    signed = np.where(np.arange(STEPS) % 2, -1, 1) * SIZES
    signed /= signed.mean()

    def within(first: int, end: int) -> L.PredictiveIF:
        limit = np.where((np.arange(STEPS) >= first) & (np.arange(STEPS) < end), 0.4, np.inf)
        pace = np.linspace(1.5, 1.0, STEPS)[:, None] * np.linspace(0.8, 1.3, 32)
        return L.PredictiveIF(amplitude=0.5, pace=pace, limit=limit, sizes=signed)

    model = SpikingModel(
        [
            ("c1", L.Conv2d(WEIGHT, np.full(32, 0.1), padding=1), "input"),
            ("n1", within(0, 5), "c1"),
            ("c2", L.Conv2d(DEEP, np.full(32, -0.05), padding=1), "n1"),
            ("n2", within(3, 9), "c2"),
            ("max", L.MaxPool2d(2), "n2"),
            ("c3", L.Conv2d(DEEP[:, :, ::-1], np.full(32, 0.2), padding=1), "max"),
            ("n3", within(7, STEPS), "c3"),
            ("c4", L.Conv2d(DEEP[::-1], padding=1), "n3"),
            ("add", L.Add(), ["c4", "max"]),
            ("n4", within(6, 7), "add"),
            ("c5", L.Conv2d(DEEP[:, ::-1], padding=1), "n4"),
            ("never", within(0, 0), "c5"),
            ("both", L.Add(), ["n4", "never"]),
            ("flat", L.Flatten(), "both"),
            ("out", L.Linear(RNG.normal(0, 0.1, (5, 32 * 16))), "flat"),
        ],
        dtype=dtype,
        threads=1,
    )
    names = ["n1", "n2", "n3", "n4"]
    spikes = [f"{name}.spikes" for name in (*names, "never")]
    # A potential that is recorded needs each step.
    all_steps = model.run(X, STEPS, record=[*spikes, *(f"{name}.v" for name in names)])
    result = model.run(X, STEPS, record=spikes)
    for name, (first, end) in zip(
        spikes, [(0, 5), (3, 9), (7, STEPS), (6, 7), (0, 0)], strict=True
    ):
        np.testing.assert_array_equal(result[name], all_steps[name])
        sends = result[name].reshape(STEPS, -1).any(axis=1)
        assert not sends[:first].any()
        assert not sends[end:].any()
        assert sends[first:end].sum() >= 0.5 * (end - first)
    np.testing.assert_array_equal(result.output, all_steps.output)
    assert result.operations == all_steps.operations
