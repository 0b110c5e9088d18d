"""Small data sets: MNIST from its IDX files; without a download scikit-learn's digits, still or as events, and Yin-Yang."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, integer, number, require
from spikelet.datasets.event_camera import film, to_frames
from spikelet.encode import _choice

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["digits", "load", "mnist", "moving_digits", "to_frames", "yin_yang"]

Split: TypeAlias = Literal["train", "test"]
Labelled: TypeAlias = tuple[NDArray[np.float32], NDArray[np.uint8]]

_PREFIX = {"train": "train", "test": "t10k"}


def mnist(
    data_dir: str | PathLike[str], split: Split = "train", n: SupportsIndex | None = None
) -> Labelled:
    """Read MNIST, or a set in the same files (Fashion-MNIST, KMNIST).

    Parameters
    ----------
    data_dir : path
        Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, plain or gzipped (``.gz``), in it
        or in its ``MNIST/raw``.
    split : "train" or "test"
    n : int >= 0, optional
        Only the first `n` images, in the order of the files; by default all.

    Returns
    -------
    images : float32 array ``[n, 28, 28]``, in [0, 1]
    labels : uint8 array ``[n]``

    Raises
    ------
    FileNotFoundError
        A file is missing; the message lists where it was looked for.
    ValueError
        A file is not what its name says (magic number), is cut short or has bytes left over; the
        two files differ in length; fewer than `n` images.
    """
    _choice("datasets.mnist", "split", split, *_PREFIX)
    prefix = _PREFIX[split]
    images = _read_idx(_find(Path(data_dir), f"{prefix}-images-idx3-ubyte"), 3, n)
    labels = _read_idx(_find(Path(data_dir), f"{prefix}-labels-idx1-ubyte"), 1, n)
    if len(images) != len(labels):
        rule = "must hold as many labels as images"
        sizes = f"{len(labels)} and {len(images)}"
        raise ValueError(f"datasets.mnist: {data_dir} {rule}, got {sizes}")
    return images.astype(np.float32) / np.float32(255), labels


def digits(split: Split = "train", n: SupportsIndex | None = None, *, seed: int = 0) -> Labelled:
    """Return scikit-learn's 8x8 digits, 1797 handwritten images from the UCI repository.

    Parameters
    ----------
    split : "train" or "test"
        1438 images, or the 359 held out (20 %), chosen by `seed` and always the same for it.
    n : int >= 0, optional
        Only the first `n` images of the split.
    seed : int in [0, 2**32)

    Returns
    -------
    images : float32 array ``[n, 8, 8]``, in [0, 1]
    labels : uint8 array ``[n]``

    Raises
    ------
    ImportError
        scikit-learn is missing: ``pip install 'spikelet[demo]'``.
    """
    _choice("datasets.digits", "split", split, *_PREFIX)
    integer("datasets.digits", "seed", seed, 0, 2**32 - 1)
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415  (only where it is used)
    except ImportError as error:
        msg = "datasets.digits needs scikit-learn: pip install 'spikelet[demo]'"
        raise ImportError(msg) from error
    images, labels = load_digits(return_X_y=True)
    # RandomState, unlike Generator, is frozen: this split is the same with every numpy.
    order = np.random.RandomState(seed).permutation(len(labels))
    held_out = len(labels) // 5
    chosen = order[:held_out] if split == "test" else order[held_out:]
    chosen = chosen[: _limit("digits", n, len(chosen))]
    pixels = images[chosen].reshape(-1, 8, 8).astype(np.float32)
    return pixels / np.float32(16), labels[chosen].astype(np.uint8)


def load(
    data_dir: str | PathLike[str] | None = None,
    split: Split = "train",
    n: SupportsIndex | None = None,
) -> Labelled:
    """Return `mnist` from `data_dir`, or `digits` if none is given: the demos' choice."""
    return digits(split, n) if data_dir is None else mnist(data_dir, split, n)


