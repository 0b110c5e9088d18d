"""The default method, `Fitted`: the sizes of its spikes, its estimates of mean inputs, its correction of weights."""

from __future__ import annotations

from spikelet.conversion.fitted.fitted import Fitted

__all__ = ["Fitted"]
