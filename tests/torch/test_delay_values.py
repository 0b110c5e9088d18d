"""Values of delays: how they begin, and the bounds that they keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import spikelet.torch as st
from spikelet.torch.delay_values import expanded, first_delays, kept_within, shape_of


def test_shapes_and_what_synapses_see() -> None:
    assert shape_of("x", "synapse", 3, 2) == (2, 3)
    assert shape_of("x", "axon", 3, 2) == (3,)
    assert shape_of("x", "neuron", 3, 2) == (2,)
    with pytest.raises(ValueError, match="x: per must be"):
        shape_of("x", "dendrite", 3, 2)
    axon, neuron = torch.arange(3.0), torch.arange(2.0)
    assert expanded(axon, "axon", (2, 3)).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert expanded(neuron, "neuron", (2, 3)).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_first_delays() -> None:
    drawn = first_delays("x", None, (200, 3), 7.0, "ms", torch.Generator().manual_seed(0))
    assert 0 <= drawn.min() < 0.5
    assert 6.5 < drawn.max() <= 7
    assert first_delays("x", 2, (2, 3), 7.0, "ms").tolist() == [[2.0] * 3] * 2
    given = np.arange(6.0).reshape(2, 3)
    for array in (given, given.tolist(), torch.from_numpy(given)):
        assert first_delays("x", array, (2, 3), 7.0, "ms").tolist() == given.tolist()


def test_given_delays_keep_the_digits_of_their_type() -> None:
    exact = first_delays("x", 0.1, (2,), 7.0, "ms", dtype=torch.float64)
    assert exact.tolist() == [0.1, 0.1]
    layer = st.EventProp(3, 2, max_delay=7.0, delay=0.1, dtype=torch.float64)
    assert (layer.delay == 0.1).all()


@pytest.mark.parametrize("bad", [-0.5, 7.5, float("nan"), float("inf")])
def test_delays_out_of_their_range_are_refused(bad: float) -> None:
    with pytest.raises(
        ValueError, match=r"x: delay must (lie in 0 \.\. max_delay = 7 ms|not contain NaN)"
    ):
        first_delays("x", bad, (2, 3), 7.0, "ms")
    with pytest.raises(ValueError, match=r"must be a number or \[2, 3\]"):
        first_delays("x", np.zeros((3, 2)), (2, 3), 7.0, "ms")


def test_bounds_are_kept_and_set_in_training() -> None:
    delay = torch.nn.Parameter(torch.tensor([-1.0, 3.0, 9.0]))
    assert kept_within("x", "delay", delay, 7, training=False).tolist() == [0, 3, 7]
    assert delay.tolist() == [-1, 3, 9]
    assert kept_within("x", "delay", delay, 7, training=True) is delay
    assert delay.tolist() == [0, 3, 7]
    version = delay._version
    for training in (False, True):
        assert kept_within("x", "delay", delay, 7, training=training) is delay
    assert delay._version == version  # nothing to change: a graph may have saved it
    with torch.no_grad():
        delay[1] = float("nan")
    for training in (False, True):
        with pytest.raises(ValueError, match="x: delay must be finite; reduce the learning rate"):
            kept_within("x", "delay", delay, 7, training=training)
