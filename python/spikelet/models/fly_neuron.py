"""The neuron of the fly's brain, which is the default of `connectome`, and the constants of its publication."""

from __future__ import annotations

from spikelet.neurons import Equations

__all__ = ["DELAY", "KICK", "RATE", "REFRACTORY", "WEIGHT", "FlyNeuron"]

WEIGHT = 0.275  # effect of a synapse on g [mV]
DELAY = 1.8  # [ms]
REFRACTORY = 2.2  # with the step of the spike [ms]
KICK = 250  # strength of the drive, in synapses
RATE = 150.0  # of the drive [Hz]

FlyNeuron = Equations(
    """
    dV_m/dt = (E_L - V_m + g)/tau_m : mV (unless refractory)
    dg/dt = -g/tau_syn : mV (unless refractory)
    """,
    threshold="V_m > V_th",
    reset="V_m = V_reset; g = 0",
    refractory="t_ref",
    receptors={
        "synapse": "g += weight (unless refractory)",
        "kick": "V_m += weight (unless refractory)",
    },
    parameters={
        "tau_m": (20.0, "ms", "> 0"),
        "tau_syn": (5.0, "ms", "> 0"),
        "E_L": (-52.0, "mV"),
        "V_th": (-45.0, "mV"),
        "V_reset": (-52.0, "mV"),
        "t_ref": (2.1, "ms", ">= 0"),
    },
    schedule="brian2",
    name="FlyNeuron",
)
"""The neuron of the model, as published: nothing changes V_m and g [mV] while it is refractory, as in Brian2.

t_ref counts from the end of the spike's step on, as in all models here. In Brian2 it includes that step, so that its 2.2 ms
are 2.1 ms here if dt is 0.1 ms.
"""
