"""Small networks that learn images."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet.models import DiehlCook


def pictures(n: int, side: int = 6, seed: int = 0) -> Any:
    """Return noisy versions of 3 patterns, and which it is."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(7).random((3, side, side)) < 0.4
    labels = np.arange(n) % 3
    return (patterns[labels] * rng.integers(150, 256, (n, side, side))).astype(np.uint8), labels


def small(kind: Any, **kwargs: Any) -> Any:
    """Make a network whose images take little time."""
    short = {"show": 100.0, "rest": 20.0, "intensity": 6.0} if kind is DiehlCook else {}
    return kind(12, 36, **{"seed": 3, **short, **kwargs})
