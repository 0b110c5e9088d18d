"""Results larger than the machine's memory."""

from __future__ import annotations

import pytest

import spikelet as sl
from spikelet._util.memory import require_memory


def test_what_does_not_fit_is_refused_before_it_is_made() -> None:
    with pytest.raises(
        ValueError, match=r"here: the result, 1e\+09 x 1e\+09 of 8 bytes.*; give less"
    ):
        require_memory("here", (1e9, 1e9), 8, "give less")
    require_memory("here", (10, 10), 8, "give less")


def test_bins_that_would_not_fit() -> None:
    spikes = sl.Spikes([500.0], [0], 20, stop=500.0)
    for call in (spikes.bin, spikes.raster):
        with pytest.raises(ValueError, match="more than the memory of this machine"):
            call(1e-9)
