"""Kinds of spiking neurons by name, made from thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikelet.layers import IF, PredictiveIF
from spikelet.layers.graph import Graph

__all__ = ["NEURONS", "need_all_steps"]

_LEVELS = 4  # spike sizes of a multi-threshold neuron


def _soft(threshold: Any) -> IF:
    return IF(threshold, v_init=np.asarray(threshold) / 2, amplitude=threshold)


def _hard(threshold: Any) -> IF:
    return IF(threshold, "zero", amplitude=threshold)


def _signed(threshold: Any) -> IF:
    return _soft(threshold).replace(code="signed")


def _differential(threshold: Any) -> IF:
    return _soft(threshold).replace(code="differential")


def _multi(threshold: Any) -> IF:
    smallest = np.asarray(threshold) / 2 ** (_LEVELS - 1)
    return _signed(threshold).replace(levels=_LEVELS, v_init=smallest / 2)


NEURONS: Mapping[str, Callable[[Any], IF]] = {
    "soft": _soft,
    "hard": _hard,
    "signed": _signed,
    "differential": _differential,
    "multi": _multi,
}


def need_all_steps(graph: Graph) -> bool:
    """Return whether spikes of all steps make up one number, so that a readout cannot leave steps out."""
    return any(isinstance(node.layer, PredictiveIF) for node in graph)
