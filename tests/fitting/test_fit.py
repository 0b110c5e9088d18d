"""Fits recover known parameters, go on where they stopped, and say what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.fitting import DifferentialEvolution, MeanSquaredError, Range, Recording, candidates

from .conftest import MODEL, recorded

VARY = {"tau_m": (5.0, 50.0), "C_m": Range(50.0, 500.0, log=True), "V_reset": (-69.0, -60.0)}


def error(result, model=MODEL):
    return max(abs(value / getattr(model, name) - 1) for name, value in result.parameters.items())


def test_parameters_are_recovered(recording):
    result = sl.fit(sl.LIF(), vary=VARY, data=recording, candidates=1500, seed=1)
    assert error(result) < 0.01
    assert result.complete
    assert len(result.losses) <= 1500


def test_an_adex_is_recovered():
    model = sl.AdEx(a=3.0, b=60.0, tau_w=100.0)
    data = recorded(
        model, np.outer(np.repeat([0.0, 1.0, 0.0], [200, 1300, 500]), [-200.0, 600.0, 900.0])
    )
    vary = {"a": (0.0, 10.0), "b": (10.0, 200.0), "tau_w": Range(30.0, 300.0, log=True)}
    result = sl.fit(sl.AdEx(), vary=vary, data=data, candidates=1200, seed=2)
    assert error(result, model) < 0.03


def test_equations_and_a_loss_of_ones_own():
    leaky = sl.Equations(
        "tau*dV_m/dt = -(V_m - E_L) + tau/C_m*I_e",
        parameters={"tau": (10.0, "ms"), "C_m": (180.0, "pF"), "E_L": (-70.0, "mV"), "I_e": (0.0, "pA")},
        initial={"V_m": "E_L"},
    )  # fmt: skip
    first = recorded(MODEL, np.repeat([0.0, 100.0], 500))
    loss = lambda responses, data: MeanSquaredError()(responses, data) + 1.0
    result = sl.fit(leaky, vary={"tau": (5.0, 50.0)}, data=first, loss=loss, candidates=150)
    assert result.model.tau == pytest.approx(17.0, rel=0.01)
    assert result.loss == pytest.approx(1.0, abs=1e-3)


def test_a_value_for_each_sweep():
    model = sl.LIF(E_L=[-70.0, -66.0])
    data = recorded(model, np.outer(np.repeat([0.0, 1.0], 300), [100.0, 100.0]))
    vary = {"E_L": Range(-75.0, -60.0, shared=False)}
    result = sl.fit(sl.LIF(), vary=vary, data=data, candidates=600)
    np.testing.assert_allclose(result.model.E_L, [-70.0, -66.0], atol=0.5)
    assert list(result.to_frame().columns) == ["E_L[0]", "E_L[1]", "loss"]


def build(I_e):
    net = sl.Network(dt=0.1, seed=1, threads=1)
    cells = net.population(3, sl.LIF(I_e=I_e))
    net.connect(cells, cells, sl.AllToAll(self_connections=False), weight=-30.0, delay=1.0)
    return net, net.record(cells, "spikes")


def test_a_network_is_recovered():
    net, spikes = build(450.0)
    net.run(200.0)
    data = Recording(spikes=spikes, duration=200.0)
    result = sl.fit(build, vary={"I_e": (300.0, 700.0)}, data=data, candidates=120)
    assert result.parameters["I_e"] == pytest.approx(450.0, rel=0.01)
    assert isinstance(result.model, sl.Network)


@pytest.mark.parametrize("part", [100, 400])
def test_going_on_gives_the_bits_of_one_go(recording, part):
    run = lambda n, **more: sl.fit(
        sl.LIF(), vary=VARY, data=recording, candidates=n, seed=5, **more
    )
    whole = run(600)
    on = run(600, start=run(part), threads=1)
    np.testing.assert_array_equal(on.places, whole.places)
    np.testing.assert_array_equal(on.losses, whole.losses)


def test_known_candidates_are_not_computed_again(recording):
    calls = []

    def loss(responses, data):
        calls.append(responses.V_m.shape[2])
        return MeanSquaredError()(responses, data)

    run = lambda n, **more: sl.fit(
        sl.LIF(), vary=VARY, data=recording, loss=loss, candidates=n, **more
    )
    first = run(300)
    calls.clear()
    run(400, start=first)
    assert sum(calls) <= 15 + 400 - len(first.losses)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"vary": {**VARY, "tau_m": (5.0, 60.0)}}, {"loss": MeanSquaredError()}]
)
def test_a_start_of_another_fit_is_refused(recording, change):
    given = {"vary": VARY, "data": recording, "candidates": 60}
    start = sl.fit(sl.LIF(), **given)
    with pytest.raises(ValueError, match="start must be of the same model"):
        sl.fit(sl.LIF(), **{**given, **change}, start=start)


def test_ctrl_c_keeps_what_had_finished(recording):
    calls = []

    def loss(responses, data):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return MeanSquaredError()(responses, data)

    run = lambda **more: sl.fit(
        sl.LIF(), vary=VARY, data=recording, loss=loss, candidates=200, **more
    )
    with pytest.warns(UserWarning, match=r"interrupted; fit\(\.\.\., start=result\) goes on"):
        part = run()
    assert not part.complete
    assert len(part.losses) == 45
    np.testing.assert_array_equal(run(start=part).losses, run().losses)
    calls[:] = [1, 1, 1]
    with pytest.raises(KeyboardInterrupt):
        run()


def test_progress_counts_candidates(recording):
    told = []
    result = sl.fit(
        sl.LIF(),
        vary=VARY,
        data=recording,
        candidates=100,
        progress=lambda n, least: told.append((n, least)),
    )
    assert told[-1] == (len(result.losses), result.loss)
    assert [n for n, _ in told] == list(range(15, len(result.losses) + 1, 15))


def test_many_candidates_are_run_in_parts(recording, monkeypatch):
    run = lambda: sl.fit(sl.LIF(), vary=VARY, data=recording, candidates=200).losses
    whole = run()
    monkeypatch.setattr(candidates, "_SAMPLES", 4 * recording.current.size)
    np.testing.assert_array_equal(run(), whole)


def test_a_candidate_that_diverges_has_an_infinite_loss():
    unstable = sl.Equations(
        "dV_m/dt = k*V_m**3/ms + I_e/ms",
        parameters={"k": 0.0, "I_e": 0.0},
        initial={"V_m": 1.0},
        method="rk2",
    )
    data = Recording(np.zeros(2000), np.ones(2000))
    seen = []
    given = lambda evaluate, dimensions, seed: seen.append(
        evaluate(np.array([[0.0], [1.0], [1e-6]]))
    )
    sl.fit(unstable, vary={"k": (0.0, 50.0)}, data=data, optimizer=given, candidates=3)
    np.testing.assert_array_equal(np.isinf(seen[0]), [False, True, False])


def test_a_loss_that_is_not_finite_is_infinite(recording):
    loss = lambda responses, data: np.full(responses.V_m.shape[2], np.nan)
    result = sl.fit(sl.LIF(), vary=VARY, data=recording, loss=loss, candidates=20)
    assert np.isinf(result.losses).all()


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"data": np.zeros(5)}, TypeError, "data must be a spikelet.fitting.Recording"),
        ({"loss": "mse"}, TypeError, "loss must be a function"),
        ({"loss": MeanSquaredError}, TypeError, "loss must be a function, or an object"),
        ({"optimizer": "cma"}, TypeError, "optimizer must be a function"),
        ({"candidates": 0}, ValueError, "candidates must be >= 1"),
        ({"candidates": 5}, ValueError, "first generation"),
        ({"seed": -1}, ValueError, "seed must be >= 0"),
        ({"start": 3}, TypeError, "start must be what fit returned"),
        ({"vary": {"tau_q": (1.0, 2.0)}}, TypeError, "tau_q"),
        ({"vary": {"tau_m": (20.0, 10.0)}}, ValueError, "low must be less than high"),
        (
            {"loss": lambda r, d: np.zeros(2)},
            ValueError,
            "one number for each of the 15 candidates",
        ),
        ({"progress": 3}, TypeError, "progress must be True, False or a function"),
    ],
)
def test_bad_arguments(recording, change, kind, text):
    given = {"vary": VARY, "data": recording, "candidates": 30}
    with pytest.raises(kind, match=text):
        sl.fit(sl.LIF(), **{**given, **change})


def test_the_default_optimizer_is_named():
    assert DifferentialEvolution().popsize == 5
