from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyNN.errors import RoundingWarning
from tests.ranks import launch

import spikelet as sl
from spikelet.pynn import simulator


def _noisy_trials(sim: Any, seed: int = 42) -> list[np.ndarray]:
    sim.setup(timestep=0.1, rng_seed=seed)
    source = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0))
    source.record("spikes")
    for _ in range(2):
        sim.run(100.0)
        sim.reset()
    return [s.spiketrains.multiplexed[1].magnitude for s in source.get_data().segments]


def test_each_segment_has_new_noise_and_a_seed_gives_one_result(sim: Any) -> None:
    first, second = _noisy_trials(sim)
    assert len(first) > 100
    assert not np.array_equal(first, second)
    again = _noisy_trials(sim)
    assert np.array_equal(first, again[0])
    assert np.array_equal(second, again[1])
    assert not np.array_equal(first, _noisy_trials(sim, 43)[0])


def test_the_clock_starts_at_0_after_a_reset(sim: Any) -> None:
    assert sim.get_current_time() == 0.0
    sim.run(12.3)
    assert sim.get_current_time() == pytest.approx(12.3)
    sim.reset()
    assert sim.get_current_time() == 0.0
    assert sim.simulator.state.segment_counter == 1
    sim.run(0.1)
    assert sim.get_current_time() == pytest.approx(0.1)


def test_deterministic_segments_are_equal(sim: Any) -> None:
    cells = sim.Population(3, sim.IF_cond_exp(i_offset=[0.5, 1.0, 1.5]))
    cells.record(["spikes", "v"], sampling_interval=0.7)
    for _ in range(3):
        sim.run(50.0)
        sim.reset()
    segments = cells.get_data().segments
    for segment in segments[1:]:
        assert np.array_equal(segment.analogsignals[0], segments[0].analogsignals[0])
        for train, first in zip(segment.spiketrains, segments[0].spiketrains, strict=True):
            assert np.array_equal(train.magnitude, first.magnitude)
    assert len(segments[0].spiketrains[2]) > 0


def test_times_off_the_grid_are_rounded_up_with_a_warning(sim: Any) -> None:
    with pytest.warns(RoundingWarning, match=r"10\.04 ms is not on the grid of 0\.1 ms"):
        sim.run(10.04)
    assert sim.get_current_time() == pytest.approx(10.1)


def test_callbacks_with_times_off_the_grid_end(sim: Any) -> None:
    seen: list[float] = []

    def callback(t: float) -> float:
        seen.append(t)
        return t + 0.25

    with pytest.warns(RoundingWarning, match="not on the grid"):
        sim.run(2.0, callbacks=[callback])
    assert sim.get_current_time() == pytest.approx(2.0)
    assert len(seen) == 8  # at 0 and each 0.3 ms, and at the end


def test_a_time_that_is_no_number_is_refused(sim: Any) -> None:
    with pytest.raises(ValueError, match="must be finite, got nan"):
        sim.run(float("nan"))
    assert not sim.simulator.state.running


def test_delays_are_those_of_setup_or_of_the_projections(sim: Any) -> None:
    state = sim.simulator.state
    sim.setup(timestep=0.1)
    assert (state.min_delay, state.max_delay) == (0.1, 0.1)
    state.saw_delays(0.5, 2.0)
    state.saw_delays(1.5, 3.0)
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.5, 3.0)
    sim.setup(timestep=0.1, min_delay=0.2, max_delay=5.0)
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.2, 5.0)


def test_a_script_without_setup_has_a_network_with_pynn_s_step() -> None:
    state = simulator.State()
    assert state.network.dt == state.dt == 0.1
    assert state.network.dtype == np.float64


def test_a_run_in_pieces_is_the_same(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[Any, Any, Any]:
        sim.setup(timestep=0.1)
        cells = sim.Population(1, sim.IF_curr_exp())
        noise = sim.NoisyCurrentSource(mean=0.5, stdev=0.3, start=3.0, dt=0.4)
        noise.inject_into(cells)
        noise.record()
        source = sim.Population(3, sim.SpikeSourceGamma(beta=[300.0, 200.0, 100.0]))
        cells.record("v")
        source.record("spikes")
        sim.run(60.0)
        trains = source.get_data().segments[0].spiketrains
        return (
            cells.get_data().segments[0].analogsignals[0].magnitude,
            noise.get_data().magnitude,
            trains.multiplexed[1].magnitude,
        )

    whole = run()
    for name, value in (("_PIECE", 7), ("_VALUES", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(simulator, name, value)
            for a, b in zip(whole, run(), strict=True):
                assert len(a) > 0
                assert np.array_equal(a, b)


def test_a_run_goes_on_after_an_interrupt(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin() -> tuple[Any, Any]:
        sim.setup(timestep=0.1)
        cells = sim.Population(2, sim.IF_curr_exp())
        cells.record("v")
        source = sim.ACSource(amplitude=0.5, frequency=100.0)
        source.inject_into(cells[1:])
        source.record()
        return cells, source

    def results(cells: Any, source: Any) -> list[Any]:
        signals = cells.get_data().segments[0].analogsignals[0], source.get_data()
        return [signal.magnitude for signal in signals]

    whole = begin()
    sim.run(20.0)
    expected = results(*whole)
    interrupted = begin()
    run = sl.Network.run

    def part(network: sl.Network, _duration: float) -> None:
        run(network, 5.0)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sl.Network, "run", part)
        with pytest.raises(KeyboardInterrupt):
            sim.run(20.0)
    assert sim.get_current_time() == 5.0
    sim.run(15.0)
    for a, b in zip(expected, results(*interrupted), strict=True):
        assert len(a) == 201
        assert np.array_equal(a, b)


def test_an_id_is_an_integer_with_parameters(sim: Any) -> None:
    cells = sim.Population(2, sim.IF_curr_exp(tau_m=[10.0, 20.0]))
    assert cells[1] == cells.first_id + 1
    assert isinstance(cells[1], int)
    assert cells[1].tau_m == 20.0
    assert sim.simulator.state.take_ids(3) == range(3, 6)


def test_two_ranks_give_the_results_of_one() -> None:
    script = str(Path(__file__).with_name("on_ranks.py"))
    alone = launch.run(0, script)
    assert len(alone.split()) == 6
    assert launch.run(2, script) == alone
