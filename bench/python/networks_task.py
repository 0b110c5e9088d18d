"""One run of one network in one program, and the decisions that it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from networks import Network
    from numpy.typing import NDArray
    from torch import nn

LARGE = 100_000
"""Values of a sample from which on batches are small."""

Decisions = dict[str, list[float]]
"""By the number of steps, as text: the class or the pitch of each sample."""


@dataclass(frozen=True)
class NetworkTask:
    """The task of an adapter."""

    name: str
    net: nn.Module
    calibration: NDArray[np.float32]
    test: NDArray[np.float32]
    steps: tuple[int, ...]
    threads: int
    method: str = ""
    size: int | None = None
    """Samples a call when speed is measured, if all programs get the same."""

    @property
    def network(self) -> Network:
        """The description of the network."""
        return NETWORKS[self.name]

    @property
    def batch(self) -> int:
        """Samples a call where only the result matters."""
        return 5 if self.test[0].size > LARGE else 50

    @property
    def calibration_batch(self) -> int:
        """Calibration samples a call: percentiles over a batch must fit into torch.quantile."""
        return 10 if self.test[0].size > LARGE else 100

    def batches(self) -> tuple[int, ...]:
        """Return the sizes of batches to try for speed."""
        if self.size:
            return (self.size,)
        return (1, 2, 4) if self.test[0].size > LARGE else (4, 10, 50)

    def split(
        self, size: int, *, of: NDArray[np.float32] | None = None, channels_last: bool = False
    ) -> list[torch.Tensor]:
        """Return the test samples, or others, in batches."""
        memory = torch.channels_last if channels_last else torch.contiguous_format
        samples = self.test if of is None else of
        return [
            torch.from_numpy(np.array(samples[begin : begin + size])).contiguous(
                memory_format=memory
            )
            for begin in range(0, len(samples), size)
        ]


def cumulative(
    task: NetworkTask,
    outputs: Callable[[torch.Tensor], NDArray[Any]],
    delays: dict[str, dict[int, int]] | None = None,
) -> dict[str, Decisions]:
    """Return the decisions at each T from a function that returns ``[T, B, ...]`` outputs.

    The first T steps of a longer run are those of a run of T steps, so one run serves each T.
    Besides "plain", ``delays`` has other read-outs: for each T, how many first steps they leave out.
    """
    begins = {"plain": dict.fromkeys(task.steps, 0)} | (delays or {})
    found: dict[str, dict[str, list[NDArray[Any]]]] = {readout: {} for readout in begins}
    for x in task.split(task.batch):
        values = outputs(x)
        for readout, begin in begins.items():
            for t in task.steps:
                mean = values[begin[t] : t].mean(0, dtype=np.float64)
                found[readout].setdefault(str(t), []).append(decide(task, mean))
    return {
        readout: {t: np.concatenate(parts).tolist() for t, parts in by_steps.items()}
        for readout, by_steps in found.items()
    }


def decide(task: NetworkTask, logits: NDArray[Any]) -> NDArray[Any]:
    """Return the decisions of outputs before a final sigmoid."""
    if task.network.outputs == "pitch":
        logits = 1 / (1 + np.exp(-logits))
    return task.network.decisions(logits)
