"""Sizes of spikes by step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spikelet.conversion.fitted.schedule import LEVEL_RATIO, schedule


@pytest.mark.parametrize("neuron", ["predictive", "alternating"])
@pytest.mark.parametrize("steps", [8, 16, 32, 64])
@pytest.mark.parametrize("last", [0, 1, 18, 54])
def test_sizes_fall_and_have_the_mean_one(steps: int, last: int, neuron: str) -> None:
    plan = schedule(steps, last, neuron)
    assert plan.steps == steps
    assert plan.sizes.mean() == pytest.approx(1)
    signs = (-1.0) ** np.arange(steps) if neuron == "alternating" else np.ones(steps)
    assert np.array_equal(np.sign(plan.sizes), signs)
    assert (np.diff(np.abs(plan.sizes)) < 0).all()
    # What is left after a step is more than its size: each spike can be taken back, or a missing one replaced by two.
    magnitudes = np.abs(plan.sizes)
    assert all(magnitudes[k + 1 :].sum() > magnitudes[k] for k in range(steps // 2))


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 32])
def test_the_sizes_of_a_step_reach_below_the_largest_of_the_next(steps: int) -> None:
    """A neuron that chooses among sizes misses none between two steps."""
    plan = schedule(steps, 18, "multi")
    assert plan.levels > 1
    smallest = LEVEL_RATIO ** (plan.levels - 1)
    assert (plan.sizes[:-1] * smallest < plan.sizes[1:]).all()
    assert plan.sizes.mean() == pytest.approx(1)
    assert (plan.near(18, 0.5)[:, 0] == 0.5 * plan.sizes).all()


@pytest.mark.parametrize("neuron", ["predictive", "alternating", "multi"])
def test_sizes_of_long_runs_of_deep_networks_are_normal_numbers(neuron: str) -> None:
    plan = schedule(256, 100, neuron)
    used = plan.sizes[: int(plan.end(100))]
    assert (np.abs(used).astype(np.float32) > 1e-30).all()
    assert schedule(2000, 1, neuron).sizes.astype(np.float32).all()


def test_layers_begin_one_after_another_within_half_of_the_steps() -> None:
    plan = schedule(32, 54)
    first = [plan.first(depth) for depth in range(55)]
    assert first[0] == 0
    assert first[-1] <= 16
    assert all(0 <= b - a <= 1 for a, b in itertools.pairwise(first))
    assert schedule(32, 4).first(4) == 4  # no more than a step each


@pytest.mark.parametrize("neuron", ["predictive", "alternating"])
@pytest.mark.parametrize("last", [1, 12, 54])
def test_longer_runs_are_the_same_code_in_more_steps(last: int, neuron: str) -> None:
    """Sizes fall less a step, so layers wait for more steps: each begins at the same size as in 32 steps."""
    shares = []
    for steps in (32, 64, 256, 1024):
        plan = schedule(steps, last, neuron)
        shares.append(plan.ratio**plan.wait)
    assert shares[0] < 1
    assert shares == pytest.approx([shares[0]] * 4, rel=1e-9)


@pytest.mark.parametrize("neuron", ["predictive", "alternating", "multi"])
def test_reach_is_the_mean_output_of_a_neuron_that_never_takes_back(neuron: str) -> None:
    plan = schedule(16, 18, neuron)
    for depth in (0, 7, 18):
        sent = [
            w
            for t, w in enumerate(plan.sizes)
            if plan.first(depth) <= t < plan.end(depth) and w > 0
        ]
        assert plan.reach(depth) == pytest.approx(sum(sent) / 16)


def test_layers_stop_when_their_spikes_are_small() -> None:
    plan = schedule(64, 18)
    for depth in (0, 9, 18):
        first, end = plan.first(depth), plan.end(depth)
        assert end <= 64
        assert abs(plan.sizes[end - 1] / plan.sizes[first]) < 0.01
    assert plan.end(0) < plan.end(18)
    assert schedule(8, 3).end(0) == 8


def test_channels_that_reach_further_go_on_until_their_spikes_are_as_small() -> None:
    plan = schedule(64, 18)
    further = np.array([1.0, 1.5, 4.0])
    ends = plan.end(0, further)
    assert ends[0] == plan.end(0)
    last = further * plan.sizes[ends - 1]
    assert last == pytest.approx(last[0], rel=1 - plan.ratio + 0.01)
    assert (plan.open(0, further).sum(0) == ends).all()
    near = plan.near(0, 0.6, further)
    assert near.shape == (64, 3)
    for channel, end in enumerate(ends):
        shares = near[:end, channel] / plan.sizes[:end]
        assert shares == pytest.approx([0.6] * (end - 2) + [0.5] * 2)
