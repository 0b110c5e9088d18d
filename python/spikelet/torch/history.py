"""The epochs of a training, as a list that writes a report."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar, overload

__all__ = ["History"]

_Epoch = TypeVar("_Epoch")


class History(list[_Epoch]):
    """The epochs of a training, in order. Made by `spikelet.torch.fit`.

    `spikelet.plot.training_curves` draws it.
    """

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> _Epoch: ...
    @overload
    def __getitem__(self, index: slice, /) -> History[_Epoch]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> _Epoch | History[_Epoch]:
        found: Any = super().__getitem__(index)
        return History(found) if isinstance(index, slice) else found

    def __add__(self, other: Iterable[Any], /) -> History[Any]:
        """Return the epochs of two trainings, one after the other."""
        return History([*self, *other]) if isinstance(other, list) else NotImplemented

    def report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write curves and a table of the epochs as one HTML file, which loads nothing from elsewhere.

        Parameters
        ----------
        path : path
            File to write (.html).
        title : str, optional
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.training import save  # noqa: PLC0415  # only where it is used

        return save(self, path, title)
