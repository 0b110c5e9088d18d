from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from pyNN.errors import InvalidParameterValueError, RecordingError
from pyNN.parameters import ArrayParameter
from tests.pynn import cell_cases

from spikelet.pynn import cells as cell_types

NEURONS = [name for name in cell_types.__all__ if name[0] in "EGHI"]


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Results of pyNN.nest, from a process of its own."""
    if importlib.util.find_spec("nest") is None:
        pytest.skip("NEST is not installed")
    folder = tmp_path_factory.mktemp("nest")
    subprocess.run(
        [sys.executable, cell_cases.__file__, "results.npz"],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with np.load(folder / "results.npz") as found:
        return dict(found)


# Largest differences: of v [mV], of spike times [steps of the case], of conductances [uS].
TOLERANCES = {
    "IF_curr_exp": (1e-12, 0),
    "IF_curr_alpha": (1e-12, 0),
    "IF_curr_delta": (1e-12, 0),
    "IF_cond_exp": (1e-9, 0),
    "IF_cond_alpha": (1e-5, 0),
    "IF_cond_exp_gsfa_grr": (1e-7, 0),
    "IF_facets_hardware1": (1e-6, 0),
    # The upstroke takes 0.2 ms: a shift by 0.001 ms is 0.1 mV there.
    "EIF_cond_exp_isfa_ista": (0.05, 0),
    "EIF_cond_alpha_isfa_ista": (0.05, 0),
}


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_cell_type_is_that_of_nest(sim: Any, nest: Mapping[str, Any], name: str) -> None:
    mv, steps = TOLERANCES[name]
    ours = cell_cases.simulate(sim, name)
    theirs = {x.partition(".")[2]: y for x, y in nest.items() if x.startswith(f"{name}.")}
    assert set(ours) == set(theirs)
    assert np.abs(ours["v"] - theirs["v"]).max() <= mv
    for x in set(ours) & {"gsyn_exc", "gsyn_inh"}:
        assert np.abs(ours[x] - theirs[x]).max() <= 1e-6
        assert theirs[x].max() > 0.04
    assert len(ours["spikes1"]) >= 1
    for x in ("spikes0", "spikes1"):
        assert len(ours[x]) == len(theirs[x])
        assert np.allclose(
            ours[x], theirs[x], rtol=0, atol=steps * cell_cases.CASES[name][0] + 1e-9
        )


@pytest.mark.parametrize(("name", "ms"), [("HH_cond_exp", 0.02), ("Izhikevich", 0.02)])
def test_a_cell_type_with_another_scheme_has_nest_s_spikes(
    sim: Any, nest: Mapping[str, Any], name: str, ms: float
) -> None:
    """Hodgkin and Huxley's neuron: of order 2 here. Izhikevich's: of order 4 here, and Euler's method in NEST."""
    ours = cell_cases.simulate(sim, name)
    assert np.median(np.abs(ours["v"] - nest[f"{name}.v"])) < 0.02
    assert len(ours["spikes1"]) >= 5
    for x in ("spikes0", "spikes1"):
        assert len(ours[x]) == len(nest[f"{name}.{x}"])
        assert np.abs(ours[x] - nest[f"{name}.{x}"]).max() <= ms


def test_gif_is_that_of_nest_between_spikes(sim: Any, nest: Mapping[str, Any]) -> None:
    """Spikes are random."""
    ours, theirs = cell_cases.simulate(sim, "GIF_cond_exp"), nest["GIF_cond_exp.v"]
    first = int(min([50.0, *ours["spikes0"], *nest["GIF_cond_exp.spikes0"]]) / 0.1)
    assert first > 100
    assert np.abs(ours["v"][:first, 0] - theirs[:first, 0]).max() < 1e-6


@pytest.mark.parametrize("name", NEURONS)
def test_parameters_come_back_in_pynn_s_units(sim: Any, name: str) -> None:
    kind = getattr(sim, name)
    cells = sim.Population(3, kind())
    for parameter, default in kind.default_parameters.items():
        found = cells.get(parameter)
        if isinstance(default, ArrayParameter):
            assert found == default
            continue
        assert found == pytest.approx(default)
        if parameter in ("v_spike", "v_thresh", "v_reset", "c"):
            continue  # their order has a rule
        values = default + np.array([0.0, 1e-3, 2e-3])
        cells.set(**{parameter: values})
        assert np.allclose(cells.get(parameter), values)
    assert set(kind.default_initial_values) <= set(kind.variable_map)


@pytest.mark.parametrize("name", NEURONS)
def test_all_recordables_have_units_and_initial_values(sim: Any, name: str) -> None:
    kind = getattr(sim, name)
    cells = sim.Population(2, kind())
    cells.record(kind.recordable)
    sim.run(1.0)
    segment = cells.get_data().segments[0]
    assert {signal.name for signal in segment.analogsignals} == set(kind.recordable) - {"spikes"}
    for signal in segment.analogsignals:
        assert signal.shape == (11, 2)
        initial = kind.default_initial_values.get(signal.name)
        assert signal.magnitude[0, 0] == pytest.approx(initial)


@pytest.mark.parametrize("name", ["IF_cond_exp", "EIF_cond_exp_isfa_ista", "GIF_cond_exp"])
def test_a_new_capacitance_leaves_the_time_constant(sim: Any, name: str) -> None:
    cells = sim.Population(2, getattr(sim, name)(cm=1.0, tau_m=15.0))
    cells.set(cm=[2.0, 3.0])
    assert np.allclose(cells.get("tau_m"), 15.0)
    assert np.allclose(cells.get("cm"), [2.0, 3.0])


