"""Convert with each of several candidates, and return the best."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from spikelet._util import progress as _progress
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.layerwise.calibration import Calibration
from spikelet.conversion.layerwise.method import Method
from spikelet.conversion.layerwise.streaming import fit_layers, spiking_names
from spikelet.conversion.methods import Options, make
from spikelet.conversion.selection.candidates import Candidate, is_small
from spikelet.conversion.selection.scores import Score, best, score
from spikelet.layers import Layer
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Progress", "Trials"]

_SCORED = 256  # samples at most on which a model is scored
_HELD_OUT = 5  # one sample of so many is held out to choose between methods
_FEWEST = 10  # with fewer samples, none is held out

Watch: TypeAlias = Callable[[str], None]
Progress: TypeAlias = bool | Callable[[int, int, str], Any]


@dataclass(frozen=True)
class Trials:
    """Conversions of one ANN.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    cal : Calibration
    analog : SpikingModel
        The ANN.
    options : mapping
        Options of the result, a `ConvertedModel`.
    method_options : Options
        Options of the methods; the neuron is that of a candidate.
    delay : int or None
        Readout delay; None chooses the best.
    seed : int
        Seed of coded inputs.
    """

    where: str
    cal: Calibration
    analog: SpikingModel
    options: Mapping[str, Any]
    method_options: Options
    delay: int | None
    seed: int

    def best(self, found: Sequence[Candidate], progress: Progress) -> ConvertedModel:
        """Return the model of the best candidate."""
        several = len(found) > 1
        again = several and is_small(self.cal)
        sites = len(spiking_names(self.cal, self._method(found[0])))
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
        return fit_layers(self.where, cal, self._method(candidate), watch)

    def _method(self, candidate: Candidate) -> Method:
        return make(candidate.method, replace(self.method_options, neuron=candidate.neuron))

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
