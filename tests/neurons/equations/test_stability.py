"""Steps that are too long for a method are found where the linear test equation says so."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet.neurons.equations import equations_model
from spikelet.neurons.equations.stability import stable_step

# x' = -rate (x + x^3) is -rate x near 0, and no scheme calls it linear.
FAST = "dx/dt = -rate*(x + x**3)"


def longest(method: str, rate: float, dt: float, text: str = FAST, **start: float) -> float:
    kind = sl.Equations(text, method=method, parameters={"rate": rate})
    states = {name: start.get(name, 0.0) for name in kind.states}
    return stable_step(kind.assembled, {"rate": rate}, states, dt)


@pytest.mark.parametrize(
    ("method", "limit"), [("euler", 2.0), ("rk2", 2.0), ("heun", 2.0), ("rk4", 2.785)]
)
def test_limits_of_runge_and_kutta(method: str, limit: float) -> None:
    assert longest(method, limit * 0.99 / 0.1, 0.1) == 0.1
    assert longest(method, limit * 1.01 / 0.1, 0.1) == 0.05
    assert longest(method, limit * 3.9 / 0.1, 0.1) == 0.025


@pytest.mark.parametrize("method", ["exponential_euler", "exponential_midpoint"])
def test_exponential_schemes_have_none_for_a_single_variable(method: str) -> None:
    assert longest(method, 1e5, 0.1) == 0.1


def test_coupling_can_be_too_fast_for_them_too() -> None:
    text = "dx/dt = -x + rate*y + 0*x**3; dy/dt = -y - rate*x + 0*y**3"
    assert longest("exponential_euler", 100.0, 0.1, text) < 0.1
    assert longest("exponential_euler", 0.1, 0.1, text) == 0.1


def test_growth_of_the_equations_is_not_the_schemes() -> None:
    assert longest("rk4", -5.0, 0.1) == 0.1
    # Here it begins to grow only after the start.
    assert longest("rk4", 1.0, 0.1, "dx/dt = rate*(x**2 + 1)") == 0.1


def test_a_population_warns() -> None:
    kind = sl.Equations(
        FAST, method="rk4", parameters={"rate": 40.0}, initial={"x": "0*rate"}, name="Fast"
    )
    net = make(0.1)
    with pytest.warns(
        UserWarning, match=r"^Fast: dt = 0.1 ms is too long for rk4: .*: use at most 0.05 ms$"
    ):
        net.population(2, kind())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.population(2, kind(rate=20.0))
        net.population(2, kind(rate=[20.0, 10.0]))
        net.population(0, kind(rate=np.zeros(0)))


def test_a_loaded_network_does_not(tmp_path: Any) -> None:
    kind = sl.Equations(FAST, method="rk4", parameters={"rate": 40.0}, name="Fast")
    net = make(0.1)
    with pytest.warns(UserWarning, match="too long"):
        net.population(2, kind())
    net.save(tmp_path / "net.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.Network.load(tmp_path / "net.npz", threads=1)


def test_many_populations_of_one_model_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    def counted(assembled: Any, values: Any, states: Any, dt: float) -> float:
        looked.append(values["rate"])
        return stable_step(assembled, values, states, dt)

    monkeypatch.setattr(equations_model, "stable_step", counted)
    kind = sl.Equations(FAST, method="rk4", parameters={"rate": 40.0}, name="Often")
    net = make(0.1)
    for _ in range(5):  # each still warns
        with pytest.warns(UserWarning, match="use at most 0.05 ms"):
            net.population(2, kind())
        net.population(2, kind(rate=20.0))
        net.population(3, kind(rate=[20.0, 1.0, 2.0]))  # as its first neuron
    assert looked == [40.0, 20.0]
    with pytest.warns(UserWarning, match="use at most 0.1 ms"):
        make(0.2).population(1, kind(rate=20.0))
    assert looked == [40.0, 20.0, 20.0]
