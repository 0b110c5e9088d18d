"""Writing networks: what is read back, and what NEST reads, is the same network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.support import sonata_nest
from tests.support.full_disk import run_on_a_full_disk

import spikelet as sl
from spikelet.neurons import NeuronModel


def network(dtype: str = "float64") -> sl.Network:
    """Return a network with the usual kinds of neurons, sources and synapses, which has not run."""
    net = sl.Network(seed=4, dtype=dtype, threads=1)
    rng = np.random.default_rng(1)
    cells = net.population(40, sl.LIF(tau_m=rng.uniform(8.0, 12.0, 40), I_e=390.0), name="E")
    others = net.population(
        10, sl.LIFAlpha(I_e=370.0), name="I cells", positions=rng.uniform(size=(10, 2))
    )
    cells.V_m[:] = rng.uniform(-70.0, -60.0, 40)
    times = np.sort(rng.integers(1, 1000, 150)) * 0.1
    given = net.population(10, sl.SpikeSource(times, rng.integers(0, 10, 150), snap=True), name="X")
    raster = net.population(3, sl.RasterSource(rng.random((500, 3)) < 0.05), name="raster")
    net.connect(
        cells, cells, sl.FixedIndegree(8), weight=sl.Uniform(5.0, 20.0), delay=sl.Uniform(0.5, 2.0)
    )
    net.connect(cells, others, sl.FixedIndegree(8), weight=20.0, delay=1.5)
    net.connect(others, cells, sl.FixedIndegree(4), weight=-30.0, delay=1.0)
    rule = sl.STDP(A_plus=3.0, A_minus=3.1, w_max=600.0, coincidence="ignore")
    net.connect(given, cells, sl.FixedIndegree(2), weight=300.0, delay=1.0, plasticity=rule)
    net.connect(
        raster, others, sl.AllToAll(), weight=sl.Normal(40.0, 1.0), plasticity=sl.TsodyksMarkram()
    )
    return net


def run_both(net: sl.Network, folder: Path, stop: float, **how: Any) -> tuple[list[Any], Any]:
    """Write a network, run it, read it back and run that; return our recorders and what was read."""
    path = sl.io.write_sonata(net, folder, tstop=stop)
    neurons = [p for p in net.populations if isinstance(p.model, NeuronModel)]
    recorders = [net.record(p, "spikes") for p in neurons]
    net.run(stop)
    found = sl.io.read_sonata(path, threads=1, **how)
    found.run()
    return recorders, found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_spikes_and_weights_to_the_bit(tmp_path: Path, dtype: Any) -> None:
    net = network(dtype)
    recorders, found = run_both(net, tmp_path, 150.0, dtype=dtype)
    for own, read in zip(recorders, (found.spikes["E"], found.spikes["I_cells"]), strict=True):
        assert len(own.times) > 50
        np.testing.assert_array_equal(own.times, read.times)
        np.testing.assert_array_equal(own.ids, read.ids)
    assert len(net.projections) == len(found.network.projections)
    for p, q in zip(net.projections, found.network.projections, strict=True):
        np.testing.assert_array_equal(p.weights, q.weights)
        np.testing.assert_array_equal(p.delays, q.delays)
        assert repr(p.plasticity) == repr(q.plasticity)
    with h5py.File(tmp_path / "network" / "I_cells_nodes.h5") as file:
        np.testing.assert_array_equal(
            file["nodes/I_cells/0/y"][:], net.populations[1].positions[:, 1]
        )  # type: ignore[index]


def test_nest_reads_it(tmp_path: Path) -> None:
    pytest.importorskip("nest", exc_type=ImportError)
    recorders, _ = run_both(network(), tmp_path, 150.0)
    theirs = sonata_nest.nest_spikes(
        tmp_path / "circuit_config.json", tmp_path / "simulation_config.json", "E", "I_cells"
    )
    for own, (times, ids) in zip(recorders, theirs.values(), strict=True):
        assert len(times) > 50
        np.testing.assert_array_equal(own.ids, ids)
        np.testing.assert_allclose(own.times, times, rtol=0, atol=1e-9)


MODELS: dict[str, Any] = {
    "iaf_psc_delta": (sl.LIFDelta(I_e=400.0), 1.0),
    "iaf_cond_exp": (sl.LIFCond(I_e=400.0), 3.0),
    "iaf_cond_alpha": (sl.LIFCondAlpha(I_e=500.0), 3.0),
    "iaf_cond_exp_sfa_rr": (sl.LIFCondSFA(I_e=900.0), 3.0),
    "aeif_cond_alpha": (sl.AdEx(synapses="cond_alpha", I_e=900.0), 3.0),
    "aeif_psc_exp": (sl.AdEx(synapses="psc_exp", I_e=900.0), 30.0),
    "hh_psc_alpha": (sl.HodgkinHuxley(I_e=700.0), 30.0),
    "hh_cond_exp_traub": (sl.HodgkinHuxley(channels="traub", I_e=700.0), 3.0),
    "izhikevich": (sl.Izhikevich(I_e=10.0), 1.0),
    "gif_cond_exp": (
        sl.GIF(synapses="cond_exp", tau_sfa=[50.0, 9.0], q_sfa=[1.0, 2.0], I_e=250.0),
        1.0,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_come_back(tmp_path: Path, name: str) -> None:
    model, weight = MODELS[name]
    net = sl.Network(dt=0.05, seed=2, dtype="float64", threads=1)
    cells = net.population(12, model, name="cells")
    net.connect(cells[:9], cells, sl.FixedIndegree(4), weight=weight)
    net.connect(cells[9:], cells, sl.FixedIndegree(2), weight=-weight)
    (own,), found = run_both(net, tmp_path, 100.0)
    (row,) = (tmp_path / "network" / "cells_node_types.csv").read_text().splitlines()[1:]
    assert row.split()[2] == f"nest:{name}"
    assert len(own.times) > 3
    np.testing.assert_array_equal(own.times, found.spikes["cells"].times)
    np.testing.assert_array_equal(own.ids, found.spikes["cells"].ids)


def test_receptors_lists_and_states_come_back(tmp_path: Path) -> None:
    net = sl.Network(dt=0.1, dtype="float64", threads=1)
    taus = np.linspace(1.0, 3.0, 5)
    cells = net.population(5, sl.LIFMultisynapse(tau_syn=[2.0, taus], I_e=380.0), name="cells")
    cells.V_m[:] = np.linspace(-70.0, -60.0, 5)
    cells.I_syn_2[:] = 3.0
    net.connect(cells, cells, sl.AllToAll(), weight=30.0, receptor="syn_2")
    (own,), found = run_both(net, tmp_path, 100.0)
    assert len(own.times) > 5
    np.testing.assert_array_equal(own.times, found.spikes["cells"].times)


def test_poisson_sources_are_the_same_with_the_same_seed(tmp_path: Path) -> None:
    net = sl.Network(seed=9, dtype="float64", threads=1)
    noise = net.population(20, sl.PoissonSource(np.linspace(10.0, 900.0, 20)), name="noise")
    cells = net.population(10, sl.LIF(), name="cells")
    net.connect(noise, cells, sl.AllToAll(), weight=60.0)
    (own,), found = run_both(net, tmp_path, 200.0)
    assert len(own.times) > 20
    np.testing.assert_array_equal(own.times, found.spikes["cells"].times)


def test_many_different_neurons_are_written_by_node(tmp_path: Path) -> None:
    net = sl.Network(dtype="float64", threads=1)
    cells = net.population(1500, sl.LIF(I_e=np.linspace(370.0, 400.0, 1500)), name="cells")
    net.record(cells, "spikes")
    (own,), found = run_both(net, tmp_path, 60.0)
    assert len(list((tmp_path / "components" / "point_neuron_models").iterdir())) == 1
    assert len(own.times) > 100
    np.testing.assert_array_equal(own.times, found.spikes["cells"].times)


def test_currents_and_recorders_become_inputs_and_reports(tmp_path: Path) -> None:
    net = sl.Network(dtype="float64", threads=1)
    cells = net.population(6, sl.LIF(I_e=300.0), name="cells")
    net.inject(cells[1:3], sl.StepCurrent([5.0, 10.0, 20.0], [200.0, 0.0, 90.0]))
    net.inject(cells, sl.StepCurrent([30.0], [[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]]))
    trace = net.record(cells[::2], "V_m", every=0.5)
    (own,), found = run_both(net, tmp_path, 80.0)
    np.testing.assert_array_equal(own.times, found.spikes["cells"].times)
    assert len(own.times) > 3
    with h5py.File(found.reports["cells_V_m"]) as file:
        assert file["report/cells/mapping/node_ids"][:].tolist() == [0, 2, 4]
        np.testing.assert_array_equal(
            file["report/cells/data"][1:], trace.values[:-1].astype(np.float32)
        )


def test_libsonata_reads_it(tmp_path: Path) -> None:
    libsonata = pytest.importorskip("libsonata")
    net = network()
    sl.io.write_sonata(net, tmp_path)
    circuit = json.loads((tmp_path / "circuit_config.json").read_text())
    assert circuit["networks"]["nodes"][0]["nodes_file"] == "$BASE_DIR/network/E_nodes.h5"
    storage = libsonata.EdgeStorage(str(tmp_path / "network" / "E_to_E_edges.h5"))
    edges = storage.open_population("E_to_E")
    p = net.projections[0]
    assert (edges.source, edges.target, edges.size) == ("E", "E", len(p))
    every = edges.select_all()
    np.testing.assert_array_equal(edges.source_nodes(every), p.pre_ids)
    np.testing.assert_array_equal(edges.target_nodes(every), p.post_ids)
    np.testing.assert_array_equal(edges.get_attribute("syn_weight", every), p.weights)
    assert (
        libsonata.NodeStorage(str(tmp_path / "network" / "E_nodes.h5")).open_population("E").size
        == 40
    )


def test_names_are_made_different(tmp_path: Path) -> None:
    net = sl.Network(dtype="float64", threads=1)
    for name in ("a", "a", "a/b", "a b", "7"):
        net.population(1, sl.LIF(), name=name)
    path = sl.io.write_sonata(net, tmp_path)
    assert list(sl.io.read_sonata(path).populations) == ["a", "a_1", "a_b", "a_b_1", "n7"]


def test_folders(tmp_path: Path) -> None:
    net = sl.Network()
    net.population(1, sl.LIF(), name="a")
    (tmp_path / "x").write_text("")
    with pytest.raises(FileExistsError, match="is not empty; pass overwrite=True"):
        sl.io.write_sonata(net, tmp_path)
    sl.io.write_sonata(net, tmp_path, overwrite=True)
    with pytest.raises(ValueError, match="write_sonata: tstop must be > 0"):
        sl.io.write_sonata(net, tmp_path / "new", tstop=0.0)
    with pytest.raises(ValueError, match=r"write_sonata: tstop must be a multiple of dt = 0\.1 ms"):
        sl.io.write_sonata(net, tmp_path / "new", tstop=10.05)
    assert not (tmp_path / "new").exists()


def test_only_networks_are_written(tmp_path: Path) -> None:
    net = sl.Network()
    net.population(1, sl.LIF(), name="a")
    read = sl.io.read_sonata(sl.io.write_sonata(net, tmp_path / "one"))
    with pytest.raises(TypeError, match=r"net must be a Network; .*\.network, got 'SonataNetwork'"):
        sl.io.write_sonata(read, tmp_path / "two")
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("size", [1000, 60_000])
def test_a_full_disk_is_an_error_that_names_the_file(size: int, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    script = f"""
net = sl.Network()
cells = net.population(300, sl.LIF(), name="cells")
net.connect(cells, cells, sl.AllToAll(), weight=1.0)
full({size})
shown(lambda: sl.io.write_sonata(net, "circuit"))
"""
    (line,) = run_on_a_full_disk(script, tmp_path)
    name = "nodes" if size == 1000 else "to_cells_edges"
    assert line.endswith(f"too large circuit/network/cells_{name}.h5")
