"""AdEx against NEST's aeif models, LSODAR-like integration, and scipy at 1e-12."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from tests.support.neuron_references import AdExReference, Drive, integrate
from tests.support.neuron_runs import (
    AgainstNest,
    assert_defaults,
    assert_order,
    parameters_of,
    run,
    values_of,
)

import spikelet as sl

Floats = NDArray[np.float64]
KINDS = ("cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta")


def nest_name(kind: str) -> str:
    return "aeif_psc_delta" if kind == "delta" else f"aeif_{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_nests(kind: str) -> None:
    assert_defaults(sl.AdEx(synapses=kind), nest_name(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_nest(kind: str) -> None:
    """NEST resets within a step, so each spike here is late by part of a step, and what follows, too."""
    name = nest_name(kind)
    against = AgainstNest(name, sl.AdEx(synapses=kind, method="rk4", **parameters_of(name)))
    intervals = np.diff(against.late, prepend=0.0)
    assert np.abs(intervals).max() < against.dt * 1.01
    assert np.median(np.abs(against.difference("V_m"))) < 0.005
    assert np.median(np.abs(against.difference("w"))) < 0.06  # of some 100 pA
    for state in set(against.nest) - {"V_m", "w", "spikes"}:
        sign = -1.0 if state == "I_syn_in" else 1.0  # NEST has the magnitude
        assert np.abs(against.difference(state, sign=sign)).max() < 1e-9


def test_without_refractory_period_nest_resets_within_the_step() -> None:
    name = "aeif_cond_exp_no_refractory"
    against = AgainstNest(name, sl.AdEx(method="rk4", **parameters_of(name)))
    assert np.abs(np.diff(against.late, prepend=0.0)).max() < 2.01 * against.dt


@pytest.mark.parametrize(("method", "order"), [("rk2", 2), ("rk4", 4), ("exponential_midpoint", 2)])
def test_order_below_the_threshold(method: str, order: int) -> None:
    model = sl.AdEx(synapses="cond_alpha", method=method)
    events = [(10.0, 6.0, None), (12.0, -3.0, None), (20.0, 8.0, None)]
    drive = Drive([(5.0, 450.0), (30.0, -200.0)], events)
    assert_order(model, AdExReference("cond_alpha", values_of(model)), drive, 40.0, order)


@pytest.mark.parametrize("kind", KINDS)
def test_spikes_at_a_small_step_are_those_of_scipy(kind: str) -> None:
    model = sl.AdEx(synapses=kind, method="rk4", t_ref=1.0, b=60.0)
    weight = {"cond": 20.0, "psc": 700.0, "delta": 3.0}[kind.split("_", maxsplit=1)[0]]
    drive = Drive([(2.0, 900.0)], [(10.0, weight, None), (22.0, -weight / 4, None)])
    reference = AdExReference("psc_delta" if kind == "delta" else kind, values_of(model))
    exact = integrate(reference, drive, 0.01, 60.0)
    ours = run(model, drive, 0.01, 60.0)
    assert len(exact.spikes) >= 3
    late = np.array(ours.spikes) - exact.spikes
    assert (np.diff(late, prepend=0) >= 0).all()
    assert (np.diff(late, prepend=0) <= 1).all()
    before = exact.spikes[0] - 20
    assert np.abs(ours.values["V_m"] - exact.values["V_m"])[:before].max() < 1e-4


# NEST's test_aeif_lsodar.py: no synapses, no increment, V_peak at 0.
LSODAR = {
    "V_reset": -58.0, "V_peak": 0.0, "V_th": -50.0, "I_e": 420.0, "g_L": 11.0, "tau_w": 300.0, "E_L": -70.0,
    "Delta_T": 2.0, "a": 3.0, "b": 0.0, "C_m": 200.0,
}  # fmt: skip


def resets_within_steps(times: Floats) -> tuple[Floats, Floats, int]:
    """Return V_m and w at times, and the number of spikes, where spikes and resets are not on the grid.

    The last 20 mV of the upstroke, which take 3e-6 ms, are left out.
    """
    neuron = AdExReference("psc_delta", LSODAR)

    def rates(_: float, y: Floats) -> list[float]:
        found = neuron.rates({"V_m": y[0], "w": y[1]}, LSODAR["I_e"], held=False)
        return [found["V_m"], found["w"]]

    def spike(_: float, y: Floats) -> float:
        return float(y[0] + 20.0)

    spike.terminal = True  # type: ignore[attr-defined]
    start, y, pieces, spikes = 0.0, np.array([-70.0, 5.0]), [], 0
    while start < times[-1]:
        found = solve_ivp(
            rates,
            (start, times[-1]),
            y,
            method="DOP853",
            t_eval=times[times > start],
            events=spike,
            rtol=1e-12,
            atol=1e-12,
        )
        pieces.append(found.y.T.reshape(-1, 2))
        if found.status == 0:
            break
        start, y = found.t_events[0][0], np.array([LSODAR["V_reset"], found.y_events[0][0][1]])
        spikes += 1
    potential, w = np.concatenate(pieces).T
    return potential, w, spikes


def test_converges_to_resets_within_the_step() -> None:
    """The solution with resets at the spikes themselves, as LSODAR has it: V within 5e-4, w within 1e-4.

    Both are means of relative differences, of V below -25 mV, as NEST has them (tests/nest/test_lsodar.py compares with
    its file). It takes dt = 0.0005 ms, because resets wait for the end of the step: the error is of order 1.
    """
    potential, w, spikes = resets_within_steps(np.arange(1, 9901) * 0.01)
    assert spikes == 7
    with pytest.warns(UserWarning, match="looks like a value in seconds"):
        net = sl.Network(dt=0.0005, dtype="float64", threads=1)
    neuron = net.population(1, sl.AdEx(synapses="delta", method="rk4", **LSODAR))
    neuron.w = 5.0
    of_v, of_w = (net.record(neuron, state, every=0.01) for state in ("V_m", "w"))
    net.run(99.0)
    below = of_v.values[:, 0] <= -25.0
    difference = np.abs(of_v.values[:, 0] / potential - 1.0)[below]
    assert difference.mean() < 5e-4
    assert np.abs(of_w.values[:, 0] / w - 1.0).mean() < 1e-4


def test_replace_pickle_save_and_load(tmp_path: Path) -> None:
    model = sl.AdEx(a=2.0, b=[10.0, 20.0], synapses="psc_exp")
    assert model.replace(a=3.0).a == 3.0
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    assert again.b.tolist() == [10.0, 20.0]
    net = sl.Network(dt=0.1, seed=1, threads=1)
    neurons = net.population(2, model)
    neurons.I_e = 900.0
    net.run(20.0)
    net.save(tmp_path / "adex.npz")
    loaded = sl.Network.load(tmp_path / "adex.npz")
    for n in (net, loaded):
        n.run(50.0)
    (others,) = loaded.populations
    assert np.array_equal(neurons.V_m, others.V_m)
    assert np.array_equal(neurons.w, others.w)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"synapses": "alpha"}, ValueError, 'AdEx: synapses must be "cond_exp"'),
        ({"synapses": "psc_exp", "E_ex": 0.0}, TypeError, "AdEx has no parameter 'E_ex'"),
        ({"Delta_T": 0.0}, ValueError, "AdEx: Delta_T must be > 0"),
        ({"method": "leapfrog"}, ValueError, "AdEx: method"),
    ],
    ids=("synapses", "parameter", "value", "method"),
)
def test_wrong_arguments(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sl.AdEx(**arguments)  # type: ignore[arg-type]
