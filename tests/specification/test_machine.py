"""The state machine, for some seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.specification import machine

# Random parameters may be such as `sl` warns of.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SHORT = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def test_networks_do_what_the_specification_says() -> None:
    machine.COUNTS.clear()
    run_state_machine_as_test(machine.Machine, settings=SHORT)
    assert machine.COUNTS["comparisons"] > 100
    assert machine.COUNTS["steps"] > 1000
    assert machine.COUNTS["wrong calls"] > 0
    assert machine.COUNTS["too close to call"] == 0


def test_ensembles_are_joined_and_do_what_the_specification_says() -> None:
    machine.COUNTS.clear()
    for seed in range(40):
        one = machine.Machine()
        one.start(seed=seed)
        if one.ensemble:
            rng = np.random.default_rng(seed)
            for steps in (150, 1, 30, 12):
                one.set_states(seed=seed + steps)
                one.advance(rng, steps)
        one.teardown()
    assert machine.COUNTS["runs that were joined"] > 10


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_is_seen(seed: int) -> None:
    """The machine compares: a specification with another refractory period, weight or delay is found out."""
    rng = np.random.default_rng(seed)
    one = machine.Machine()
    one.start(seed=11)
    population = next(p for p in one.neurons() if one.spec.populations[p].n)
    neurons = one.spec.populations[population]
    neurons.set_model(neurons.model.replace(I_e=900.0 + rng.random()))
    with pytest.raises(machine.Mismatch):
        one.advance(rng, 30)
    one.teardown()
