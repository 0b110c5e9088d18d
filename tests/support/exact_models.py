"""Layered models in float64 on one thread."""

from __future__ import annotations

from typing import Any

from spikelet.layers.spiking_model import SpikingModel


def exact(layers: Any, **options: Any) -> SpikingModel:
    return SpikingModel(layers, **{"dtype": "float64", "threads": 1, **options})
