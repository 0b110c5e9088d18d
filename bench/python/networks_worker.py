"""One run of a network of others in one program, its speed and its decisions; `worker.py` calls `run`."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measure import peak_rss_mb
from networks import NETWORKS

if TYPE_CHECKING:
    from networks import Network
    from numpy.typing import NDArray
    from torch import nn

Prepared = tuple[Callable[[Any], Any], Sequence[Sized]]
"""The function that classifies a batch, and the batches to classify."""

LTB_UPDATES = -(-50_000 // 128)
"""Batches of SpikingJelly's local threshold balancing, which moves a threshold by twice the mean excess over it, once per
batch: as many as its ImageNet example has, by repeating the calibration images."""

RECIPES = ("percentile-channels", "ltb")
"""Recipes of SpikingJelly. With thresholds per channel, neurons start at half of the threshold, as in its ImageNet example."""

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


def rate(prepared: Prepared, seconds: float) -> float:
    """Return images per second over `seconds` of batches, after one batch that is not timed."""
    classify, batches = prepared
    classify(batches[0])
    done = 0
    start = perf_counter()
    for batch in itertools.cycle(batches):
        classify(batch)
        done += len(batch)
        elapsed = perf_counter() - start
        if elapsed >= seconds:
            break
    return done / elapsed


def speed(
    adapter: Any, task: NetworkTask, settings: Iterable[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """Return images per second with the best of some settings."""
    tried = [(rate(adapter.prepare(task, each), seconds), each) for each in settings]
    best, fastest = max(tried, key=lambda pair: pair[0])
    return {
        "images_per_s": best, "setting": fastest, "tried": tried,
        "peak_rss_mb": peak_rss_mb(), "versions": adapter.versions(),
    }  # fmt: skip


def run(
    *, program: str, what: str, models: str, network: str, images: int, steps: list[int],
    setting: dict[str, Any] | None = None, seconds: float = 1.0, **how: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the speed, with the best of all settings if none is given, or the decisions about all samples."""
    adapter = importlib.import_module(f"networks_on_{program}")
    description = NETWORKS[network]
    samples = description.samples(Path(models))
    task = NetworkTask(
        network, description.build(Path(models)), samples.calibration, samples.test[:images],
        tuple(steps), **how,
    )  # fmt: skip
    if what == "speed":
        return speed(
            adapter, task, adapter.settings(task) if setting is None else [setting], seconds
        )
    found: dict[str, Any] = adapter.accuracy(task)
    return found | {
        "images": len(task.test),
        "labels": np.asarray(samples.labels[:images]).tolist(),
        "outputs": description.outputs,
        "peak_rss_mb": peak_rss_mb(),
    }
