"""What is tried for a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.conversions import V, tiny

from spikelet import layers as L
from spikelet.conversion.layerwise.calibration import Calibration
from spikelet.conversion.selection import candidates as module
from spikelet.conversion.selection.candidates import candidates, is_small
from spikelet.layers.graph import Graph

SMALL = ["fitted/predictive", "fitted/soft", "percentile/soft", "maxnorm/soft", "least_error/soft", "calibrated/soft"]  # fmt: skip


def tried(method: str = "auto", neuron: str | None = None, steps: int = 32, ann: Any = None) -> list[str]:  # fmt: skip
    cal = Calibration(Graph(ann or tiny()), {"input": V}, steps, 1)
    return [str(c) for c in candidates("test", method, neuron, cal)]


def test_small_networks_try_several_methods() -> None:
    assert tried() == SMALL
    assert tried(neuron="multi") == [
        f"{m}/multi" for m in ("fitted", "percentile", "maxnorm", "least_error", "calibrated")
    ]
    assert tried(neuron="predictive") == ["fitted/predictive"]


def test_large_networks_try_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", 6 * len(V) * 32)
    assert tried() == SMALL
    monkeypatch.setattr(module, "_SMALL", 6 * len(V) * 32 - 1)
    assert not is_small(Calibration(Graph(tiny()), {"input": V}, 32, 1))
    assert tried() == ["fitted/predictive", "percentile/soft"]


def test_a_given_method() -> None:
    assert tried("fitted") == ["fitted/predictive"]
    assert tried("fitted", steps=8) == ["fitted/predictive", "fitted/soft"]
    assert tried("fitted", "hard") == ["fitted/hard"]
    assert tried("rmp") == ["rmp/soft"]
    with pytest.raises(ValueError, match=r'test: method must be "fitted" with .* got \'rmp\''):
        tried("rmp", "predictive")


def test_a_delay_leaves_rates() -> None:
    def late(*given: str | None) -> list[str]:
        cal = Calibration(Graph(tiny()), {"input": V}, 32, 1)
        return [str(c) for c in candidates("test", given[0] or "auto", given[1], cal, 2)]

    assert late(None, None) == SMALL[1:]
    assert late("fitted", None) == ["fitted/soft"]
    assert late("fitted", "signed") == ["fitted/signed"]
    assert late(None, "multi")[0] == "percentile/multi"
    for neuron in ("predictive", "multi"):
        with pytest.raises(ValueError, match=rf'test: delay must be 0 or "auto" with {neuron}'):
            late("fitted", neuron)


def test_networks_trained_with_levels_try_these() -> None:
    layer = L.ReLU(upper=2.0, levels=8)
    ann = [L.Linear(np.eye(3)), layer, L.Linear(np.eye(3)), layer, L.Linear(np.eye(3))]
    assert tried(ann=ann) == [*SMALL, "qcfs/soft"]
