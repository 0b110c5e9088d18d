"""A network of neurons from text with every kind of random number, and a hash of what it did."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import spikelet as sl

NOISY = sl.Equations(
    """
    dV_m/dt = (-V_m - 0.1*V_m**3 + 1.2 + 0.5*randn() + h)/tau + 0.2*xi + 0.1*xi_1
    dh/dt = -h/7 + 0.3*xi_1 + 0.2*xi_2
    dn/dt = 0
    """,
    threshold="V_m >= 1 + 0.1*rand()",
    reset="V_m = -0.5*rand(); n += 1; h += 0.1*randn()",
    refractory=1.0,
    parameters={"tau": 4.0},
    receptors={"x": "h += weight"},
    initial={"V_m": "rand()", "h": "randn()"},
    name="Noisy",
)


def noisy(dtype: str = "float64", **options: Any) -> tuple[sl.Network, Any]:
    """Return a network with all kinds of random numbers, and its neurons."""
    net = sl.Network(**{"dt": 0.1, "seed": 11, "threads": 1, "dtype": dtype} | options)
    cells = net.population(333, NOISY(tau=np.linspace(2.0, 6.0, 333)))
    net.connect(cells, cells, sl.FixedIndegree(5), weight=0.2, delay=1.0)
    net.record(cells, "spikes")
    return net, cells


def outcome(net: sl.Network) -> str:
    """Return a hash of everything."""
    cells, spikes = net.populations[0], net.recorders[0]
    arrays = [spikes.times, spikes.ids, *(np.asarray(getattr(cells, s)) for s in NOISY.states)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()
