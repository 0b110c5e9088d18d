"""ANN-to-SNN conversion in one call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.advice import warn_caller
from spikelet._util.checks import choice, fail, integer, number
from spikelet._util.progress import wanted
from spikelet._util.spelling import spelled
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.layerwise.calibration import Calibration
from spikelet.conversion.methods import METHODS, Options
from spikelet.conversion.preparation.inputs import calibration_inputs, range_of
from spikelet.conversion.preparation.prepared import kept_neurons, prepared
from spikelet.conversion.selection.candidates import candidates
from spikelet.conversion.selection.trials import Progress, Trials
from spikelet.layers import Graded
from spikelet.layers.inputs import present
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["convert"]


@spelled
def convert(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike],
    *,
    steps: int = 32,
    method: str = "auto",
    neuron: str | None = None,
    percentile: float = 99.9,
    per_channel: bool = True,
    delay: int | Literal["auto"] = "auto",
    keep: Iterable[str] | Callable[[str], bool] = (),
    analog: Collection[str] = (),
    outputs: Collection[str] | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
    coding: Literal["direct", "poisson", "latency"] = "direct",
    seed: int = 0,
    dtype: Literal["float32", "float64", "int16"] = "float32",
    threads: int | None = None,
    progress: Progress = False,
    relays: bool = False,
) -> ConvertedModel:
    """Convert a trained ANN to a spiking network.

    BatchNorm is folded into the weights, each ReLU (or SiLU, GELU, tanh, ...) becomes a layer of integrate-and-fire neurons
    with their own thresholds, and the last layer sums its input without spikes. No labels, gradients or training code are needed.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence of layers
        See `spikelet.conversion.load.read`. It is not modified.
    calibration : array-like, [N, ...], or a tuple or mapping of these
        Representative inputs, preprocessed as for the ANN; a few hundred are enough. An array or a tensor, whose gradient is
        left out; join the batches of a loader first. For an ANN of several inputs, a tuple with one array for each, or a
        mapping by name.
    steps : int
        Number of steps T that the network is fitted for; all but "predictive" and "alternating" neurons also run for another
        number.
    method : str
        Method that chooses the thresholds:

        "auto"
            The best of several for these inputs: each is fitted to four fifths of them, and the one that comes closest to the
            ANN's outputs on the others is returned. Small networks try "fitted", "percentile", "maxnorm", "least_error" and
            "calibrated", large ones "fitted" and "percentile". `ConvertedModel.method` and `.scores` show the result. A
            small network is then fitted to all inputs. If activations other than ReLU are to spike, the method is
            "fitted".
        "fitted"
            Correct weights, choose thresholds and shift means layer by layer, on the activity of the preceding spiking
            layers. See `spikelet.conversion.fitted`.
        "maxnorm", "percentile"
            The largest activation (Diehl et al. 2015), or a percentile of the activations (Rueckauer et al. 2017).
        "least_error"
            The threshold that rounds the activations to T levels with the least error (Li et al. 2021).
        "threshold_iteration"
            The same for normally distributed potentials, in closed form (Huang et al. 2025).
        "ltb"
            Local threshold balancing (Bu et al. 2025).
        "rmp"
            The largest input of a step in the spiking network (Sengupta et al. 2019, Han et al. 2020).
        "calibrated"
            "least_error", then set biases and initial potentials to correct the mean outputs (Li et al. 2021).
        "qcfs"
            For networks trained with `spikelet.conversion.QCFS` activations (Bu et al. 2022).
    neuron : "predictive", "alternating", "soft", "hard", "signed", "differential" or "multi", optional
        "predictive": each unit is a pair of an ON and an OFF neuron, whose binary spikes follow an estimate of the mean input
        (`spikelet.layers.PredictiveIF`). "alternating": one such neuron per unit, whose spikes subtract at every second
        step. Both are for ``method="fitted"`` only, and "predictive" is its default (up to 8 steps, "soft" is tried
        too, and the model closer to the ANN is returned). "predictive" and "multi" follow other activations than ReLU.
        "soft": reset by subtraction (RMP), starting at half the threshold; the default of all other methods. "hard":
        reset to zero. "signed": spikes of both signs. "differential": differential coding. "multi": spikes of several
        sizes and both signs, for very few steps; with ``method="fitted"`` of pairs like "predictive" ones.
    percentile : float
        Percentile for ``method="percentile"``.
    per_channel : bool
        Choose a threshold for each channel instead of one for each layer.
    delay : int or "auto"
        Number of initial steps that the readout leaves out. "auto" takes the number, at most half of the steps, that
        comes closest to the ANN's outputs on the calibration inputs. Only rates can do without some steps: above 0,
        "soft" is the default neuron of ``method="fitted"``, and "predictive" and "alternating" neurons are refused.
    keep : iterable of str, or callable
        Names of neurons that stay analog (a hybrid network), or a function that decides this for a name. Activations
        other than ReLU stay graded.
    analog : collection of str
        Names of layers that no layer of `sl.layers` computes: each stays in its own framework, which gets its mean input. Names
        of neurons stay analog, as with `keep`.
    outputs : collection of str, optional
        For an ONNX model: names of the tensors at which to end it; by default its outputs.
    fixed : mapping of str to array, optional
        For an ONNX model: values of inputs that are not data, such as a sampling rate.
    coding, seed
        Input coding; see `SpikingModel.run`.
    dtype, threads
        Options of the result; see `SpikingModel`.
    progress : bool or callable
        Show a progress bar with the names of the layers (needs rich), or call ``progress(done, total, name)`` before each
        layer. An exception that it raises, or Ctrl-C, ends the conversion without side effects.
    relays : bool
        Forward the values of graded units (layer norm, attention, gates) as spikes, by pairs of neurons before each
        layer with weights, which then adds instead of multiplying. This costs some precision and saves most of a
        transformer's products.

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
        If `calibration` holds integers above 1, such as bytes of images, or if no layer of the result spikes.
    """
    where = "convert"
    inputs = calibration_inputs(where, calibration)
    integer(where, "steps", steps, 1)
    choice(where, "method", method, "auto", *METHODS)
    share = float(number(where, "percentile", percentile))
    if not 0 < share <= 100:
        fail(where, "percentile", percentile, "must be in (0, 100]")
    if delay != "auto":
        integer(where, "delay", delay, 0, steps - 1)
    choice(where, "coding", coding, "direct", "poisson", "latency")
    progress = wanted(where, progress)
    graph = prepared(ann, inputs, analog, outputs=outputs, fixed=fixed, relays=relays)
    kept = kept_neurons(where, graph, keep, analog)
    by_name = inputs if isinstance(inputs, dict) else dict(zip(graph.inputs, inputs, strict=True))
    given = {name: by_name[name] for name in graph.inputs}
    scale = max(float(np.abs(x).max()) for x in given.values())
    sent = {}
    if coding != "direct":
        spikes = present(where, given, steps, coding, seed, np.dtype(np.float32), scale)
        rasters = zip(given, spikes.arrays, strict=True)
        sent = {name: scale * raster.astype(np.float32) for name, raster in rasters}
    model = SpikingModel(graph, dtype=dtype, threads=threads)
    cal = Calibration(graph, given, steps, model.threads, kept, sent)
    late = None if delay == "auto" else int(delay)
    trials = Trials(
        where,
        cal,
        model,
        {
            "coding": coding,
            "dtype": dtype,
            "threads": threads,
            "input_scale": scale,
            "input_shapes": [x.shape[1:] for x in given.values()],
            "input_ranges": [range_of(x) for x in given.values()],
        },
        Options("", steps, per_channel, share),
        late,
        seed,
    )
    converted = trials.best(candidates(where, method, neuron, cal, late), progress)
    if not converted.neurons:
        names = [n.name for n in converted.graph if isinstance(n.layer, Graded)]
        warn_caller(
            f"{where}: no layer spikes: layers such as '{names[0]}' send graded values; neurons follow "
            'activations with neuron="predictive" and coding="direct" only'
        )
    return converted
