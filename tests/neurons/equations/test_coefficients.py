"""What a change of parameters computes again is what a new model computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.neurons.equations import propagators
from spikelet.neurons.equations.coefficients import Coefficients, NotFinite

TEXT = """
C*dv/dt = -g*(v - E) + g*D*exp((v - T)/D) - w + x + y + I
tau_w*dw/dt = a*(v - E) - w
dx/dt = (z - x)/tau_x + s*xi
dz/dt = -z/tau_z
dy/dt = -y/tau_y
"""
PARAMETERS: dict[str, Any] = {
    "C": 281.0, "g": 30.0, "E": -70.6, "D": 2.0, "T": -50.4, "I": 0.0, "tau_w": 144.0, "a": 4.0, "b": 80.5,
    "tau_x": 2.0, "tau_z": 3.0, "tau_y": 5.0, "s": 0.1, "t_ref": (2.0, "ms"),
}  # fmt: skip


def made(text: str = TEXT, **options: Any) -> sl.Equations:
    defaults = {"threshold": "v > 0", "reset": "v = E; w += b", "refractory": "t_ref"}
    return sl.Equations(text, **{**defaults, "parameters": PARAMETERS, **options})


def coefficients(equations: sl.Equations) -> Coefficients:
    return Coefficients(equations.assembled, equations.parameters)


def test_what_changes_leave_is_what_a_new_model_has() -> None:
    equations, rng = made(), np.random.default_rng(1)
    kept, values = coefficients(equations), dict(equations.parameters)
    for k in range(200):
        for name in rng.choice(list(values), rng.integers(0, 3), replace=False):
            scale = rng.uniform(0.5, 1.5, 3 if rng.random() < 0.3 else None)
            values[str(name)] = equations.parameters[str(name)] * scale
        dt = 0.1 if k % 50 < 40 else 0.2
        found, expected = kept.of(dict(values), dt), coefficients(equations).of(dict(values), dt)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_inputs_leave_solutions_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that sets an input in each step need not wait for matrix exponentials."""
    linear = "tau_x*dx/dt = z - x + E*u + s*xi\ndz/dt = (h - z)/tau_z + I\ndh/dt = -h/tau_y"
    parameters = {
        "tau_x": 2.0, "tau_z": 3.0, "tau_y": 5.0, "E": 1.5, "u": 0.0, "s": 0.1, "I": 0.0, "t_ref": (2.0, "ms"),
    }  # fmt: skip
    equations = made(
        linear, parameters=parameters, threshold="x > 1", reset="x = 0", refractory="t_ref"
    )
    solved: list[float] = []
    transition = propagators.transition

    def counted(h: float, *given: Any) -> Any:
        solved.append(h)
        return transition(h, *given)

    monkeypatch.setattr(propagators, "transition", counted)
    kept, values = coefficients(equations), dict(equations.parameters)
    kept.of(values, 0.1)
    assert solved
    for changed, again in (
        ({"u": 3.0}, False),
        ({"E": np.array([1.0, 2.0, 4.0])}, False),
        ({"I": 2.0}, False),
        ({"tau_z": 4.0}, True),
        ({"u": 5.0}, False),
        ({"s": 0.2}, True),
    ):
        values = {**values, **changed}
        solved.clear()
        found = kept.of(values, 0.1)
        assert bool(solved) == again, changed
        for ours, theirs in zip(found, coefficients(equations).of(values, 0.1), strict=True):
            assert ours.tobytes() == theirs.tobytes()
    solved.clear()
    kept.of(values, 0.2)
    assert solved


def test_only_what_depends_on_a_change_is_computed() -> None:
    equations = made()
    kept, values = coefficients(equations), dict(equations.parameters)
    before = kept.of(values, 0.1)
    after = kept.of({**values, "I": 3.0}, 0.1)
    same = [ours is theirs for ours, theirs in zip(before, after, strict=True)]
    assert 0 < same.count(False) < 5
    all_others = kept.of({**values, "I": 3.0, "tau_z": 4.0}, 0.1)
    assert any(ours is not theirs for ours, theirs in zip(after, all_others, strict=True))
    later = kept.of({**values, "I": 3.0, "tau_z": 4.0}, 0.2)
    assert not any(ours is theirs for ours, theirs in zip(all_others, later, strict=True))


def test_signs_of_zero_differ() -> None:
    equations = made(
        "dv/dt = exp(I*v)", threshold=None, reset=None, refractory=None, parameters={"I": 0.0}
    )
    kept = coefficients(equations)
    signs = [np.signbit(np.concatenate(kept.of({"I": I}, 0.1))).any() for I in (0.0, -0.0, 0.0)]
    assert signs == [False, True, False]


def test_a_coefficient_that_begins_to_count_is_refused() -> None:
    equations = made(
        "dv/dt = where(on > 0, 1/k, 0) - v/tau", threshold="v > 1", reset="v = 0", refractory=None,
        parameters={"on": 0.0, "k": 0.0, "tau": 5.0},
    )  # fmt: skip
    kept = coefficients(equations)
    kept.of({"on": 0.0, "k": 0.0, "tau": 5.0}, 0.1)
    with pytest.raises(NotFinite):
        kept.of({"on": 1.0, "k": 0.0, "tau": 5.0}, 0.1)
    kept.of({"on": 1.0, "k": 2.0, "tau": 5.0}, 0.1)
    net = sl.Network(dt=0.1, seed=1)
    cells = net.population(2, equations(k=2.0, on=1.0))
    with pytest.raises(ValueError, match="must be finite, with the parameters given"):
        cells.k = 0.0
    with pytest.raises(ValueError, match="of neuron 1"):
        cells.k = [1.0, 0.0]
    assert cells.k == 2.0
    cells.on = 0.0
    cells.k = 0.0
    net.run(1.0)


def test_runs_after_changes_keep_bits() -> None:
    """A population whose parameters were set one by one runs like one that was made with them."""
    equations = made()
    ends = []
    for late in (False, True):
        net = sl.Network(dt=0.1, seed=1, threads=1)
        final = {"I": 900.0, "tau_x": 2.5, "b": 60.0, "C": 250.0, "t_ref": 1.0}
        cells = net.population(20, equations(**({} if late else final)))
        others = net.population(5, equations())  # they share what is kept
        for name, value in final.items() if late else ():
            setattr(cells, name, value)
            others.I = value
        spikes = net.record(cells, "spikes")
        net.run(100.0)
        ends.append((np.array(cells.v), np.array(cells.w), np.array(spikes.times)))
    for ours, theirs in zip(*ends, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert len(ends[0][2]) > 10
