"""Work of a network that fires once, by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.first_spike_values import Sum
from spikelet.layers.spiking_result import Operations


class Ledger:
    """Which layer each operation of a program computes, and what it takes.

    Parameters
    ----------
    names : iterable of str
        All layers and inputs.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        # The layer that each operation computes, and of its terms the layer, and whether they take spikes.
        self._operations: list[tuple[str, list[tuple[str, bool]]]] = []
        self._dense: dict[str, float] = {}
        # Layer, map, potential, and comparisons of neurons that stay silent.
        self._grown: list[tuple[str, int, Sum, int]] = []

    def enter(self, name: str, *terms: tuple[str, bool]) -> None:
        """Enter an operation: its layer, and of each term the layer, and whether it takes spikes."""
        self._operations.append((name, list(terms)))

    def enter_sum(self, name: str, number: int, total: Sum, waits: int) -> None:
        """Enter a sum: its layer, its map, and the number of comparisons of a neuron that stays silent."""
        self._grown.append((name, number, total, waits))
        terms = [(k.name, k.map.spikes) for k in total.kernels]
        self.enter(name, *terms, *((name, m.spikes) for m, _ in total.maps))
        for k in total.kernels:
            sizes = total.extent[1:], k.weight.shape[2:], k.stride, k.dilation, k.before
            each = [_taps(*axis) for axis in zip(k.holes, *sizes, strict=True)]
            self._dense[k.name] = float(np.prod(each) * np.prod(k.weight.shape[:2]))

    def read(self) -> list[int]:
        """Return the maps of spikes that potentials are made of, and of those that neurons send."""
        found = {number for _, number, _, waits in self._grown if waits}
        for _, _, total, _ in self._grown:
            found |= {k.map.number for k in total.kernels if k.map.spikes}
            found |= {m.number for m, _ in total.maps if m.spikes}
        return sorted(found)

    def empty(self) -> dict[str, dict[str, float]]:
        """Return work of nothing, by layer."""
        work = {
            name: dict.fromkeys((f.name for f in fields(Operations)), 0.0) for name in self._names
        }
        for name, dense in self._dense.items():
            work[name]["dense"] = dense
        return work

    def add(
        self,
        work: Mapping[str, dict[str, float]],
        counts: Sequence[Any],
        sent: Mapping[int, NDArray[np.int32]],
        samples: int,
    ) -> None:
        """Add the share of some of the samples to the work.

        Parameters
        ----------
        work : mapping of str to dict
        counts : sequence of (array, int)
            Synaptic operations of each term, and spikes, of each operation.
        sent : mapping of int to array
            Of `read`, the magnitudes of the maps; empty, if steps are not counted.
        samples : int
            Of the whole run.
        """
        for name, number, total, waits in self._grown if sent else ():
            work[name]["updates"] += _growth(total, sent) / samples
            if waits:
                k = sent[number]
                waited = k.size * waits - int(k.sum()) + np.count_nonzero(k)
                work[name]["comparisons"] += waited / samples
        for (name, terms), (operations, spikes) in zip(self._operations, counts, strict=True):
            work[name]["spikes"] += spikes / samples
            for (term, adds), done in zip(terms, operations, strict=False):  # none of no samples
                work[term]["additions" if adds else "products"] += done / samples


def _growth(total: Sum, sent: Mapping[int, NDArray[np.int32]]) -> int:
    """Return at how many steps potentials grow: a spike that stands for k arrives k steps before the end of the window."""
    c, *places = total.extent
    earliest: Any = np.zeros((1, c, *places), np.int32)
    for m, _ in total.maps:
        if m.spikes:
            earliest = np.maximum(earliest, sent[m.number])
    for kernel in total.kernels:
        if not kernel.map.spikes:
            continue
        k = sent[kernel.map.number]
        k = k.reshape(len(k), kernel.groups, -1, *k.shape[2:]).max(2)
        size = kernel.weight.shape[2:]
        after = [
            max(0, (n - 1) * s + (z - 1) * d + 1 - b - e)
            for n, s, z, d, b, e in zip(
                places,
                kernel.stride,
                size,
                kernel.dilation,
                kernel.before,
                k.shape[2:],
                strict=True,
            )
        ]
        k = np.pad(k, [(0, 0), (0, 0), *zip(kernel.before, after, strict=True)])
        for tap in np.ndindex(*size):
            y, x = (
                slice(i * d, i * d + (n - 1) * s + 1, s)
                for i, d, n, s in zip(tap, kernel.dilation, places, kernel.stride, strict=True)
            )
            each = np.repeat(k[:, :, y, x], c // kernel.groups, axis=1)
            earliest = np.maximum(earliest, each)
    return int(earliest.sum())


def _taps(
    holes: NDArray[np.bool_], windows: int, size: int, stride: int, dilation: int, before: int
) -> int:
    """Return the number of pairs of a window along an axis and a value that it sees."""
    at = stride * np.arange(windows)[:, None] + dilation * np.arange(size) - before
    return int(np.count_nonzero(~holes[at[(at >= 0) & (at < len(holes))]]))
