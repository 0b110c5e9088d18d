"""Recordings of events as a data set of PyTorch: frames, kept on disk, in batches ``[T, B, ...]``."""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from spikelet._core import __version__
from spikelet._util import container
from spikelet._util.checks import fail
from spikelet._util.files import replaced
from spikelet._util.identity import identity
from spikelet.datasets.recordings import Recordings

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


_LISTS = (list, tuple, range, np.ndarray, torch.Tensor)
_SETS = (Dataset, Recordings)


class Recorded(Protocol):
    """A sequence of (events, label): those of `spikelet.datasets`, tonic's data sets, or a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class EventDataset(Dataset[Any]):
    """Recordings and labels as a data set for `torch.utils.data.DataLoader`, with their frames kept on disk.

    Parameters
    ----------
    data : sequence of (events, label)
        From `spikelet.datasets`, tonic, or a list. A recording is read when its item is accessed.
    transform : callable, optional
        Events to frames ``[T, ...]``, such as ``functools.partial(sl.events.to_frame, sensor_size=(34, 34, 2),
        n_time_bins=20)``. With a cache, it should not be random. By default, events stay unchanged.
    cache : path, optional
        Folder where frames are kept. Several processes, and several data sets, may share it: the name of a file depends on
        the transform with its code, arguments and the global variables that it reads, on the data, and on the version.
        Functions of other modules that the transform calls are not inspected. For a list, all recordings count; for a
        data set, its lists and arrays (paths, labels, indices), and its first, middle and last recording. A damaged
        file is written again.
    augment : callable, optional
        Applied to the frames each time, and not cached: put random transforms here.
    key : str, optional
        Names the data and the transform for the cache instead of their content.

    Raises
    ------
    TypeError
        `data` is not a sequence; or the transform or the data cannot be identified, and there is no `key`.

    Examples
    --------
    >>> import functools
    >>> import spikelet as sl
    >>> from spikelet.torch import EventDataset, pad_frames
    >>> events, labels = sl.datasets.moving_digits(n=4)
    >>> frames = functools.partial(sl.events.to_frame, sensor_size=(24, 24, 2), n_time_bins=10)
    >>> data = EventDataset(list(zip(events, labels)), frames)
    >>> x, y = next(iter(torch.utils.data.DataLoader(data, 4, collate_fn=pad_frames)))
    >>> x.shape, y.shape
    (torch.Size([10, 4, 2, 24, 24]), torch.Size([4]))
    """

    def __init__(
        self,
        data: Recorded,
        transform: Callable[[Any], Any] | None = None,
        *,
        cache: str | os.PathLike[str] | None = None,
        augment: Callable[[Any], Any] | None = None,
        key: str | None = None,
    ) -> None:
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
            what, rule = type(data).__name__, "must be a sequence of (events, label)"
            fail("EventDataset", "data", what, rule, error=TypeError)
        for name, value in (("transform", transform), ("augment", augment)):
            if value is not None and not callable(value):
                fail("EventDataset", name, value, "must be callable", error=TypeError)
        if cache is not None and transform is None:
            fail("EventDataset", "cache", str(cache), "needs a transform, whose frames it keeps")
        if cache is not None and not os.fspath(cache):
            rule = "must be the path of a folder; the current one is '.'"
            fail("EventDataset", "cache", cache, rule)
        self.data, self.transform, self.augment = data, transform, augment
        self.store: Store | None = None
        if cache is not None:
            try:
                parts = (key,) if key is not None else (transform, _described(data))
                self.store = Store(Path(cache), len(data), parts)
            except TypeError as error:
                msg = f"EventDataset: {error}, so that frames cannot be cached under a name of it; pass key="
                raise TypeError(msg) from None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return the frames, as a tensor, and the label of a recording."""
        n = len(self)
        try:
            k = operator.index(index)
        except TypeError:
            rule = "must be a whole number; torch.utils.data.Subset takes several"
            fail("EventDataset", "index", index, rule, error=TypeError)
        if not -n <= k < n:  # IndexError ends loops
            fail("EventDataset", "index", k, f"must lie in {-n} .. {n - 1}", error=IndexError)
        frames, label = self._frames(k % n)
        plain = isinstance(frames, np.ndarray) and frames.dtype.names is None
        if self.transform is not None and plain:
            frames = torch.from_numpy(frames)
        return (frames if self.augment is None else self.augment(frames)), label

    def _recording(self, k: int) -> tuple[Any, Any]:
        item = self.data[k]
        if not isinstance(item, tuple | list) or len(item) != 2:
            got = f"{type(item).__name__} of {len(item)}" if hasattr(item, "__len__") else item
            fail("EventDataset", f"data[{k}]", got, "must be (events, label)", error=TypeError)
        events, label = item
        return events, label

    def _frames(self, k: int) -> tuple[Any, Any]:
        if self.store is not None and (found := self.store.get(k)) is not None:
            return found
        events, label = self._recording(k)
        if self.transform is None:
            return events, label
        frames = self.transform(events)
        if self.store is not None:
            frames = np.asarray(frames)
            if frames.dtype.hasobject:
                rule = "must give an array of numbers to be cached"
                fail("EventDataset", "transform", frames.dtype, rule, error=TypeError)
            self.store.put(k, frames, label)
        return frames, label


