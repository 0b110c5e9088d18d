"""Activations on calibration inputs, compared with numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.conversions import W1, Z1, Z2, V, tiny

from spikelet import layers as L
from spikelet.conversion import calibration as module
from spikelet.conversion.calibration import Calibration
from spikelet.layers.graph import Graph

SPIKING = {"n1": L.IF(1.0, v_init=0.5)}


def calibration(**options: Any) -> Calibration:
    given: dict[str, Any] = {"steps": 6, "threads": 1, "run_options": {}, **options}
    return Calibration(Graph(tiny()), V, **given)


def test_neurons_and_what_feeds_them() -> None:
    cal = calibration()
    assert cal.neurons == ("n1", "n2")
    assert [cal.source(n) for n in cal.neurons] == ["l1", "l2"]
    assert cal.shapes["l2"] == (2,)
    assert calibration(kept=frozenset({"n1"})).neurons == ("n2",)


def test_potentials_and_activations_are_those_of_the_ann() -> None:
    cal = calibration()
    np.testing.assert_allclose(cal.potentials("n1"), Z1, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cal.potentials("n2"), Z2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cal.activations("n2", Z2), np.maximum(Z2, 0))
    changed = cal.potentials("n1", {"l1": L.Linear(2 * W1)})
    np.testing.assert_allclose(changed, 2 * V @ W1.T, rtol=1e-5, atol=1e-6)


def spikes_of_the_first_layer(steps: int) -> Any:
    v, sent = np.full(Z1.shape, 0.5), []
    for _ in range(steps):
        v = v + Z1
        sent.append(v >= 1)
        v = v - sent[-1]
    return np.array(sent, float)


def test_currents_and_means_are_those_of_the_spiking_network() -> None:
    cal = calibration()
    wanted = spikes_of_the_first_layer(6)
    ((part, values),) = cal.currents("n1", SPIKING)
    assert part == slice(0, len(V))
    np.testing.assert_array_equal(values, wanted)
    np.testing.assert_allclose(cal.mean("n1", SPIKING), wanted.mean(0), atol=1e-6)
    assert cal.mean("input", SPIKING) is V
    ((part, values),) = cal.currents("input", {}, count=7)
    np.testing.assert_array_equal(values, np.broadcast_to(V[:7], (6, 7, 3)))


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cal = calibration()
    (whole,) = (values for _, values in cal.currents("l2", SPIKING))
    monkeypatch.setattr(module, "_BYTES", 4 * 6 * 2 * 70)
    parts = list(cal.currents("l2", SPIKING))
    assert [(p.start, p.stop) for p, _ in parts] == [(0, 70), (70, 140), (140, 210), (210, 280), (280, 300)]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate([values for _, values in parts], axis=1), whole)
    assert [len(x) for x in cal.batches(10**9, 3)] == [1, 1, 1]
