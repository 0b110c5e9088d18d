"""Populations of a connectome: models by type, parameters from columns, projections between all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.models import connectome

pytest.importorskip("pandas")

EDGES = {
    "pre": ["a", "b", "c", "c", "d"],
    "post": ["b", "c", "a", "d", "d"],
    "weight": [1, -2, 3, 4, 5],
}
NEURONS = {"id": ["a", "b", "c", "d"], "type": ["x", "y", "x", "z"]}


def build(model: Any, neurons: Any = None, **options: Any) -> Any:
    options = {"scale": 10.0} | options
    return connectome(EDGES, neurons or NEURONS, model=model, threads=1, **options)


def test_types_of_one_class_share_a_population() -> None:
    model = build({"x": sl.LIF(tau_m=5.0), "z": sl.LIF(tau_m=7.0, C_m=100.0), None: sl.LIF()})
    (cells,) = model.populations
    assert cells.tau_m.tolist() == [5.0, 10.0, 5.0, 7.0]
    assert cells.C_m.tolist() == [250.0, 250.0, 250.0, 100.0]
    assert cells.V_th == -55.0
    assert model.projections[0].weights.tolist() == [10.0, -20.0, 30.0, 40.0, 50.0]


def test_other_classes_and_other_resets_have_populations_of_their_own() -> None:
    model = build({"x": sl.LIF(), "y": sl.LIFAlpha(tau_m=8.0), "z": sl.LIF(reset="subtract")})
    assert [len(p) for p in model.populations] == [2, 1, 1]
    assert model.populations[2].model.reset == "subtract"
    found = set()
    for projection in model.projections:
        found |= {
            (projection.pre.name, i, projection.post.name, j, w)
            for i, j, w in zip(
                projection.pre_ids.tolist(),
                projection.post_ids.tolist(),
                projection.weights.tolist(),
                strict=True,
            )
        }
    assert found == {
        ("LIF 0", 0, "LIFAlpha 1", 0, 10.0), ("LIFAlpha 1", 0, "LIF 0", 1, -20.0), ("LIF 0", 1, "LIF 0", 0, 30.0),
        ("LIF 0", 1, "LIF 2", 0, 40.0), ("LIF 2", 0, "LIF 2", 0, 50.0),
    }  # fmt: skip


def test_columns_set_parameters() -> None:
    table = NEURONS | {"tau_m": [1.0, np.nan, 3.0, 4.0], "V_th": [-50, -51, -52, -53]}
    cells = build(sl.LIF(tau_m=9.0), table).populations[0]
    assert cells.tau_m.tolist() == [1.0, 9.0, 3.0, 4.0]
    assert cells.V_th.tolist() == [-50.0, -51.0, -52.0, -53.0]
    with pytest.raises(ValueError, match="tau_m must be > 0"):
        build(sl.LIF(), NEURONS | {"tau_m": [1.0, -1.0, 3.0, 4.0]})
    whole = build(sl.LIF(tau_m=[1.0, 2.0, 3.0, 4.0]))
    assert whole.populations[0].tau_m.tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build({"x": sl.LIF()}), "model for every type .*; 2 are missing, got 'y'"),
        (lambda: build({"w": sl.LIF(), None: sl.LIF()}), "model must name types .* got 'w'"),
        (lambda: build({"x": sl.LIF()}, ["a", "b", "c", "d"]), "needs a column of types"),
        (lambda: build({None: 3}), "must be neuron models"),
        (lambda: build({None: sl.LIF(tau_m=[1.0] * 4)}), "one number for each parameter"),
        (lambda: build(sl.LIF), "model must be a neuron model, or a dict"),
    ],
    ids=range(6),
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert str(caught.value).startswith("connectome: ")
