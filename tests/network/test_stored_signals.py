"""Signals in files: those that do not fit the network are refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.network.test_signals import rewarded

import spikelet as sl
from spikelet.network.stored_signals import load_signals

GIVEN, FOLLOWED = [0, 12, 1.0], [0, 2, 1, 3, 0.5, 10, -1]


def test_signals_come_back() -> None:
    net, _, _ = rewarded()
    load_signals(net, [[GIVEN], [FOLLOWED]])
    assert net.engine.sim.signals() == ([tuple(GIVEN)], [tuple(FOLLOWED)])


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("bad", [-2, 99, 1.5, True, "a", None, float("nan")])
def test_wrong_numbers(kind: int, bad: Any) -> None:
    net, _, _ = rewarded()
    net.connect(net.populations[0], net.populations[1], sl.AllToAll())
    right = (GIVEN, FOLLOWED)[kind]
    for k, value in enumerate(right):
        if bad in (1.5, -2) and isinstance(value, float):
            continue
        if bad == 99 and k == (1, 5)[kind]:
            continue  # a later step, a longer delay
        signals: list[list[Any]] = [[], []]
        signals[kind] = [[*right[:k], bad, *right[k + 1 :]]]
        with pytest.raises((ValueError, TypeError)):
            load_signals(net, signals)
    signals = [[], []]
    signals[kind] = [[1, *right[1:]]]
    with pytest.raises(ValueError, match="must have a rule with on_signal"):
        load_signals(net, signals)
