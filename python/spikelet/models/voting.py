"""Classes from the spikes of neurons that learned without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import choice, fail

__all__ = ["Votes", "assign", "classify"]


@dataclass(frozen=True)
class Votes:
    """The votes of neurons for classes.

    Attributes
    ----------
    weight : array, [n_neurons, n_classes]
        Votes of one spike of each neuron.
    bias : array, [n_classes]
        Votes of each class before any spike.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class that each neuron votes for most, [n_neurons]."""
        return np.asarray(self.weight.argmax(axis=1))


def assign(
    counts: ArrayLike,
    labels: ArrayLike,
    n_classes: int = 10,
    *,
    by: Literal["likelihood", "shares", "most"] = "likelihood",
) -> Votes:
    """Assign classes to neurons, from their spikes on labelled images.

    Parameters
    ----------
    counts : array-like, [n_images, n_neurons]
        Spikes for each image.
    labels : array-like, [n_images]
        Classes, 0 to n_classes - 1.
    n_classes : int
        Number of classes.
    by : str
        "likelihood" picks the class under which the counts are most probable, if those of each neuron follow a Poisson
        distribution with its mean for that class. "shares" distributes the vote of a spike over the classes in
        proportion to the neuron's mean responses. "most" gives it to the class to which the neuron responds most, and
        averages over the neurons of a class (Diehl & Cook 2015).

    Returns
    -------
    Votes
    """
    spikes, classes = np.asarray(counts, np.float64), np.asarray(labels)
    if spikes.ndim != 2 or classes.shape != spikes.shape[:1]:
        shapes = (spikes.shape, classes.shape)
        fail("assign", "counts and labels", shapes, "must be [n, n_neurons] and [n]", got="shapes")
    if classes.size and (
        classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= n_classes
    ):
        fail("assign", "labels", labels, f"must be whole numbers in 0 .. {n_classes - 1}")
    of_class = np.zeros((len(classes), n_classes))
    of_class[np.arange(len(classes)), classes] = 1.0
    means = spikes.T @ of_class / np.maximum(of_class.sum(axis=0), 1.0)
    none = np.zeros(n_classes)
    if by == "likelihood":
        rare = 0.01 * means.mean() + 1e-12  # so that no spike is impossible
        return Votes(np.log(means + rare), -means.sum(axis=0))
    if by == "shares":
        return Votes(means / np.maximum(means.sum(axis=1, keepdims=True), 1e-9), none)
    choice("assign", "by", by, "likelihood", "shares", "most")
    votes = np.zeros_like(means)
    votes[np.arange(len(means)), means.argmax(axis=1)] = means.any(axis=1)
    return Votes(votes / np.maximum(votes.sum(axis=0), 1.0), none)


def classify(counts: ArrayLike, votes: Votes) -> NDArray[np.int64]:
    """Classify spike counts by the votes of the neurons.

    Parameters
    ----------
    counts : array-like, [n_images, n_neurons]
        Spikes for each image.
    votes : Votes
        See `assign`.

    Returns
    -------
    array, [n_images]
        Classes.
    """
    return np.asarray((np.asarray(counts) @ votes.weight + votes.bias).argmax(axis=1))
