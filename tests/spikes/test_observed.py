"""The base of `Spikes`; the rest of what it promises is in test_spikes."""

from __future__ import annotations

import numpy as np

from spikelet import Spikes


def test_elements_and_columns() -> None:
    spikes = Spikes([1.0, 2.0], [3, 7], 9, elements=[7, 3])
    assert not spikes.whole
    assert spikes.columns().tolist() == [1, 0]
    assert Spikes([1.0], [1], 3, elements=[0, 1, 2]).whole
    assert Spikes([1.0], [1], 3) != Spikes([1.0], [1], 3, elements=[2, 1, 0])


def test_a_repr_says_what_there_is() -> None:
    assert repr(Spikes([1.0], [1], 3)) == "Spikes(spikes: 1 spikes of 3, 0 ms to unknown)"
    part = Spikes([1.0], [1], 3, stop=2.0, dt=0.1, name="E")[[1]]
    assert repr(part) == "Spikes(E: 1 spikes of 1 of 3, 0 ms to 2 ms, dt 0.1 ms)"


def test_arrays_leave_comparison_to_spikes() -> None:
    spikes = Spikes([1.0], [1], 3)
    assert (np.array([1.0]) == spikes) is False
    assert spikes == Spikes(spikes.times, spikes.ids, 3, name="other", annotations={"x": 1})
