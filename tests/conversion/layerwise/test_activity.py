"""The stored values of a network, and what is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.support.conversions import IMAGES, branched

from spikelet import layers as L
from spikelet.conversion.layerwise.activity import Activity
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import pool_parts
from spikelet.layers.spiking_model import SpikingModel

STEPS = 5
GRAPH = run_passes("test", branched(), pool_parts).replaced(
    {n: L.IF(0.7, amplitude=0.7) for n in ("r1", "rl", "rr", "r3", "r4")}
)


def recorded(*names: str) -> Any:
    return SpikingModel(GRAPH, threads=1).run(IMAGES, STEPS, record=names)


def test_later_values_come_from_those_that_are_stored() -> None:
    activity = Activity(GRAPH, STEPS, 1, {"input": IMAGES}, {})
    activity.store_spikes("p1")
    activity.drop(["input"])
    activity.store_spikes("p2.0")
    activity.store_spikes("p2.1")
    activity.drop(["p1"])
    wanted = recorded("sum.value", "r3.mean", "p2.mean")
    np.testing.assert_allclose(activity.run("sum", "value"), wanted["sum.value"], atol=1e-6)
    np.testing.assert_allclose(activity.run("r3", "mean"), wanted["r3.mean"], atol=1e-6)
    np.testing.assert_allclose(activity.mean("p2"), wanted["p2.mean"], atol=1e-6)
    np.testing.assert_allclose(activity.mean("sum"), wanted["sum.value"].mean(0), atol=1e-5)
    some = slice(3, 20, 4)
    np.testing.assert_array_equal(activity.run("sum", "value", some), activity.run("sum", "value")[:, some])  # fmt: skip
    np.testing.assert_array_equal(activity.mean("sum", some), activity.mean("sum")[some])


def test_a_sequence_of_inputs() -> None:
    spikes = (np.random.default_rng(1).random((STEPS, *IMAGES.shape)) < 0.5).astype(np.float32)
    activity = Activity(GRAPH, STEPS, 1, {}, {"input": spikes})
    wanted = SpikingModel(GRAPH, threads=1).run(spikes, record=["r1.mean", "c1.value"])
    np.testing.assert_allclose(activity.run("r1", "mean"), wanted["r1.mean"], atol=1e-6)
    np.testing.assert_allclose(activity.mean("c1"), wanted["c1.value"].mean(0), atol=1e-5)
    np.testing.assert_allclose(activity.mean("input"), spikes.mean(0), atol=1e-6)


def test_changed_layers() -> None:
    activity = Activity(GRAPH, STEPS, 1, {"input": IMAGES}, {})
    before = activity.mean("c1")
    layer = GRAPH["c1"].layer
    assert isinstance(layer, L.Conv2d)
    double = {"c1": layer.replace(weight=2 * layer.weight, bias=2 * layer.bias)}
    np.testing.assert_allclose(activity.mean("c1", changes=double), 2 * before, rtol=1e-6)
    np.testing.assert_array_equal(activity.mean("c1"), before)
    activity.change(double)
    np.testing.assert_allclose(activity.mean("c1"), 2 * before, rtol=1e-6)


def test_values_of_what_is_stored() -> None:
    wanted = recorded("r1.value", "p1.value")
    activity = Activity(GRAPH, STEPS, 1, {"input": IMAGES}, {})
    np.testing.assert_array_equal(activity.run("input", "value"), np.stack([IMAGES] * STEPS))
    for name in ("r1", "p1"):
        activity.store_spikes(name)
    activity.drop(["input"])
    for name in ("r1", "p1"):
        np.testing.assert_array_equal(activity.run(name, "value"), wanted[f"{name}.value"])
        some = slice(3, 20, 4)
        np.testing.assert_array_equal(
            activity.run(name, "value", some), wanted[f"{name}.value"][:, some]
        )
    spikes = (np.random.default_rng(1).random((STEPS, *IMAGES.shape)) < 0.5).astype(np.float32)
    coded = Activity(GRAPH, STEPS, 1, {}, {"input": spikes})
    np.testing.assert_array_equal(coded.run("input", "value", slice(2, 5)), spikes[:, 2:5])


def test_values_at_some_positions() -> None:
    """The bits of all values, of which these are some: from an input, from spikes, behind a sum, and of what is stored."""
    activity = Activity(GRAPH, STEPS, 1, {"input": IMAGES}, {})
    changed = GRAPH["c1"].layer
    assert isinstance(changed, L.Conv2d)
    double = {"c1": changed.replace(weight=2 * changed.weight)}
    for name in ("c1", "sum", "r1"):
        shape = GRAPH.shapes(IMAGES.shape[1:])[name]
        assert len(shape) == 3
        if name == "sum":
            activity.store_spikes("p1")
            activity.drop(["input"])
            activity.store_spikes("p2.0")
            activity.store_spikes("p2.1")
        if name == "r1":
            activity = Activity(GRAPH, STEPS, 1, {"input": IMAGES}, {})
            activity.store_spikes("r1")
        at = np.array([0, 3, shape[1] * shape[2] - 1])
        for some in (slice(None), slice(1, 20, 3)):
            for changes in ({}, double):
                values = activity.run(name, "value", some, changes)
                rows = values.reshape(*values.shape[:3], -1)[..., at]
                found = activity.run(name, "value", some, changes, (shape[0], at))
                np.testing.assert_array_equal(found, rows)
                assert found.any()
