"""How often each part of a hybrid network runs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion.hybrid import hybrid
from spikelet.energy.segments import needed_as_mean, segments, timings
from spikelet.layers import IF, Activation, Add, Linear, ReLU
from spikelet.layers.graph import Graph

NAMES = ["relu1", "relu2", "relu3", "relu4"]


def test_segments_follow_each_other():
    x = inputs(2)
    snn, ann = pair(x)
    for keep, constant, sequence in (
        ([], 1, 1),
        (NAMES, 0, 1),
        (["relu1"], 1, 2),
        (["relu3", "relu4"], 1, 1),
        (["relu3"], 2, 2),
        (["relu1", "relu3"], 2, 3),
        (["relu2", "relu3"], 2, 2),
    ):
        graph = hybrid(snn, ann, keep)
        assert segments(graph, sequence=False) == constant, keep
        assert segments(graph, sequence=True) == sequence, keep


@pytest.mark.parametrize(("last", "runs"), [(ReLU(), 1), (IF(1.0), 2)])
def test_spikes_summed_with_a_constant(last, runs):
    # Means of both are known after one run; to sum them step by step, spikes have to be sent again.
    one = Linear(np.eye(2))
    graph = Graph(
        [
            ("spikes", IF(1.0), ["input"]),
            ("a", one, ["spikes"]),
            ("mean", ReLU(), ["a"]),
            ("b", one, ["mean"]),
            ("sum", Add(), ["b", "spikes"]),
            ("last", last, ["sum"]),
            ("out", one, ["last"]),
        ]
    )
    assert segments(graph, sequence=False) == runs


def test_only_the_mean_of_some_layers_is_needed():
    one = Linear(np.eye(2))
    graph = Graph(
        [
            ("a", one, ["input"]),
            ("spikes", IF(1.0), ["a"]),
            ("b", one, ["spikes"]),
            ("more", IF(1.0), ["b"]),
            ("c", one, ["more"]),
            ("d", one, ["c"]),
            ("graded", Activation("tanh"), ["d"]),
            ("e", one, ["graded"]),
            ("relu", ReLU(), ["c"]),
            ("f", one, ["relu"]),
        ],
        outputs=["e", "f"],
    )
    when = timings(graph, sequence=False)
    assert [n for n in "abcdef" if needed_as_mean(graph, n, when)] == ["c", "d"]
