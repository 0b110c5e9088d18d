from __future__ import annotations

from typing import Any

import neo
import numpy as np
import pytest

import spikelet as sl


def _potential(cells: Any) -> np.ndarray:
    return cells.get_data().segments[-1].filter(name="v")[0].magnitude


def _response(current: np.ndarray) -> np.ndarray:
    """Return v of a default IF_curr_exp below its threshold, given the current [nA] of each step."""
    decay, v = np.exp(-0.1 / 20.0), [0.0]
    for i in current:
        v.append(v[-1] * decay + 20.0 * i * (1 - decay))
    return np.array(v)[: len(current)] - 65.0


def _sources(sim: Any) -> list[Any]:
    return [
        sim.DCSource(amplitude=0.2, start=3.0, stop=12.0),
        sim.ACSource(amplitude=0.3, offset=0.1, frequency=150.0, phase=30.0, start=2.0, stop=20.0),
        sim.StepCurrentSource(times=[1.0, 5.0, 9.0], amplitudes=[0.1, -0.2, 0.3]),
        sim.NoisyCurrentSource(mean=0.1, stdev=0.3, start=4.0, stop=18.0, dt=0.5),
    ]


def test_cells_get_the_recorded_current(sim: Any) -> None:
    cells = sim.Population(5, sim.IF_curr_exp())
    cells.record("v")
    sources = _sources(sim)
    for i, source in enumerate(sources):
        cells[i].inject(source)
        source.inject_into(cells[4:])
        source.record()
    sim.run(13.0)
    sim.run(12.0)
    v, total = _potential(cells), np.zeros(251)
    for i, source in enumerate(sources):
        signal = source.get_data()
        assert isinstance(signal, neo.AnalogSignal)
        assert str(signal.units.dimensionality) == "nA"
        current = signal.magnitude[:, 0]
        assert len(current) == 251
        assert np.allclose(v[:, i], _response(current), rtol=0, atol=1e-9)
        total += current
    assert np.allclose(v[:, 4], _response(total), rtol=0, atol=1e-9)


def test_currents_have_their_form(sim: Any) -> None:
    sources = _sources(sim)
    for source in sources:
        source.record()
    sim.run(25.0)
    t = np.arange(251) * 0.1
    dc, ac, step, noise = (source.get_data().magnitude[:, 0] for source in sources)
    assert np.array_equal(dc, np.where((t > 2.95) & (t < 11.95), 0.2, 0.0))
    sine = 0.1 + 0.3 * np.sin(2 * np.pi * 0.15 * (t - 2.0) + np.pi / 6)
    assert np.allclose(ac, np.where((t > 1.95) & (t < 19.95), sine, 0.0), rtol=0, atol=1e-12)
    assert step[[9, 10, 49, 50, 89, 90, 250]].tolist() == [0.0, 0.1, 0.1, -0.2, -0.2, 0.3, 0.3]
    held = noise[40:180].reshape(28, 5)
    assert (held == held[:, :1]).all()
    assert len(np.unique(held)) == 28
    assert not noise[:40].any()
    assert not noise[180:].any()


def test_noise_has_its_moments_and_is_new_in_each_segment_and_source(sim: Any) -> None:
    a, b = (sim.NoisyCurrentSource(mean=1.0, stdev=0.2) for _ in range(2))
    a.record()
    b.record()
    seen = []
    for _ in range(2):
        sim.run(1000.0)
        seen += [a.get_data().magnitude, b.get_data().magnitude]
        sim.reset()
    for values in seen:
        assert abs(values.mean() - 1.0) < 5 * 0.2 / 100
        assert abs(values.std() - 0.2) < 5 * 0.2 / np.sqrt(2e4)
    assert len({values.tobytes() for values in seen}) == 4


def test_parameters_can_change_between_runs(sim: Any) -> None:
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    source = sim.DCSource(amplitude=0.1, start=5.0)
    source.inject_into(cells)
    source.record()
    sim.run(10.0)
    source.amplitude += 0.2
    assert source.amplitude == pytest.approx(0.3)
    sim.run(10.0)
    source.set_parameters(amplitude=0.1, stop=25.0)
    sim.run(10.0)
    current = source.get_data().magnitude[:, 0]
    t = np.arange(301) * 0.1 + 1e-6
    expected = np.select([t < 5, t < 10, t < 20, t < 25], [0.0, 0.1, 0.3, 0.1], 0.0)
    assert np.allclose(current, expected)
    assert np.allclose(_potential(cells)[:, 0], _response(current), rtol=0, atol=1e-9)


