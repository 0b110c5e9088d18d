"""The fly's brain: against Brian2 and a plain simulator; activation, silencing, trials, tables, files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import spikelet as sl
from spikelet.models import FlyBrain, fly_brain
from spikelet.models.connectome import Connectome
from spikelet.models.fly_neuron import KICK, WEIGHT, FlyNeuron

N, EDGES, STEPS, DRIVEN, SILENCED = 600, 20_000, 1500, np.arange(21), [3, 30, 31]
Ints = npt.NDArray[np.int64]


def connectome() -> Connectome:
    return Connectome.surrogate(N, EDGES, seed=4)


def kicks() -> tuple[Ints, Ints]:
    """Return steps and elements of the drive."""
    hit = np.random.default_rng(5).random((STEPS, len(DRIVEN))) < 0.015
    steps, elements = np.nonzero(hit)
    return steps, elements


def given_input(dtype: Any = "float64", threads: int = 1) -> tuple[Ints, Ints]:
    """Return Brian2's steps of the spikes, and who fired, for the given drive."""
    brain = fly_brain(connectome(), dtype=dtype, threads=threads)
    brain.silence(SILENCED)
    brain.activate(DRIVEN, rate=0.0)
    steps, elements = kicks()
    source = brain.network.population(len(DRIVEN), sl.SpikeSource(steps * 0.1, elements, snap=True))
    brain.network.connect(
        source,
        brain.neurons,
        (np.arange(len(DRIVEN)), DRIVEN),
        weight=KICK * WEIGHT,
        delay=0.1,
        receptor="kick",
    )
    brain.network.run(0.1 * STEPS)
    fired = np.asarray(brain.spikes.ids, np.int64)
    at = np.round(brain.spikes.times / 0.1).astype(np.int64) - 1
    order = np.lexsort((fired, at))
    return at[order], fired[order]


def plainly() -> tuple[Ints, Ints]:
    """Simulate in Brian2's order: integration, threshold, events, reset. Nothing reaches refractory neurons."""
    c = connectome()
    weights = c.synapses * WEIGHT
    weights[np.isin(c.pre, SILENCED)] = 0
    tau_m, tau_syn, dt, delay = 20.0, 5.0, 0.1, 18
    a, b = np.exp(-dt / tau_m), np.exp(-dt / tau_syn)
    gain = tau_syn / (tau_syn - tau_m) * (b - a)
    v, g = np.full(N, -52.0), np.zeros(N)
    since = np.full(N, -1000)
    t_ref = np.full(N, 22)
    t_ref[DRIVEN] = 0
    steps, elements = kicks()
    fired: list[Ints] = []
    for step in range(STEPS):
        free = step - since >= t_ref
        v, g = np.where(free, -52.0 + (v + 52.0) * a + gain * g, v), np.where(free, g * b, g)
        spikes = np.flatnonzero(free & (v > -45.0))
        since[spikes] = step
        fired.append(spikes)
        for i in fired[step - delay] if step >= delay else ():
            np.add.at(g, c.post[c.pre == i], weights[c.pre == i] * free[c.post[c.pre == i]])
        np.add.at(v, DRIVEN[elements[steps == step]], KICK * WEIGHT)
        v[spikes], g[spikes] = -52.0, 0.0
    at = np.repeat(np.arange(STEPS), [len(f) for f in fired])
    return at, np.concatenate(fired)


def digest(at: Ints, fired: Ints) -> str:
    return hashlib.sha256(np.stack([at, fired]).astype("<i8").tobytes()).hexdigest()[:16]


def test_spikes_are_those_of_brian2() -> None:
    at, fired = given_input()
    assert (len(at), len(np.unique(fired))) == BRIAN2[:2]
    assert digest(at, fired) == BRIAN2[2]


