"""Gap junctions and graded synapses: against closed forms, a reference in numpy, and the order of the error."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spikelet as sl
from spikelet.models import ConnectomeModel, GradedNeuron, connectome
from spikelet.models.coupling import Coupling
from spikelet.models.wiring import Edges

pytest.importorskip("pandas")


def edges(*rows: tuple[int, int, float]) -> Edges:
    pre, post, weight = zip(*rows, strict=True) if rows else ((), (), ())
    return Edges(np.array(pre, np.uint32), np.array(post, np.uint32), np.array(weight, float))


def build(given: Any = (), gaps: Any = (), **options: Any) -> ConnectomeModel:
    """Build cells 0 .. 2 in float64."""
    parts = (tuple(map(list, zip(*rows, strict=True))) or ([], [], []) for rows in (given, gaps))
    synapses, junctions = (
        tuple(np.array(p, float if k == 2 else int) for k, p in enumerate(part)) for part in parts
    )
    options = {"model": GradedNeuron(C_m=10.0, g_L=1.0), "scale": 1.0, "gap_scale": 1.0} | options
    return connectome(synapses, [0, 1, 2], gaps=junctions, threads=1, dtype="float64", **options)


def test_currents() -> None:
    cells = {
        "V_half": np.array([-40.0, np.nan, -40.0]), "V_slope": np.array([5.0, np.nan, 5.0]),
        "E_ex": np.array([0.0, np.nan, 0.0]), "E_in": np.array([-80.0, np.nan, -80.0]),
    }  # fmt: skip
    release = edges((0, 1, 2.0), (0, 2, 3.0), (2, 0, -4.0))
    coupling = Coupling(release, edges((0, 1, 0.5), (1, 0, 0.2), (2, 2, 9.0)), cells, 0.1)
    V = np.array([-40.0, -60.0, -35.0])
    half, more, one = 0.5, 1 / (1 + np.exp(-1.0)), np.ones(3, bool)
    gap = 0.5 * -20.0  # the larger number counts, and no current flows from a cell to itself
    expected = [-4.0 * -1 * more * (-80.0 + 40.0) + gap, 2.0 * half - gap, 3.0 * half * 35.0]
    np.testing.assert_allclose(coupling.currents(V, one, one), expected, rtol=1e-14)
    silent = coupling.currents(V, one & [False, True, True], one)
    np.testing.assert_allclose(silent, [expected[0], -gap, 0.0], rtol=1e-14)
    removed = coupling.currents(V, one & [False, True, True], one & [False, True, True])
    np.testing.assert_array_equal(removed, 0.0)
    np.testing.assert_allclose(coupling.conductances(), [4.5, 0.5, 12.0])
    assert coupling.reached().tolist() == [0, 1, 2]


def test_a_gap_junction_against_its_closed_form() -> None:
    """Two equal cells: their mean and their difference decay alone. The error is of first order in the interval."""
    errors = []
    for every in (0.4, 0.2, 0.1):
        model = build(gaps=[(0, 1, 2.0)], coupling=every)
        model.populations[0].V_m = [-20.0, -60.0, -35.0]
        model.advance(4.0)
        V = np.asarray(model.populations[0].V_m)
        difference, mean = 40.0 * np.exp(-4.0 * (1.0 + 2 * 2.0) / 10.0), -35.0 - 5.0 * np.exp(-0.4)
        assert V[0] + V[1] == pytest.approx(2 * mean, rel=1e-12)
        assert V[2] == -35.0
        errors.append(V[0] - V[1] - difference)
    assert np.all(np.abs(errors) < 1.0)
    for longer, shorter in pairwise(errors):
        assert longer / shorter == pytest.approx(2.0, rel=0.15)


def test_a_ring_of_graded_cells_and_gaps_against_scipy() -> None:
    ring = [(0, 1, 3.0), (1, 2, -3.0), (2, 0, 3.0)]
    gaps = [(0, 1, 0.5), (1, 2, 0.5), (2, 0, 0.5)]  # a loop
    model = build(ring, gaps)
    model.stimulate([0], 30.0)
    model.record([0, 1, 2], every=1.0)
    model.advance(30.0)

    def slope(_: float, V: Any) -> Any:
        s = 1 / (1 + np.exp((-35.0 - V) / 8.0))
        synapses = [3.0 * s[2] * -V[0], 3.0 * s[0] * -V[1], 3.0 * s[1] * (-48.0 - V[2])]
        return (-35.0 - V + synapses + 0.5 * (V.sum() - 3 * V) + [30.0, 0.0, 0.0]) / 10.0

    times = model.traces().index.to_numpy()
    exact = solve_ivp(
        slope, (0.0, 30.0), np.full(3, -35.0), t_eval=times, rtol=1e-10, atol=1e-10
    ).y.T
    error = np.abs(model.traces().to_numpy() - exact).max()
    assert 1e-4 < error < 0.2  # of potentials that move by 20 mV
    assert np.ptp(exact) > 20.0


def test_spikes_reach_graded_cells_and_graded_cells_drive_spikes() -> None:
    types = {"id": [0, 1, 2], "type": ["graded", "spiking", "spiking"]}
    cells = {"graded": GradedNeuron(C_m=10.0, g_L=1.0), None: sl.LIF(V_th=-65.0)}
    model = connectome(
        ([0, 2], [1, 0], [500.0, 4.0]), types, model=cells, scale=1.0, threads=1, dtype="float64"
    )
    assert len(model.projections) == 1  # from spikes
    model.stimulate(2, 400.0)
    model.record(["graded"])
    activity = model.run(200.0)
    assert set(activity.neurons) == {1, 2}
    assert model.traces()[0].max() > -30.0
    model.silence("graded")
    assert set(model.run(200.0).neurons) == {2}


def test_lesions_cut_gap_junctions_and_silence_does_not() -> None:
    model = build([(0, 2, 1.0)], [(0, 1, 2.0)])
    model.stimulate(0, 50.0)

    def ends() -> list[float]:
        model.run(50.0)
        return np.asarray(model.populations[0].V_m).tolist()

    whole = ends()
    assert min(whole) > -34.0
    model.silence(0)
    quiet = ends()
    assert quiet[:2] == whole[:2]
    assert quiet[2] == -35.0
    model.lesion(0)
    assert ends()[1:] == [-35.0, -35.0]
    model.restore()
    restored = ends()
    assert restored[:2] == [-35.0, -35.0]  # no current
    assert restored[2] > -35.0  # it releases at rest, too


def test_cuts_of_a_run_files_and_progress(tmp_path: Any) -> None:
    rows = [(0, 1, 3.0), (1, 2, -3.0)]
    told: list[float] = []
    ways = []
    for way in ("whole", "cut", "saved"):
        model = build(rows, [(0, 2, 0.5)], coupling=0.2)
        model.stimulate(0, 30.0)
        model.advance(4.0, progress=told.append if way == "whole" else False)
        if way == "saved":
            model.save(tmp_path / "model.npz")
            model = ConnectomeModel.load(tmp_path / "model.npz")
        for piece in (6.0,) if way == "whole" else (2.0, 4.0):
            model.advance(piece)
        ways.append(np.asarray(model.populations[0].V_m).tolist())
    assert ways[0] == ways[1] == ways[2]
    assert told == pytest.approx(np.arange(1, 21) * 0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build(gaps=[(0, 1, 101.0)]), r"coupling must be at most C_m .* 0.099 ms for 0, got 0.1"),
        (lambda: build(gaps=[(0, 1, -1.0)]), "gaps must not be negative, got -1.0"),
        (lambda: build(gaps=[(0, 1, 1.0)], model=None, scale=None), "gap junctions, must be cells whose model has the parameter I_e"),
        (lambda: build([(0, 1, 1.0)], coupling=0.25), "coupling must be a multiple of dt"),
        (lambda: build([(0, 1, 1.0)], coupling=0.4).advance(1.0), "duration must be a multiple of coupling=0.4 ms"),
    ],
    ids=range(5),
)  # fmt: skip
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
