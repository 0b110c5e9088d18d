"""Operations of layered models are counted exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.exact_models import exact
from tests.support.layered import operations

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel


def sent(model: SpikingModel, result: Any, name: str) -> Any:
    """Spikes of a layer, as [T B, ...]."""
    return result[name].reshape(-1, *result[name].shape[2:])


GEOMETRY = [
    {},
    {"padding": 1},
    {"padding": (0, 2), "stride": (2, 1)},
    {"padding": (2, 0, 1, 3), "stride": 3},
    {"dilation": (2, 1), "padding": 1},
    {"groups": 2, "padding": 2},
    {"groups": 4, "stride": 2, "dilation": 2, "padding": (1, 3)},
]


@pytest.mark.parametrize("geometry", GEOMETRY)
def test_operations_are_counted_exactly(geometry: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    groups = geometry.get("groups", 1)
    layer = L.Conv2d(rng.normal(size=(8, 4 // groups, 3, 2)), **geometry)
    model = exact([("c", layer, "input"), ("n", L.IF(), "c")])
    steps, shape = 7, (4, 8, 9)
    raster = rng.random((steps, 3, *shape)) < 0.3
    result = model.run(raster)
    assert result.operations["input"].spikes == pytest.approx(raster.sum() / 3)
    done = result.operations["c"]
    wanted = operations(raster.reshape(-1, *shape), layer) * steps
    assert (done.additions, done.products) == (pytest.approx(wanted), 0)
    assert done.dense == operations(np.ones((1, *shape)), layer) * steps
    # An analog input is multiplied at every step.
    x = rng.normal(size=(3, *shape)) * (rng.random((3, *shape)) < 0.5)
    done = model.run(x, steps).operations["c"]
    assert (done.additions, done.products) == (0, pytest.approx(operations(x, layer) * steps))
    x = rng.normal(size=(steps, 3, *shape)) * (rng.random((steps, 3, *shape)) < 0.5)
    done = model.run(x).operations["c"]
    wanted = operations(x.reshape(-1, *shape), layer) * steps
    assert (done.additions, done.products) == (0, pytest.approx(wanted))


def test_operations_of_fused_layers() -> None:
    """Pools, sums and lists of spikes are done as one with the convolution behind them."""
    rng = np.random.default_rng(1)
    conv = L.Conv2d(rng.normal(size=(5, 3, 3, 3)), padding=1, stride=(1, 2))
    double = L.Conv2d(rng.normal(size=(5, 6, 2, 2)))
    graph = Graph(
        [
            ("a", L.IF(0.7), "input"),
            ("b", L.IF(0.5, code="signed"), "input"),
            ("analog", L.ReLU(), "input"),
            # A spike that is pooled reaches what the pooled kernel reaches.
            ("pool", L.AvgPool2d((2, 3)), "a"),
            ("pooled", conv, "pool"),
            # Windows that overlap make values, which are multiplied.
            ("smooth", L.AvgPool2d(3, 1, 1), "a"),
            ("smoothed", conv, "smooth"),
            ("sum", L.Add(), ("a", "b")),
            ("summed", conv, "sum"),
            ("list", L.Concat(), ("b", "a")),
            ("listed", double, "list"),
            ("mixed", L.Add(), ("analog", "a")),
            ("mix", conv, "mixed"),
            ("flat", L.Flatten(), "b"),
            ("full", L.Linear(rng.normal(size=(7, 144))), "flat"),
            *[
                (f"end {n}", L.AdaptiveAvgPool2d(1), n)
                for n in ("pooled", "smoothed", "summed", "listed", "mix")
            ],
            *[
                (f"out {n}", L.Flatten(), f"end {n}")
                for n in ("pooled", "smoothed", "summed", "listed", "mix")
            ],
            (
                "all",
                L.Concat(),
                (*(f"out {n}" for n in ("pooled", "smoothed", "summed", "listed", "mix")), "full"),
            ),
            ("n", L.IF(), "all"),
        ]
    )
    steps, count = 6, 2
    x = rng.normal(0.3, 0.6, (steps, count, 3, 8, 6))
    model = exact(graph)
    result = model.run(x, record=["a", "b", "smooth", "analog"])
    a, b, smooth, analog = (sent(model, result, n) for n in ("a", "b", "smooth", "analog"))
    assert min(np.count_nonzero(s) for s in (a, b > 0, b < 0, smooth, analog)) > 10
    large = L.Conv2d(np.ones((5, 3, 6, 9)), stride=(2, 6), padding=(2, 3))
    wanted = {
        "pooled": (operations(a, large), 0),
        "smoothed": (0, operations(smooth, conv)),
        "summed": (operations(a, conv) + operations(b, conv), 0),
        "listed": (operations(np.concatenate([b, a], 1), double), 0),
        "mix": (operations(a, conv), operations(analog, conv)),
        "full": (operations(b, graph["full"].layer), 0),
    }
    for name, (additions, products) in wanted.items():
        done = result.operations[name]
        assert done.additions == pytest.approx(additions * steps), name
        assert done.products == pytest.approx(products * steps), name
    assert result.operations["b"].spikes * count == np.count_nonzero(b)
    assert "flat" not in result.operations


def test_a_spike_of_any_size_costs_one_addition() -> None:
    rng = np.random.default_rng(2)
    fc = L.Linear(rng.normal(size=(3, 4)))
    model = exact([("n", L.IF(code="signed", levels=4), "input"), ("fc", fc, "n")])
    result = model.run(rng.normal(size=(2, 4)), 20, record="n")
    assert len(np.unique(result["n"])) > 4
    spikes_ = np.count_nonzero(result["n"]) / 2
    assert result.operations["n"].spikes == spikes_
    assert result.operations["fc"].additions == 3 * spikes_


TRANSPOSED = [
    {},
    {"stride": 2, "output_padding": 1},
    {"stride": (3, 1), "padding": (1, 0)},
    {"stride": 2, "padding": (2, 0, 1, 3), "groups": 2, "dilation": (1, 2)},
]


@pytest.mark.parametrize("geometry", TRANSPOSED)
def test_a_transposed_convolution_skips_the_zeros_between_its_inputs(
    geometry: dict[str, Any],
) -> None:
    rng = np.random.default_rng(3)
    layer = L.ConvTranspose2d(rng.normal(size=(4, 3, 3, 2)), **geometry)
    model = exact([("c", layer, "input"), ("n", L.IF(), "c")])
    raster = rng.random((5, 2, 4, 6, 5)) < 0.4
    done = model.run(raster).operations["c"]
    assert done.dense == model.run(np.ones_like(raster)).operations["c"].additions
    ones = exact([("c", layer.replace(weight=np.ones((4, 3, 3, 2))), "input")])
    reached = ones.run(np.ones((1, *raster.shape[2:])), 1).output  # each weight adds one
    assert done.dense == reached.sum() * 5
    assert 0 < done.additions < done.dense


MOVEMENTS = [
    (L.Flatten(), 40),
    (L.Slice((0, 1, 0), (2, 3, 3)), 12),
    (L.Slice((1, 0, 1), (2, 4, 5), (1, 3, 2)), 4),  # so little that it is moved first
    (L.Pad((0, 2, 0), (1, 0, 0)), 90),
    (L.Pad((0, 1, 2), (0, 0, 1), "reflect"), 80),
    (L.Take((3, 0, 3, 1, 3), 1), 50),
    (L.Tile((2, 1, 3)), 240),
    (L.Permute((2, 0, 1)), 40),
]


@pytest.mark.parametrize(("movement", "seen"), MOVEMENTS)
def test_the_dense_operations_of_a_linear_layer_are_its_weights(movement: Any, seen: int) -> None:
    fc = L.Linear(np.random.default_rng(4).normal(size=(3, seen)))
    flat = [("m", movement, "input"), ("flat", L.Flatten(), "m")]
    model = exact([*flat, ("fc", fc, "flat"), ("n", L.IF(), "fc")])
    x = np.ones((2, 2, 4, 5))
    done = model.run(x, 4).operations["fc"]
    assert done.dense == 4 * 3 * seen
    padded = isinstance(movement, L.Pad) and movement.mode == "constant"
    assert done.products == 4 * 3 * (40 if padded else seen)


def used(movement: Any, active: Any) -> int:
    """How many of the values that a movement gives are active, for samples [B, ...] of counts."""
    return sum(int(movement.moved(sample).sum()) for sample in active)


@pytest.mark.parametrize(("movement", "seen"), [m for m in MOVEMENTS if m[1] >= 10])
def test_operations_of_a_linear_layer_behind_a_movement(movement: Any, seen: int) -> None:
    """Each value counts as often as the layer reads it, also where no value is moved."""
    rng = np.random.default_rng(5)
    steps, count = 5, 2
    fc = L.Linear(rng.normal(size=(3, seen)))
    ends = {
        name: [(f"m {name}", movement, name), (f"flat {name}", L.Flatten(), f"m {name}")]
        for name in ("input", "s", "signed", "pool", "smooth", "sum", "list", "analog")
    }
    graph = [
        ("s", L.IF(0.6), "input"),
        ("signed", L.IF(0.5, code="signed", levels=3), "input"),
        ("wide", L.Upsample((2, 3)), "input"),
        ("fine", L.IF(0.7, v_init=0.2), "wide"),
        ("pool", L.AvgPool2d((2, 3)), "fine"),
        ("smooth", L.AvgPool2d(3, 1, 1), "s"),
        ("sum", L.Add(), ("s", "signed")),
        ("first", L.Slice((0, 0, 0), (1, 4, 5)), "s"),
        ("few", L.Conv2d(rng.normal(size=(1, 2, 1, 1))), "input"),
        ("few s", L.IF(0.4), "few"),
        ("list", L.Concat(), ("few s", "first")),
        ("analog", L.ReLU(), "input"),
        *[layer for end in ends.values() for layer in end],
        *[(f"fc {name}", fc, f"flat {name}") for name in ends],
        ("all", L.Concat(), tuple(f"fc {name}" for name in ends)),
        ("n", L.IF(), "all"),
    ]
    model = exact(graph)
    x = rng.normal(0.2, 0.7, (steps, count, 2, 4, 5)) * (rng.random((steps, count, 2, 4, 5)) < 0.7)
    result = model.run(x, record=["s", "signed", "fine", "smooth", "few s", "analog"])
    there = {
        name: (sent(model, result, name) != 0).astype(int)
        for name in ("s", "signed", "fine", "smooth", "few s", "analog")
    }
    assert all(0.1 < part.mean() < 0.9 for n, part in there.items() if n != "smooth")
    # A spike reaches what reads the mean of its window.
    pooled = there["fine"].reshape(-1, 2, 4, 2, 5, 3).sum((3, 5))
    both = there["s"] + there["signed"]
    listed = np.concatenate([there["few s"], there["s"][:, :1]], 1)
    wanted = {
        "input": (0, used(movement, (x != 0).reshape(-1, 2, 4, 5).astype(int))),
        "s": (used(movement, there["s"]), 0),
        "signed": (used(movement, there["signed"]), 0),
        "pool": (used(movement, pooled), 0),
        "smooth": (0, used(movement, there["smooth"])),
        "sum": (used(movement, both), 0),
        "list": (used(movement, listed), 0),
        "analog": (0, used(movement, there["analog"])),
    }
    for name, (additions, products) in wanted.items():
        done = result.operations[f"fc {name}"]
        assert done.additions == pytest.approx(3 * additions / count), name
        assert done.products == pytest.approx(3 * products / count), name
        assert done.dense == 3 * seen * steps, name
        if name not in ("pool", "sum"):  # several spikes a value
            assert done.additions + done.products <= done.dense, name
    # Spikes are counted as input, too, and values that are the same at all steps.
    raster = rng.random((steps, count, 2, 4, 5)) < 0.3
    done = model.run(raster).operations["fc input"]
    there_ = raster.reshape(-1, 2, 4, 5).astype(int)
    assert (done.additions, done.products) == (pytest.approx(3 * used(movement, there_) / 2), 0)
    done = model.run(x[0], steps).operations["fc input"]
    constant = 3 * steps * used(movement, (x[0] != 0).astype(int)) / 2
    assert (done.additions, done.products) == (0, pytest.approx(constant))
