"""Inputs and sources with a start and a stop: as if injected at the start and removed at the stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl

EACH = np.linspace(200.0, 4000.0, 70)

INPUTS: dict[str, Callable[..., Any]] = {
    "one rate": lambda **when: sl.PoissonInput(3000.0, 8.0, **when),
    "rates": lambda **when: sl.PoissonInput(EACH, 8.0, **when),
    "weights": lambda **when: sl.PoissonInput(3000.0, np.linspace(-8.0, 8.0, 70), **when),
    "wave": lambda **when: sl.PoissonInput(sl.SinusoidalPoisson(2000.0, 900.0, 70.0), 8.0, **when),
    "waves": lambda **when: sl.PoissonInput(
        sl.SinusoidalPoisson(2000.0, EACH / 2, 70.0), 8.0, **when
    ),
    "steps": lambda **when: sl.PoissonInput(
        sl.InhomogeneousPoisson([500.0, 4000.0], times=[9.0, 14.0]), 8.0, **when
    ),
    "sine": lambda **when: sl.SineCurrent(200.0, 50.0, 40.0, 30.0, **when),
    "sines": lambda **when: sl.SineCurrent(EACH / 10, 50.0, 40.0, 30.0, **when),
    "noise": lambda **when: sl.NoiseInput(100.0, 400.0, every=0.7, **when),
}
SOURCES: dict[str, Callable[..., Any]] = {
    "one rate": lambda **when: sl.PoissonSource(900.0, **when),
    "rates": lambda **when: sl.PoissonSource(EACH, **when),
    "wave": lambda **when: sl.SinusoidalPoisson(900.0, 400.0, 50.0, 20.0, **when),
    "waves": lambda **when: sl.SinusoidalPoisson(EACH, 400.0, 50.0, **when),
}
every_input = pytest.mark.parametrize("kind", INPUTS)
every_source = pytest.mark.parametrize("kind", SOURCES)


def cells_of(net: sl.Network) -> Any:
    cells = net.population(70, sl.LIF(t_ref=0.5), name="cells")
    return cells, net.record(cells, "V_m"), net.record(cells, "spikes")


def by_hand(kind: str, start: float, stop: float, end: float) -> tuple[Any, Any]:
    """Return what is recorded if an input is injected and removed between runs."""
    net = make()
    cells, v_m, spikes = cells_of(net)
    net.run(start)
    drive = net.inject(cells, INPUTS[kind]())
    net.run(stop - start)
    drive.remove()
    net.run(end - stop)
    return v_m.values, (spikes.times, spikes.ids)


@pytest.mark.parametrize("threads", [1, 3])
@every_input
def test_an_input_acts_as_if_injected_at_its_start_and_removed_at_its_stop(
    kind: str, threads: int
) -> None:
    if kind == "steps":  # its times must not be over when it is injected
        start, stop = 8.0, 17.3
    else:
        start, stop = 11.2, 17.3
    v_m, fired = by_hand(kind, start, stop, 25.0)
    net = make(threads=threads)
    cells, found, spikes = cells_of(net)
    drive = net.inject(cells, INPUTS[kind](start=start, stop=stop))
    assert (drive.start, drive.stop) == (start, stop)
    assert f"70 neurons, from {start:g} to {stop:g} ms)" in repr(drive)
    for length in (3.0, 9.1, 12.9):
        net.run(length)
    np.testing.assert_array_equal(found.values, v_m)
    np.testing.assert_array_equal(spikes.times, fired[0])
    np.testing.assert_array_equal(spikes.ids, fired[1])
    assert (found.values[round(start / 0.1) - 1] == -70.0).all()
    assert np.ptp(found.values) > 0.5


@every_input
def test_windows_survive_a_file_and_a_reset(kind: str, tmp_path: Path) -> None:
    net = make()
    cells, v_m, _ = cells_of(net)
    net.inject(cells, INPUTS[kind](start=9.0, stop=14.0))
    net.run(10.0)
    net.save(tmp_path / "network.npz")
    net.run(10.0)
    again = sl.Network.load(tmp_path / "network.npz")
    assert again.inputs[0].input == net.inputs[0].input
    more = again.record(again.populations[0], "V_m")
    again.run(10.0)
    np.testing.assert_array_equal(more.values, v_m.values[100:])
    net.reset()
    v_m.clear()
    net.run(20.0)
    np.testing.assert_array_equal(v_m.values[100:], more.values)


@every_source
def test_a_source_fires_the_spikes_of_its_window(kind: str, tmp_path: Path) -> None:
    trains = []
    for when in ({}, {"start": 5.0, "stop": 15.0}):
        net = make()
        source = net.population(70, SOURCES[kind](**when))
        spikes = net.record(source, "spikes")
        net.run(7.0)
        net.save(tmp_path / "network.npz")
        net.run(13.0)
        trains.append((spikes.times, spikes.ids))
    times, ids = trains[0]
    inside = (times > 5.0 + 1e-9) & (times <= 15.0 + 1e-9)
    assert 0 < inside.sum() < len(times)
    np.testing.assert_array_equal(trains[1][0], times[inside])
    np.testing.assert_array_equal(trains[1][1], ids[inside])
    again = sl.Network.load(tmp_path / "network.npz")
    assert again.populations[0].model == source.model
    later = again.record(again.populations[0], "spikes")
    again.run(13.0)
    np.testing.assert_array_equal(later.times, times[inside & (times > 7.0 + 1e-9)])
    net.reset()
    spikes.clear()
    net.run(20.0)
    np.testing.assert_array_equal(spikes.times, times[inside])


def test_windows_are_set_between_runs() -> None:
    net = make()
    cells = net.population(70, sl.LIF(V_th=1e3))
    source = net.population(5, sl.PoissonSource(2000.0))
    drive = net.inject(cells, sl.SineCurrent(0.0, 100.0))
    v_m, spikes = net.record(cells[0], "V_m"), net.record(source, "spikes")
    assert (drive.start, drive.stop) == (0.0, None)
    assert (source.start, source.stop) == (None, None)
    drive.set(start=5.0, stop=10.0)
    source.set(start=5.0)
    net.run(8.0)
    source.stop = drive.stop = 9.0
    net.run(8.0)
    course = np.diff(v_m.values[:, 0], prepend=-70.0)
    rises = np.flatnonzero(course > 0)
    assert (rises[0], rises[-1]) == (50, 89)  # steps that begin at 5.0 to 8.9 ms
    assert 5.0 < spikes.times.min() < 5.5
    assert 8.5 < spikes.times.max() <= 9.0
    drive.set(start=None, stop=None)
    assert drive.start == 0.0
    before = cells.V_m[0]
    net.run(1.0)
    assert cells.V_m[0] > before


def test_a_union_has_one_window() -> None:
    net = make()
    both = net.population(3, sl.LIF()) + net.population(4, sl.LIF())
    group = net.inject(both, sl.SineCurrent(0.0, 100.0, start=1.0, stop=2.0))
    assert group.stop == 2.0
    group.stop = 1.5
    assert [drive.stop for drive in group.parts] == [1.5, 1.5]
    net.run(1.0)
    assert (np.asarray(both.V_m) == -70.0).all()
    net.run(0.5)
    top = np.asarray(both.V_m)
    net.run(0.5)
    assert (np.asarray(both.V_m) < top).all()


def test_no_end_may_be_written_as_inf() -> None:
    assert sl.PoissonSource(5.0, stop=np.inf) == sl.PoissonSource(5.0)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ({"start": -1.0}, "start must be >= 0"),
        ({"start": np.inf}, "start must"),
        ({"start": np.nan}, "start must"),
        ({"stop": 0.0}, "stop must be after start = 0 ms, got 0.0"),
        ({"start": 5.0, "stop": 5.0}, "stop must be after start = 5 ms, got 5.0"),
    ],
)
def test_times_that_cannot_be(when: dict[str, float], text: str) -> None:
    for kind in (*INPUTS.values(), *SOURCES.values()):
        with pytest.raises(ValueError, match=text):
            kind(**when)


def test_errors_name_the_object() -> None:
    net = make()
    cells = net.population(3, sl.LIF(), name="cells")
    net.run(10.0)
    with pytest.raises(ValueError, match="inject cells: stop must lie after the present, 10 ms"):
        net.inject(cells, sl.SineCurrent(5.0, stop=10.0))
    wave = sl.SinusoidalPoisson(5.0, 1.0, 5.0, stop=10.0)
    with pytest.raises(ValueError, match="inject cells: stop must lie after the present, 10 ms"):
        net.inject(cells, sl.PoissonInput(wave, 1.0))
    with pytest.raises(ValueError, match=r"inject cells: start must be a multiple of dt = 0\.1 ms"):
        net.inject(cells, sl.NoiseInput(start=10.05))
    with pytest.raises(ValueError, match=r"stop must be a step of 0\.1 ms after start or more"):
        net.inject(cells, sl.NoiseInput(start=15.0, stop=15.0 + 1e-9))
    with pytest.raises(ValueError, match="population p: stop must lie after the present, 10 ms"):
        net.population(3, sl.PoissonSource(5.0, stop=5.0), name="p")
    source = net.population(4, sl.PoissonSource(5.0), name="source")
    with pytest.raises(ValueError, match="start is of the whole population"):
        source[:2].start = 20.0
    steps = net.inject(cells, sl.StepCurrent([20.0], [5.0]))
    with pytest.raises(AttributeError, match="start cannot be set"):
        steps.start = 30.0
