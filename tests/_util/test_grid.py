"""Times on the grid: what is rounded, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.grid import Snap, grid_steps, snap_rule, to_ms


@pytest.mark.parametrize("dt", ["0.1", "0.4", "0.3", "0.07", "0.015", "0.6", "1.1", "2.5", "0.123"])
def test_times_of_steps_are_those_that_one_writes(dt: str) -> None:
    steps = np.array([*range(3000), 10**7 + 1, 10**12 + 7])
    written = [float(Decimal(dt) * int(k)) for k in steps]
    np.testing.assert_array_equal(to_ms(steps, float(dt)), written)


def test_times_of_steps_that_are_no_short_fraction() -> None:
    steps = np.arange(1000)
    np.testing.assert_array_equal(to_ms(steps, np.pi / 10), steps * (np.pi / 10))
    np.testing.assert_array_equal(to_ms(steps, 1 / 3), steps / 3)


@pytest.mark.parametrize("dt", [0.1, 0.4, 0.07])
def test_a_spike_at_the_end_of_an_interval_counts(dt: float) -> None:
    net = sl.Network(dt=dt, threads=1)
    ends = [round(k * dt, 6) for k in range(1, 60)]
    source = net.population(1, sl.SpikeSource(ends, [0] * len(ends)))
    spikes = net.record(source, "spikes")
    net.run(ends[-1])
    assert spikes.times.tolist() == ends
    assert net.t == ends[-1]
    for k, end in enumerate(ends):
        assert spikes.counts(0.0, end)[0] == spikes.spikes.counts(0.0, end)[0] == k + 1


@pytest.mark.parametrize(("snap", "expected"), [(True, [0, 1, 2, 2, 10]), ("up", [1, 2, 2, 2, 10])])
def test_times_off_the_grid_are_rounded(snap: Snap, expected: list[int]) -> None:
    times = np.array([0.04, 0.14, 0.16, 0.2, 1.0])
    np.testing.assert_array_equal(grid_steps("x", times, 0.1, snap), expected)


def test_times_within_a_millionth_of_a_step_are_on_the_grid() -> None:
    np.testing.assert_array_equal(grid_steps("x", np.array([0.3 + 0.9e-7]), 0.1, False), [3])
    with pytest.raises(ValueError, match=r"x: times must lie on the grid of dt = 0\.1 ms"):
        grid_steps("x", np.array([0.3 + 1.5e-7]), 0.1, False)
    assert grid_steps("x", np.empty(0), 0.1, False).dtype == np.int64


def test_steps_are_counted_up_to_2_53() -> None:
    with pytest.raises(ValueError, match=r"times must lie within 2\^53 steps"):
        grid_steps("x", np.array([1.0, 1e300]), 0.1, True)


def test_snap_is_one_of_three() -> None:
    assert snap_rule("x", np.bool_(True)) is True
    assert snap_rule("x", "up") == "up"
    with pytest.raises(ValueError, match='x: snap must be True, False or "up", got 1'):
        snap_rule("x", 1)


@pytest.mark.parametrize("snap", [False, True, "up"])
def test_long_arrays_of_times(snap: Snap) -> None:
    """They are read in pieces."""
    steps = np.sort(np.random.default_rng(1).integers(0, 10**7, 50_000))
    np.testing.assert_array_equal(grid_steps("x", steps * 0.1, 0.1, snap), steps)
    times = steps * 0.1
    times[-1] += 0.03
    if snap is False:
        with pytest.raises(ValueError, match="must lie on the grid"):
            grid_steps("x", times, 0.1, snap)
    else:
        assert grid_steps("x", times, 0.1, snap)[-1] == steps[-1] + (snap == "up")
