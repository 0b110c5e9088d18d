"""Write what the recorders of references found; they need NumPy and their simulator only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
FOLDER = Path(__file__).with_name("references")


def write(peer: str, recordings: Iterable[Callable[[], Arrays]]) -> None:
    """Call the functions that the command line names, or all, and write a file for each."""
    wanted = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    for record in recordings:
        name = record.__name__
        if wanted and name not in wanted:
            continue
        arrays = record()
        file = FOLDER / f"{peer}_{name}.npz"
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        shapes = ", ".join(f"{key} {np.shape(values)}" for key, values in arrays.items())
        print(f"{file.name}: {file.stat().st_size} bytes; {shapes}", flush=True)
