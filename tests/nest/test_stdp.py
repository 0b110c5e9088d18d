"""Pair STDP: spikes and weights are those of NEST's stdp_synapse."""

from __future__ import annotations

import numpy as np
import pytest
from tests.nest.networks import draw
from tests.nest.reference import (
    Description,
    Result,
    Stdp,
    Weights,
    assert_same_spikes,
    run_nest,
    run_spikelet,
)

MODELS = ("exp", "alpha", "delta")
WHERE = ("source", "recurrent", "both")


def read_now(weights: Weights, stdp: Stdp, pre: Result, post: Result, d: Description) -> Weights:
    """Add to NEST's weights the potentiation that they lack at the end of the run.

    NEST changes a weight only when a pre spike comes. spikelet's weights include, at any time t,
    the post spikes with stamp + delay <= t. What is missing are thus the post spikes that reach
    the synapse after the last pre spike; one that reaches it at the very stamp of that pre spike
    is a tie, which both drop. There is nothing to add to depression: it comes with pre spikes.
    """
    out = weights.weight.copy()
    pre_trains, post_trains = _trains(pre), _trains(post)
    for k, (i, j, delay) in enumerate(
        zip(weights.pre, weights.post, weights.delay_steps, strict=True)
    ):
        stamps = pre_trains.get(int(i), np.empty(0, dtype=np.int64))
        if len(stamps) == 0:
            continue
        last = stamps[-1]
        trace = np.exp((stamps - last) * d.dt / stdp.tau_plus).sum()
        arrivals = post_trains.get(int(j), np.empty(0, dtype=np.int64)) + delay
        arrivals = arrivals[(arrivals > last) & (arrivals <= d.steps)]
        steps_up = trace * np.exp((last - arrivals) * d.dt / stdp.tau_plus)
        out[k] = min(out[k] + stdp.lambda_ * stdp.w_max * steps_up.sum(), stdp.w_max)
    return Weights(weights.pre, weights.post, weights.delay_steps, out).sorted()


def _trains(result: Result) -> dict[int, np.ndarray]:
    """Stamps of each id."""
    ids = result.spikes[:, 1]
    return {int(i): result.spikes[ids == i, 0] for i in np.unique(ids)}


def compare(d: Description, *, complete: bool) -> None:
    """Run both and compare spikes and weights."""
    expected, got = run_nest(d), run_spikelet(d)
    assert len(expected.spikes) > 3e-3 * d.n * d.duration, "the case would show little"
    assert_same_spikes(got, expected, d.dt)

    sources = Result(np.stack([d.source_steps, d.source_ids], axis=1), [], {})
    plastic = [s for s in d.synapses if s.stdp is not None]
    assert len(plastic) == len(expected.weights) == len(got.weights) > 0
    for s, ours, theirs in zip(plastic, got.weights, expected.weights, strict=True):
        assert isinstance(s.stdp, Stdp)
        if complete:
            pre = sources if s.from_source else expected
            want = read_now(theirs, s.stdp, pre, expected, d)
        else:
            want = theirs
        np.testing.assert_array_equal(ours.pre, want.pre)
        np.testing.assert_array_equal(ours.post, want.post)
        np.testing.assert_array_equal(ours.delay_steps, want.delay_steps)
        moved = np.abs(np.sort(want.weight) - np.sort(s.weight)).mean()
        assert moved > 0.01 * s.stdp.w_max, "the weights hardly moved"
        np.testing.assert_allclose(ours.weight, want.weight, rtol=0, atol=1e-9 * s.stdp.w_max)


@pytest.mark.parametrize("case", range(18))
def test_spikes_and_weights(case: int) -> None:
    compare(draw(MODELS[case // 3 % 3], case, WHERE[case % 3]), complete=True)


@pytest.mark.parametrize("model", MODELS)
def test_weights_at_a_pre_spike(model: str) -> None:
    """Every plastic source fires in the last step, so NEST's own weights lack nothing."""
    d = draw(model, 31, "source")
    assert not (d.source_steps == d.steps).any()
    d.source_steps = np.append(d.source_steps, np.full(d.n_sources, d.steps))
    d.source_ids = np.append(d.source_ids, np.arange(d.n_sources))
    compare(d, complete=False)