def test_spikes_are_those_of_a_plain_simulator() -> None:
    at, fired = given_input()
    expected = plainly()
    np.testing.assert_array_equal(at, expected[0])
    np.testing.assert_array_equal(fired, expected[1])
    assert len(np.setdiff1d(fired, DRIVEN)) > 100


def test_threads_and_precision() -> None:
    for dtype in ("float64", "float32"):
        one, two = given_input(dtype), given_input(dtype, threads=2)
        np.testing.assert_array_equal(one, two)
    assert len(one[0]) == pytest.approx(BRIAN2[0], rel=0.02)  # float32


def test_activated_neurons_fire_at_their_rate() -> None:
    brain = fly_brain(([], [], []), neurons=200, threads=1)
    brain.activate(range(150), rate=150.0)
    brain.activate(range(100, 150), rate=50.0)
    activity = brain.run(2000.0, trials=2)
    table = activity.rates()
    assert sorted(table["index"].tolist()) == list(range(150))
    rates = np.zeros(150)
    rates[table["index"]] = table["rate"]
    # An event in the step of a spike is lost at the reset. Of two drives, either suffices.
    for part, p in ((rates[:100], 0.015), (rates[100:], 0.015 + 0.005 - 0.015 * 0.005)):
        assert part.mean() == pytest.approx(1e4 * p / (1 + p), abs=3.0)
    assert (np.diff(table["rate"]) <= 0).all()


def test_silenced_neurons_send_nothing_and_still_fire() -> None:
    brain = fly_brain(connectome(), threads=1)
    brain.activate(brain.ids[DRIVEN])
    before = np.array(brain.synapses.weights)
    control = brain.run(200.0)
    brain.silence(DRIVEN)
    brain.silence(DRIVEN[:3])  # twice is once
    active = brain.run(200.0).rates()
    assert set(active["index"]) == set(DRIVEN.tolist())
    assert not np.array(brain.synapses.weights)[np.isin(brain.synapses.pre_ids, DRIVEN)].any()
    brain.restore()
    np.testing.assert_array_equal(brain.synapses.weights, before)
    assert len(brain.run(200.0)) == 0
    brain.activate(DRIVEN)
    again = brain.run(200.0)
    for activity in (control, again):
        assert len(np.unique(activity.neurons)) > 3 * len(active)


def test_a_trial_has_the_same_drive_whenever_it_runs() -> None:
    brain = fly_brain(connectome(), threads=1)
    brain.activate(DRIVEN)
    three = brain.run(100.0, trials=3)
    second = brain.run(100.0, first=1)
    of = three.trial == 1
    np.testing.assert_array_equal(three.times[of], second.times)
    np.testing.assert_array_equal(three.neurons[of], second.neurons)
    first = three.trial == 0
    assert not np.array_equal(three.times[first], second.times)
    assert three.times.min() > 0
    assert three.times.max() <= 100.0 + 1e-9
    brain.silence([0])
    silenced = brain.run(100.0, first=1)
    events = [a.times[a.neurons == 5] for a in (second, silenced)]
    assert abs(len(events[0]) - len(events[1])) <= 3


def test_activity_as_tables_files_and_a_picture(tmp_path: Path) -> None:
    brain = fly_brain(connectome(), threads=1)
    brain.activate(DRIVEN)
    activity = brain.run(100.0, trials=2)
    active, counts = activity.counts()
    assert counts.shape == (2, len(active))
    assert counts.sum() == len(activity)
    table = activity.rates()
    assert table["id"].tolist() == brain.ids[table["index"]].tolist()
    i = table["index"][0]
    one = counts[:, active == i][:, 0] / 0.1
    assert (table["rate"][0], table["std"][0]) == (one.mean(), one.std())
    assert "2 trials of 100 ms" in repr(activity)
    figure = activity.plot()
    assert len(figure.axes[0].collections[0].get_offsets()) == (activity.trial == 0).sum()
    pandas = pytest.importorskip("pandas")
    frame = activity.to_frame("sugar")
    assert list(frame.columns) == ["t", "trial", "flywire_id", "exp_name"]
    assert len(pandas.DataFrame(table)) == len(table)
    parquet = pytest.importorskip("pyarrow.parquet")
    activity.save(tmp_path / "sugar.parquet")
    saved = parquet.read_table(tmp_path / "sugar.parquet")
    for name in frame.columns:
        assert saved[name].to_pylist() == frame[name].tolist()
    empty = fly_brain(connectome(), threads=1).run(10.0)
    assert len(empty.rates()) == 0
    empty.plot()


