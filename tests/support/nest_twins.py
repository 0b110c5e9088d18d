"""Networks that run here and in NEST."""

from __future__ import annotations

from typing import Any

import numpy as np


def same_spikes(ours: Any, theirs: Any, at_least: int = 50) -> None:
    """Fail unless both recorded the same spikes, and some."""
    assert len(ours.times) >= at_least, "the case would show little"
    later = ours.times > 0.0  # see NestNetwork.record
    np.testing.assert_array_equal(theirs.times, ours.times[later])
    np.testing.assert_array_equal(theirs.ids, ours.ids[later])
