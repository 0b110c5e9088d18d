"""Samples as pandas and xarray have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl

pandas = pytest.importorskip("pandas")
pytest.importorskip("xarray")


def test_states_over_time_and_id() -> None:
    net = make()
    cells = net.population(4, sl.LIF(I_e=900.0), name="E")
    v = net.record(cells[[2, 0]], "V_m", every=0.5)
    both = net.record(cells, ["V_m", "theta"])
    net.run(10.0)
    frame = v.to_frame()
    assert (frame.index.name, frame.columns.name, list(frame.columns)) == ("time", "id", [2, 0])
    np.testing.assert_array_equal(frame.index, v.times)
    np.testing.assert_array_equal(frame[0], v.values[:, 1])
    assert frame.attrs == {"population": "E", "name": "V_m", "units": "mV"}
    array = v.to_xarray()
    assert (array.dims, array.name, array.attrs["units"]) == (("time", "id"), "V_m", "mV")
    np.testing.assert_array_equal(array.sel(id=0), v.values[:, 1])
    assert array["time"].attrs == {"units": "ms"}
    wide = both.to_frame()
    assert wide.columns.names == ["state", "id"]
    np.testing.assert_array_equal(wide["theta"], both["theta"].values)
    np.testing.assert_array_equal(both.to_xarray()["V_m"], both["V_m"].values)


def test_weights_over_time_and_synapse() -> None:
    net = make()
    a, b = net.population(2, sl.LIF(I_e=900.0), name="a"), net.population(3, sl.LIF(), name="b")
    synapses = net.connect(a, b, sl.AllToAll(), weight=1.0, plasticity=sl.STDP())
    w = net.record(synapses, "weights", every=1.0)
    net.run(3.0)
    frame = w.to_frame()
    assert frame.columns.names == ["pre", "post"]
    np.testing.assert_array_equal(frame[1, 2], w.values[:, 5])
    array = w.to_xarray()
    assert array.dims == ("time", "synapse")
    np.testing.assert_array_equal(array["post"], [0, 1, 2] * 2)


def test_spikes_of_a_recorder() -> None:
    net = make()
    spikes = net.record(net.population(2, sl.LIF(I_e=900.0)), "spikes")
    net.run(30.0)
    pandas.testing.assert_frame_equal(spikes.to_frame(), spikes.spikes.to_frame())
    assert spikes.to_xarray().identical(spikes.spikes.to_xarray())
    assert len(spikes.to_neo()) == 2


def test_weights_on_disk_know_their_synapses(tmp_path: Path) -> None:
    path = tmp_path / "w.rec"
    net = make(threads=1)
    E, I = net.population(6, sl.LIF(I_e=500.0), name="E"), net.population(3, sl.LIF(), name="I")
    plastic = net.connect(
        E[[4, 1]], I, sl.FixedIndegree(5), weight=5.0, plasticity=sl.STDP(w_max=10.0)
    )
    empty = net.connect(E, I, ([], []), plasticity=sl.STDP())
    w = net.record(plastic, "weights", every=5.0, to=path)
    none = net.record(empty, "weights", every=5.0, to=path)
    held = net.record(plastic, "weights", every=5.0)
    net.run(10.0)
    net.save(tmp_path / "checkpoint.npz", recorders=True)
    net.run(10.0)
    pandas.testing.assert_frame_equal(w.to_frame(), held.to_frame())
    names = sl.recording_names(path)
    stored = [sl.read_recording(path, name) for name in names]
    pandas.testing.assert_frame_equal(stored[0].to_frame(), held.to_frame())
    assert stored[0].to_xarray().identical(held.to_xarray())
    assert stored[1].to_frame().shape == none.to_frame().shape == (4, 0)
    again = sl.Network.load(tmp_path / "checkpoint.npz")
    again.run(10.0)  # writes the file anew
    pandas.testing.assert_frame_equal(sl.read_recording(path, names[0]).to_frame(), held.to_frame())