def test_gif_has_any_number_of_kernels(sim: Any) -> None:
    one = ArrayParameter([20.0])
    kind = sim.GIF_cond_exp(
        tau_eta=one, a_eta=ArrayParameter([0.5]), tau_gamma=one, a_gamma=ArrayParameter([4.0]),
        i_offset=2.0, lambda0=1e4,
    )  # fmt: skip
    cells = sim.Population(2, kind)
    cells.record(["i_eta", "v_t", "spikes"])
    sim.run(50.0)
    data = cells.get_data().segments[0]
    train = data.spiketrains[0]
    assert len(train) > 1
    at = round(float(train[0]) / 0.1)
    i_eta, v_t = (data.filter(name=x)[0].magnitude[:, 0] for x in ("i_eta", "v_t"))
    assert i_eta[at] == pytest.approx(0.5)  # nA, of the spike just now
    assert v_t[at] == pytest.approx(-48.0 + 4.0)
    assert i_eta[at + 10] == pytest.approx(0.5 * np.exp(-1.0 / 20.0))
    assert cells.get("tau_eta") == one
    cells[1:].set(a_gamma=[ArrayParameter([8.0])])
    assert [x.value.tolist() for x in cells.get("a_gamma")] == [[4.0], [8.0]]
    with pytest.raises(InvalidParameterValueError, match="number of kernels is fixed, 1, got 2"):
        cells.set(a_gamma=ArrayParameter([1.0, 2.0]))


@pytest.mark.parametrize("shape", ["exp", "alpha"])
def test_without_an_upstroke_an_eif_is_a_lif(sim: Any, shape: str) -> None:
    sim.setup(timestep=0.1)
    lif = getattr(sim, f"IF_cond_{shape}")
    values = {**lif.default_parameters, "i_offset": 1.0, "tau_refrac": 1.0}
    plain = sim.Population(2, lif(**values))
    eif = getattr(sim, f"EIF_cond_{shape}_isfa_ista")(**values, delta_T=0.0, a=0.0, b=0.0)
    flat = sim.Population(2, eif, initial_values={"v": -65.0})
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 12.0]))
    for cells in (plain, flat):
        synapse = sim.StaticSynapse(weight=0.01, delay=1.0)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
        cells.record(["spikes", "v"])
    sim.run(60.0)
    a, b = (cells.get_data().segments[0] for cells in (plain, flat))
    assert len(a.spiketrains[0]) > 1
    assert np.array_equal(a.spiketrains[0].magnitude, b.spiketrains[0].magnitude)
    assert np.abs(a.analogsignals[0].magnitude - b.analogsignals[0].magnitude).max() < 1e-5
    assert flat.get("delta_T") == 0.0
    flat.set(b=0.1)
    sim.run(60.0)
    adapted, regular = (c.get_data().segments[0].spiketrains[0].magnitude for c in (flat, plain))
    assert adapted[3] > regular[3] + 1.0
    with pytest.raises(InvalidParameterValueError, match="delta_T must be 0 in all cells"):
        flat[1:].set(delta_T=2.0)


def test_a_gif_without_kernels_has_no_sums_to_record(sim: Any) -> None:
    none = ArrayParameter([])
    kind = sim.GIF_cond_exp(tau_eta=none, a_eta=none, tau_gamma=none, a_gamma=none)
    cells = sim.Population(2, kind)
    with pytest.raises(RecordingError, match="Cannot record i_eta"):
        cells.record(["v", "i_eta"])
    cells.record("v")
    sim.run(1.0)
    assert cells.get_data().segments[0].analogsignals[0].shape == (11, 2)


def test_a_type_serves_several_populations(sim: Any) -> None:
    kind = sim.IF_curr_exp(tau_m=sim.RandomDistribution("uniform", (10.0, 20.0)))
    small, large = sim.Population(2, kind), sim.Population(5, kind)
    assert len(small.get("tau_m")) == 2
    assert len(np.unique(large.get("tau_m"))) == 5


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("IF_curr_exp", {"tau_m": -1.0}, "tau_m must be > 0"),
        ("IF_curr_exp", {"v_reset": -40.0}, "V_reset must lie below V_th"),
        ("IF_cond_exp", {"cm": 0.0}, "C_m must be > 0"),
        ("EIF_cond_exp_isfa_ista", {"delta_T": [0.0, 2.0]}, "delta_T must be 0 in all cells"),
        ("EIF_cond_alpha_isfa_ista", {"delta_T": -1.0}, "Delta_T must be > 0"),
        ("IF_cond_alpha", {"i_offset": float("nan")}, "I_e must be a number, got nan"),
    ],
)
def test_bad_parameters_are_refused(
    sim: Any, name: str, parameters: dict[str, float], message: str
) -> None:
    with pytest.raises(InvalidParameterValueError, match=message):
        sim.Population(2, getattr(sim, name)(**parameters))
    assert sim.simulator.state.populations == []


def test_sums_of_states_cannot_be_set(sim: Any) -> None:
    cells = sim.Population(2, sim.GIF_cond_exp(v_t_star=[-55.0, -50.0]))
    cells.initialize(v_t=[-55.0, -50.0], i_eta=0.0)  # as they are
    cells[1:].initialize(v_t=-50.0)
    with pytest.raises(NotImplementedError, match="v_t of GIF_cond_exp is a sum of several states"):
        cells.initialize(v_t=-40.0)


def test_facets_hardware_is_a_neuron_with_fixed_parameters(sim: Any) -> None:
    cells = sim.Population(1, sim.IF_facets_hardware1())
    native = cells.cells.population
    assert (native.C_m, native.t_ref, native.E_ex) == (200.0, 1.0, 0.0)
    assert cells.celltype.native_receptor("inhibitory") == "in"
