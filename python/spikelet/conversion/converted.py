"""The result of a conversion: a spiking network that knows its ANN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from numpy.typing import ArrayLike, NDArray

from spikelet._util import html
from spikelet._util.advice import warn_caller
from spikelet._util.checks import choice, fail, integer
from spikelet._util.sealed import Setting
from spikelet.conversion.neurons import need_all_steps
from spikelet.conversion.preparation import Range, on_another_scale, range_of
from spikelet.layers.graph import Graph
from spikelet.layers.inputs import Inputs, arrays_of
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult
from spikelet.layers.stopping import Stopping
from spikelet.layers.views import Shape

if TYPE_CHECKING:
    from spikelet._util.results import Table


def _coding(where: str, name: str, value: Any) -> Any:
    choice(where, name, value, "direct", "poisson", "latency")
    return value


def _until(where: str, name: str, value: Any) -> Stopping | None:
    if value is not None and not isinstance(value, Stopping):
        fail(where, name, value, "must be a Stopping or None", error=TypeError)
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
        Number of steps T and readout delay for which it was made: the defaults of `run`.
    coding : str
        Default input coding.
    input_shapes : sequence of tuple of int
        Shape of one sample, for each input.
    input_ranges : sequence of (float, float)
        Least and largest value of the calibration, for each input.
    scores : mapping of str to mapping
        Candidates of ``method="auto"``, the chosen one first, as "method/neuron", with the "error" and the "agreement"
        of each; see `spikelet.conversion.selection`.
    until : Stopping, optional
        When samples may stop, as `spikelet.conversion.cheapest` chooses it: ``run(x, until=snn.until)``. Runs do not stop by
        themselves.
    **options
        Options of `SpikingModel`.
    """

    ann: SpikingModel
    method: str
    neuron: str
    steps = Setting(lambda where, name, value: integer(where, name, value, 1))
    delay = Setting(lambda where, name, value: integer(where, name, value, 0))
    coding = Setting(_coding)
    input_shapes: tuple[Shape, ...]
    input_ranges: tuple[Range, ...]
    scores: dict[str, Mapping[str, float]]
    until = Setting(_until)

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
        input_shapes: Sequence[Shape] = (),
        input_ranges: Sequence[Range] = (),
        scores: Mapping[str, Mapping[str, float]] | None = None,
        until: Stopping | None = None,
        **options: Any,
    ) -> None:
        super().__init__(graph, **options)
        self.ann = ann
        self.method = method
        self.neuron = neuron
        self.steps = steps
        self.delay = delay
        self.coding = coding
        self.input_shapes = tuple(tuple(shape) for shape in input_shapes)
        self.input_ranges = tuple((float(low), float(high)) for low, high in input_ranges)
        self.scores = dict(scores or {})
        self.until = until
        self._warned = False  # that an input is on another scale

    @property
    def thresholds(self) -> dict[str, Any]:
        """Thresholds of the spiking layers, by name."""
        return {name: self.graph[name].layer.threshold for name in self.neurons}  # type: ignore[attr-defined]  # they are neurons

    def run(self, x: Inputs, steps: int | None = None, **options: Any) -> SpikingResult:
        """Run with x held constant; see `SpikingModel.run`.

        Parameters
        ----------
        x : array-like, [B, ...]; for several inputs a tuple or mapping of these
        steps : int, optional
            Number of steps T; by default the number that the model was made for.
        **options
            Options of `SpikingModel.run`; the defaults of `delay` and `coding` are those for which the model was made.
            Predictive and alternating neurons, and fitted "multi" ones, run without a delay.

        Warns
        -----
        UserWarning
            Once for a model, if x seems to be on another scale than the calibration: its largest magnitude is above twice
            that of the calibration or below a twentieth of it (bytes of 0 to 255 instead of 0 to 1), or only one of the two
            has negative values (raw images instead of normalised ones).
        """
        where = f"{type(self).__name__}.run"
        arrays = arrays_of(where, self.graph.inputs, x)
        if options.get("coding", self.coding) == "direct":  # the other codings refuse what is above
            self._compare(where, arrays)
        steps = self.steps if steps is None else integer(where, "steps", steps, 1)
        delay = self.delay if steps == self.steps else self.delay * steps // self.steps
        options = {"delay": delay, "coding": self.coding, **options}
        if options["delay"] not in (0, delay) and need_all_steps(self.graph):
            rule = f"must be {self.delay}: the spikes of {self.neuron} neurons at all steps make up one number"
            fail(
                where,
                "delay",
                options["delay"],
                f'{rule}; convert with neuron="soft" to leave steps out',
            )
        return super().run(arrays, steps, **options)

    def _repr_html_(self) -> str:
        """Return tables of the conversion and the layers, for notebooks."""
        rows = [
            ("method", f"{self.method}, {self.neuron} neurons"),
            ("steps", f"T = {self.steps}, readout from step {self.delay} on"),
            ("input", f"{', '.join(map(str, self.input_shapes))}, {self.coding}"),
            ("stops", self.until),
        ]
        return html.joined(html.facts(type(self).__name__, rows), super()._repr_html_())

    def stopping(self, x: Inputs, labels: ArrayLike | None = None, **options: Any) -> Stopping:
        """Return when samples may stop, for ``run(x, until=)``.

        Parameters
        ----------
        x : array-like, [B, ...]
        labels : int array, [B], optional
        **options
            Others of `spikelet.conversion.choose_stopping`, such as `loss`.
        """
        from spikelet.conversion.stopping import choose_stopping  # noqa: PLC0415  # it runs models

        return choose_stopping(self, x, labels, **options)

    def _compare(self, where: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Warn of an input on another scale than that of the calibration."""
        if self._warned:
            return
        for (name, x), known in zip(arrays.items(), self.input_ranges, strict=False):
            if x.size and on_another_scale(x, known):
                self._warned = True
                argument = "x" if len(arrays) == 1 else f"x['{name}']"
                low, high = range_of(x)
                warn_caller(
                    f"{where}: {argument} ({x.dtype}) lies in [{low:g}, {high:g}], the calibration in "
                    f"[{known[0]:g}, {known[1]:g}]; preprocess both as for the ANN"
                )

    def report(self, x: Inputs, labels: ArrayLike | None = None, **options: Any) -> Table:
        """Compare the model and each of its layers with the ANN; see `spikelet.conversion.report`.

        Parameters
        ----------
        x : array-like, [B, ...]
        labels : array-like of int, [B], optional
        **options
            ``steps`` and others of `spikelet.conversion.report`.

        Returns
        -------
        Table
            ``save("report.html")`` writes it as a page.
        """
        from spikelet.conversion.layer_errors import report  # noqa: PLC0415  # only where it is used

        return report(self, self.ann, x, labels, **options)
