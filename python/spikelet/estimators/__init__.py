"""Spiking networks as estimators of scikit-learn. Needs ``pip install 'spikelet[learn]'``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spikelet._util.spelling import missing

if TYPE_CHECKING:
    from spikelet.estimators.reservoir import Reservoir
    from spikelet.estimators.spiking import SpikingClassifier, SpikingRegressor

__all__ = ["Reservoir", "SpikingClassifier", "SpikingRegressor"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # they need scikit-learn, an extra
        module = "reservoir" if name == "Reservoir" else "spiking"
        return getattr(importlib.import_module(f"spikelet.estimators.{module}"), name)
    return missing(__name__, __all__)(name)


__dir__ = __all__.copy