def yin_yang(
    n: SupportsIndex, *, seed: int = 0, r_big: float = 0.5, r_small: float = 0.1
) -> Labelled:
    """Draw points of the Yin-Yang set (Kriener, Göltz & Petrovici 2022): three classes no line parts.

    A disc of radius `r_big` inside the unit square (with the default) is split by two half circles
    into yin and yang; the two small discs of radius `r_small` in their middles are the third class.
    A linear classifier reaches about 64 %, a hidden layer 98 %.

    Parameters
    ----------
    n : int >= 0
    seed : int >= 0
        Other seeds give other points: use two for training and test.
    r_big, r_small : float
        ``0 < r_small < r_big / 2``.

    Returns
    -------
    points : float32 array ``[n, 4]``
        x, y, and their mirror images 2 r_big - x and 2 r_big - y, which give each point the same sum.
    labels : uint8 array ``[n]``
        0 yin, 1 yang, 2 dot; as many of each as can be, in random order.

    References
    ----------
    L. Kriener, J. Göltz and M. A. Petrovici, "The Yin-Yang dataset", NICE 2022.
    """
    where = "datasets.yin_yang"
    n = integer(where, "n", n, 0)
    rng = np.random.default_rng(integer(where, "seed", seed, 0))
    r_big = float(number(where, "r_big", r_big))
    r_small = float(number(where, "r_small", r_small))
    if not 0 < r_small < r_big / 2 < math.inf:
        fail(where, "r_small, r_big", (r_small, r_big), "must be 0 < r_small < r_big / 2")
    labels = rng.permutation(np.arange(n) % 3).astype(np.uint8)
    xy = np.empty((n, 2), np.float32)
    missing = np.arange(n)
    while len(missing):  # by rejection: a place keeps the first point drawn that is of its class
        xy[missing] = rng.uniform(0, 2 * r_big, (len(missing), 2))
        missing = missing[_yin_yang_class(xy[missing], r_big, r_small) != labels[missing]]
    return np.hstack([xy, np.float32(2 * r_big) - xy]), labels


def _yin_yang_class(xy: NDArray[np.float32], r_big: float, r_small: float) -> NDArray[np.int64]:
    """Return 0 yin, 1 yang, 2 dot, -1 outside the disc."""
    x, y = xy.astype(float).T - r_big  # from the centre
    left, right = np.hypot(x + r_big / 2, y), np.hypot(x - r_big / 2, y)
    dot = np.minimum(left, right) <= r_small
    yin = (left <= r_big / 2) | ((y > 0) & (right > r_big / 2))
    return np.select([np.hypot(x, y) > r_big, dot, yin], [-1, 2, 0], 1)


