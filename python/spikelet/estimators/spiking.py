"""A classifier and a regressor trained by spike-based backpropagation, as scikit-learn's `MLPClassifier` is by backpropagation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, integer, scalar
from spikelet._util.extras import extra, needs
from spikelet._util.spelling import spelled

with needs("spikelet.estimators", "learn"):
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import check_is_fitted, validate_data


class _Spiking(BaseEstimator):  # type: ignore[misc]  # untyped base
    """Base of both: layers of LIF neurons, driven by constant currents, and a linear readout."""

    @spelled
    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        *,
        steps: int = 8,
        tau_m: float = 5.0,
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-3,
        random_state: Any = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.steps = steps
        self.tau_m = tau_m
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _make(self, samples: NDArray[Any], n_outputs: int) -> None:
        """Make the network and its optimizer, and measure the features."""
        where = type(self).__name__
        torch, st = extra("torch", where, "torch"), extra("spikelet.torch", where, "torch")
        from spikelet.torch.repeatable import repeatable  # noqa: PLC0415  # PyTorch is an extra

        sizes = np.ravel(self.hidden_layer_sizes).tolist()
        if not sizes:
            fail(
                where,
                "hidden_layer_sizes",
                sizes,
                "must have a layer; for none, use a linear model",
            )
        sizes = [integer(where, "hidden_layer_sizes", n, 1) for n in sizes]
        steps = integer(where, "steps", self.steps, 1, 65536)
        scalar(where, "tau_m", self.tau_m, "> 0")
        rate = scalar(where, "learning_rate", self.learning_rate, "finite and > 0")
        decay = scalar(where, "weight_decay", self.weight_decay, "finite and >= 0")
        self._random = check_random_state(self.random_state)
        self.scaler_ = StandardScaler().fit(samples)
        parts: list[Any] = []
        with repeatable(self._random.randint(2**31 - 1)):
            for k, (n_in, n) in enumerate(zip([samples.shape[1], *sizes], sizes, strict=False)):
                parts += [
                    torch.nn.Linear(n_in, n),
                    st.LIF(tau_m=self.tau_m, **({} if k else {"steps": steps})),
                ]
            self.module_ = torch.nn.Sequential(*parts, torch.nn.Linear(sizes[-1], n_outputs))
        self._optimizer = torch.optim.AdamW(self.module_.parameters(), lr=rate, weight_decay=decay)

    def _learn(self, samples: NDArray[Any], targets: NDArray[Any], epochs: int) -> Self:
        """Train for some epochs, then deploy."""
        where = type(self).__name__
        torch, st = extra("torch", where, "torch"), extra("spikelet.torch", where, "torch")
        from spikelet.torch.repeatable import repeatable  # noqa: PLC0415  # PyTorch is an extra

        size = integer(where, "batch_size", self.batch_size, 1)
        x = torch.as_tensor(self._scaled(samples))
        y = torch.as_tensor(targets)
        is_class = y.dtype == torch.int64
        loss = torch.nn.functional.cross_entropy if is_class else torch.nn.functional.mse_loss
        with repeatable(0):
            for _ in range(epochs):
                for batch in torch.as_tensor(self._random.permutation(len(x))).split(size):
                    self._optimizer.zero_grad()
                    loss(self.module_(x[batch]).mean(0), y[batch]).backward()
                    self._optimizer.step()
        self.model_ = st.to_spiking_model(self.module_, x.shape[1:], threads=1)
        self.n_iter_ = getattr(self, "n_iter_", 0) + epochs
        return self

    def _scaled(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(self.scaler_.transform(samples), dtype=np.float32)

    def _outputs(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the mean outputs over the steps, [n, n_outputs]."""
        check_is_fitted(self)
        samples = validate_data(self, X, reset=False)
        return np.asarray(self.model_.run(self._scaled(samples), self.steps).output)


