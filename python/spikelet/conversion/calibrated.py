"""Calibration of bias and initial potential, layer by layer (Li et al., ICML 2021: light and advanced)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikelet.conversion.calibration import Calibration, Floats
from spikelet.layers import IF, Layer

__all__ = ["calibrated"]


def calibrated(
    cal: Calibration, thresholds: Mapping[str, Floats], make: Callable[[Any], IF]
) -> dict[str, Layer]:
    """Return neurons whose initial potentials correct the mean outputs to those of the ANN.

    A constant bias b adds b T to the potential over a run of T steps. It goes into the initial potential, as does the
    correction of each single neuron, so the weights do not change.

    Parameters
    ----------
    cal : Calibration
    thresholds : mapping of str to array
    make : callable
        Takes thresholds and returns neurons.
    """
    changes: dict[str, Layer] = {}
    for name in cal.neurons:
        neuron = make(thresholds[name])
        wanted = cal.activations(name, cal.potentials(name))
        for by_place in (False, True):
            given = cal.mean(name, {**changes, name: neuron})
            missing = (wanted - given).mean(0, dtype=np.float64)
            if not by_place and missing.ndim > 1:
                missing = np.broadcast_to(
                    missing.mean(tuple(range(1, missing.ndim)), keepdims=True), missing.shape
                )
            shape = (-1, *[1] * (missing.ndim - 1))
            start = np.asarray(neuron.v_init)
            start = start.reshape(shape) if start.ndim == 1 else start
            neuron = neuron.replace(
                v_init=np.broadcast_to(start + cal.steps * missing, missing.shape)
            )
        changes[name] = neuron
    return changes