def moving_digits(
    data_dir: str | PathLike[str] | None = None,
    split: Split = "train",
    n: SupportsIndex | None = None,
    *,
    label: Literal["digit", "direction"] = "digit",
    size: int = 24,
    duration: int = 60,
    threshold: float = 0.2,
    seed: int = 0,
) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Film digits that move with a simulated event camera; see `spikelet.datasets.event_camera.film`.

    Parameters
    ----------
    data_dir, split, n
        Which digits, as for `load`: MNIST's, or scikit-learn's without `data_dir`.
    label : "digit" or "direction"
        "digit": the digit runs along a triangle and back to where it began, as in N-MNIST (Orchard et al., Frontiers in
        Neuroscience 9, 2015), but each along one of its own; the label is the digit. "direction": it crosses the middle on a
        straight line; the label is one of 8 directions, counted clockwise from 0, to the right, and no frame tells it.
    size : int >= 8
        Height and width of the sensor; a digit is two thirds as high. 34 suits MNIST.
    duration : int
        Of each film [ms].
    threshold : float
        Change of brightness, which is in [0, 1], that makes an event; the lower, the more events.
    seed : int
        Of paths and directions.

    Returns
    -------
    events : list of structured arrays with the fields x, y, t [us], p
        As tonic's; `to_frames` makes spikes of them.
    labels : uint8 array ``[n]``
    """
    where = "datasets.moving_digits"
    _choice(where, "label", label, "digit", "direction")
    side, length = integer(where, "size", size, 8, 1024), integer(where, "duration", duration, 2)
    step = number(where, "threshold", threshold)
    require(where, "threshold", step, "finite and > 0")
    rng = np.random.default_rng([integer(where, "seed", seed, 0), split == "test"])
    images, labels = load(data_dir, split, n)
    along = np.linspace(0, 1, length)
    if label == "digit":
        corners = np.exp(2j * np.pi * np.array([0, 1, 2, 0]) / 3)
        turn = np.exp(2j * np.pi * rng.random(len(images)))
        path = np.interp(3 * along, range(4), corners.real) + 1j * np.interp(
            3 * along, range(4), corners.imag
        )
        where_to = side / 8 * turn[:, None] * path
    else:
        labels = rng.integers(0, 8, len(images)).astype(np.uint8)
        where_to = side / 3 * np.exp(2j * np.pi * labels / 8)[:, None] * (along - 0.5)
    events: list[NDArray[Any]] = []
    for begin in range(0, len(images), 256):  # a movie is large
        part = slice(begin, begin + 256)
        events += film(_moved(images[part], where_to[part], side), float(step))
    return events, labels


def _moved(images: NDArray[Any], shift: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Show each image on a larger screen, moved by (real, imaginary) pixels: [B, frames, size, size]."""
    side = images.shape[1]
    zoom = size * 2 / 3 / side

    def interpolation(offset: NDArray[Any]) -> NDArray[np.float64]:
        """Weights of linear interpolation, [B, frames, screen, image]."""
        screen = np.arange(size) - (size - 1) / 2
        at = (screen - offset[..., None]) / zoom + (side - 1) / 2
        return np.asarray(np.maximum(0, 1 - np.abs(at[..., None] - np.arange(side))))

    rows, columns = interpolation(shift.imag), interpolation(shift.real)
    return np.asarray(rows @ images[:, None] @ columns.swapaxes(2, 3))


def _limit(name: str, n: SupportsIndex | None, available: int) -> int:
    return available if n is None else integer(f"datasets.{name}", "n", n, 0, available)


def _find(folder: Path, name: str) -> Path:
    tried = [folder / sub / (name + end) for sub in ("", "MNIST/raw") for end in ("", ".gz")]
    for path in tried:
        if path.is_file():
            return path
    raise FileNotFoundError(f"datasets.mnist: no {name}; looked for {', '.join(map(str, tried))}")


def _read_idx(path: Path, n_axes: int, n: SupportsIndex | None) -> NDArray[np.uint8]:
    """Read the first `n` entries (None: all) of an IDX file of bytes, plain or gzipped."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse_idx(path, file, n_axes, n)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"datasets.mnist: {path} is no whole gzip file: {error}") from error


def _parse_idx(
    path: Path, file: BinaryIO | gzip.GzipFile, n_axes: int, n: SupportsIndex | None
) -> NDArray[np.uint8]:
    # 0, 0, 8 (unsigned bytes), the number of axes; their lengths, big-endian int32; the data.
    magic, expected = file.read(4), bytes([0, 0, 8, n_axes])
    if magic != expected:
        rule = f"must begin with the bytes {expected.hex(' ')}"
        raise ValueError(f"datasets.mnist: {path} {rule}, got {magic.hex(' ') or 'nothing'}")
    available, *shape = (int.from_bytes(file.read(4), "big") for _ in range(n_axes))
    wanted = _limit("mnist", n, available)
    size = wanted * math.prod(shape)
    data = file.read(size)
    if len(data) < size:
        got = f"got {len(data)}"
        raise ValueError(f"datasets.mnist: {path} is cut short, needs {size} bytes of data, {got}")
    if wanted == available and file.read(1):
        raise ValueError(f"datasets.mnist: {path} must end after {size} bytes of data, got more")
    return np.frombuffer(bytearray(data), np.uint8).reshape(wanted, *shape)  # writable
