"""Neuron models: frozen descriptions of parameters, in NEST's names and units.

Every parameter is one number for all neurons of a population, or an array with one for each. Potentials are in mV,
currents in pA, capacitances in pF, conductances in nS, times in ms.
"""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.neurons.adex import AdEx
from spikelet.neurons.base import NeuronModel
from spikelet.neurons.cond_alpha import LIFCondAlpha
from spikelet.neurons.cond_sfa import LIFCondSFA
from spikelet.neurons.eif import EIF
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.gif import GIF
from spikelet.neurons.hodgkin_huxley import HodgkinHuxley
from spikelet.neurons.integrate_and_fire import (
    IF,
    LIF,
    IntegrateAndFire,
    LIFAlpha,
    LIFCond,
    LIFDelta,
    LIFOneCurrent,
)
from spikelet.neurons.izhikevich import Izhikevich
from spikelet.neurons.multisynapse import LIFMultisynapse
from spikelet.neurons.nmda import LIFNMDA

__all__ = [
    "EIF",
    "GIF",
    "IF",
    "LIF",
    "LIFNMDA",
    "AdEx",
    "Equations",
    "HodgkinHuxley",
    "IntegrateAndFire",
    "Izhikevich",
    "LIFAlpha",
    "LIFCond",
    "LIFCondAlpha",
    "LIFCondSFA",
    "LIFDelta",
    "LIFMultisynapse",
    "LIFOneCurrent",
    "NeuronModel",
]

offer(__name__, __all__)
