"""Nothing that is done while spikes are due loses or doubles one: whatever the synapses, the change and the time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl

# The source spikes at each of these times [ms], and every change comes at one of them: 0, or the end of a run.
TIMES = (0.0, 2.0, 2.1, 5.0)
END = 8.0
MIXED = [0.1, 1.0, 2.5]

PLASTICITIES: dict[str, Any] = {
    "static": None,
    "STDP": sl.STDP(A_plus=0.5, A_minus=0.25, w_max=900.0),
    "nearest": sl.STDP(A_plus=0.5, A_minus=0.25, w_max=900.0, pairing="nearest_restricted"),
    "multiplicative": sl.STDP(w_max=900.0, dependence="multiplicative"),
    "triplet": sl.TripletSTDP(w_max=900.0),
    "inhibitory": sl.InhibitorySTDP(w_max=900.0),
    "Diehl and Cook": sl.DiehlCookSTDP(w_max=900.0),
    "reward": sl.RewardSTDP(w_max=900.0),
    "short-term": sl.TsodyksMarkram(),
}
WIRINGS: dict[str, dict[str, Any]] = {
    "dense": {"rule": sl.AllToAll(), "delay": 1.0},
    "rows": {"rule": ([0, 0, 1], [0, 1, 2]), "delay": 1.0},
    "mixed delays": {"rule": ([0, 0, 1], [0, 1, 2]), "delay": MIXED},
    "a pair twice": {"rule": ([0, 0, 1], [1, 1, 2]), "delay": MIXED},
    "soonest": {"rule": sl.AllToAll(), "delay": 0.1},
}
INT16: dict[str, Any] = {"weight_dtype": "int16"}


class Net:
    """A source that makes three neurons spike, with everything that is compared."""

    def __init__(
        self,
        folder: Path,
        plasticity: Any,
        wiring: dict[str, Any],
        times: Any = TIMES,
        weight: float = 640.0,
        **more: Any,
    ) -> None:
        self.folder = folder
        self.net = sl.Network(dt=0.1, dtype="float64", threads=1, seed=3)
        ids = [0, 1] * len(times)
        source = self.net.population(2, sl.SpikeSource(np.repeat(times, 2), ids))
        pre = self.net.population(2, sl.LIFDelta(t_ref=0.0)) if more else source
        post = self.net.population(3, sl.LIF(tau_m=5.0))
        self.net.connect(pre, post, **wiring, weight=weight, plasticity=plasticity, **more)
        if more:  # weights of 16 bits belong to neurons: these repeat the spikes after 0
            early = np.repeat([time for time in times if time > 0], 2) - 0.1
            source.set(times=early, ids=ids[: len(early)])
            self.net.connect(source, pre, sl.OneToOne(), weight=100.0, delay=0.1)
        pulses = self.net.population(1, sl.SpikeSource(times, [0] * len(times)))
        self.net.connect(pulses, post, sl.AllToAll(), weight=3000.0, delay=1.0)
        self.net.prepare()
        self.record()

    def record(self) -> None:
        post = self.synapses.post
        self.current, self.spikes = (
            self.net.record(post, "I_syn_ex"),
            self.net.record(post, "spikes"),
        )

    @property
    def synapses(self) -> Any:
        return self.net.projections[0]

    def load(self) -> None:
        file = self.folder / "net.npz"
        self.net.save(file)
        self.net = sl.Network.load(file)
        self.record()

    def outcome(self, since: float) -> tuple[Any, ...]:
        late = self.current.times > since + 1e-9
        traces = self.synapses.traces if self.synapses.plasticity else {}
        spikes = self.spikes.times > since + 1e-9
        return (
            self.current.values[late],
            self.spikes.times[spikes],
            self.spikes.ids[spikes],
            self.synapses.weights,
            *(traces[name] for name in traces),
        )


def same(a: tuple[Any, ...], b: tuple[Any, ...], what: str) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9, err_msg=what)


def set_weights(it: Net) -> None:
    before = it.synapses.weights
    it.synapses.weights = before / 2
    it.synapses.weights = before


def set_plasticity(it: Net) -> None:
    if rule := it.synapses.plasticity:
        names = {field.name for field in dataclasses.fields(rule)} & {
            "A_plus",
            "eta",
            "A_minus",
            "eta_post",
        }
        it.synapses.plasticity = dataclasses.replace(rule, **dict.fromkeys(names, 0.125))
        it.synapses.plasticity = rule


def normalize(it: Net) -> None:
    if it.synapses.plasticity and not isinstance(it.synapses.plasticity, sl.TsodyksMarkram):
        before = it.synapses.weights
        it.synapses.normalize(500.0)
        it.synapses.weights = before


def add_population(it: Net) -> None:
    it.net.population(2, sl.LIF())


def add_projection(it: Net) -> None:
    it.net.connect(it.synapses.pre, it.synapses.post, sl.AllToAll(), weight=0.0, delay=2.0)


def add_input(it: Net) -> None:
    it.net.inject(it.synapses.post, sl.PoissonInput(rate=10.0, weight=0.0))


def add_recorder(it: Net) -> None:
    it.net.record(it.synapses.post, "V_m")


def read(it: Net) -> None:
    it.outcome(0.0)


def load(it: Net) -> None:
    it.load()


CHANGES: list[Callable[[Net], None]] = [
    set_weights,
    set_plasticity,
    normalize,
    add_population,
    add_projection,
    add_input,
    add_recorder,
    read,
    load,
]
FROM_SOURCE = [
    pytest.param(PLASTICITIES[rule], wiring, {}, id=f"{rule}, {name}")
    for rule in PLASTICITIES
    for name, wiring in WIRINGS.items()
]
CASES = FROM_SOURCE + [
    pytest.param(None, wiring, INT16, id=f"int16, {name}") for name, wiring in WIRINGS.items()
]


@pytest.mark.parametrize(("plasticity", "wiring", "more"), CASES)
def test_a_change_while_spikes_are_due(
    plasticity: Any, wiring: dict[str, Any], more: dict[str, Any], tmp_path: Path
) -> None:
    """What is changed and changed back leaves what an undisturbed network does."""
    whole = Net(tmp_path, plasticity, wiring, **more)
    whole.net.run(END)
    for now in TIMES:
        for change in CHANGES:
            it = Net(tmp_path, plasticity, wiring, **more)
            it.net.run(now)
            change(it)
            it.net.run(END - now)
            same(it.outcome(now), whole.outcome(now), f"{change.__name__} at {now} ms")


@pytest.mark.parametrize(("plasticity", "wiring", "more"), CASES)
def test_a_reset_while_spikes_are_due(
    plasticity: Any, wiring: dict[str, Any], more: dict[str, Any], tmp_path: Path
) -> None:
    """After a reset, and after changes then, a network does what one made anew does."""
    new = Net(tmp_path, plasticity, wiring, **more)
    new.net.run(END)
    for end in (TIMES[0], TIMES[-1]):
        for change in CHANGES:
            it = Net(tmp_path, plasticity, wiring, **more)
            start = it.synapses.weights
            it.net.run(end)
            change(it)
            it.net.reset()
            change(it)
            it.net.run(END)
            same(it.outcome(0.0), new.outcome(0.0), f"{change.__name__} at {end} ms, reset")
            it.net.reset(keep_weights=True)
            it.synapses.weights = start
            change(it)
            it.net.run(END)
            same(it.outcome(0.0), new.outcome(0.0), f"{change.__name__}, reset with its weights")


@pytest.mark.parametrize(("plasticity", "wiring", "more"), CASES)
def test_other_values_while_spikes_are_due(
    plasticity: Any, wiring: dict[str, Any], more: dict[str, Any], tmp_path: Path
) -> None:
    """Weights that are set at time 0, in a new network or after a reset, act as those given to `connect`."""
    new = Net(tmp_path, plasticity, wiring, weight=320.0, **more)
    new.net.run(END)
    it = Net(tmp_path, plasticity, wiring, **more)
    for _ in range(2):
        it.synapses.weights = 320.0
        it.net.run(END)
        same(it.outcome(0.0), new.outcome(0.0), "weights = 320")
        it.net.reset()


@pytest.mark.parametrize(("plasticity", "wiring", "more"), FROM_SOURCE)
def test_a_restart_while_spikes_are_due(
    plasticity: Any, wiring: dict[str, Any], more: dict[str, Any], tmp_path: Path
) -> None:
    """A spike of the time of a restart is past, for all kinds of synapses: later ones act, each once."""
    later = [time for time in TIMES if time > 2.0]
    new = Net(tmp_path, plasticity, wiring, times=later, **more)
    new.net.run(END)
    it = Net(tmp_path, plasticity, wiring, **more)
    for change in CHANGES:
        it.net.reset(at=2.0)
        change(it)
        it.net.run(END - 2.0)
        same(it.outcome(2.0), new.outcome(2.0), f"restart at 2 ms, {change.__name__}")
