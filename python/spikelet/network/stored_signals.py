"""Signals from a file: those to come, and the spikes that give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.network.contents import NetworkContents
from spikelet.network.stored import LATEST, WHERE, item, whole
from spikelet.network.synapse_rule import SynapseRule


def load_signals(net: NetworkContents, signals: Any) -> None:
    """Give a network whose projections are there its signals.

    Parameters
    ----------
    net : NetworkContents
        The network, whose clock is set.
    signals : list of two lists
        What the core returned: signals to come, and spikes that give signals.

    Raises
    ------
    ValueError
        If anything does not fit the network.
    """
    sim, now = net.engine.sim, net.engine.step
    given, followed = signals
    for of, step, value in given:
        sim.add_signal(
            _listening(net, of), whole("signal step", step, now + 1, LATEST), _value(value)
        )
    for of, population, first, size, value, delay, since in followed:
        n = item("population of signals", net.contents.populations, population).size
        start = whole("first source of signals", first, 0, n - 1)
        sim.follow(
            _listening(net, of), population, start, whole("sources of signals", size, 1, n - start),
            _value(value), whole("delay of signals", delay, 1, LATEST), whole("signals since", since, -1, now),
        )  # fmt: skip


def _listening(net: NetworkContents, index: Any) -> int:
    rule = item("projection of signals", net.contents.projections, index).plasticity
    if not isinstance(rule, SynapseRule) or rule.equations.on_signal is None:
        fail(WHERE, "projection of signals", index, "must have a rule with on_signal")
    return int(index)


def _value(value: Any) -> float:
    if type(value) is not float or not np.isfinite(value):
        fail(WHERE, "value of signals", value, "must be a finite number")
    return value
