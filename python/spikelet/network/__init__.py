"""Networks of point neurons: building, running, recording and saving them."""

from __future__ import annotations

from spikelet.network.network import Network

__all__ = ["Network"]
