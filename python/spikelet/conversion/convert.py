"""ANN-to-SNN conversion in one call."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util import progress as _progress
from spikelet._util.checks import choice, fail, integer, number
from spikelet.conversion.calibration import Calibration, Floats
from spikelet.conversion.candidates import Candidate, candidates, is_small
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.folding import fold
from spikelet.conversion.inputs import calibration_inputs, range_of
from spikelet.conversion.load import read
from spikelet.conversion.methods import METHODS, Options, make
from spikelet.conversion.pools import pool_parts
from spikelet.conversion.selection import Score, best, score
from spikelet.conversion.simplify import simplify
from spikelet.conversion.streaming import fit_layers
from spikelet.layers import Graded, Layer, ReLU
from spikelet.layers.graph import Graph
from spikelet.layers.inputs import present
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["convert"]

_SCORED = 256  # samples at most on which a model is scored
_HELD_OUT = 5  # one sample of so many is held out to choose between methods
_FEWEST = 10  # with fewer samples, none is held out

Watch: TypeAlias = Callable[[str], None]
Progress: TypeAlias = bool | Callable[[int, int, str], Any]


def convert(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...],
    *,
    steps: int = 32,
    method: str = "auto",
    neuron: str | None = None,
    percentile: float = 99.9,
    per_channel: bool = True,
    delay: int | Literal["auto"] = "auto",
    keep: Iterable[str] | Callable[[str], bool] = (),
    coding: Literal["direct", "poisson", "latency"] = "direct",
    seed: int = 0,
    dtype: Literal["float32", "float64", "int16"] = "float32",
    threads: int | None = None,
    progress: Progress = False,
) -> ConvertedModel:
    """Convert a trained ANN to a spiking network.

    BatchNorm is folded into the weights, each ReLU becomes a layer of integrate-and-fire neurons with their own
    thresholds, and the last layer sums its input without spikes. No labels, gradients or training code are needed.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence of layers
        See `spikelet.conversion.load.read`. It is not modified.
    calibration : array-like, [N, ...], or tuple of these
        Representative inputs, preprocessed as for the ANN; a few hundred are enough. An array or a tensor, whose gradient is
        left out; join the batches of a loader first. For an ANN of several inputs, a tuple with one array for each.
    steps : int
        Number of steps T that the network is fitted for; all but "predictive" neurons also run for another number.
    method : str
        Method that chooses the thresholds:

        "auto"
            The best of several for these inputs: each is fitted to four fifths of them, and the one that comes closest to the
            ANN's outputs on the others is returned. Small networks try "fitted", "percentile", "maxnorm", "least_error" and
            "calibrated", large ones "fitted" and "percentile". `ConvertedModel.method` and `.scores` say what was found. A
            small network is then fitted to all inputs.
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
    neuron : "predictive", "soft", "hard", "signed", "differential" or "multi", optional
        "predictive": binary spikes that follow an estimate of the mean input (`spikelet.layers.PredictiveIF`); for
        ``method="fitted"`` only, and its default (up to 8 steps, "soft" is tried too, and the model closer to the ANN is
        returned). "soft": reset by subtraction (RMP), starting at half the threshold; the default of all other methods.
        "hard": reset to zero. "signed": spikes of both signs. "differential": differential coding. "multi": spikes of four
        sizes and both signs, for very few steps.
    percentile : float
        Percentile for ``method="percentile"``.
    per_channel : bool
        Choose a threshold for each channel instead of one for each layer.
    delay : int or "auto"
        Number of initial steps that the readout leaves out. "auto" takes the number, at most half of the steps, that
        comes closest to the ANN's outputs on the calibration inputs.
    keep : iterable of str, or callable
        Names of neurons that stay analog (a hybrid network), or a function that returns whether a name does.
    coding, seed
        Input coding; see `SpikingModel.run`.
    dtype, threads
        Options of the result; see `SpikingModel`.
    progress : bool or callable
        Show a progress bar with the names of the layers (needs rich), or call ``progress(done, total, name)`` before each
        layer. An exception that it raises, as does Ctrl-C, ends the conversion; nothing is left behind.

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
        If `calibration` holds integers above 1, such as bytes of images; if no layer of the ANN can spike.
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
    graph = simplify(_read(ann, inputs), [x.shape[1:] for x in inputs])
    graph = pool_parts(fold(graph))
    names = [n.name for n in graph if isinstance(n.layer, ReLU)]
    kept = _kept(where, keep, names)
    _check_spiking(where, graph, names, kept)
    scale = max(float(np.abs(x).max()) for x in inputs)
    analog = SpikingModel(graph, dtype=dtype, threads=threads)
    given = dict(zip(graph.inputs, inputs, strict=True))
    sent = {}
    if coding != "direct":
        spikes = present(where, given, steps, coding, seed, np.dtype(np.float32), scale)
        rasters = zip(given, spikes.arrays, strict=True)
        sent = {name: scale * raster.astype(np.float32) for name, raster in rasters}
    cal = Calibration(graph, given, steps, analog.threads, kept, sent)
    work = _Work(
        where,
        cal,
        analog,
        {
            "coding": coding,
            "dtype": dtype,
            "threads": threads,
            "input_scale": scale,
            "input_shapes": [x.shape[1:] for x in inputs],
            "input_ranges": [range_of(x) for x in inputs],
        },
        Options("", steps, per_channel, share),
        None if delay == "auto" else int(delay),
        seed,
    )
    return work.best(candidates(where, method, neuron, cal), progress)


