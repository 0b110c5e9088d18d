"""Ready-made networks, which also serve as examples of how to build one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikelet._util.spelling import missing
from spikelet.models.build_connectome import connectome
from spikelet.models.connectome_model import ConnectomeModel
from spikelet.models.conv_stdp import Conv, ConvSTDP
from spikelet.models.coupling import GradedNeuron
from spikelet.models.diehl_cook import DiehlCook
from spikelet.models.fly_brain import FlyBrain, fly_brain
from spikelet.models.microcircuit import Microcircuit, microcircuit
from spikelet.models.ridge_readout import RidgeReadout
from spikelet.models.winner_take_all import WinnerTakeAll

if TYPE_CHECKING:
    from spikelet.models.classifier import STDPClassifier

# Imported here, a function takes the place of its module of the same name.
__all__ = [
    "ConnectomeModel",
    "Conv",
    "ConvSTDP",
    "DiehlCook",
    "FlyBrain",
    "GradedNeuron",
    "Microcircuit",
    "RidgeReadout",
    "STDPClassifier",
    "WinnerTakeAll",
    "connectome",
    "fly_brain",
    "microcircuit",
]


def __getattr__(name: str) -> Any:
    if name == "STDPClassifier":  # needs scikit-learn, an extra
        from spikelet.models.classifier import STDPClassifier  # noqa: PLC0415

        return STDPClassifier
    return missing(__name__, __all__)(name)


__dir__ = __all__.copy
