"""Spiking networks as estimators of scikit-learn. Needs ``pip install 'spikelet[learn]'``."""

from __future__ import annotations

from spikelet._util.extras import needs
from spikelet._util.spelling import missing

with needs("spikelet.estimators", "learn"):
    import sklearn as _sklearn

from spikelet.estimators.reservoir import Reservoir
from spikelet.estimators.spiking import SpikingClassifier, SpikingRegressor

del _sklearn, needs

__all__ = ["Reservoir", "SpikingClassifier", "SpikingRegressor"]

__getattr__, __dir__ = missing(__name__, __all__), __all__.copy