def test_a_reset_begins_the_current_anew(sim: Any) -> None:
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    source = sim.StepCurrentSource(times=[2.0, 30.0], amplitudes=[0.5, 1.0])
    source.inject_into(cells)
    source.record()
    for _ in range(2):
        sim.run(10.0)
        assert len(source.get_data()) == 101
        sim.reset()
    first, second = (s.analogsignals[0].magnitude for s in cells.get_data().segments)
    assert first[-1, 0] > -62.0
    assert np.array_equal(first, second)


def test_targets_are_populations_views_assemblies_and_lists(sim: Any) -> None:
    a, b = sim.Population(3, sim.IF_curr_exp()), sim.Population(2, sim.IF_curr_exp())
    for cells in (a, b):
        cells.record("v")
    sim.DCSource(amplitude=0.1).inject_into(a + b)
    sim.DCSource(amplitude=0.2).inject_into([b[1], a[0], a[2]])
    b.inject(sim.DCSource(amplitude=0.4))
    sim.run(1.0)
    gain = 20.0 * (1 - np.exp(-1.0 / 20.0))
    assert np.allclose(_potential(a)[-1], -65.0 + gain * np.array([0.3, 0.1, 0.3]))
    assert np.allclose(_potential(b)[-1], -65.0 + gain * np.array([0.5, 0.7]))
    with pytest.raises(TypeError, match="spike source"):
        sim.DCSource().inject_into(sim.Population(1, sim.SpikeSourceArray()))


def test_step_times_are_rounded_and_the_last_of_a_step_counts(sim: Any) -> None:
    source = sim.StepCurrentSource(times=[0.41, 0.42, 0.86], amplitudes=[0.5, -0.5, 0.5])
    assert np.allclose(source.times, [0.4, 0.9])
    assert source.amplitudes.tolist() == [-0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("DCSource", {"amplitude": float("inf")}, "amplitude must be finite"),
        ("DCSource", {"start": -1.0}, "start must not be negative"),
        ("StepCurrentSource", {"times": [2.0, 1.0], "amplitudes": [0.0, 1.0]}, "must increase"),
        ("StepCurrentSource", {"times": [1.0], "amplitudes": [0.0, 1.0]}, "one value each"),
        ("StepCurrentSource", {"times": [-1.0], "amplitudes": [0.0]}, "not negative"),
        ("StepCurrentSource", {"times": [1.0], "amplitudes": [float("nan")]}, "must be finite"),
        ("NoisyCurrentSource", {"dt": 0.15}, "dt must be a multiple of the time step"),
        ("NoisyCurrentSource", {"stdev": -1.0}, "stdev must not be negative"),
    ],
)
def test_bad_parameters_are_refused(
    sim: Any, name: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(sim, name)(**parameters)
    assert sim.simulator.state.current_sources == []


def test_a_bad_change_leaves_the_source(sim: Any) -> None:
    source = sim.DCSource(amplitude=0.1)
    with pytest.raises(ValueError, match="must be finite"):
        source.set_parameters(start=3.0, amplitude=float("nan"))
    assert source.get_parameters() == {"amplitude": pytest.approx(0.1), "start": 0.0, "stop": 1e12}
    with pytest.raises(RuntimeError, match=r"call record\(\) before the run"):
        source.get_data()


def test_recording_begins_when_it_is_asked_for(sim: Any) -> None:
    source = sim.DCSource(amplitude=0.1)
    sim.run(5.0)
    source.record()
    sim.run(5.0)
    signal = source.get_data()
    assert (float(signal.t_start), len(signal)) == (5.0, 51)


def test_many_sources_take_little_memory(sim: Any) -> None:
    """Of constant currents the core holds the changes; of others, pieces of bounded size."""
    cells = sim.Population(300, sim.IF_curr_exp())
    for i, cell in enumerate(cells):
        cell.inject(sim.DCSource(amplitude=1e-3 * i, start=1.0))
    cells[0].inject(sim.ACSource(amplitude=0.1))
    cells.record("v")
    sim.run(100.0)
    inputs = [drive.input for drive in sim.simulator.state.network.inputs]
    changes = [len(x.times) for x in inputs if isinstance(x, sl.StepCurrent)]
    assert len(changes) == 300
    assert max(changes) == 3  # now, and its start and stop
    again = sim.simulator.state.network.inputs
    sim.run(1.0)
    assert sim.simulator.state.network.inputs == again
    sources = sim.simulator.state.current_sources
    assert sum(source.arrays for source in sources) == 1
    v = _potential(cells)
    assert np.allclose(np.diff(v[1000, 1:]), 20e-3 * (1 - np.exp(-99.0 / 20.0)))


def test_a_source_of_an_earlier_setup_is_refused(sim: Any) -> None:
    earlier = _sources(sim)
    sim.setup(timestep=0.1, threads=1)
    cells = sim.Population(1, sim.IF_curr_exp())
    for source in earlier:
        with pytest.raises(RuntimeError, match=r"made before the last setup\(\)"):
            cells.inject(source)
