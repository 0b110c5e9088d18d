"""Unsupervised STDP as a scikit-learn classifier. Needs ``pip install 'spikelet[learn]'``."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import choice
from spikelet._util.extras import needs
from spikelet._util.spelling import spelled
from spikelet.models.diehl_cook import DiehlCook
from spikelet.models.voting import assign, classify
from spikelet.models.winner_take_all import WinnerTakeAll

with needs("STDPClassifier", "learn"):
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data

NETWORKS = {"winner_take_all": WinnerTakeAll, "diehl_cook": DiehlCook}


class STDPClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """A classifier whose neurons learn by STDP without labels, which only name the neurons afterwards.

    Parameters
    ----------
    n_neurons : int
        Number of neurons.
    network : "winner_take_all" or "diehl_cook"
        `WinnerTakeAll`, which is fast, or `DiehlCook`, the published protocol.
    epochs : int
        Number of times that each sample is shown.
    vote : "likelihood", "shares" or "most"
        How the neurons vote; see `spikelet.models.voting.assign`.
    threads : int
        Number of threads; results do not depend on it.
    progress : bool
        Show progress bars (needs rich).
    random_state : int, RandomState or None
        Random seed; None draws a new one for each fit.

    Attributes
    ----------
    network_ : Learner
        The trained network.
    votes_ : Votes
        Votes of the neurons.
    classes_ : array, [n_classes]
        Class labels.
    n_features_in_ : int
        Number of pixels of a sample.

    Notes
    -----
    Samples are numbers >= 0. The largest number in `fit` is white; `predict` clips larger numbers.
    """

    @spelled
    def __init__(
        self,
        n_neurons: int = 400,
        *,
        network: str = "winner_take_all",
        epochs: int = 1,
        vote: Literal["likelihood", "shares", "most"] = "likelihood",
        threads: int = 1,
        progress: bool = False,
        random_state: Any = 0,
    ) -> None:
        self.n_neurons = n_neurons
        self.network = network
        self.epochs = epochs
        self.vote = vote
        self.threads = threads
        self.progress = progress
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the network on samples, then assign classes to its neurons.

        Parameters
        ----------
        X : array-like, [n, n_features]
            Samples, >= 0.
        y : array-like, [n]
            Labels, used only to assign classes to the neurons.

        Returns
        -------
        STDPClassifier
            Itself.
        """
        samples, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        choice("STDPClassifier", "network", self.network, *NETWORKS)
        if (samples < 0).any():
            lowest = float(samples.min())
            raise ValueError(f"Negative values in data passed to STDPClassifier.fit: {lowest}")
        self.classes_, classes = np.unique(labels, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("STDPClassifier needs samples of at least 2 classes, got 1 class")
        self.white_ = float(samples.max()) or 1.0
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31 - 1)
        learner = NETWORKS[self.network]
        self.network_ = learner(
            self.n_neurons, samples.shape[1], seed=int(seed), threads=self.threads
        )
        pixels = self._pixels(samples)
        self.network_.fit(pixels, epochs=self.epochs, progress=self.progress)
        counts = self.network_.respond(pixels, progress=self.progress)
        self.votes_ = assign(counts, classes, len(self.classes_), by=self.vote)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the classes of samples.

        Parameters
        ----------
        X : array-like, [n, n_features]
            Samples, >= 0.

        Returns
        -------
        array, [n]
            Class labels.
        """
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False)
        counts = self.network_.respond(self._pixels(samples), progress=self.progress)
        return np.asarray(self.classes_[classify(counts, self.votes_)])

    def _pixels(self, samples: NDArray[Any]) -> NDArray[Any]:
        return np.clip(samples / self.white_, 0.0, 1.0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.classifier_tags.poor_score = True  # scikit-learn's checks use few samples and features
        return tags
