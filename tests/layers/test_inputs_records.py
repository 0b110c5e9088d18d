"""What a run is asked for: names of records, early ends, and numbers of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.inputs import check_schedules, check_stop, neurons_of, recorded

WHERE = "run"


class Engine:
    """As much of an engine as a check looks at."""

    def __init__(self, anytime: bool) -> None:
        self.anytime = anytime

    def is_anytime(self) -> bool:
        return self.anytime


def graph(*layers: L.Layer) -> Graph:
    names = [f"{k}" for k in range(len(layers))]
    return Graph(list(zip(names, layers, ["input", *names], strict=False)), WHERE)


LINEAR = L.Linear(np.eye(2))
SPIKING = graph(LINEAR, L.IF(), LINEAR, L.IF())
READOUT = graph(LINEAR, L.IF(), LINEAR, L.LI(decay=0.5))


def test_neurons_are_named_in_order() -> None:
    assert neurons_of(SPIKING) == ("1", "3")
    assert neurons_of(graph(LINEAR)) == ()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ((), {}),
        (False, {}),
        ("1", {"1": ("1", "spikes")}),
        (["2", "2.mean"], {"2": ("2", "value"), "2.mean": ("2", "mean")}),
        (["1.v", "v"], {"1.v": ("1", "potential"), "v": ("3", "potential")}),
        (
            True,
            {
                "1.spikes": ("1", "spikes"),
                "1.v": ("1", "potential"),
                "3.spikes": ("3", "spikes"),
                "3.v": ("3", "potential"),
            },
        ),
    ],
)
def test_what_is_recorded_has_the_name_it_was_asked_by(record: Any, expected: Any) -> None:
    found = recorded(WHERE, SPIKING, record, False)
    assert {name: of for name, of in found.items() if not name.startswith("\0")} == expected


def test_outputs_are_means_and_the_potential_of_a_readout_is_what_it_sends() -> None:
    assert recorded(WHERE, READOUT, (), False) == {"\x003": ("3", "mean")}
    found = recorded(WHERE, READOUT, ["3.v", "v", "spikes"], False)
    assert [found[name] for name in ("3.v", "v", "spikes")] == [
        ("3", "value"),
        ("3", "value"),
        ("1", "spikes"),
    ]
    assert recorded(WHERE, SPIKING, (), False) == {"\x003": ("3", "mean")}
    assert set(recorded(WHERE, SPIKING, (), True)) == {"\x003", "\0\0spikes"}


@pytest.mark.parametrize(
    ("record", "error", "message"),
    [
        ([3], TypeError, "record must hold names of layers, got 3"),
        ("9", ValueError, "record must be one of 0, 1, 2, 3, optionally with .v"),
        ("1.w", ValueError, "record must be one of"),
        ("0.v", ValueError, "record must name a layer of neurons, got '0.v'"),
    ],
)
def test_names_of_nothing_are_refused(record: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        recorded(WHERE, SPIKING, record, False)


def test_without_neurons_there_are_no_last_spikes() -> None:
    with pytest.raises(ValueError, match="record needs a layer of neurons, got 'spikes'"):
        recorded(WHERE, graph(LINEAR), "spikes", False)


@pytest.mark.parametrize(
    ("of", "anytime", "message"),
    [
        (SPIKING, False, "do not wait for the mean of spikes"),
        (graph(LINEAR, L.IF(code="differential")), True, "'1' sends differences"),
    ],
)
def test_what_cannot_end_early_is_refused(of: Graph, anytime: bool, message: str) -> None:
    check_stop(WHERE, SPIKING, Engine(True))
    with pytest.raises(ValueError, match=f"run: until needs .*{message}"):
        check_stop(WHERE, of, Engine(anytime))


def test_schedules_hold_for_their_steps() -> None:
    scheduled = graph(LINEAR, L.PredictiveIF(pace=np.ones(4), limit=np.ones(4)))
    check_schedules(WHERE, scheduled, 4)
    check_schedules(WHERE, SPIKING, 5)
    with pytest.raises(ValueError, match="steps must be 4, which '1' was made for, got 5"):
        check_schedules(WHERE, scheduled, 5)
