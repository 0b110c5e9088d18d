"""Ready-made networks, each also an example of how one is built."""

from __future__ import annotations

from spikelet.models.diehl_cook import DiehlCook

__all__ = ["DiehlCook"]
