"""Trains that often coincide at the synapse: what is sent is what NEST's synapses send, in each pairing and dependence."""

from __future__ import annotations

import pytest
from tests.nest.ties import KINDS, draw, largest_difference


@pytest.mark.parametrize("coincidence", ["potentiate", "ignore"])
@pytest.mark.parametrize("kind", KINDS)
def test_ties(kind: str, coincidence: str) -> None:
    if kind == "inhibitory" and coincidence == "potentiate":
        pytest.skip("one amplitude for both sides cannot make up for later spikes")
    pairs = 0
    for case in range(6):
        r = draw([KINDS.index(kind), case], kind, coincidence)
        pairs += r.ties
        assert largest_difference(r) < 1e-11, r.describe()
    assert pairs > 50
