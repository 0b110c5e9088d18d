"""What is trained and compared: neurons over many steps, and a small convolutional network.

This module needs only NumPy, because every interpreter imports it. Parameters have the names of
``spikelet.torch.lif``; each adapter translates them for its library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Parameters = dict[str, Any]

LIBRARIES = ("spikingjelly", "snntorch", "norse")
"""The libraries; each has the convention of the same name."""

TIMED: dict[str, Parameters] = {
    "spikingjelly": {
        "tau": 2.0, "decay_input": True, "v_reset": 0.0, "detach_reset": True, "v_threshold": 1.0,
        "surrogate": "atan", "alpha": 2.0,
    },
    "snntorch": {
        "beta": 0.9, "reset": "subtract", "reset_delay": True, "v_threshold": 1.0,
        "surrogate": "atan", "alpha": 2.0,
    },
    "norse": {
        "tau_mem_inv": 100.0, "tau_syn_inv": 200.0, "v_leak": 0.0, "v_reset": 0.0, "dt": 0.001,
        "v_threshold": 1.0, "surrogate": "fast_sigmoid", "alpha": 1.0,
    },
}  # fmt: skip
"""The neurons to time, with the defaults of their libraries, but for SpikingJelly with ATan and no
gradient through the reset, as in its examples. The steepness of Norse's own surrogate is fixed."""

DRIVE = {"spikingjelly": (0.4, 1.3), "snntorch": (0.18, 0.5), "norse": (0.4, 2.4)}
"""Mean and standard deviation of the input, chosen so that 15 % of neuron-steps have a spike."""

METHODS = {
    "spikelet": ("fused", "checkpoint"),
    "spikingjelly": ("multi-step", "compiled", "compiled simple", "compiled step"),
    "snntorch": ("loop", "compiled", "compiled step"),
    "norse": ("loop", "integral", "compiled", "compiled step"),
}
"""Ways to run the timed layer, described in the adapters."""

NETWORK_METHODS = {
    "spikelet": ("by layer", "sparse"),
    "spikingjelly": ("by layer", "by layer, channels last", "compiled, channels last"),
    "snntorch": ("by step", "by step, channels last", "by layer", "by layer, channels last"),
}
"""Ways to run the network."""

NETWORK_STEPS, NETWORK_BATCH = 5, 128

NETWORK_NEURON = TIMED["snntorch"] | {"beta": 0.6065}

TOLERANCE = {"float32": 1e-5, "float64": 1e-9}
"""Two results agree if |a - b| <= tolerance (1 + |b|). For the gradients of parameters, which are
sums, |b| is its maximum. Spikes must be identical."""


@dataclass(frozen=True)
class Task:
    """The task of an adapter."""

    convention: str
    method: str
    steps: int
    batch: int
    neurons: int
    threads: int
    dtype: str = "float32"
    seed: int = 1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the input and the gradients of the spikes and final potentials, from the seed.

        They are exact in float32, so that a library whose spikes are always float32 can be compared
        in float64, too.
        """
        rng = np.random.default_rng(self.seed)
        shape = (self.steps, self.batch, self.neurons)
        mean, deviation = DRIVE[self.convention]
        drawn = {
            "x": mean + deviation * rng.standard_normal(shape, np.float32),
            "by_spikes": rng.standard_normal(shape, np.float32),
            "by_v": rng.standard_normal(shape[1:], np.float32),
        }
        return {name: array.astype(self.dtype) for name, array in drawn.items()}


def checks(convention: str, neurons: int) -> dict[str, Parameters]:
    """Return, by name, the neurons of a convention whose results must agree in all programs.

    Parameters that are arrays or in the list ``learn`` get gradients, too.
    """
    found: dict[str, Parameters] = {}
    base = TIMED[convention]
    each = np.random.default_rng(7).uniform(0.9, 1.1, neurons)
    if convention == "spikingjelly":
        for tau, decay, v_reset, detach in product(
            (2.0, 1.7), (True, False), (0.0, -0.25, None), (True, False)
        ):
            name = f"tau {tau}, {'decay_input, ' * decay}v_reset {v_reset}{', detached' * detach}"
            change = {"tau": tau, "decay_input": decay, "v_reset": v_reset, "detach_reset": detach}
            found[name] = base | change
        for v_reset, detach in product((0.0, None), (True, False)):
            name = f"IF, v_reset {v_reset}{', detached' * detach}"
            found[name] = base | {"tau": None, "v_reset": v_reset, "detach_reset": detach}
        for decay, v_reset in product((True, False), (0.0, None)):
            name = f"learned tau, {'decay_input, ' * decay}v_reset {v_reset}"
            change = {"decay_input": decay, "v_reset": v_reset, "learn": ["tau"]}
            found[name] = base | change
        surrogates = {"sigmoid": 4.0}
    elif convention == "snntorch":
        for reset, delay in product(("subtract", "zero", "none"), (True, False)):
            name = f"{reset}{', delayed' * delay}"
            found[name] = base | {"reset": reset, "reset_delay": delay}
            found[f"{name}, learned"] = found[name] | {"learn": ["beta", "v_threshold"]}
        found["per neuron, learned"] = base | {
            "beta": 0.9 * each, "v_threshold": each[::-1].copy()
        }  # fmt: skip
        weights = np.random.default_rng(8).normal(0, 0.1 / neurons**0.5, (neurons, neurons))
        found["recurrent, learned"] = base | {"recurrent": weights}
        surrogates = {"sigmoid": 5.0, "fast_sigmoid": 25.0}
    else:
        for v_leak, v_reset in product((0.0, 0.25), (0.0, -0.25)):
            found[f"v_leak {v_leak}, v_reset {v_reset}"] = base | {
                "v_leak": v_leak, "v_reset": v_reset
            }  # fmt: skip
        found["per neuron"] = base | {"tau_mem_inv": 100.0 * each}
        found["adaptive"] = base | {"adapt_decay": 0.95, "boost": 0.2}
        surrogates = {"triangle": 1.0, "sigmoid": 4.0}
    for surrogate, alpha in surrogates.items():
        found[surrogate] = base | {"surrogate": surrogate, "alpha": alpha}
    return found


Layer = Callable[[Any], Any]
"""A function from an input to its spikes."""


def mnist(folder: Path, which: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images, ``[N, 1, 28, 28]`` with values from 0 to 1, and labels."""
    with np.load(folder / f"mnist_{which}.npz") as stored:
        images, labels = stored["images"], stored["labels"]
    return images.reshape(-1, 1, 28, 28), labels.astype(np.int64)
