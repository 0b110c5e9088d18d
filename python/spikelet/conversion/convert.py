"""ANN-to-SNN conversion in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import choice, fail, integer, number
from spikelet._util.sealed import Setting
from spikelet._util.tensors import array_of
from spikelet.conversion.calibrated import calibrated
from spikelet.conversion.calibration import Calibration, Floats
from spikelet.conversion.fitted import fitted
from spikelet.conversion.folding import fold
from spikelet.conversion.load import read
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.thresholds import THRESHOLDS, Options, usable
from spikelet.layers import Layer, ReLU
from spikelet.layers.graph import Graph
from spikelet.layers.inputs import Inputs, arrays_of
from spikelet.layers.spiking_model import SpikingModel, SpikingResult

if TYPE_CHECKING:
    from spikelet.conversion.report import ConversionReport

__all__ = ["METHODS", "ConvertedModel", "convert"]

_FEW_STEPS = 8
# Factors between the largest inputs, above and below that of the calibration, that are taken for another scale.
_ABOVE, _BELOW = 2.0, 20.0

METHODS = ("fitted", *THRESHOLDS, "calibrated", "qcfs")


def _coding(where: str, name: str, value: Any) -> Any:
    choice(where, name, value, "direct", "poisson", "latency")
    return value


class ConvertedModel(SpikingModel):
    """A `SpikingModel` that `convert` made from an ANN.

    Parameters
    ----------
    graph : Graph
    ann : SpikingModel
        The ANN: the same graph with `ReLU` neurons, BatchNorm folded. ``ann.run(x, steps=1).output`` gives its outputs.
    method, neuron : str
        Method and kind of neurons of the conversion.
    steps, delay : int
        Number of steps T and readout delay that it was made for: the defaults of `run`.
    coding : str
        Default input coding.
    **options
        Options of `SpikingModel`.
    """

    ann: SpikingModel
    method: str
    neuron: str
    steps = Setting(lambda where, name, value: integer(where, name, value, 1))
    delay = Setting(lambda where, name, value: integer(where, name, value, 0))
    coding = Setting(_coding)

    _instead: ClassVar = {"": "it is fixed by the conversion; convert again, with convert()"}

    def __init__(
        self,
        graph: Graph,
        ann: SpikingModel,
        *,
        method: str,
        neuron: str,
        steps: int,
        delay: int = 0,
        coding: Literal["direct", "poisson", "latency"] = "direct",
        **options: Any,
    ) -> None:
        super().__init__(graph, **options)
        self.ann = ann
        self.method = method
        self.neuron = neuron
        self.steps = steps
        self.delay = delay
        self.coding = coding
        self._warned = False  # that an input is on another scale

    @property
    def thresholds(self) -> dict[str, Any]:
        """Thresholds of the spiking layers, by name."""
        return {name: self.graph[name].layer.threshold for name in self.neurons}  # type: ignore[attr-defined]  # they are neurons

    def run(self, x: Inputs, steps: int | None = None, **options: Any) -> SpikingResult:
        """Run with x held constant; see `SpikingModel.run`.

        Parameters
        ----------
        x : array-like, [B, ...]
        steps : int, optional
            Number of steps T; by default the number that the model was made for.
        **options
            Options of `SpikingModel.run`; `delay` and `coding` default to those that the model was made for.

        Warns
        -----
        UserWarning
            Once for a model, if the largest input is above twice the largest of the calibration, or below a twentieth of it:
            such as bytes of 0 to 255 where the calibration had 0 to 1.
        """
        where = f"{type(self).__name__}.run"
        x = arrays_of(where, self.graph.inputs, x)
        if options.get("coding", self.coding) == "direct":  # the other codings refuse what is above
            for array in x.values():
                self._compare(where, array)
        steps = self.steps if steps is None else integer(where, "steps", steps, 1)
        delay = self.delay if steps == self.steps else self.delay * steps // self.steps
        options = {"delay": delay, "coding": self.coding, **options}
        return super().run(x, steps, **options)

    def _compare(self, where: str, x: NDArray[Any]) -> None:
        """Warn of an input on another scale than that of the calibration."""
        if self._warned or x.size == 0:
            return
        largest = max(float(x.max()), -float(x.min()))
        if largest > _ABOVE * self.input_scale or 0 < largest * _BELOW < self.input_scale:
            self._warned = True
            warnings.warn(
                f"{where}: x goes up to {largest:g} ({x.dtype}), the calibration went up to {self.input_scale:g}; "
                "preprocess both as for the ANN",
                stacklevel=3,
            )

    def report(
        self, x: ArrayLike, labels: ArrayLike | None = None, steps: int | None = None
    ) -> ConversionReport:
        """Compare each layer with that of the ANN; see `spikelet.conversion.report`.

        Parameters
        ----------
        x : array-like, [B, ...]
        labels : array-like, [B], optional
        steps : int, optional
        """
        from spikelet.conversion.report import report  # noqa: PLC0415  # only where it is used

        steps = self.steps if steps is None else steps
        return report(self, self.ann, x, steps, labels=labels)


def convert(
    ann: Any,
    calibration: ArrayLike,
    *,
    steps: int = 32,
    method: str = "fitted",
    neuron: str | None = None,
    percentile: float = 99.9,
    per_channel: bool = True,
    delay: int | Literal["auto"] = "auto",
    keep: Iterable[str] | Callable[[str], bool] = (),
    coding: Literal["direct", "poisson", "latency"] = "direct",
    seed: int = 0,
    dtype: Literal["float32", "float64", "int16"] = "float32",
    threads: int | None = None,
) -> ConvertedModel:
    """Convert a trained ANN to a spiking network.

    BatchNorm is folded into the weights, each ReLU becomes a layer of integrate-and-fire neurons with their own
    thresholds, and the last layer sums its input without spikes. No labels, gradients or training code are needed.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence of layers
        See `spikelet.conversion.load.read`. It is not modified.
    calibration : array-like, [N, ...]
        Representative inputs, preprocessed as for the ANN; a few hundred are enough. An array or a tensor, whose gradient is
        left out; join the batches of a loader first.
    steps : int
        Number of steps T that the network is fitted for; all but "predictive" neurons also run for another number.
    method : str
        Method that chooses the thresholds:

        "fitted"
            Correct weights, choose thresholds and shift means layer by layer, on the activity of the preceding spiking
            layers. The most accurate method. See `spikelet.conversion.fitted`.
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
        If `calibration` holds integers above 1, such as bytes of images.
    """
    where = "convert"
    x = _calibration(where, calibration)
    integer(where, "steps", steps, 1)
    choice(where, "method", method, *METHODS)
    candidates = _neurons(where, method, neuron, steps)
    share = float(number(where, "percentile", percentile))
    if not 0 < share <= 100:
        fail(where, "percentile", percentile, "must be in (0, 100]")
    if delay != "auto":
        integer(where, "delay", delay, 0, steps - 1)
    choice(where, "coding", coding, "direct", "poisson", "latency")
    graph = fold(read(ann, x.shape[1:]))
    graph.shapes(x.shape[1:])
    names = [n.name for n in graph if isinstance(n.layer, ReLU)]
    kept = _kept(where, keep, names)
    if not set(names) - kept:
        fail(where, "ann", names, "must have a ReLU that becomes spiking", got="only the ReLUs")
    scale = float(np.abs(x).max())
    analog = SpikingModel(graph, dtype=dtype, threads=threads)
    run_options = {} if coding == "direct" else {"coding": coding, "seed": seed}
    cal = Calibration(graph, x, steps, analog.threads, run_options, scale, kept)
    _check_activity(where, cal)
    models = []
    for kind in candidates:
        options = Options(per_channel, share, NEURONS.get(kind, NEURONS["soft"]))
        model = ConvertedModel(
            graph.replaced(_changes(where, cal, method, kind, options)),
            analog,
            method=method,
            neuron=kind,
            steps=steps,
            coding=coding,
            dtype=dtype,
            threads=threads,
            input_scale=scale,
        )
        model.delay, error = _best_delay(model, x, seed, None if delay == "auto" else int(delay))
        models.append((error, model))
    return min(models, key=lambda found: found[0])[1]


def _calibration(where: str, calibration: ArrayLike) -> Floats:
    x = array_of(where, "calibration", calibration)
    if x.ndim < 2 or x.size == 0:
        fail(where, "calibration", x.shape, "must be [N, ...] and not empty", got="shape")
    if x.dtype.kind in "iu" and int(x.max()) > 1:
        warnings.warn(
            f"{where}: calibration holds integers up to {x.max()}, which the ANN gets as they are; pass inputs "
            "preprocessed as for the ANN, or as floating-point numbers if it was trained on these",
            stacklevel=3,
        )
    x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        fail(where, "calibration", float(x[~np.isfinite(x)][0]), "must be finite")
    if x.min() == x.max():
        fail(
            where,
            "calibration",
            float(x.flat[0]),
            "must not be constant",
            got="nothing but",
        )
    return x


def _neurons(where: str, method: str, neuron: str | None, steps: int) -> tuple[str, ...]:
    """Return the names of the neurons to try."""
    if neuron is None:
        if method != "fitted":
            return ("soft",)
        # Very few steps leave no time to wait for an estimate, and shallow networks need none.
        return ("predictive", "soft") if steps <= _FEW_STEPS else ("predictive",)
    choice(where, "neuron", neuron, "predictive", *NEURONS)
    if neuron == "predictive" and method != "fitted":
        fail(where, "method", method, 'must be "fitted" with neuron="predictive"')
    return (neuron,)


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


def _check_activity(where: str, cal: Calibration) -> None:
    for name in cal.neurons:
        potentials = cal.potentials(name)
        if not np.isfinite(potentials).all():
            fail(
                where,
                f"the input of '{name}'",
                "inf or NaN",
                "must be finite; a weight is too large",
            )
        if potentials.max() <= 0:
            fail(
                where,
                f"activation of '{name}'",
                0.0,
                "must not be 0 for all calibration inputs, or the layer would never spike",
            )


def _changes(
    where: str, cal: Calibration, method: str, neuron: str, options: Options
) -> Mapping[str, Layer]:
    if method == "fitted":
        return fitted(cal, neuron)
    if method == "calibrated":
        return calibrated(cal, THRESHOLDS["least_error"](cal, options), NEURONS[neuron])
    if method == "qcfs":
        limits = {n: cal.graph[n].layer.upper for n in cal.neurons}  # type: ignore[attr-defined]  # they are ReLUs
        for name, upper in limits.items():
            if upper is None:
                fail(
                    where,
                    f"activation of '{name}'",
                    "ReLU",
                    'must be QCFS for method="qcfs"; train with conversion.QCFS',
                )
        thresholds = {n: usable(np.atleast_1d(upper)) for n, upper in limits.items()}
    else:
        thresholds = THRESHOLDS[method](cal, options)
    return {n: options.make(t if len(t) > 1 else float(t[0])) for n, t in thresholds.items()}


def _best_delay(
    model: ConvertedModel, x: Floats, seed: int, given: int | None, count: int = 256
) -> tuple[int, float]:
    """Return the delay whose mean output comes closest to the ANN's, and the mean squared error.

    At most half of the steps are left out.
    """
    x = x[:count]
    name = model.graph.output.name
    wanted = model.ann.run(x, steps=1).outputs[name]
    record = f"{name}.value"
    values = model.run(x, delay=0, seed=seed, record=record)[record].astype(np.float64)
    delays = range(len(values) // 2 + 1) if given is None else [given]
    errors = [float(np.square(values[d:].mean(0) - wanted).mean()) for d in delays]
    best = int(np.argmin(errors))
    return delays[best], errors[best]
