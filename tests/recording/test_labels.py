"""What samples are, as each kind of recorder says it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from tests.conftest import make

import spikelet as sl
from spikelet.recording.labels import Labels


def net() -> tuple[sl.Network, Any, Any]:
    net = make()
    cells = net.population(4, sl.LIF(I_e=900.0), name="E")
    delta = net.population(2, sl.LIFDelta(I_e=400.0), name="D")
    return net, cells, delta


def same(a: Labels, b: Labels) -> None:
    names = ("population", "name", "unit", "every", "when")
    assert [getattr(a, n) for n in names] == [getattr(b, n) for n in names]
    assert list(a.columns) == list(b.columns)
    for name, column in a.columns.items():
        np.testing.assert_array_equal(column, b.columns[name])


def test_recorders_know_unit_and_ids(tmp_path: Path) -> None:
    net_, cells, delta = net()
    v = net_.record(cells[[2, 0]], "V_m", every=0.5)
    before = net_.record(cells, "V_m", when="before_reset")
    current = net_.record(cells, "I_syn_ex")
    weights = net_.record(
        net_.connect(cells, delta, sl.AllToAll(), weight=1.0), "weights", every=1.0
    )
    union = net_.record(delta + cells[:2], "V_m")
    net_.run(5.0)
    ids = {"id": np.array([2, 0])}
    same(v.labels, Labels("E", "V_m", "mV", ids, 0.5))
    assert v.labels.about == {"population": "E"}
    assert before.labels.about == {"population": "E", "when": "before_reset"}
    assert current.labels.unit == "pA"
    assert (weights.labels.population, weights.labels.unit) == ("E-D", "mV")
    np.testing.assert_array_equal(weights.labels.columns["post"], [0, 1] * 4)
    same(union.labels, Labels("D + E", "V_m", "mV", {"id": np.arange(4)}, 0.1))
    for recorder in (v, before, current, weights, union):
        same(pickle.loads(pickle.dumps(recorder)).labels, recorder.labels)


def test_recordings_on_disk_know_them_too(tmp_path: Path) -> None:
    net_, cells, delta = net()
    synapses = net_.connect(cells, delta, sl.AllToAll(), weight=1.0)
    path = tmp_path / "run.rec"
    v = net_.record(cells[[2, 0]], "V_m", every=0.5, to=path)
    w = net_.record(synapses, "weights", every=1.0, to=path)
    net_.run(5.0)
    same(sl.read_recording(path, "E.V_m").labels, v.labels)
    ends = {"pre": np.repeat(np.arange(4), 2), "post": np.tile(np.arange(2), 4)}
    expected = Labels("E-D", "weights", "mV", ends, 1.0)
    for found in (w, sl.read_recording(path, "E-D.weights")):
        same(found.labels, expected)
    assert w.labels.unit == "mV"