class SpikingClassifier(ClassifierMixin, _Spiking):  # type: ignore[misc]  # untyped base
    """A classifier of LIF neurons, trained by spike-based backpropagation.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Number of LIF neurons of each layer.
    steps : int
        Number of time steps for a sample.
    tau_m : float > 0
        Membrane time constant, in steps.
    epochs : int
        Number of times that `fit` shows each sample; `partial_fit` shows it once.
    batch_size : int
        Samples per step of the optimizer.
    learning_rate, weight_decay : float
        Of AdamW.
    random_state : int, RandomState or None
        Seed of the initial weights and of the order of samples; None draws a new one for each fit.

    Attributes
    ----------
    model_ : SpikingModel
        The trained network, which runs without PyTorch. Its inputs are ``scaler_.transform(X)``.
    scaler_ : StandardScaler
        Mean and scale of the features.
    module_ : torch.nn.Sequential
        The network that learns.
    n_features_in_, n_iter_ : int
        Number of features; number of epochs so far.
    classes_ : array, [n_classes]
        Class labels.

    Notes
    -----
    Features are standardized and are constant currents into the first layer. The mean of a linear readout over the steps is
    the logit of a class. Training needs PyTorch (``pip install 'spikelet[torch]'``) and takes one thread; results are the
    same bit for bit on one machine. The surrogate gradients are those of `spikelet.torch.LIF`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from spikelet.estimators import SpikingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> SpikingClassifier(epochs=20).fit(X, y).score(X, y) > 0.9
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array-like, [n, n_features]
        y : array-like, [n]
            Labels.

        Returns
        -------
        SpikingClassifier
            Itself.
        """
        samples, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        epochs = integer("SpikingClassifier", "epochs", self.epochs, 1)
        self._begin(samples, unique_labels(labels))
        return self._learn(samples, np.searchsorted(self.classes_, labels), epochs)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Train the network with each sample once more.

        Parameters
        ----------
        X : array-like, [n, n_features]
        y : array-like, [n]
            Labels.
        classes : array-like, [n_classes], optional
            All labels that will come; the first call needs them, and measures mean and scale of the features.

        Returns
        -------
        SpikingClassifier
            Itself.
        """
        first = not hasattr(self, "model_")
        samples, labels = validate_data(self, X, y, reset=first)
        check_classification_targets(labels)
        if first:
            if classes is None:
                fail(
                    "SpikingClassifier.partial_fit",
                    "classes",
                    None,
                    "must be given to the first call",
                )
            self._begin(samples, unique_labels(np.asarray(classes)))
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            rule = f"must be those of the first call, {self.classes_.tolist()}"
            fail("SpikingClassifier.partial_fit", "classes", classes, rule)
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            rule = f"must be among the classes of the first call, {self.classes_.tolist()}"
            fail("SpikingClassifier.partial_fit", "y", unknown[0], rule)
        return self._learn(samples, np.searchsorted(self.classes_, labels), 1)

    def _begin(self, samples: NDArray[Any], classes: NDArray[Any]) -> None:
        if len(classes) < 2:
            rule = "must hold at least 2 classes; the number of classes found has to be greater than one"
            fail("SpikingClassifier", "y", f"{len(classes)} class", rule)
        self.classes_, self.n_iter_ = classes, 0
        self._make(samples, len(classes))

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the logits, [n, n_classes]; of two classes, their difference, [n].

        Parameters
        ----------
        X : array-like, [n, n_features]
        """
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the probability of each class, [n, n_classes].

        Parameters
        ----------
        X : array-like, [n, n_features]
        """
        logits = self._outputs(X).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class labels, [n].

        Parameters
        ----------
        X : array-like, [n, n_features]
        """
        outputs = self._outputs(X)  # which says first if there is no network yet
        return np.asarray(self.classes_[outputs.argmax(axis=1)])


class SpikingRegressor(RegressorMixin, _Spiking):  # type: ignore[misc]  # untyped base
    """A regressor of LIF neurons, trained by spike-based backpropagation.

    Its parameters are those of `SpikingClassifier`, and so are its attributes, without ``classes_``.

    Notes
    -----
    The loss is the mean squared error of standardized targets.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from spikelet.estimators import SpikingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> SpikingRegressor(epochs=20).fit(X, y).score(X, y) > 0.4
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array-like, [n, n_features]
        y : array-like, [n] or [n, n_outputs]
            Targets.

        Returns
        -------
        SpikingRegressor
            Itself.
        """
        return self._fit(X, y, integer("SpikingRegressor", "epochs", self.epochs, 1), first=True)

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train the network with each sample once more; the first call measures mean and scale of features and targets.

        Parameters
        ----------
        X : array-like, [n, n_features]
        y : array-like, [n] or [n, n_outputs]
            Targets.

        Returns
        -------
        SpikingRegressor
            Itself.
        """
        return self._fit(X, y, 1, first=not hasattr(self, "model_"))

    def _fit(self, X: ArrayLike, y: ArrayLike, epochs: int, *, first: bool) -> Self:
        samples, targets = validate_data(self, X, y, reset=first, multi_output=True, y_numeric=True)
        columns = targets.reshape(len(targets), -1)
        if first:
            self.target_scaler_, self.n_iter_ = StandardScaler().fit(columns), 0
            self._is_flat = targets.ndim == 1
            self._make(samples, columns.shape[1])
        scaled = np.asarray(self.target_scaler_.transform(columns), dtype=np.float32)
        return self._learn(samples, scaled, epochs)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the predictions, in the shape of the targets.

        Parameters
        ----------
        X : array-like, [n, n_features]
        """
        outputs = self._outputs(X).astype(np.float64)
        found = self.target_scaler_.inverse_transform(outputs)
        return np.asarray(found[:, 0] if self._is_flat else found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
