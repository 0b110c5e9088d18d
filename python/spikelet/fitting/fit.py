"""Fits of neuron models and networks to recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from spikelet._util.advice import warn_caller
from spikelet._util.checks import Float, fail, integer
from spikelet._util.progress import runs, wanted
from spikelet._util.spelling import spelled
from spikelet.fitting.candidates import Candidates, candidates_of
from spikelet.fitting.losses import AlignedError, Loss
from spikelet.fitting.optimizers import DifferentialEvolution, Optimizer
from spikelet.fitting.ranges import Range, Space
from spikelet.fitting.recording import Recording, Responses
from spikelet.fitting.result import FitResult

LossFunction = Callable[[Responses, Recording], Any]


class _Spent(Exception):
    """All candidates have been spent."""


@spelled
def fit(
    model: Any,
    *,
    vary: Mapping[str, Range | tuple[float, float]],
    data: Recording,
    loss: LossFunction | None = None,
    optimizer: Optimizer | None = None,
    candidates: int = 10_000,
    seed: int = 0,
    start: FitResult | None = None,
    threads: int | None = None,
    progress: bool | Callable[[int, float], Any] = False,
) -> FitResult:
    """Find the parameters with which a model answers as a recorded cell did.

    All candidates of a generation run as one population, in float64. Networks run all at once, with `run_all`.

    Parameters
    ----------
    model : NeuronModel, Equations or callable
        A model, whose parameters are kept unless they vary; or a function that is called with the parameters that vary and
        returns ``(network, recorder)``, or recorders of spikes and of V_m, of as many neurons as the data has sweeps.
    vary : dict of str to (low, high) or Range
        What varies, and between which values. `spikelet.fitting.Range` also has a logarithmic scale, and a value for each
        sweep.
    data : Recording
        Currents and responses.
    loss : callable, optional
        One of `spikelet.fitting`, or a function ``loss(responses, recording)`` that returns an array [candidates]. A loss
        that is not finite counts as infinite. By default `AlignedError`.
    optimizer : callable, optional
        One of `spikelet.fitting`, or a function of its form; by default `DifferentialEvolution`. `CMAES` needs about half
        as many candidates.
    candidates : int
        Number of candidates to try at most, those of `start` included.
    seed : int
        Seed of the optimiser, and of models with noise. The result depends on it to the bit, and on no number of threads.
    start : FitResult, optional
        A result of the same fit with fewer candidates, or one that was interrupted: its candidates are not computed again,
        and the result is that of a fit in one go.
    threads : int, optional
        Number of threads; by default as of `Network`.
    progress : bool or callable
        True shows a progress bar (needs rich). A callable is called as ``progress(done, least_loss)`` after each generation.

    Returns
    -------
    FitResult
        After Ctrl-C that of all candidates that had finished, with a warning.

    Raises
    ------
    ValueError, TypeError
        If an argument breaks its rule; nothing has run then. If `start` is of another fit.
    KeyboardInterrupt
        After Ctrl-C before any candidate had finished.

    See Also
    --------
    spikelet.fitting.simulator : simulation-based inference with sbi, which finds all parameters that fit.

    Examples
    --------
    >>> import numpy as np, spikelet as sl
    >>> current = np.repeat([0.0, 500.0], 500)
    >>> net = sl.Network(dt=0.1, dtype="float64")
    >>> cell = net.population(1, sl.LIF(tau_m=17.0))
    >>> drive, V_m = net.inject(cell, sl.CurrentInput(current)), net.record(cell, "V_m")
    >>> spikes = net.record(cell, "spikes")
    >>> net.run(100.0)
    >>> data = sl.fitting.Recording(current, V_m.values, spikes, dt=0.1)
    >>> best = sl.fit(sl.LIF(), vary={"tau_m": (5.0, 50.0)}, data=data, candidates=200)
    >>> round(best.model.tau_m, 1)
    17.0
    """
    if not isinstance(data, Recording):
        fail("fit", "data", data, "must be a spikelet.fitting.Recording", error=TypeError)
    loss = AlignedError() if loss is None else loss
    optimizer = DifferentialEvolution() if optimizer is None else optimizer
    for name, given in (("loss", loss), ("optimizer", optimizer)):
        if not callable(given) or isinstance(given, type):
            fail(
                "fit",
                name,
                given,
                "must be a function, or an object of spikelet.fitting",
                error=TypeError,
            )
    if isinstance(loss, Loss):
        loss.check(data)
    most = integer("fit", "candidates", candidates, 1)
    seed = integer("fit", "seed", seed, 0, 2**63 - 1)
    space = Space("fit", vary, data.sweeps)
    compared = candidates_of("fit", model, space, data, threads, seed)
    if start is not None and not isinstance(start, FitResult):
        fail("fit", "start", start, "must be what fit returned", error=TypeError)
    search = _Search(compared, loss, data, most, start)
    complete = True
    with ExitStack() as opened:
        search.progress = wanted("fit", progress)
        if search.progress is True:
            show = opened.enter_context(runs(most))
            search.progress = lambda done, _: show(done, 0, most - done)
        try:
            optimizer(search.evaluate, len(space), seed)
        except _Spent:
            if search.error is not None:
                raise search.error from None
        except KeyboardInterrupt:
            if not search.places:
                raise
            complete = False
            warn_caller("fit: interrupted; fit(..., start=result) goes on")
    if not search.places:
        fail(
            "fit",
            "candidates",
            most,
            "must be at least those of the optimizer's first generation",
            got="only",
        )
    places, losses = np.concatenate(search.places), np.concatenate(search.losses)
    return FitResult(model, data, space, places, losses, seed, complete=complete)


class _Search:
    """Objective of an optimiser. It keeps all candidates with their losses, and ends when all are spent."""

    progress: Any = False
    error: Exception | None = None

    def __init__(
        self,
        compared: Candidates,
        loss: LossFunction,
        data: Recording,
        most: int,
        start: FitResult | None,
    ) -> None:
        self._compared, self._loss, self._data, self._most, self._start = (
            compared,
            loss,
            data,
            most,
            start,
        )
        self.places: list[Float] = []
        self.losses: list[Float] = []
        self._done, self._least = 0, np.inf

    def evaluate(self, x: Float) -> Float:
        """Return the losses at places, [n, dimensions]."""
        x = np.clip(np.array(x, np.float64, ndmin=2), 0.0, 1.0)
        done = self._done + len(x)
        if done > self._most:
            raise _Spent
        try:
            losses = self._known(x, done)
        except Exception as error:  # noqa: BLE001 - raised by fit, as optimisers may turn it into one of theirs
            self.error = error
            raise _Spent from None
        self.places.append(x)
        self.losses.append(losses)
        self._done, self._least = done, min(self._least, float(losses.min()))
        if self.progress:
            self.progress(done, self._least)
        return losses.copy()

    def _known(self, x: Float, done: int) -> Float:
        """Return the losses that `start` has for places, or else compute them; the first are computed to compare."""
        start = self._start
        if start is None or done > len(start.losses):
            return self._computed(x)
        own = slice(self._done, done)
        same = np.array_equal(x, start.places[own])
        losses = start.losses[own] if self._done else self._computed(x)
        if not same or not np.array_equal(losses, start.losses[own]):
            rule = "must be of the same model, vary, data, loss, optimizer and seed"
            fail("fit", "start", start, rule)
        return losses

    def _computed(self, x: Float) -> Float:
        """Return losses; a candidate that diverges has an infinite one."""
        most = self._compared.most
        if len(x) > most:
            return np.concatenate([self._computed(x[k : k + most]) for k in range(0, len(x), most)])
        try:
            found = np.asarray(self._loss(self._compared.run(x), self._data), np.float64)
        except FloatingPointError:
            if len(x) == 1:
                return np.array([np.inf])
            middle = len(x) // 2
            return np.concatenate([self._computed(x[:middle]), self._computed(x[middle:])])
        if found.shape != (len(x),):
            rule = f"must return one number for each of the {len(x)} candidates"
            fail("fit", "loss", found.shape, rule, got="shape")
        return np.where(np.isfinite(found), found, np.inf)
