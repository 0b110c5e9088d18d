"""Seeds and single random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.events.draws import probability, ranged, seed_of, uniform


def test_seeds() -> None:
    assert seed_of("here", 5) == 5
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    first = seed_of("here", rng)
    assert first == seed_of("here", twin) != seed_of("here", rng)
    assert seed_of("here", None) != seed_of("here", None)
    with pytest.raises(ValueError, match="here: seed must be >= 0"):
        seed_of("here", 2**64)


def test_numbers_of_a_range() -> None:
    assert ranged("here", "n", 3, 1) == 3.0
    drawn = [ranged("here", "n", (2, 4), seed) for seed in range(300)]
    assert 2 < min(drawn) < 2.1
    assert 3.9 < max(drawn) < 4
    assert probability("here", "n", (0.5, 0.5), 1) == 0.5
    assert uniform(1, 0) != uniform(1, 1)
