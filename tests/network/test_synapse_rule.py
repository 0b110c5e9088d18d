"""Rules that `SynapseEquations` makes: values that they refuse."""

from __future__ import annotations

import pytest
from tests.conftest import make

import spikelet as sl


def test_bad_values() -> None:
    rule = sl.SynapseEquations("dx/dt = -x/tau", on_pre="x += A/B", on_post="w += x", parameters={"tau": (10.0, "ms"), "A": 1.0, "B": 1.0})  # fmt: skip
    with pytest.raises(TypeError, match=r"has no parameter 'A_plus'.*there are: tau, A, B"):
        rule(A_plus=1.0)
    with pytest.raises(ValueError, match="SynapseEquations: tau must be one number"):
        rule(tau=[1.0, 2.0])
    net = make()
    source, target = net.population(2, sl.PoissonSource(100.0)), net.population(2, sl.LIF())
    for bad, message in (
        (rule(B=0.0), r"A/B must be finite, .* got inf"),
        (rule(A=[1.0, 2.0, 3.0]), "A must have one value for each of the 4 synapses, got length 3"),
    ):
        with pytest.raises(ValueError, match=message):
            net.connect(source, target, sl.AllToAll(), plasticity=bad)
    with pytest.raises(ValueError, match='weight_dtype must be "float" for plastic synapses'):
        net.connect(source, target, sl.AllToAll(), plasticity=rule, weight_dtype="int16")
    reads = {
        state: sl.SynapseEquations("", on_pre=f"w += {state}_post", axonal_fraction=1.0)
        for state in ("u", "I_syn_ex")
    }
    with pytest.raises(
        ValueError,
        match=r"on_pre must read states that its targets have \(V_m_post, .*got 'u_post'",
    ):
        net.connect(source, target, sl.AllToAll(), plasticity=reads["u"])
    with pytest.raises(ValueError, match="must read states that no spikes are added to"):
        net.connect(source, target, sl.AllToAll(), plasticity=reads["I_syn_ex"])
    assert net.projections == ()
    p = net.connect(source, target, sl.AllToAll(), plasticity=rule(A=[1.0, 2.0, 3.0, 4.0]))
    with pytest.raises(ValueError, match="single numbers to be changed between runs"):
        p.plasticity = rule(A=1.0)
    with pytest.raises(
        ValueError, match="must be a rule of SynapseEquations with on_signal to get a signal"
    ):
        p.signal(1.0)
