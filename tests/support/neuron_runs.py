"""One neuron of a model on a drive, with NEST's records of it, for the tests of the models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.nest import references
from tests.nest.references.protocols import (
    CURRENT_OFF,
    CURRENT_ON,
    DURATION,
    PROTOCOLS,
    Protocol,
)
from tests.support.neuron_references import Drive, Reference, Trace, integrate

import spikelet as sl

Floats = NDArray[np.float64]


def run(model: Any, drive: Drive, dt: float, duration: float) -> Trace:
    """Run one neuron, with sources for the events and runs between the changes of the current."""
    net = sl.Network(dt=dt, seed=1, threads=1, dtype="float64")
    neuron = net.population(1, model)
    for receptor in {receptor for _, _, receptor in drive.events}:
        events = [(time, weight) for time, weight, r in drive.events if r == receptor]
        times = np.array([time for time, _ in events]) - dt  # the delay
        ids = np.arange(len(events))
        source = net.population(len(events), sl.SpikeSource(times=times, ids=ids))
        weights = np.array([weight for _, weight in events])
        to = {} if receptor is None else {"receptor": receptor}
        pairs = (ids, np.zeros(len(events), int))
        net.connect(source, neuron, pairs, weight=weights, delay=dt, **to)
    states = {name: net.record(neuron, name) for name in model.states}
    spikes = net.record(neuron, "spikes")
    for time, current in drive.currents:
        net.run(round(time - net.t, 9))
        neuron.I_e = current
    net.run(round(duration - net.t, 9))
    values = {name: recorder.values[:, 0] for name, recorder in states.items()}
    return Trace(values, np.rint(spikes.times / dt).astype(int).tolist())


def drive_of(protocol: Protocol, receptors: tuple[str, ...] = ()) -> Drive:
    """Return the drive of one of NEST's runs; NEST's receptor k is the k-th of `receptors`."""
    events = [
        (e.time, e.weight, receptors[e.receptor - 1] if e.receptor else None)
        for e in protocol.events
    ]
    return Drive([(CURRENT_ON, protocol.current), (CURRENT_OFF, 0.0)], events)


class AgainstNest:
    """A model and NEST's record of it."""

    def __init__(
        self, name: str, model: Any, receptors: tuple[str, ...] = (), dt: float | None = None
    ) -> None:
        self.protocol = PROTOCOLS[name]
        self.dt = self.protocol.dt if dt is None else dt
        self.nest = references.load(name)
        self.drive = drive_of(self.protocol, receptors)
        self.trace = run(model, self.drive, self.dt, DURATION)

    def difference(self, state: str, nest: str | None = None, sign: float = 1.0) -> Floats:
        """Return ours minus NEST's at NEST's samples."""
        every = round(self.protocol.sample / self.dt)
        return self.trace.values[state][every - 1 :: every] - sign * self.nest[nest or state]

    @property
    def late(self) -> Floats:
        """How much later our spikes are [ms]; there are as many."""
        ours, theirs = self.trace.spikes, self.nest["spikes"].tolist()
        assert len(ours) == len(theirs) > 0, f"{len(ours)} spikes, NEST has {len(theirs)}"
        return np.array(ours) * self.dt - np.array(theirs) * self.protocol.dt


def parameters_of(name: str) -> dict[str, Any]:
    """Return the parameters that NEST had where they are not the defaults."""
    return PROTOCOLS[name].parameters


def assert_defaults(model: Any, nest: str, *, missing: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Fail unless the parameters have NEST's defaults, but for those that NEST has not."""
    theirs = references.defaults(nest)
    ours = {name: getattr(model, name) for name in model.parameters()}
    assert set(ours) - set(theirs) == missing
    assert {k: v for k, v in ours.items() if k in theirs} == {
        k: theirs[k] for k in ours if k in theirs
    }


def assert_order(
    model: Any,
    reference: Reference,
    drive: Drive,
    duration: float,
    order: float,
    *,
    dt: float = 0.1,
) -> None:
    """Fail unless halving the step divides the error of V_m by two to the power of the order, or nearly."""
    exact = integrate(reference, drive, dt, duration).values["V_m"]
    found = []
    for halvings in range(3):
        every = 2**halvings
        values = run(model, drive, dt / every, duration).values["V_m"][every - 1 :: every]
        found.append(float(np.abs(values - exact).max()))
    assert model.equations.order == order
    ratios = np.array(found[:-1]) / found[1:]
    assert (ratios > 0.85 * 2.0**order).all(), (found, ratios)
    assert (ratios < 1.3 * 2.0**order).all(), (found, ratios)


def values_of(model: Any) -> dict[str, Any]:
    """Return the parameters of a model by name."""
    return {name: getattr(model, name) for name in model.parameters()}
