"""Spikes as a value: their times, the ids of their elements, and when these were observed."""

from __future__ import annotations

from spikelet.spikes.spikes import Spikes

__all__ = ["Spikes"]
