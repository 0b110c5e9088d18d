"""Neuron models: frozen descriptions of parameters, in NEST's names and units.

Every parameter is one number for all neurons of a population, or an array with one for each. Potentials are in mV,
currents in pA, capacitances in pF, conductances in nS, times in ms.
"""

from __future__ import annotations

from spikelet.neurons.base import NeuronModel
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.integrate_and_fire import (
    IF,
    LIF,
    IntegrateAndFire,
    LIFAlpha,
    LIFCond,
    LIFDelta,
)

__all__ = [
    "IF",
    "LIF",
    "Equations",
    "IntegrateAndFire",
    "LIFAlpha",
    "LIFCond",
    "LIFDelta",
    "NeuronModel",
]