def _described(data: Any) -> Any:
    """Return what recordings are without reading all of them.

    Lists are all of their items. Data sets are three of theirs, and the lists, arrays and data sets that they hold: paths,
    labels, or the indices of a `Subset`.
    """
    if isinstance(data, list | tuple) and any(isinstance(item, _SETS) for item in data):
        return [_described(item) for item in data]  # of a ConcatDataset
    if isinstance(data, _LISTS):
        return identity(data)
    n = len(data)
    held = [
        (name, _described(value))
        for name, value in getattr(data, "__dict__", {}).items()
        if not name.startswith("_") and isinstance(value, _LISTS + _SETS)
    ]
    sampled = [identity(tuple(data[k])) for k in sorted({0, n // 2, n - 1}) if 0 <= k < n]
    return f"{type(data).__module__}.{type(data).__qualname__}", n, held, sampled


def pad_frames(samples: Sequence[tuple[Any, Any]], *, lengths: bool = False) -> tuple[Any, ...]:
    """Make a batch of recordings of any length, for ``DataLoader(..., collate_fn=pad_frames)``.

    Parameters
    ----------
    samples : sequence of (frames, label)
        Frames ``[T, ...]``, whose shapes differ in T only.
    lengths : bool
        Return the lengths, too; ``functools.partial(pad_frames, lengths=True)``.

    Returns
    -------
    frames : float32 tensor ``[T, B, ...]``
        T is that of the longest; the others are followed by zeros: no spikes.
    labels : tensor ``[B, ...]``, int64 for integers of any type; a list if they are no numbers
    lengths : int64 tensor ``[B]``

    Raises
    ------
    ValueError
        There are no samples, or their frames differ in shape.
    """
    if not samples:
        fail("pad_frames", "samples", samples, "must be at least one (frames, label)")
    frames = [torch.as_tensor(f) for f, _ in samples]
    shape = frames[0].shape[1:]
    for f in frames:
        if f.ndim == 0 or f.shape[1:] != shape:
            rule = f"must be [T, {', '.join(map(str, shape))}]"
            fail("pad_frames", "frames", tuple(f.shape), rule, got="shape")
    longest = max(len(f) for f in frames)
    batch = torch.zeros(longest, len(frames), *shape)
    for k, f in enumerate(frames):
        batch[: len(f), k] = f
    given = [label for _, label in samples]
    numeric = all(
        isinstance(label, int | float | np.number | np.ndarray | torch.Tensor) for label in given
    )
    labels = torch.stack([torch.as_tensor(label) for label in given]) if numeric else given
    if isinstance(labels, torch.Tensor) and not labels.is_floating_point():
        labels = labels.long()  # as losses demand
    if lengths:
        return batch, labels, torch.tensor([len(f) for f in frames])
    return batch, labels
