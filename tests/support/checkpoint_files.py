"""Changes of checkpoints that leave all checksums right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mutation.values import sums

import spikelet as sl


def contents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("header"))), arrays


def store(path: Path, header: dict[str, Any], arrays: dict[str, Any]) -> None:
    with path.open("wb") as out:
        np.savez(out, header=np.array(json.dumps(header)), **arrays)


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the description in a file."""
    header, arrays = contents(path)
    change(header)
    store(path, header, arrays)


def change_array(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change an array in a file, and its checksum in the header."""
    header, arrays = contents(path)
    arrays[name] = change(arrays[name])
    header["arrays"] = sums(arrays)
    store(path, header, arrays)


def refused(path: Path, change: Callable[[dict[str, Any]], Any], problem: str) -> None:
    """Check that a file with a changed description is refused, with a message that names the problem."""
    rewrite(path, change)
    with pytest.raises(ValueError, match=rf"Network\.load: .*{problem}"):
        sl.Network.load(path)
