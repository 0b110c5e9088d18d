"""Frames of recordings on disk: one file for each, written atomically, in a folder that a change of anything renames."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._core import __version__
from spikelet._util import container
from spikelet._util.checks import fail
from spikelet._util.files import replaced
from spikelet._util.identity import identity

__all__ = ["Store"]

_VERSION = 1  # of the files


class Store:
    """Frames and labels by the index of their recording.

    Parameters
    ----------
    folder : path
        Where the folder of these frames lies; both are made when the first is written.
    *parts : object
        What the frames depend on: their `identity` names the folder.
    """

    def __init__(self, folder: Path, *parts: Any) -> None:
        key = hashlib.sha256(
            repr((_VERSION, __version__, *map(identity, parts))).encode()
        ).hexdigest()
        self.folder = folder / f"frames-{key[:32]}"

    def get(self, index: int) -> tuple[NDArray[Any], Any] | None:
        """Return frames and label, or None if they are not there, or damaged."""
        try:
            header, arrays = container.read(self._path(index))
            frames = arrays["frames"].copy()  # writable
            return frames, arrays["label"].copy() if "label" in arrays else header["label"]
        except (FileNotFoundError, container.Damaged, KeyError):
            return None

    def put(self, index: int, frames: NDArray[Any], label: Any) -> None:
        """Write frames and label; of two processes that do so at once, one wins, and both wrote the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        header, arrays = {}, {"frames": frames}
        plain = label.item() if isinstance(label, np.generic) else label
        if hasattr(plain, "__array__"):  # a tensor
            plain = np.asarray(plain)
        if isinstance(plain, int | float | str | None):
            header["label"] = plain
        elif isinstance(plain, np.ndarray) and plain.dtype.kind in "biuf":
            arrays["label"] = plain
        else:
            rule = "must be a number, a string, None or an array of numbers to be cached"
            what = f"the label of recording {index}"
            fail("EventDataset", what, type(label).__name__, rule, error=TypeError)
        with replaced(self._path(index)) as file:
            container.write(file, header, arrays)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index}.npz"
