"""Inputs of converted networks, from the files that people have."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet._util.reading import npy, refusing
from spikelet.datasets import idx

_CHANNELS = (1, 3)
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_IMAGES, _LABELS = ("images", "x", "X", "data", "arr_0"), ("labels", "y", "Y", "targets", "arr_1")


class Inputs(NamedTuple):
    """Inputs of a network, and their classes if they are known."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64] | None


def read(
    path: Path,
    labels: Path | None = None,
    *,
    scale: float | None = None,
    mean: str | None = None,
    std: str | None = None,
    skip: int = 0,
    n: int | None = None,
) -> Inputs:
    """Read inputs, [N, ...], and preprocess them.

    Parameters
    ----------
    path : Path
        An .npy or .npz file, a file in IDX format, plain or gzipped, or a folder of pictures of one size.
    labels : Path, optional
        Their classes, in an .npy file or one in IDX format.
    scale : float, optional
        Factor; by default 1/255 for bytes and 1 for others.
    mean, std : str, optional
        Numbers with commas between them, one for all or one for each channel (axis 1): what to subtract and to divide by.
    skip : int
        Number of inputs to leave out, the first ones.
    n : int, optional
        Number of the following inputs to keep; by default all.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is of no known kind, or its arrays do not fit.
    ImportError
        If pictures need Pillow.
    """
    if not path.exists():
        raise FileNotFoundError(f"images: there is no file or folder {path}")
    array, classes = _arrays(path)
    if labels is not None:
        if not labels.exists():
            raise FileNotFoundError(f"labels: there is no file {labels}")
        classes = _array("labels", labels)
    if array.ndim < 2 or len(array) == 0:
        fail("images", str(path), array.shape, "must hold an array [N, ...]", got="shape")
    if classes is not None:
        classes = _classes(labels or path, classes)
    if classes is not None and len(classes) != len(array):
        rule = f"must hold a class for each of the {len(array)} inputs"
        fail("labels", str(labels or path), len(classes), rule, got="length")
    if skip >= len(array):
        fail("images", "--skip", skip, f"must be less than the number of inputs, {len(array)}")
    kept = slice(skip, None if n is None else skip + n)
    array = array[kept]
    if array.ndim == 4 and array.shape[3] in _CHANNELS and array.shape[1] not in _CHANNELS:
        array = array.transpose(0, 3, 1, 2)  # pictures whose channels come last
    factor = scale if scale is not None else 1 / 255 if array.dtype == np.uint8 else 1.0
    images = array.astype(np.float32) * np.float32(factor)
    if array.ndim == 3:  # pictures without channels
        images = images[:, np.newaxis]
    images = (images - _by_channel("mean", mean, images, 0.0)) / _by_channel(
        "std", std, images, 1.0
    )
    return Inputs(np.ascontiguousarray(images), None if classes is None else classes[kept])


def shaped(images: NDArray[np.float32], shape: tuple[int, ...] | None) -> NDArray[np.float32]:
    """Return inputs in the shape that a network takes: the axis of channels is moved, pictures become vectors or the reverse.

    Parameters
    ----------
    images : array, [N, ...]
    shape : tuple of int, or None
        Shape of one sample, or None if it is unknown.
    """
    if shape is None or images.shape[1:] == shape:
        return images
    for axes in ((0, 2, 3, 1), (0, 3, 1, 2)) if images.ndim == 4 else ():
        turned = images.transpose(axes)
        if turned.shape[1:] == shape:
            return np.ascontiguousarray(turned)
    flat = len(shape) == 1 or images.ndim == 2 or 1 in (images.shape[1], images.shape[-1])
    if not flat or images[0].size != int(np.prod(shape)):
        rule = f"must have the shape of the network's input, {shape}"
        fail("images", "each input", images.shape[1:], rule, got="shape")
    return images.reshape(-1, *shape)


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the inputs of a file or a folder, and their classes if they are there."""
    if path.is_dir():
        return _pictures(path), None
    if path.suffix == ".npz":
        with refusing("images", path), np.load(path, allow_pickle=False) as file:
            named = {name: file[name] for name in file.files}
        found = next((named[k] for k in _IMAGES if k in named), None)
        if found is None:
            rule = f"must hold an array of one of the names {', '.join(_IMAGES)}"
            fail("images", str(path), ", ".join(named), rule)
        return found, next((named[k] for k in _LABELS if k in named), None)
    return _array("images", path), None


def _classes(path: Path, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels as numbers of classes."""
    if labels.ndim != 1:
        rule = "must have one dimension, a class for each input; argmax(axis=1) turns one-hot labels into classes"
        fail("labels", str(path), labels.shape, rule, got="shape")
    if labels.dtype.kind not in "biuf":
        fail("labels", str(path), labels.dtype.name, "must hold integers", got="dtype")
    whole = np.isfinite(labels) & (labels == np.floor(labels))
    if not whole.all():
        fail("labels", str(path), labels[~whole][0].item(), "must hold integers")
    return labels.astype(np.int64)


def _array(what: str, path: Path) -> NDArray[Any]:
    """Return the array of an .npy file or of one in IDX format."""
    if path.suffix == ".npy":
        with refusing(what, path):
            return npy(path.read_bytes(), copy=False)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        magic = file.read(4)
    is_idx = len(magic) == 4 and magic[:3] == b"\0\0\x08" and 1 <= magic[3] <= 4
    if not is_idx:
        rules = {
            "images": "must be an .npy, .npz or IDX file, or a folder of pictures",
            "labels": "must be an .npy or IDX file; labels in the .npz file of the images need no --labels",
        }
        fail(what, "file", str(path), rules[what])
    return idx.read(path, magic[3], None)


def _pictures(folder: Path) -> NDArray[np.uint8]:
    """Return the pictures of a folder in the order of their names, [N, channels, height, width]."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _PICTURES)
    if not paths:
        fail("images", "folder", str(folder), f"must hold pictures ({', '.join(_PICTURES)})")
    pillow = extra("PIL.Image", "a folder of pictures", "plot")
    found = []
    for path in paths:
        with pillow.open(path) as picture:
            array = np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))
        found.append(array[np.newaxis] if array.ndim == 2 else array.transpose(2, 0, 1))
        if found[-1].shape != found[0].shape:
            rule = f"must have the size of the first, {found[0].shape}"
            fail("images", str(path), found[-1].shape, rule, got="shape")
    return np.stack(found)


def _by_channel(
    option: str, text: str | None, images: NDArray[np.float32], default: float
) -> NDArray[np.float32]:
    """Return the numbers of an option, so that they are one for each channel."""
    try:
        values = [default] if text is None else [float(x) for x in text.split(",")]
    except ValueError:
        fail("images", f"--{option}", text, "must be numbers with commas between them")
    channels = images.shape[1]
    if len(values) not in (1, channels):
        fail("images", f"--{option}", text, f"must be one number or {channels}")
    if option == "std" and 0.0 in values:
        fail("images", "--std", text, "must not contain 0")
    return np.asarray(values, np.float32).reshape(-1, *[1] * (images.ndim - 2))
