"""What a case is, and how its results are hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Case:
    """A calculation whose results must keep their bits.

    Parameters
    ----------
    name : str
        Unique; from the general to the particular.
    run : callable
        Takes the number of threads and yields arrays, numbers or text.
    """

    name: str
    run: Callable[[int], Iterable[Any]]

    def digest(self, threads: int = 1) -> str:
        """Return the SHA-256 of types, shapes and bits of all results."""
        bits = hashlib.sha256()
        count = 0
        for value in self.run(threads):
            array = np.ascontiguousarray(value)
            if array.dtype.kind == "O":
                raise TypeError(f"{self.name}: a result is {value!r}, which has no bits to hash")
            bits.update(f"{array.dtype.str}{array.shape}".encode())
            bits.update(array.tobytes())
            count += 1
        if count == 0:
            raise ValueError(f"{self.name}: no results")
        return bits.hexdigest()


def active(values: Any, least: int = 10) -> Any:
    """Return the values, or fail: a case in which next to nothing happens would prove nothing."""
    array = np.asarray(values)
    count = np.count_nonzero(array) if array.ndim else int(array)
    if count < least:
        raise ValueError(f"only {count} spikes or values other than 0, at least {least} expected")
    return values


def weights_of(seed: int) -> Callable[..., NDArray[np.float64]]:
    """Return a function that draws weights, with enough excitation to keep deep layers active."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> NDArray[np.float64]:
        fan_in = int(np.prod(shape[1:]))
        values = rng.normal(0.25 / np.sqrt(fan_in), 1.0, shape) * np.sqrt(2 / fan_in)
        return np.asarray(values)

    return weights
