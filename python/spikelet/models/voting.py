"""From the spikes of neurons that learned without labels to classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._checks import fail

__all__ = ["assign", "classify"]


def assign(
    counts: ArrayLike, labels: ArrayLike, n_classes: int = 10, *, hard: bool = False
) -> NDArray[np.float64]:
    """Find out which classes each neuron stands for, from its spikes on labelled images.

    Parameters
    ----------
    counts : array-like, [n_images, n_neurons]
        Spikes for each image.
    labels : array-like, [n_images]
        Classes, 0 to n_classes - 1.
    n_classes : int
        Number of classes.
    hard : bool
        Each neuron stands for one class, that to which it responds most, and the neurons of a class share one vote
        (Diehl & Cook 2015); otherwise for each to the share of its response.

    Returns
    -------
    array, [n_neurons, n_classes]
        Votes of one spike of each neuron; 0 for neurons that were silent.
    """
    spikes, classes = np.asarray(counts, np.float64), np.asarray(labels)
    if spikes.ndim != 2 or classes.shape != spikes.shape[:1]:
        shapes = f"{spikes.shape} and {classes.shape}"
        fail("assign", "counts and labels", shapes, "must be [n, n_neurons] and [n]; shapes")
    if classes.size and (
        classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= n_classes
    ):
        fail("assign", "labels", labels, f"must be whole numbers in 0 .. {n_classes - 1}")
    of_class = np.zeros((len(classes), n_classes))
    of_class[np.arange(len(classes)), classes] = 1.0
    sums = spikes.T @ of_class
    means = sums / np.maximum(of_class.sum(axis=0), 1.0)
    if not hard:
        return np.asarray(means / np.maximum(means.sum(axis=1, keepdims=True), 1e-9))
    votes = np.zeros_like(means)
    votes[np.arange(len(means)), means.argmax(axis=1)] = means.any(axis=1)
    return np.asarray(votes / np.maximum(votes.sum(axis=0), 1.0))


def classify(counts: ArrayLike, votes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Let the neurons vote.

    Parameters
    ----------
    counts : array-like, [n_images, n_neurons]
        Spikes for each image.
    votes : array, [n_neurons, n_classes]
        See `assign`.

    Returns
    -------
    array, [n_images]
        Classes; 0 for an image that no neuron answers.
    """
    return np.asarray((np.asarray(counts) @ votes).argmax(axis=1))
