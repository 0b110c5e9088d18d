"""The epochs of a training, as a list that writes a report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

__all__ = ["History"]

_Epoch = TypeVar("_Epoch")


class History(list[_Epoch]):
    """The epochs of a training, in order: what `spikelet.torch.fit` returns.

    `spikelet.plot.training_curves` draws it.
    """

    def report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write curves and a table of the epochs as one HTML file, which loads nothing.

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
        from spikelet.report.training import save  # noqa: PLC0415  # only where it is used

        return save(self, path, title)
