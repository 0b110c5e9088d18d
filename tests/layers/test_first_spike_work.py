"""What operations take, by layer."""

from __future__ import annotations

import numpy as np

from spikelet.layers.first_spike_values import Kernel, Map, Sum
from spikelet.layers.first_spike_work import Ledger


def test_steps_are_counted_for_potentials_that_have_spikes() -> None:
    """A potential grows from its earliest spike on; a silent neuron compares at each step, others until they fire."""
    zero = np.zeros(1)
    spikes = Map(0, (1, 1, 3), (1, 1, 3), "bytes", zero, zero, np.zeros(1, np.uint8), zero, spikes=True)  # fmt: skip
    empty = np.zeros(1, bool), np.zeros(3, bool)
    kernel = Kernel("conv", spikes, np.ones((1, 1, 1, 2)), (1, 1), (1, 1), (0, 0), 1, empty)
    ledger = Ledger(["input", "conv", "neuron"])
    ledger.enter_sum("neuron", 1, Sum((1, 1, 2), (1, 1, 2), (kernel,)), 8)
    assert ledger.read() == [0, 1]
    work = ledger.empty()
    sent = {0: np.array([[[[3, 5, 2]]]], np.int32), 1: np.array([[[[6, 0]]]], np.int32)}
    ledger.add(work, [([4], 1)], sent, 2)
    assert work["conv"] | {"dense": 4.0, "additions": 2.0} == work["conv"]
    assert (work["neuron"]["updates"], work["neuron"]["spikes"]) == ((5 + 5) / 2, 0.5)
    assert work["neuron"]["comparisons"] == (8 - 6 + 1 + 8) / 2
