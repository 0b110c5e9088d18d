"""ANN-to-SNN conversion in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.advice import warn_caller
from spikelet._util.checks import choice, integer
from spikelet._util.described import Described
from spikelet._util.progress import wanted
from spikelet._util.spelling import spelled
from spikelet._util.threads import default_threads
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.first_spike import first_spike_model
from spikelet.conversion.layerwise.activity import Calibration
from spikelet.conversion.layerwise.site import Method
from spikelet.conversion.neurons import FIRST_SPIKE, Neurons
from spikelet.conversion.preparation import (
    add_relays,
    calibration_inputs,
    kept_neurons,
    prepared,
    range_of,
    relay_sums,
)
from spikelet.conversion.selection import Auto, Progress, best_model, candidates, method_of
from spikelet.layers import FirstSpike, Graded, Layer
from spikelet.layers.inputs import present
from spikelet.layers.spiking_model import SpikingModel

_MOST_STEPS = 1 << 16  # means of more spikes gain nothing


@dataclass(frozen=True, repr=False, eq=False)
class Coding(Described):
    """How inputs enter a converted network, for ``convert(coding=)``.

    Parameters
    ----------
    kind : "direct", "poisson" or "latency"
        See `SpikingModel.run`.
    seed : int
        Random seed of the calibration with "poisson".
    """

    kind: Literal["direct", "poisson", "latency"] = "direct"
    seed: int = 0

    def __post_init__(self) -> None:
        choice("Coding", "kind", self.kind, "direct", "poisson", "latency")
        integer("Coding", "seed", self.seed, 0)


@spelled
def convert(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike],
    *,
    steps: int = 32,
    method: str | Method | Auto = "auto",
    neuron: str | Neurons | None = None,
    keep: Iterable[str] | Callable[[str], bool] = (),
    coding: Literal["direct", "poisson", "latency"] | Coding = "direct",
    dtype: Literal["float32", "float64", "int16", "int8"] | None = None,
    threads: int | None = None,
    progress: Progress = False,
) -> ConvertedModel:
    """Convert a trained ANN to a spiking network.

    BatchNorm is folded into the weights, each ReLU (or SiLU, GELU, tanh, ...) becomes a layer of integrate-and-fire neurons
    with their own thresholds, and the last layer sums its input without spikes. No labels, gradients or training code are
    needed.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence of layers
        See `spikelet.conversion.read`. It is not modified. For options of an ONNX file, read it first, and pass the result of
        `spikelet.conversion.read_onnx`.
    calibration : array-like, [N, ...], or a tuple or mapping of these
        Representative inputs, preprocessed as for the ANN; a few hundred are enough. For an ANN of several inputs, a tuple
        with one array for each, or a mapping by name.
    steps : int
        Number of steps T that the network is fitted for, up to 65536; all but "predictive" and "alternating" neurons also run for another
        number.
    method : str or method
        Chooses the thresholds: "auto", "fitted", "maxnorm", "percentile", "least_error", "threshold_iteration", "ltb", "rmp",
        "calibrated" or "qcfs". An object such as ``sl.conversion.Percentile(99.9)`` has options. "auto" fits several methods to
        four fifths of the inputs, compares them on the others, and returns the best, fitted to all inputs if the network is
        small; `ConvertedModel.scores` shows the comparison.
    neuron : str or Neurons, optional
        "predictive": each unit is a pair of an ON and an OFF neuron, whose binary spikes follow an estimate of the mean input.
        "alternating": one such neuron for each unit. Both are for ``method="fitted"`` only, and "predictive" is its default
        (up to 8 steps, it tries "soft", too). "soft": reset by subtraction, the default of the other methods. "hard": reset
        to zero. "signed": spikes of both signs. "differential": differential coding. "multi": spikes of several sizes and both
        signs, for very few steps. "first_spike": each neuron fires at most once, earlier for a larger activation; networks
        of ReLUs only. The network runs in integers, layer after layer, each in a window of `steps` (2 to 256). ``sl.conversion.Neurons("soft", delay=4)`` leaves initial steps out of the readout.
    keep : iterable of str, or callable
        Names of neurons that stay analog (a hybrid network), or a function that decides this for a name; and names of
        layers that have no spiking form, which then stay in their own framework and get their mean input.
    coding : "direct", "poisson", "latency" or Coding
        Input coding; see `SpikingModel.run`.
    dtype : "float32", "float64", "int16" or "int8", optional
        See `SpikingModel`; by default "float32". Of "first_spike" neurons, the type of the weights: "int8", the default, or
        "int16".
    threads : int, optional
        By default all cores that this process may use. Results do not depend on it.
    progress : bool or callable
        Show a progress bar with the names of the layers (needs rich), or call ``progress(done, total, name)`` before each
        layer. An exception that it raises, or Ctrl-C, ends the conversion without side effects.

    Returns
    -------
    ConvertedModel

    Raises
    ------
    ValueError
        If a layer of the ANN cannot be converted (the message names it, with a hint); if the calibration inputs do not
        fit, contain NaN, or are all equal; or if an argument breaks its rule.
    TypeError
        If `ann` is of a type that cannot be read, or `calibration` is not an array.

    Warns
    -----
    UserWarning
        If `calibration` holds integers above 1, such as bytes of images; if no layer of the result spikes; or if weights of 8
        bits change many decisions of "first_spike" neurons for the calibration inputs.
    """
    where = "convert"
    inputs = calibration_inputs(where, calibration)
    integer(where, "steps", steps, 1, _MOST_STEPS)
    chosen, neurons = method_of(where, method), Neurons.of(where, neuron)
    delay = (
        None if neurons.delay == "auto" else integer(where, "delay", neurons.delay, 0, steps - 1)
    )
    if not isinstance(coding, Coding):
        choice(where, "coding", coding, "direct", "poisson", "latency")
        coding = Coding(coding)
    progress = wanted(where, progress)

    methods = chosen.methods if isinstance(chosen, Auto) else (chosen,)
    relays = add_relays if any(getattr(m, "relays", False) for m in methods) else None
    made: tuple[type[Layer], ...] = ()
    if neurons.kind == FIRST_SPIKE:
        relays, made = relay_sums, (FirstSpike,)
    names = () if callable(keep) else (keep,) if isinstance(keep, str) else tuple(keep)
    graph = prepared(ann, inputs, names, relays)
    kept = kept_neurons(where, graph, keep if callable(keep) else names, made)

    by_name = inputs if isinstance(inputs, dict) else dict(zip(graph.inputs, inputs, strict=True))
    given = {name: by_name[name] for name in graph.inputs}
    if neurons.kind == FIRST_SPIKE:
        cal = Calibration(
            graph, given, steps, default_threads() if threads is None else threads, kept
        )
        return first_spike_model(where, cal, method, coding.kind, dtype, progress)
    dtype = "float32" if dtype is None else dtype
    scale = max(float(np.abs(x).max()) for x in given.values())
    sent = {}
    if coding.kind != "direct":
        single = np.dtype(np.float32)
        spikes = present(where, given, steps, coding.kind, coding.seed, single, scale)
        rasters = zip(given, spikes.arrays, strict=True)
        sent = {name: scale * raster.astype(np.float32) for name, raster in rasters}
    model = SpikingModel(graph, dtype=dtype, threads=threads)  # type: ignore[arg-type]  # it refuses "int8"
    cal = Calibration(graph, given, steps, model.threads, kept, sent)
    options = {
        "coding": coding.kind,
        "dtype": dtype,
        "threads": threads,
        "input_scale": scale,
        "input_shapes": [x.shape[1:] for x in given.values()],
        "input_ranges": [range_of(x) for x in given.values()],
    }
    found = candidates(where, chosen, neurons, cal)
    converted = best_model(
        found, cal, model, options, delay=delay, seed=coding.seed, progress=progress
    )
    if not converted.neurons:
        graded = [n.name for n in converted.graph if isinstance(n.layer, Graded)]
        warn_caller(
            f"{where}: no layer spikes: layers such as '{graded[0]}' send graded values; neurons follow "
            'activations with neuron="predictive" and coding="direct" only'
        )
    return converted
