"""Corrected weights bring the means of the spiking network to the potentials of the ANN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.conversion import weight_correction
from spikelet.conversion.calibration import Calibration
from spikelet.conversion.weight_correction import correct_weights
from spikelet.layers.graph import Graph

RNG = np.random.default_rng(2)
X = RNG.random((60, 2, 6, 5))


def conv(cin: int, cout: int, **options: Any) -> L.Conv2d:
    return L.Conv2d(RNG.normal(size=(cout, cin, 3, 3)) / 3, RNG.normal(size=cout) / 5, **options)


def block() -> Graph:
    """A convolution and a shortcut whose sum feeds the last neuron."""
    return Graph(
        [
            ("first", conv(2, 4, padding=1), "input"),
            ("a", L.ReLU(), "first"),
            ("second", conv(4, 3, padding=1, stride=(2, 1)), "a"),
            ("short", L.Conv2d(RNG.normal(size=(3, 4, 1, 1)), stride=(2, 1)), "a"),
            ("sum", L.Add(), ("second", "short")),
            ("b", L.ReLU(), "sum"),
        ]
    )


SPIKING = {"a": L.IF(0.8, amplitude=0.8, v_init=0.4)}


def calibration(graph: Graph, **options: Any) -> Calibration:
    return Calibration(graph, X, steps=4, threads=1, run_options=options)


def error(cal: Calibration, changes: dict[str, Any]) -> float:
    return float(np.square(cal.mean("sum", changes) - cal.potentials("b")).mean())


def test_the_layers_of_a_sum_are_corrected_together() -> None:
    cal = calibration(block())
    potentials = cal.potentials("b")
    found = correct_weights(cal, "b", potentials, SPIKING)
    assert list(found) == ["second", "short"]
    corrected = error(cal, {**SPIKING, **found})
    assert corrected < 0.8 * error(cal, SPIKING)
    # The best there is, but for the penalty: each change of a weight makes it worse.
    for name, layer in found.items():
        for factor in (0.97, 1.03):
            changed = layer.replace(weight=layer.weight * factor)
            assert error(cal, {**SPIKING, **found, name: changed}) > corrected


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cal = calibration(block())
    whole = correct_weights(cal, "b", cal.potentials("b"), SPIKING)
    monkeypatch.setattr(weight_correction, "_ROWS", 1)
    parts = correct_weights(cal, "b", cal.potentials("b"), SPIKING)
    for name, layer in whole.items():
        np.testing.assert_allclose(parts[name].weight, layer.weight, rtol=1e-9, atol=1e-12)  # type: ignore[attr-defined]  # of linear layers


def test_what_cannot_be_corrected_is_left_alone() -> None:
    cal = calibration(block())
    assert correct_weights(cal, "a", cal.potentials("a"), {}) == {}  # its input is exact
    twice = Graph(
        [*list(block())[:3], ("sum", L.Add(), ("second", "second")), ("b", L.ReLU(), "sum")]
    )
    assert (
        correct_weights(calibration(twice), "b", calibration(twice).potentials("b"), SPIKING) == {}
    )
    pooled = Graph([*list(block())[:2], ("p", L.AvgPool2d(2), "a"), ("b", L.ReLU(), "p")])
    assert (
        correct_weights(calibration(pooled), "b", calibration(pooled).potentials("b"), SPIKING)
        == {}
    )


def test_spikes_of_the_input_are_not_exact() -> None:
    cal = calibration(block(), coding="poisson", seed=1)
    assert list(correct_weights(cal, "a", cal.potentials("a"), {})) == ["first"]
