"""The choice of the best conversion: which candidates there are, how each is tried, how close each comes to the ANN."""

from __future__ import annotations

from spikelet.conversion.selection.scores import Score, best, score

__all__ = ["Score", "best", "score"]
