"""States and spikes of NEST's neurons, kept in a file: the tests that use them need no NEST.

`python -m tests.nest.references` writes the file; `protocols` describes the runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("neurons.npz")
DEFAULTS = Path(__file__).with_name("defaults.json")
STOCHASTIC: dict[str, Any] = {
    "n": 2000,
    "dt": 0.1,
    "duration": 1000.0,
    "parameters": {
        "I_e": 150.0,
        "lambda_0": 10.0,
        "Delta_V": 2.0,
        "tau_stc": [12.0, 90.0],
        "q_stc": [30.0, 6.0],
        "tau_sfa": [15.0, 120.0],
        "q_sfa": [6.0, 1.5],
    },
}


def defaults(model: str) -> dict[str, float]:
    """Return the default parameters and states of a neuron of NEST."""
    return json.loads(DEFAULTS.read_text("utf-8"))[model]


def load(name: str) -> dict[str, NDArray[Any]]:
    """Return samples of the states (the first at the first interval), and ``spikes`` [steps]."""
    with np.load(FILE) as file:
        prefix = f"{name}/"
        return {key.removeprefix(prefix): file[key] for key in file.files if key.startswith(prefix)}
