"""A liquid state machine: a random network whose states a linear readout learns to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve
from scipy.signal import lfilter

from spikelet._util.checks import fail, integer, interval, scalar
from spikelet._util.extras import needs
from spikelet._util.spelling import spelled
from spikelet.network.network import Network
from spikelet.neurons import LIF
from spikelet.sources import CurrentInput

with needs("Reservoir", "learn"):
    from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import (
        check_array,
        check_consistent_length,
        check_is_fitted,
        validate_data,
    )

_COPIES = 64  # samples that run side by side, as copies of the liquid in one network
_NUMBERS = 1 << 22  # that currents and spike counts of all copies may have, for long series
_RHEOBASE = 375.0  # pA, of the neurons of `LIF()`
Floats = NDArray[np.float64]


class Reservoir(RegressorMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """A liquid of LIF neurons for time series, with a linear readout by ridge regression or recursive least squares.

    Parameters
    ----------
    n_neurons : int
        Neurons of the liquid; a fifth is inhibitory.
    connectivity : float
        Probability of a synapse, in [0, 1].
    strength : float >= 0
        Weight of an excitatory synapse, as the current that it adds in units of the rheobase (375 pA). Inhibitory ones are
        four times as strong.
    input_scaling : float >= 0
        Standard deviation of the input weights, in units of the rheobase.
    hold : float > 0
        Time for which a time point lasts [ms], a multiple of 1 ms.
    tau_out : float > 0
        Time constant of the exponential filter of spikes that the readout sees [ms].
    windows : int
        For a target for each series: number of instants, equally spaced up to the end, at which the readout sees states.
    alpha : float > 0
        Strength of the ridge penalty.
    threads : int
        Number of threads; results do not depend on it.
    random_state : int, RandomState or None
        Seed of the liquid; None draws a new one for each fit.

    Attributes
    ----------
    coef_ : array, [n_outputs, n_states]
        Weights of the readout.
    intercept_ : array, [n_outputs]
        Its offset.
    n_features_in_ : int
        Number of columns of X, if it has two dimensions; otherwise of features.

    Notes
    -----
    X is [n_samples, n_timepoints, n_features], or [n_samples, n_timepoints] for one feature. Each series starts from rest.
    Targets are [n_samples] or [n_samples, n_outputs] for whole series, or [n_samples, n_timepoints, n_outputs]. `transform`
    returns states for any other readout, such as a classifier in a pipeline.

    `partial_fit` is recursive least squares (the learning rule of FORCE, without feedback): after any number of calls the
    readout is that of one `fit` to all series, within rounding, if the features are scaled alike. The first call sets scales.

    References
    ----------
    Maass, Natschläger & Markram, Neural Computation 14 (2002); Sussillo & Abbott, Neuron 63 (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from spikelet.estimators import Reservoir
    >>> x = np.random.default_rng(1).uniform(-1, 1, (20, 100, 1))
    >>> delayed = np.roll(x, 1, axis=1)  # what came one time point before
    >>> Reservoir(300).fit(x[:15], delayed[:15]).predict(x[15:]).shape
    (5, 100, 1)
    """

    @spelled
    def __init__(
        self,
        n_neurons: int = 200,
        *,
        connectivity: float = 0.1,
        strength: float = 0.2,
        input_scaling: float = 1.0,
        hold: float = 10.0,
        tau_out: float = 20.0,
        windows: int = 4,
        alpha: float = 1.0,
        threads: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.n_neurons = n_neurons
        self.connectivity = connectivity
        self.strength = strength
        self.input_scaling = input_scaling
        self.hold = hold
        self.tau_out = tau_out
        self.windows = windows
        self.alpha = alpha
        self.threads = threads
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Draw a new liquid and fit the readout to its states.

        Parameters
        ----------
        X : array-like, [n, n_timepoints, n_features] or [n, n_timepoints]
        y : array-like, [n], [n, n_outputs] or [n, n_timepoints, n_outputs]
            Targets.

        Returns
        -------
        Reservoir
            Itself.
        """
        return self._fit(X, y, first=True)

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Add series to those that the readout is fitted to.

        Parameters
        ----------
        X : array-like, [n, n_timepoints, n_features] or [n, n_timepoints]
        y : array-like, [n], [n, n_outputs] or [n, n_timepoints, n_outputs]
            Targets, in the shape of the first call.

        Returns
        -------
        Reservoir
            Itself.
        """
        return self._fit(X, y, first=not hasattr(self, "coef_"))

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the states that the readout sees.

        Parameters
        ----------
        X : array-like, [n, n_timepoints, n_features] or [n, n_timepoints]

        Returns
        -------
        array, [n, windows * n_neurons], or [n, n_timepoints, n_neurons] if the targets had time points
        """
        check_is_fitted(self)
        return np.concatenate(list(self._states(self._series(X, first=False))))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the predictions, in the shape of the targets.

        Parameters
        ----------
        X : array-like, [n, n_timepoints, n_features] or [n, n_timepoints]
        """
        found = self.transform(X) @ self.coef_.T + self.intercept_
        return np.asarray(found[..., 0] if self._kind[0] == 1 else found)

    def _fit(self, X: ArrayLike, y: ArrayLike, *, first: bool) -> Self:
        series = self._series(X, y, first=first)
        targets = check_array(y, ensure_2d=False, allow_nd=True, dtype=np.float64, input_name="y")
        check_consistent_length(series, targets)
        if targets.ndim > 3 or (targets.ndim == 3 and targets.shape[1] != series.shape[1]):
            rule = f"must be [n], [n, n_outputs] or [n, {series.shape[1]}, n_outputs]"
            fail("Reservoir", "y", targets.shape, rule, got="shape")
        penalty = scalar("Reservoir", "alpha", self.alpha, "finite and > 0")
        kind = (targets.ndim, 1 if targets.ndim == 1 else targets.shape[-1])
        if first:
            self._draw(series)
            self._kind = kind
        elif kind != self._kind:
            rule = f"must have {self._kind[0]} dimensions and {self._kind[1]} outputs, as in the first call"
            fail("Reservoir", "y", targets.shape, rule, got="shape")
        rows = targets.reshape(len(targets), 1, -1) if targets.ndim < 3 else targets
        start = 0
        for states in self._states(series):
            part = rows[start : start + len(states)]
            start += len(states)
            seen = states.reshape(-1, states.shape[-1])
            seen = np.column_stack([seen, np.ones(len(seen))])
            wanted = part.reshape(len(seen), -1)
            if first:
                self._squares = penalty * np.eye(seen.shape[1])
                self._squares[-1, -1] = 1e-9  # the offset has no penalty
                self._products = np.zeros((seen.shape[1], wanted.shape[1]))
                first = False
            self._squares += seen.T @ seen
            self._products += seen.T @ wanted
        weights = solve(self._squares, self._products, assume_a="pos")
        self.coef_, self.intercept_ = weights[:-1].T, weights[-1]
        return self

    def _series(self, X: ArrayLike, y: Any = "no_validation", *, first: bool) -> Floats:
        """Return checked series, [n, n_timepoints, n_features]."""
        if np.asarray(X).ndim == 3:
            series = check_array(X, allow_nd=True, dtype=np.float64, input_name="X")
            if first:
                self.n_features_in_ = series.shape[2]
            elif series.shape[2] != self.n_features_in_:
                rule = f"must be [n, n_timepoints, {self.n_features_in_}], as in fit"
                fail("Reservoir", "X", series.shape, rule, got="shape")
            return np.asarray(series)
        if y is None:
            validate_data(self, X, y)  # which says that it must be given
        return np.asarray(validate_data(self, X, reset=first, dtype=np.float64))[:, :, None]

    def _draw(self, series: Floats) -> None:
        """Check the parameters, draw the liquid and measure the features."""
        where = "Reservoir"
        n = integer(where, "n_neurons", self.n_neurons, 5)
        chance = scalar(where, "connectivity", self.connectivity, "in [0, 1]")
        strength = scalar(where, "strength", self.strength, "finite and >= 0") * _RHEOBASE
        scaling = scalar(where, "input_scaling", self.input_scaling, "finite and >= 0") * _RHEOBASE
        scalar(where, "hold", self.hold, "> 0", "ms")
        self._hold = interval(where, self.hold, 1.0, "hold")
        integer(where, "windows", self.windows, 1)
        scalar(where, "tau_out", self.tau_out, "> 0", "ms")
        random = check_random_state(self.random_state)
        self._synapses = np.argwhere(random.random_sample((n, n)) < chance)
        self._weights = np.where(self._synapses[:, 0] < 0.8 * n, strength, -4 * strength)
        self._into = random.standard_normal((series.shape[2], n)) * scaling
        self._bias = random.uniform(0.5, 1.5, n) * _RHEOBASE
        self._mean = series.mean(axis=(0, 1))
        self._scale = series.std(axis=(0, 1))
        self._scale[self._scale == 0] = 1.0

    def _states(self, series: Floats) -> Iterator[Floats]:
        """Yield the states of some series at a time, [n, n_states] or [n, n_timepoints, n_neurons]."""
        n, length = len(self._bias), series.shape[1]
        copies = min(len(series), _COPIES, max(1, _NUMBERS // (n * length * self._hold)))
        net = Network(dt=1.0, seed=0, threads=self.threads)
        liquid = net.population(n * copies, LIF())
        offsets = np.arange(copies)[:, None] * n
        pre, post = ((offsets + ids).ravel() for ids in self._synapses.T)
        net.connect(liquid, liquid, (pre, post), weight=np.tile(self._weights, copies), delay=1.0)
        spikes = net.record(liquid, "spikes")
        drive = net.inject(liquid, CurrentInput(np.zeros(1)))
        decay = np.exp(-1.0 / self.tau_out)
        instants = -(-np.arange(1, self.windows + 1) * length // self.windows) - 1
        for start in range(0, len(series), copies):
            part = (series[start : start + copies] - self._mean) / self._scale
            current = np.zeros((length, copies, n))
            current[:, : len(part)] = (part @ self._into + self._bias).transpose(1, 0, 2)
            net.reset()
            spikes.clear()
            drive.values = np.repeat(current.reshape(length, -1), self._hold, axis=0)
            net.run(float(length * self._hold))
            steps = np.rint(spikes.times).astype(np.int64) - 1
            counts = np.zeros((length * self._hold, copies * n))
            np.add.at(counts, (steps, spikes.ids), 1.0)
            filtered = lfilter([1.0], [1.0, -decay], counts, axis=0)[self._hold - 1 :: self._hold]
            states = filtered.reshape(length, copies, n).transpose(1, 0, 2)[: len(part)]
            if self._kind[0] < 3:
                yield states[:, instants].reshape(len(part), -1)
            else:
                yield states

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = True
        tags.regressor_tags.poor_score = True  # the checks have no series
        return tags
