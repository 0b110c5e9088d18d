"""A conversion in one pass: what it asks of a method, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.conversions import IMAGES, Spy, branched

from spikelet import layers as L
from spikelet.conversion.layerwise.activity import Activity, Calibration
from spikelet.conversion.layerwise.streaming import fit_layers
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import pool_parts

NAMES = ["r1", "rl", "rr", "r3", "r4"]


def calibration(**options: Any) -> Calibration:
    return Calibration(
        run_passes("test", branched(), pool_parts), {"input": IMAGES}, steps=4, threads=1, **options
    )


def test_neurons_are_made_in_order() -> None:
    seen: list[str] = []
    changes = fit_layers("test", calibration(), Spy(), seen.append)
    assert seen == NAMES
    assert list(changes) == NAMES
    assert all(isinstance(layer, L.IF) for layer in changes.values())


def test_neurons_that_are_kept_stay_analog() -> None:
    assert list(fit_layers("test", calibration(kept=frozenset({"rr"})), Spy())) == ["r1", "rl", "r3", "r4"]  # fmt: skip


def test_values_are_freed_when_no_later_layer_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ANN and a spiking network hold three layers at most: two parts, and what both come from."""
    most = {1: 0, 4: 0}
    held = {1: {"input"}, 4: {"input"}}

    def counting(store: Any) -> Any:
        def counted(self: Activity, name: str, *values: Any) -> None:
            store(self, name, *values)
            held[self.steps].add(name)
            most[self.steps] = max(most[self.steps], len(held[self.steps]))

        return counted

    def dropping(self: Activity, names: Any) -> None:
        held[self.steps] -= set(names)

    monkeypatch.setattr(Activity, "store", counting(Activity.store))
    monkeypatch.setattr(Activity, "store_spikes", counting(Activity.store_spikes))
    monkeypatch.setattr(Activity, "drop", dropping)
    fit_layers("test", calibration(), Spy())
    assert most == {1: 3, 4: 3}
    assert held == {1: set(), 4: set()}


def test_the_spiking_network_runs_only_for_methods_that_look_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Blind(Spy):
        spiking = False

    run = Activity.run

    def refuse(self: Activity, *args: Any, **options: Any) -> Any:
        assert self.steps == 1
        return run(self, *args, **options)

    monkeypatch.setattr(Activity, "run", refuse)
    assert list(fit_layers("test", calibration(), Blind())) == NAMES


def test_weights_that_overflow_are_refused() -> None:
    graph = run_passes("test", branched(), pool_parts)
    layer = graph["c3"].layer
    assert isinstance(layer, L.Conv2d)
    great = graph.replaced({"c3": layer.replace(weight=np.sign(layer.weight) * 1e38)})
    cal = Calibration(great, {"input": IMAGES * 1e3}, steps=4, threads=1)
    with pytest.raises(ValueError, match="test: the input of 'r3' must be finite"):
        fit_layers("test", cal, Spy())


def test_spikes_that_cannot_be_kept_are_refused_at_once() -> None:
    given = Calibration(branched(), {"input": IMAGES}, 10**14, 1)
    rule = r"^convert: .* GB, more than the memory .*; give fewer steps, or fewer samples"
    with pytest.raises(ValueError, match=rule):
        fit_layers("convert", given, Spy())