@dataclass(frozen=True)
class _Work:
    """A conversion with checked arguments."""

    where: str
    cal: Calibration
    analog: SpikingModel
    options: Mapping[str, Any]  # of the result
    method_options: Options
    delay: int | None
    seed: int

    def best(self, found: Sequence[Candidate], progress: Progress) -> ConvertedModel:
        """Return the model of the best candidate."""
        several = len(found) > 1
        again = several and is_small(self.cal)
        sites = sum(isinstance(n.layer, ReLU) for n in self.cal.graph) - len(self.cal.kept)
        with _watching(progress, sites * (len(found) + again)) as watch:
            if not several:
                return self._finished(found[0], self._fitted(found[0], self.cal, watch), {})
            fitting, held_out = _split(self.cal)
            changes, scores = {}, {}
            for candidate in found:
                name = str(candidate)
                changes[name] = self._fitted(candidate, fitting, watch)
                model = self._model(candidate, changes[name])
                scores[name] = self._score(model, held_out)
            name = best(scores)
            chosen, delay = next(c for c in found if str(c) == name), scores[name].delay
            ranked = {key: scores[key].values for key in sorted(scores, key=lambda k: k != name)}
            if not again:
                return self._model(chosen, changes[name], delay=delay, scores=ranked)
            return self._finished(chosen, self._fitted(chosen, self.cal, watch), ranked)

    def _fitted(self, candidate: Candidate, cal: Calibration, watch: Watch) -> dict[str, Layer]:
        method = make(candidate.method, replace(self.method_options, neuron=candidate.neuron))
        return fit_layers(self.where, cal, method, watch)

    def _model(
        self, candidate: Candidate, changes: Mapping[str, Layer], **more: Any
    ) -> ConvertedModel:
        return ConvertedModel(
            self.cal.graph.replaced(changes),
            self.analog,
            method=candidate.method,
            neuron=candidate.neuron,
            steps=self.cal.steps,
            **self.options,
            **more,
        )

    def _finished(
        self,
        candidate: Candidate,
        changes: Mapping[str, Layer],
        scores: Mapping[str, Mapping[str, float]],
    ) -> ConvertedModel:
        """Return a model that was fitted to all inputs, with the delay that suits these."""
        model = self._model(candidate, changes, scores=scores)
        model.delay = self._score(model, self.cal).delay
        return model

    def _score(self, model: ConvertedModel, cal: Calibration) -> Score:
        few = [x[:_SCORED] for x in cal.inputs.values()]
        return score(model, self.analog, few, cal.steps, delay=self.delay, seed=self.seed)


def _read(ann: Any, inputs: Sequence[Floats]) -> Graph:
    """Read the ANN; an error about images with channels last says so."""
    shapes = [x.shape[1:] for x in inputs]
    try:
        graph = read(ann, shapes[0] if len(shapes) == 1 else shapes)
    except ValueError as error:
        first = shapes[0]
        if len(first) == 3 and first[2] in (1, 3, 4) and first[0] not in (1, 3, 4):
            hint = "the calibration seems to have its channels last; pass x.transpose(0, 3, 1, 2)"
            raise ValueError(f"{error}; {hint}") from None
        raise
    return graph


def _check_spiking(where: str, graph: Graph, names: list[str], kept: frozenset[str]) -> None:
    if set(names) - kept:
        return
    graded = [n.name for n in graph if isinstance(n.layer, Graded)]
    if names or not graded:
        fail(where, "ann", names, "must have a ReLU that becomes spiking", got="only the ReLUs")
    warnings.warn(
        f"{where}: ann has no ReLU, so that no layer spikes: {len(graded)} layers such as '{graded[0]}' send graded values",
        stacklevel=3,
    )


def _kept(
    where: str, keep: Iterable[str] | Callable[[str], bool], names: list[str]
) -> frozenset[str]:
    if callable(keep):
        return frozenset(n for n in names if keep(n))
    kept = frozenset([keep] if isinstance(keep, str) else keep)
    for name in kept:
        if name not in names:
            fail(where, "keep", name, f"must be one of the neurons {', '.join(names)}")
    return kept


def _split(cal: Calibration) -> tuple[Calibration, Calibration]:
    """Return inputs to fit to, and others that are held out."""
    if cal.count < _FEWEST:
        return cal, cal
    out = np.arange(cal.count) % _HELD_OUT == _HELD_OUT - 1
    return cal.part(~out), cal.part(out)


@contextlib.contextmanager
def _watching(progress: Progress, total: int) -> Iterator[Watch]:
    """Yield a function that takes the name of each layer before it is fitted."""
    if not progress:
        yield lambda _name: None
        return
    done = 0

    def watch(name: str) -> None:
        nonlocal done
        report(done, total, name)
        done += 1

    bar: Any = contextlib.nullcontext(progress)
    with bar if callable(progress) else _progress.layers("converting") as report:
        yield watch
        report(total, total, "")