def test_a_saved_brain_goes_on(tmp_path: Path) -> None:
    brain = fly_brain(connectome(), threads=1)
    brain.activate(DRIVEN)
    brain.network.run(50.0)
    brain.network.save(tmp_path / "brain.npz", recorders=True)
    other = FlyBrain(sl.Network.load(tmp_path / "brain.npz", threads=1), brain.ids)
    for one in (brain, other):
        one.network.run(50.0)
    np.testing.assert_array_equal(brain.spikes.times, other.spikes.times)
    np.testing.assert_array_equal(brain.run(50.0, first=2).times, other.run(50.0, first=2).times)
    other.restore()
    assert len(other.run(50.0)) == 0
    np.testing.assert_array_equal(other.neurons.t_ref, np.full(N, 2.1))
    brain.network.save(tmp_path / "brain.npz")
    assert (
        len(FlyBrain(sl.Network.load(tmp_path / "brain.npz", threads=1), brain.ids).run(50.0)) > 50
    )
    with pytest.raises(ValueError, match="ids must be those of 600 neurons"):
        FlyBrain(brain.network, brain.ids[1:])


def test_files_as_they_are_published(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    paths = tmp_path / "Connectivity.parquet", tmp_path / "Completeness.csv"
    connectome().write(*paths)
    runs = []
    for given in (paths, (connectome(),)):
        brain = fly_brain(*given, threads=1)
        brain.activate(connectome().ids[:21])
        runs.append(brain.run(100.0))
    assert len(runs[0]) > 200
    np.testing.assert_array_equal(runs[0].times, runs[1].times)
    np.testing.assert_array_equal(runs[0].ids[runs[0].neurons], runs[1].ids[runs[1].neurons])


def test_other_parameters() -> None:
    model = FlyNeuron(V_th=-51.0)
    kicked = []
    for given in (None, model):
        brain = fly_brain(
            ([0], [1], [3]), model=model if given else None, weight=0.5, delay=3.0, threads=1
        )
        brain.activate([0], rate=200.0)
        kicked.append(len(brain.run(200.0).rates()))
    assert kicked == [1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda b: b.activate([N]),
            f"neurons must be ids of neurons, or all indices, 0 .. {N - 1}, got {N}",
        ),
        (lambda b: b.activate([0], rate=-1.0), "rate must be >= 0"),
        (lambda b: b.activate([0], rate=10_000.0), "less than one event per step, 10000 Hz"),
        (lambda b: b.silence([-1]), "neurons must be ids"),
        (lambda b: b.run(0.0), "duration must be > 0"),
        (lambda b: b.run(10.0, trials=0), "trials must be >= 1"),
        (lambda b: b.run(10.0, first=-1), "first must be >= 0"),
        (lambda b: b.run(0.05), "duration must be a multiple of dt"),
    ],
    ids=range(8),
)
def test_refusals(call: Any, message: str) -> None:
    brain = fly_brain(connectome(), threads=1)
    with pytest.raises(ValueError, match=message):
        call(brain)
    assert len(brain.run(20.0)) == 0  # nothing has changed


# Spikes, neurons that fired, and a hash of Brian2 2.9's steps and neurons, for the published equations and parameters
# (method "exact", float64, SpikeGeneratorGroup in place of PoissonInput).
BRIAN2 = (979, 150, "8ac3f1a67fa5ba66")
