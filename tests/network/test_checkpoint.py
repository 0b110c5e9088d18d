"""A loaded network goes on bit by bit as the saved one would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import MODELS, busy_network, make, train
from tests.support.recorded import State, assert_equal, everything

import spikelet as sl


def continue_(net: sl.Network, duration: float) -> tuple[list[tuple[int, int]], State]:
    """Record, run, and return the spikes and what there is afterwards."""
    spikes = net.record(net.populations[0], "spikes")
    net.run(duration)
    return train(spikes), everything(net)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", MODELS)
def test_a_loaded_network_continues_alike(
    model: Any, dtype: str, threads: int, tmp_path: Path
) -> None:
    net, _, _, _ = busy_network(model, dtype=dtype, threads=threads, theta=True)
    net.run(33.3)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net", threads=4 - threads)
    assert_equal(everything(loaded), everything(net))
    spikes, after = continue_(net, 40.0)
    again, loaded_after = continue_(loaded, 40.0)
    assert again == spikes
    assert len(spikes) > 100
    assert_equal(loaded_after, after)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 250), min_size=1, max_size=3), st.sampled_from(MODELS))
def test_saving_and_loading_at_any_time(tmp_path: Path, pieces: list[int], model: Any) -> None:
    straight, _, _, _ = busy_network(model, dtype="float32", theta=True)
    net, _, _, _ = busy_network(model, dtype="float32", theta=True)
    for k, piece in enumerate(pieces):
        net.run(piece * 0.1)
        net.save(tmp_path / "net")
        net = sl.Network.load(tmp_path / "net", threads=1 + k % 3)
    straight.run(sum(pieces) * 0.1)
    spikes, after = continue_(straight, 20.0)
    again, loaded_after = continue_(net, 20.0)
    assert again == spikes
    assert_equal(loaded_after, after)


@pytest.mark.parametrize("ran", [False, True])
def test_saving_changes_no_bit(ran: bool, tmp_path: Path) -> None:
    net, _, _, _ = busy_network(dtype="float32")
    other, _, _, _ = busy_network(dtype="float32")
    for k in range(6 if ran else 1):
        other.save(tmp_path / f"{k}")
        net.run(7.7)
        other.run(7.7)
    assert_equal(everything(other), everything(net))


def long_silence() -> tuple[sl.Network, sl.Projection]:
    """Return a network whose targets spike when the traces of the sources have almost decayed."""
    net = make(dtype="float32")
    pre = net.population(3, sl.SpikeSource([0.5, 1.0, 300.0, 2000.0, 2300.0], [0, 1, 0, 2, 1]))
    post = net.population(3, sl.LIF())
    net.inject(post, sl.CurrentInput(np.where(np.arange(25_000) < 2000, 0.0, 400.0)))
    rule = sl.STDP(A_plus=1e-30, A_minus=0.0, tau_plus=10.0)
    return net, net.connect(pre, post, sl.AllToAll(), weight=0.0, delay=20.0, plasticity=rule)


def test_saving_in_a_long_silence_changes_no_bit(tmp_path: Path) -> None:
    """Products may be subnormal numbers: inside a run and outside they must be handled alike."""
    net, p = long_silence()
    other, q = long_silence()
    for _ in range(24):
        net.run(100.0)
        other.run(100.0)
        other.save(tmp_path / "net")
        other = sl.Network.load(tmp_path / "net")
        q = other.projections[0]
        np.testing.assert_array_equal(q.weights, p.weights)
    assert 0.0 < p.weights.max() < 1e-30


@pytest.mark.parametrize("after", [0.0, 30.0])
def test_weights_can_be_set_after_loading(after: float, tmp_path: Path) -> None:
    net, _, _, plastic = busy_network()
    net.run(after)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net", threads=2)
    values = np.linspace(10.0, 200.0, len(plastic))
    for n in (net, loaded):
        n.projections[0].weights = values
        n.projections[2].weights = n.projections[2].weights / 2
        np.testing.assert_array_equal(n.projections[0].weights, values)
    spikes, state = continue_(net, 20.0)
    again, loaded_state = continue_(loaded, 20.0)
    assert again == spikes
    assert_equal(loaded_state, state)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("run_first", [True, False])
def test_a_loaded_network_resets_alike(run_first: bool, keep: bool, tmp_path: Path) -> None:
    net, cells, _, _ = busy_network(theta=True)
    cells.V_m[:] = sl.Uniform(-70.0, -56.0)
    net.run(33.3)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    for n in (net, loaded):
        if run_first:
            n.run(3.0)
        n.reset(keep_weights=keep)
    assert_equal(everything(loaded), everything(net))
    spikes, state = continue_(net, 20.0)
    again, loaded_state = continue_(loaded, 20.0)
    assert again == spikes
    assert_equal(loaded_state, state)


def test_reset_restores_states_set_after_loading(tmp_path: Path) -> None:
    net = make()
    net.population(3, sl.LIF())
    net.save(tmp_path / "net")
    for n in (net, sl.Network.load(tmp_path / "net")):  # neither has run
        n.populations[0].V_m[:] = -60.0
        n.run(1.0)
        n.reset()
        np.testing.assert_array_equal(n.populations[0].V_m[:], np.full(3, -60.0))


@pytest.mark.parametrize("steps", [0, 1, 13, 20, 27, 30, 34, 41])
def test_noise_goes_on_alike_after_a_reset(steps: int, tmp_path: Path) -> None:
    """The input was made at 3 ms; after the reset the time is before that."""
    net = make()
    net.population(3, sl.LIF())
    net.run(3.0)
    net.inject(net.populations[0], sl.NoiseInput(std=100.0, every=0.7))
    net.run(1.0)
    net.reset()
    net.run(steps * 0.1)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    assert_equal(continue_(loaded, 5.0)[1], continue_(net, 5.0)[1])


def test_a_network_saved_after_a_reset(tmp_path: Path) -> None:
    net, _, _, _ = busy_network()
    net.run(20.0)
    net.reset(keep_weights=True)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    spikes, state = continue_(net, 20.0)
    again, loaded_state = continue_(loaded, 20.0)
    assert again == spikes
    assert_equal(loaded_state, state)


@pytest.mark.filterwarnings("ignore:connect .* weight")
def test_additions_during_a_run_are_stored(tmp_path: Path) -> None:
    net, cells, _, _ = busy_network()
    net.run(10.0)
    raster = np.random.default_rng(1).integers(0, 2, (300, 20))
    late = net.population(20, sl.RasterSource(raster), name="late")
    other = net.population(5, sl.IF(reset="subtract", tau_syn_ex=[1.0, 2.0, 3.0, 4.0, 5.0]))
    net.connect(late, cells, sl.FixedIndegree(3), weight=150.0, delay=4.0, receptor="in")
    net.connect(late[3:9], other[[4, 2]], sl.AllToAll(), weight=50.0, delay=7.0)
    net.inject(cells[[5, 80]], sl.CurrentInput(np.full((100, 2), 300.0)))
    net.inject(other, sl.PoissonInput(rate=[1e3, 0.0, 1e4, 2e4, 3e4], weight=20.0))
    net.inject(other, sl.NoiseInput(std=40.0, every=0.3))
    net.population(4, sl.PoissonSource([1.0, 2.0, 3.0, 4.0]))
    net.run(5.05 * 2)
    late.raster = 1 - raster
    other.I_e = 20.0
    cells[:20].V_m = sl.Normal(-60.0, 2.0)
    net.run(1.7)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net", threads=3)
    assert_equal(everything(loaded), everything(net))
    assert [repr(p) for p in loaded.populations] == [repr(p) for p in net.populations]
    assert [repr(p.pre) for p in loaded.projections] == [repr(p.pre) for p in net.projections]
    spikes, state = continue_(net, 30.0)
    again, loaded_state = continue_(loaded, 30.0)
    assert again == spikes
    assert_equal(loaded_state, state)
    # What is built on top draws the same, too.
    for n in (net, loaded):
        n.populations[0].V_m[:] = sl.Normal(-60.0, 2.0)
        n.connect(
            n.populations[0], n.populations[4], sl.FixedTotalNumber(50), weight=sl.Normal(0, 9)
        )
        n.inject(n.populations[4], sl.PoissonInput(rate=1e4, weight=9.0))
    assert_equal(continue_(loaded, 10.0)[1], continue_(net, 10.0)[1])


def test_settings_are_restored(tmp_path: Path) -> None:
    net = sl.Network(dt=0.25, seed=2**63 + 5, threads=3, dtype="float32")
    net.population(3, sl.LIFDelta(tau_theta=np.inf, theta_plus=1.0), name="some name")
    net.run(2.5)
    path = tmp_path / "net.npz"
    net.save(path)
    loaded = sl.Network.load(str(path))
    assert (loaded.dt, loaded.seed, loaded.dtype, loaded.t) == (0.25, 2**63 + 5, np.float32, 2.5)
    assert loaded.populations[0].name == "some name"
    assert loaded.threads == sl.Network().threads
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_network_is_stored(tmp_path: Path) -> None:
    net = make()
    nobody = net.population(0, sl.LIF())
    net.connect(nobody, nobody, sl.AllToAll(), plasticity=sl.STDP())
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    loaded.run(1.0)
    assert len(loaded.populations[0]) == len(loaded.projections[0]) == 0


@pytest.mark.parametrize("content", ["none", "text", "arrays"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "net"
    if content == "text":
        path.write_text("no network")
    elif content == "arrays":
        np.savez(path, a=1)
        path = tmp_path / "net.npz"
    kind: Any = FileNotFoundError if content == "none" else ValueError
    with pytest.raises(kind, match="net"):
        sl.Network.load(path)


@pytest.mark.parametrize("first", [0.0, 3.0])
def test_weights_of_zero_keep_the_layout(first: float, tmp_path: Path) -> None:
    """How they are laid out follows from the weights that they began with, which had one sign."""
    net = make()
    cells = net.population(60, sl.LIF(I_e=400.0))
    rule = sl.InhibitorySTDP(eta=0.1, w_max=50.0)
    p = net.connect(cells, cells, sl.FixedProbability(0.2), weight=-9.0, plasticity=rule)
    net.run(first)
    p.weights = np.where(np.arange(len(p)) % 3 == 0, 0.0, p.weights)
    net.run(20.0)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    spikes, after = continue_(net, 30.0)
    again, loaded_after = continue_(loaded, 30.0)
    assert again == spikes
    assert_equal(loaded_after, after)


@pytest.mark.parametrize(
    "rule", [sl.STDP(), sl.InhibitorySTDP(), sl.RewardSTDP(), sl.TsodyksMarkram()]
)
def test_a_projection_without_synapses(rule: Any, tmp_path: Path) -> None:
    net, cells, _, _ = busy_network()
    net.connect(cells, cells, sl.FixedProbability(0.0), weight=0.5, plasticity=rule)
    net.run(10.0)
    net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net")
    assert continue_(loaded, 10.0)[0] == continue_(net, 10.0)[0]


def test_reading_before_the_first_run_loses_no_spike_of_time_0(tmp_path: Path) -> None:
    trains = []
    for prepared in (False, True):
        net = make()
        source = net.population(5, sl.SpikeSource([0.0, 0.0, 5.0], [0, 1, 0]))
        cells = net.population(5, sl.LIFDelta(V_th=-60.0))
        net.connect(source, cells, sl.AllToAll(), weight=30.0, plasticity=sl.TsodyksMarkram())
        if prepared:
            net.prepare()
            net.save(tmp_path / "net")
        net.contents.populations.reverse()  # continue_ records the first
        trains.append(continue_(net, 20.0)[0])
    assert trains[0] == trains[1]
    assert len(trains[0]) == 5
    loaded = sl.Network.load(tmp_path / "net")
    loaded.contents.populations.reverse()
    assert continue_(loaded, 20.0)[0] == trains[0]
