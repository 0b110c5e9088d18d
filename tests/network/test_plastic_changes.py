"""What a plastic projection remembers, for other synapses than before. See also test_structure.py."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import make
from tests.support.removal import FORMS, forced, random_synapses

import spikelet as sl
from spikelet.network import plastic_changes as changes
from spikelet.network.gathered_state import whole_state


def ends_of(p: sl.Projection) -> changes.Ends:
    delay = np.rint(p.delays / p.network.dt).astype(np.int64)
    return changes.Ends(np.asarray(p.pre_ids), np.asarray(p.post_ids), delay)


@pytest.mark.parametrize("form", [*FORMS, "matrix"])
def test_a_state_of_all_synapses_is_the_state(form: str) -> None:
    net, p = forced(form, "float64", *random_synapses(np.random.default_rng(3), 12, 9, 60))
    net.run(20.0)
    state = whole_state(p)
    found = changes.kept(p, state, ends_of(p), np.ones(len(p), bool))
    assert found.keys() == state.keys()
    for name, values in state.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("form", ["queued", "short-term", "varied"])
def test_events_in_flight_have_synapses(form: str) -> None:
    """Weights of powers of two name the synapse that sent an event."""
    rng = np.random.default_rng(5)
    net, p = forced(form, "float64", *random_synapses(rng, 12, 9, 40))
    net.run(20.0)
    state = whole_state(p)
    events = len(state["sent_step"])
    assert events > 5
    counts = np.zeros(events, int)
    for k in range(len(p)):
        one = np.arange(len(p)) == k
        counts += changes.kept(p, state, ends_of(p), one)["sent_step"].size > 0
        found = changes.kept(p, state, ends_of(p), ~one)
        assert len(found["sent_step"]) <= events
        np.testing.assert_array_equal(found["sent_step"], np.sort(found["sent_step"]))
    total = sum(
        len(changes.kept(p, state, ends_of(p), np.arange(len(p)) == k)["sent_step"])
        for k in range(len(p))
    )
    assert total == events


def test_a_blank_state_has_weights_and_reward_only() -> None:
    net, p = forced("reward", "float64", *random_synapses(np.random.default_rng(3), 12, 9, 20))
    p.reward = 0.5
    net.run(20.0)
    found = changes.blank(whole_state(p))
    assert {name for name, values in found.items() if np.size(values)} == {
        "synapse.0",
        "initial",
        "reward_step",
        "reward_level",
        "clock",
    }


def test_what_must_be_stored_with_its_history() -> None:
    net = make()
    a, b = net.population(3, sl.SpikeSource([], [])), net.population(4, sl.LIF())
    rule = sl.STDP(w_max=2.0)
    full = net.connect(a, b, sl.AllToAll(), delay=1.0, plasticity=rule)
    some = net.connect(a, b, ([0, 1], [1, 2]), delay=1.0, plasticity=rule)
    one = np.array([0])
    same, other = (changes.Ends(one, one, np.array([d])) for d in (10, 11))
    assert changes.needs_history(full, ends_of(full), same)
    assert not changes.needs_history(some, ends_of(some), same)
    assert changes.needs_history(some, ends_of(some), other)
