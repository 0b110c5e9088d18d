"""Result of a fit."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from spikelet._util import html
from spikelet._util.checks import Float, own
from spikelet._util.extras import extra
from spikelet._util.sealed import Sealed
from spikelet.fitting.candidates import Candidates, candidates_of
from spikelet.fitting.ranges import Space
from spikelet.fitting.recording import Recording, Responses

_BEST = 10


class FitResult(Sealed):
    """All candidates of a fit, with their losses. Made by `spikelet.fit`; it can be pickled.

    Parameters
    ----------
    target : NeuronModel, Equations or callable
        What was fitted.
    recording : Recording
        What it was fitted to.
    space : Space
        What varied.
    places : array, [candidates, dimensions]
        The candidates, in the order in which they were tried, as places in the unit cube of the ranges.
    losses : array, [candidates]
        Their losses.
    seed : int
        Seed of the fit.
    complete : bool
        False after Ctrl-C.

    Attributes
    ----------
    recording : Recording
        What it was fitted to.
    places, losses : array
        As above.
    seed : int
        Seed of the fit.
    complete : bool
        False after Ctrl-C.
    """

    recording: Recording
    places: Float
    losses: Float
    seed: int
    complete: bool

    _instead: ClassVar = {"": "it is what the fit found"}

    def __init__(
        self,
        target: Any,
        recording: Recording,
        space: Space,
        places: Float,
        losses: Float,
        seed: int,
        *,
        complete: bool,
    ) -> None:
        self._target, self._space = target, space
        self._order = np.argsort(losses, kind="stable")
        self._declare(
            recording=recording,
            places=own(places),
            losses=own(losses),
            seed=seed,
            complete=complete,
        )

    @property
    def loss(self) -> float:
        """The least loss."""
        return float(self.losses[self._order[0]])

    @property
    def parameters(self) -> dict[str, Any]:
        """The best values of what varied: numbers, or arrays with one for each sweep."""
        values = self._space.values(self.places[self._order[:1]])
        return {name: v[0] if v.ndim > 1 else float(v[0]) for name, v in values.items()}

    @property
    def model(self) -> Any:
        """The best model, or a new network with the best parameters."""
        return self._built(self._order[0])

    @property
    def models(self) -> list[Any]:
        """The ten best models, best first."""
        return [self._built(k) for k in self._order[:_BEST]]

    @property
    def history(self) -> Float:
        """The least loss so far, after each candidate, [candidates]."""
        return np.minimum.accumulate(self.losses)

    @property
    def responses(self) -> Responses:
        """The response of the best candidate, computed again."""
        return self._candidates().run(self.places[self._order[:1]])

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: a row for each candidate, in the order tried, with its parameters and its loss."""
        pandas = extra("pandas", "to_frame")
        frame = pandas.DataFrame(self._space.table(self.places), columns=self._space.columns)
        return frame.assign(loss=self.losses)

    def plot(self, **options: Any) -> Any:
        """Draw data, fit and the course of the losses with `spikelet.plot.fit`, whose options it takes."""
        import spikelet as sl  # noqa: PLC0415  # plots stand above

        return sl.plot.fit(self, **options)

    def _candidates(self) -> Candidates:
        return candidates_of(
            "FitResult", self._target, self._space, self.recording, None, self.seed
        )

    def _built(self, k: int) -> Any:
        return self._candidates().built(self.places[k])

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.6g}" for name, value in zip(*self._best(), strict=True))
        state = "" if self.complete else ", interrupted"
        return f"FitResult({len(self.losses)} candidates, loss {self.loss:.4g}: {values}{state})"

    def _best(self) -> tuple[list[str], list[float]]:
        return self._space.columns, self._space.table(self.places[self._order[:1]])[0].tolist()

    def _repr_html_(self) -> str:
        """Return a table of the best candidates, for notebooks."""
        best = self._order[:_BEST]
        rows = np.column_stack([self.losses[best], self._space.table(self.places[best])])
        cells = [tuple(f"{value:.6g}" for value in row) for row in rows]
        title = f"FitResult: {len(self.losses)} candidates, the best"
        return html.grid(title, ["loss", *self._space.columns], cells)
