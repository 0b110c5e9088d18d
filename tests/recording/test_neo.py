"""Samples as Neo has them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet.recording.labels import Labels
from spikelet.recording.neo import signal

neo = pytest.importorskip("neo")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_signal_has_unit_times_and_ids(dtype: str, tmp_path: Path) -> None:
    net = make(dtype=dtype)
    cells = net.population(4, sl.LIF(I_e=900.0), name="E")
    v = net.record(cells[[2, 0]], "V_m", every=0.5)
    disk = net.record(cells[[2, 0]], "V_m", every=0.5, to=tmp_path / "run.rec")
    net.run(20.0)
    for recorder in (
        v,
        disk,
        sl.read_recording(tmp_path / "run.rec"),
        pickle.loads(pickle.dumps(v)),
    ):
        found = recorder.to_neo()
        assert type(found) is neo.AnalogSignal
        assert found.dimensionality.string == "mV"
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.magnitude, v.values)
        np.testing.assert_allclose(found.times.rescale("ms").magnitude, v.times, rtol=1e-13)
        assert float(found.sampling_period.rescale("ms")) == pytest.approx(0.5)
        assert found.name == "V_m"
        assert found.annotations == {"population": "E"}
        assert found.array_annotations["id"].tolist() == [2, 0]
    found[:] = 0.0 * found.units
    assert v.values.any()


def test_a_recorder_that_paused_gives_irregular_samples() -> None:
    net = make()
    v = net.record(net.population(2, sl.LIF(I_e=900.0)), "V_m")
    net.run(1.0)
    v.pause()
    net.run(1.0)
    v.resume()
    net.run(1.0)
    found = v.to_neo()
    assert type(found) is neo.IrregularlySampledSignal
    np.testing.assert_array_equal(found.times.magnitude, v.times)
    np.testing.assert_array_equal(found.magnitude, v.values)


def test_weights_are_told_apart_by_pre_and_post() -> None:
    net = make()
    a, b = net.population(2, sl.LIF(I_e=900.0), name="a"), net.population(3, sl.LIF(), name="b")
    w = net.record(
        net.connect(a, b, sl.AllToAll(), weight=1.0, plasticity=sl.STDP()), "weights", every=1.0
    )
    net.run(3.0)
    found = w.to_neo()
    assert found.dimensionality.string == "pA"
    assert found.array_annotations["pre"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.array_annotations["post"].tolist() == [0, 1, 2] * 2
    assert found.annotations["population"] == "a-b"


@pytest.mark.parametrize(
    ("unit", "as_neo", "kept"),
    [
        ("", "dimensionless", None),
        ("1", "dimensionless", None),
        ("nS", "nS", None),
        ("mV/ms", "mV/ms", None),
        ("1/ms", "1/ms", None),
        ("GOhm", "dimensionless", "GOhm"),
        ("9**9**9**9", "dimensionless", "9**9**9**9"),
    ],
)
def test_units(unit: str, as_neo: str, kept: str | None) -> None:
    labels = Labels("E", "x", unit, {"id": np.arange(1)}, 0.1)
    found = signal(np.array([0.1]), np.zeros((1, 1)), True, labels)
    assert found.dimensionality.string == as_neo
    assert found.annotations.get("unit") == kept


def test_no_samples_yet() -> None:
    net = make()
    v = net.record(net.population(2, sl.LIF()), ["V_m", "theta"])
    assert [s.shape for s in v.to_neo()] == [(0, 2), (0, 2)]
