"""Data sets of event files in folders: N-MNIST, N-Caltech101, N-Cars, ST-MNIST and DVS128-Gesture."""

from __future__ import annotations

import errno
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, read_only
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.datasets.event_files import GESTURES, read_events
from spikelet.datasets.event_files.gestures import read_spans, read_table

if TYPE_CHECKING:
    from os import PathLike

Split: TypeAlias = Literal["train", "test"]
Recording: TypeAlias = tuple[NDArray[Any], int]

# Where the data are. Nothing is downloaded: their owners ask for forms, accounts or patience.
_SOURCES = {
    "n_mnist": "https://www.garrickorchard.com/datasets/n-mnist",
    "n_caltech101": "https://www.garrickorchard.com/datasets/n-caltech101",
    "n_cars": "https://www.prophesee.ai/2018/03/13/dataset-n-cars",
    "st_mnist": "https://scholarbank.nus.edu.sg/handle/10635/168106",
    "dvs_gesture": "https://research.ibm.com/interactive/dvsgesture",
}
_LONGEST_LIST = 1 << 20  # bytes of a list of files


@dataclass(frozen=True, eq=False, repr=False)
class Recordings:
    """Recordings in files, read one at a time: ``events, label = recordings[k]``; a slice is a list of them.

    Parameters
    ----------
    name : str
        Name of the data set.
    paths : tuple of Path
        The file of each recording.
    labels : int64 array [n]
        The class of each; read-only.
    classes : tuple of str
        Names of the classes.
    sensor_size : (W, H, P)
        Size of the sensor [pixels], and the number of polarities.
    format : str
        As in `read_events`.
    spans : tuple of (start, stop), optional
        Part of its file that a recording is [us]; by default all.
    """

    name: str
    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    sensor_size: tuple[int, int, int]
    format: str
    spans: tuple[tuple[int, int], ...] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Recording: ...
    @overload
    def __getitem__(self, index: slice) -> list[Recording]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return the events and the label of a recording."""
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k, n = operator.index(index), len(self)
        if not -n <= k < n:  # IndexError ends loops
            fail(
                f"datasets.{self.name}",
                "index",
                k,
                f"must lie in {-n} .. {n - 1}",
                error=IndexError,
            )
        label = int(self.labels[k])
        if self.spans is not None:
            return read_spans(self.paths[k], [self.spans[k]])[0], label
        return read_events(self.paths[k], self.format, sensor_size=self.sensor_size), label

    def __iter__(self) -> Iterator[Recording]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"Recordings({self.name}: {len(self)} recordings of {len(self.classes)} classes)"


@spelled
def n_mnist(folder: str | PathLike[str], split: Split = "train") -> Recordings:
    """Open N-MNIST: MNIST's digits before a moving camera (Orchard et al., Front. Neurosci. 9:437, 2015).

    Parameters
    ----------
    folder : path
        Holds the folders ``Train`` and ``Test``, unpacked, from https://www.garrickorchard.com/datasets/n-mnist.
    split : "train" or "test"

    Returns
    -------
    Recordings
        A sequence of ``(events, label)``; the sensor has 34 x 34 pixels.

    Raises
    ------
    FileNotFoundError
        There are no such files; the error says where to get them.
    """
    found = _split("n_mnist", folder, split, ("Train", "train"), ("Test", "test"))
    return _by_class("n_mnist", found, ".bin", "nmnist", (34, 34, 2), tuple(map(str, range(10))))


@spelled
def n_caltech101(folder: str | PathLike[str]) -> Recordings:
    """Open N-Caltech101: photographs of 101 classes before a moving camera (Orchard et al., 2015).

    Parameters
    ----------
    folder : path
        Holds a folder for each class, perhaps within ``Caltech101``; there is no official split.

    Returns
    -------
    Recordings
        A sequence of ``(events, label)``; `classes` are in alphabetical order.

    Raises
    ------
    FileNotFoundError
        There are no such files; the error says where to get them.
    """
    root = path_of("datasets.n_caltech101", folder, "folder")
    return _by_class(
        "n_caltech101",
        root / "Caltech101" if (root / "Caltech101").is_dir() else root,
        ".bin",
        "nmnist",
        (304, 240, 2),
    )


@spelled
def n_cars(folder: str | PathLike[str], split: Split = "train") -> Recordings:
    """Open N-Cars: cars and background before a camera in a car (Sironi et al., CVPR 2018).

    Parameters
    ----------
    folder : path
        Holds ``n-cars_train`` and ``n-cars_test``.
    split : "train" or "test"

    Returns
    -------
    Recordings
        A sequence of ``(events, label)``; 0 is background, 1 is a car.

    Raises
    ------
    FileNotFoundError
        There are no such files; the error says where to get them.
    """
    found = _split("n_cars", folder, split, ("n-cars_train",), ("n-cars_test",))
    return _by_class("n_cars", found, ".dat", "dat", (120, 100, 2), ("background", "cars"))


@spelled
def st_mnist(folder: str | PathLike[str]) -> Recordings:
    """Open ST-MNIST: digits written on a tactile sensor of 10 x 10 elements (See et al., arXiv:2005.04319).

    Parameters
    ----------
    folder : path
        Holds a folder of ``.mat`` files for each digit; there is no official split.

    Returns
    -------
    Recordings
        A sequence of ``(events, label)``.

    Raises
    ------
    FileNotFoundError
        There are no such files; the error says where to get them.
    """
    return _by_class(
        "st_mnist",
        path_of("datasets.st_mnist", folder, "folder"),
        ".mat",
        "stmnist",
        (10, 10, 2),
        tuple(map(str, range(10))),
    )


@spelled
def dvs_gesture(folder: str | PathLike[str], split: Split = "train") -> Recordings:
    """Open DVS128-Gesture: eleven gestures of hands and arms (Amir et al., CVPR 2017).

    Parameters
    ----------
    folder : path
        Holds ``trials_to_train.txt``, ``trials_to_test.txt``, and what they name, with ``_labels.csv`` beside it.
    split : "train" or "test"

    Returns
    -------
    Recordings
        A sequence of ``(events, label)``: one gesture each, whose t counts from its beginning. Of a file, only the packets
        that hold it are read.

    Raises
    ------
    FileNotFoundError
        There are no such files; the error says where to get them.
    ValueError
        A list of files, or a table of gestures, is damaged.
    """
    choice("datasets.dvs_gesture", "split", split, "train", "test")
    root = path_of("datasets.dvs_gesture", folder, "folder")
    listed = root / f"trials_to_{split}.txt"
    if not listed.is_file():
        _missing("dvs_gesture", listed)
    if listed.stat().st_size > _LONGEST_LIST:
        fail(
            "datasets.dvs_gesture",
            str(listed),
            listed.stat().st_size,
            f"must have at most {_LONGEST_LIST} bytes",
            got="size",
        )
    paths, labels, spans = [], [], []
    for line in listed.read_text(encoding="latin1").splitlines():
        name = line.strip()
        if not name:
            continue
        if Path(name).name != name or not name.endswith(".aedat"):
            fail(
                "datasets.dvs_gesture",
                str(listed),
                name,
                "must hold names of .aedat files in its folder",
            )
        table = root / f"{name.removesuffix('.aedat')}_labels.csv"
        for path in (root / name, table):
            if not path.is_file():
                _missing("dvs_gesture", path)
        for label, span in read_table(table):
            paths.append(root / name)
            labels.append(label)
            spans.append(span)
    return Recordings(
        "dvs_gesture", tuple(paths), _ids(labels), GESTURES, (128, 128, 2), "aedat3", tuple(spans)
    )


def _split(
    name: str,
    folder: str | PathLike[str],
    split: str,
    train: tuple[str, ...],
    test: tuple[str, ...],
) -> Path:
    choice(f"datasets.{name}", "split", split, "train", "test")
    root = path_of(f"datasets.{name}", folder, "folder")
    tried = [root / sub for sub in (train if split == "train" else test)]
    return next((path for path in tried if path.is_dir()), tried[0])


def _by_class(
    name: str,
    folder: Path,
    suffix: str,
    format_: str,
    sensor_size: tuple[int, int, int],
    classes: tuple[str, ...] = (),
) -> Recordings:
    """Return the files in one folder for each class, in the order of their names."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files = {path.name: _visible(path, suffix) for path in folders}
    kinds = classes or tuple(kind for kind, found in files.items() if found)
    found = [(path, label) for label, kind in enumerate(kinds) for path in files.get(kind, [])]
    paths, labels = [path for path, _ in found], [label for _, label in found]
    if not paths:
        _missing(name, folder / (kinds[0] if kinds else "<class>") / f"*{suffix}")
    return Recordings(name, tuple(paths), _ids(labels), kinds, sensor_size, format_)


def _visible(folder: Path, suffix: str) -> list[Path]:
    """Return the files in the order of their names, without those that macOS leaves beside them (``._00002.bin``)."""
    found = (file for file in folder.iterdir() if file.suffix == suffix)
    return sorted(file for file in found if not file.name.startswith("."))


def _ids(labels: list[int]) -> NDArray[np.int64]:
    return np.asarray(read_only(np.array(labels, np.int64)))


def _missing(name: str, path: Path) -> NoReturn:
    msg = (
        f"datasets.{name}: no such files; nothing is downloaded, get the data from {_SOURCES[name]}"
    )
    raise FileNotFoundError(errno.ENOENT, msg, str(path))
