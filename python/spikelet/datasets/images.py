"""Labelled images: MNIST from its IDX files, and 8x8 digits, which come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, integer
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.datasets import idx

if TYPE_CHECKING:
    from os import PathLike

Split: TypeAlias = Literal["train", "test"]
Labeled: TypeAlias = tuple[NDArray[np.float32], NDArray[np.uint8]]

_DIGITS = Path(__file__).with_name("digits.npz")
_PREFIX = {"train": "train", "test": "t10k"}


@spelled
def mnist(
    data_dir: str | PathLike[str], split: Split = "train", n: SupportsIndex | None = None
) -> Labeled:
    """Read MNIST, or a data set in the same format (Fashion-MNIST, KMNIST).

    Parameters
    ----------
    data_dir : path
        Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, plain or gzipped (``.gz``); they may
        also be in its subfolder ``MNIST/raw``.
    split : "train" or "test"
    n : int >= 0, optional
        Number of images to read, in the order of the files; by default all.

    Returns
    -------
    images : float32 array ``[n, 28, 28]``, in [0, 1]
    labels : uint8 array ``[n]``

    Raises
    ------
    FileNotFoundError
        A file is missing; the message lists the paths that were tried.
    ValueError
        A file has the wrong magic number, is truncated or has trailing bytes; the two files differ in
        length; or there are fewer than `n` images.
    """
    choice("datasets.mnist", "split", split, *_PREFIX)
    prefix = _PREFIX[split]
    folder = path_of("datasets.mnist", data_dir, "data_dir")
    images = idx.read(idx.find(folder, f"{prefix}-images-idx3-ubyte"), 3, n)
    labels = idx.read(idx.find(folder, f"{prefix}-labels-idx1-ubyte"), 1, n)
    if len(images) != len(labels):
        rule = "must hold as many labels as images"
        sizes = f"{len(labels)} and {len(images)}"
        raise ValueError(f"datasets.mnist: {data_dir} {rule}, got {sizes}")
    return images.astype(np.float32) / np.float32(255), labels


@spelled
def digits(split: Split = "train", n: SupportsIndex | None = None, *, seed: int = 0) -> Labeled:
    """Return 1797 handwritten digits of 8x8 pixels, the same as scikit-learn's.

    They are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), from the UCI
    Machine Learning Repository, doi:10.24432/C50P49, under CC BY 4.0.

    Parameters
    ----------
    split : "train" or "test"
        1438 images, or the 359 held out (20 %); `seed` alone determines which.
    n : int >= 0, optional
        Number of images to return; by default the whole split.
    seed : int in [0, 2**32)

    Returns
    -------
    images : float32 array ``[n, 8, 8]``, in [0, 1]
    labels : uint8 array ``[n]``
    """
    choice("datasets.digits", "split", split, *_PREFIX)
    integer("datasets.digits", "seed", seed, 0, 2**32 - 1)
    with np.load(_DIGITS, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    # RandomState is frozen, unlike Generator: the split is the same with every version of numpy.
    order = np.random.RandomState(seed).permutation(len(labels))
    held_out = len(labels) // 5
    chosen = order[:held_out] if split == "test" else order[held_out:]
    if n is not None:
        chosen = chosen[: integer("datasets.digits", "n", n, 0, len(chosen))]
    return images[chosen].astype(np.float32) / np.float32(16), labels[chosen]


@spelled
def load(
    data_dir: str | PathLike[str] | None = None,
    split: Split = "train",
    n: SupportsIndex | None = None,
) -> Labeled:
    """Return `mnist` from `data_dir`, or `digits` if it is None, as the demos do."""
    return digits(split, n) if data_dir is None else mnist(data_dir, split, n)
