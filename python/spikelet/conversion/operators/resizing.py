"""Interpolation between pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.layers import Resize, Upsample

__all__ = ["resize", "upsample"]
