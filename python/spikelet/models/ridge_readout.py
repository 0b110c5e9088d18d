"""A linear readout of features: ridge regression in closed form, on any number of batches.

Its memory grows with the square of the number of features, but not with the number of images.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from spikelet._util.checks import fail, integer, number, numbers, own, require
from spikelet._util.sealed import Sealed, Setting

__all__ = ["RidgeReadout"]

Floats = NDArray[np.float64]


def _fitted(where: str, name: str, value: Any, dimensions: int) -> Floats | None:
    """Return a copy of weights or of an offset."""
    if value is None:
        return None
    array = numbers(where, name, value, "", dimensions)
    if array.ndim != dimensions:
        fail(where, name, array.shape, f"must have {dimensions} dimensions", got="shape")
    require(where, name, array.reshape(-1), "finite")
    return np.asarray(own(array))


class RidgeReadout(Sealed):
    """Ridge regression on the targets -1 and 1, with an offset.

    Parameters
    ----------
    n_classes : int
        Labels are 0 .. n_classes - 1.
    """

    n_classes: int
    weights = Setting(lambda where, name, value: _fitted(where, name, value, 2))
    offset = Setting(lambda where, name, value: _fitted(where, name, value, 1))

    _instead: ClassVar = {"n": "partial_fit() counts the samples", "": "make another readout"}

    def __init__(self, n_classes: int = 10) -> None:
        self.n_classes = integer("RidgeReadout", "n_classes", n_classes, 2)
        self._n = 0
        self.weights = None
        self.offset = None

    @property
    def n(self) -> int:
        """Number of samples that `partial_fit` was given."""
        return self._n

    def partial_fit(self, features: ArrayLike, labels: ArrayLike) -> RidgeReadout:
        """Add labelled features to the data that `solve` fits.

        Parameters
        ----------
        features : array-like, [n, n_features]
            Features; float32 is multiplied in float32 and accumulated in float64.
        labels : array-like of int, [n]

        Returns
        -------
        RidgeReadout
            The readout itself.
        """
        where = "RidgeReadout.partial_fit"
        x, y = self._features(where, features), np.asarray(labels)
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            fail(
                where,
                "labels",
                f"{y.dtype.name} {y.shape}",
                f"must be integers, one for each of {len(x)} rows",
            )
        if y.size and not (y.min() >= 0 and y.max() < self.n_classes):
            bad = int(y[(y < 0) | (y >= self.n_classes)][0])
            fail(where, "labels", bad, f"must lie in 0 .. {self.n_classes - 1}")
        if not len(x):
            return self
        if not self.n:
            d = x.shape[1]
            # Numbers are small near their mean, and so are the rounding errors of their products.
            self._origin = x.mean(axis=0)
            self._sums, self._means = np.zeros((d, d)), np.zeros(d)
            self._products, self._targets = np.zeros((d, self.n_classes)), np.zeros(self.n_classes)
        x = x - self._origin
        targets = 2 * np.eye(self.n_classes, dtype=x.dtype)[y] - 1
        self._sums += x.T @ x
        self._products += x.T @ targets
        self._means += x.sum(axis=0, dtype=np.float64)
        self._targets += targets.sum(axis=0, dtype=np.float64)
        self._n += len(x)
        return self

    def solve(self, strength: float) -> RidgeReadout:
        """Fit the weights to all the data that `partial_fit` was given.

        Parameters
        ----------
        strength : float > 0
            Strength of the penalty, relative to the mean variance of the features.

        Returns
        -------
        RidgeReadout
            The readout itself.
        """
        where = "RidgeReadout.solve"
        require(where, "strength", number(where, "strength", strength), "> 0")
        if not self.n:
            raise RuntimeError(f"{where}: call partial_fit first")
        mean, target = self._means / self.n, self._targets / self.n
        matrix = self._sums - self.n * np.outer(mean, mean)
        right = self._products - self.n * np.outer(mean, target)
        variances = matrix.diagonal()
        # The second term regularises features that never vary.
        matrix[np.diag_indices(len(mean))] += strength * variances.mean() + 1e-12
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        self.weights = cho_solve(factor, right, check_finite=False)
        self.offset = target - (mean + self._origin) @ self.weights
        return self

    def scores(self, features: ArrayLike) -> Floats:
        """Return the score of each class, [n, n_classes].

        Parameters
        ----------
        features : array-like, [n, n_features]
        """
        x = self._features("RidgeReadout.scores", features)
        if self.weights is None or self.offset is None:
            raise RuntimeError("RidgeReadout.scores: call solve first")
        return np.asarray(x @ self.weights.astype(x.dtype) + self.offset)

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Return the class with the highest score, [n].

        Parameters
        ----------
        features : array-like, [n, n_features]
        """
        return np.asarray(self.scores(features).argmax(axis=1))

    def _features(self, where: str, features: ArrayLike) -> NDArray[Any]:
        array = np.asarray(features)
        array = array if array.dtype == np.float32 else numbers(where, "features", array, "", 2)
        wanted = self._origin.shape if self.n else array.shape[1:]
        if array.ndim != 2 or array.shape[1:] != wanted:
            rule = f"must be [n, {wanted[0]}]" if self.n else "must be [n, n_features]"
            fail(where, "features", array.shape, f"{rule}", got="shape")
        if not np.isfinite(array).all():
            fail(where, "features", float(array[~np.isfinite(array)][0]), "must be finite")
        return array
