"""What networks that learn images without labels have in common: training, answering, files."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

import spikelet as sl
from spikelet._util import progress as _progress
from spikelet._util.checks import fail, integer
from spikelet.models.images import brightness
from spikelet.network import checkpoint as storage

__all__ = ["Learner"]


class Learner(ABC):
    """One layer of neurons that learns from pixels; see its subclasses.

    Attributes
    ----------
    shown : int
        Images learned so far, repetitions counted.
    net : Network
        The network that learns: populations[0] are the pixels, populations[1] the neurons, projections[0] is
        what learns. There is none before `fit`.
    """

    def __init__(
        self,
        n_neurons: int,
        n_inputs: int,
        *,
        seed: int,
        threads: int,
        plasticity: sl.plasticity.Plasticity,
    ) -> None:
        where = type(self).__name__
        self.n_neurons = integer(where, "n_neurons", n_neurons, 1)
        self.n_inputs = integer(where, "n_inputs", n_inputs, 1)
        self.seed = integer(where, "seed", seed, 0, 2**63)
        self.threads = integer(where, "threads", threads, 1, 1024)
        self.plasticity = plasticity
        self.shown = 0
        self._net: sl.Network | None = None

    # For subclasses -----------------------------------------------------------------------------------------------

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return what the network was made with, apart from its size, seed, threads and rule."""

    @abstractmethod
    def _build(
        self, weights: NDArray[Any], theta: NDArray[Any], *, learning: bool, threads: int
    ) -> sl.Network:
        """Make a network with these weights and adapted thresholds."""

    @abstractmethod
    def _present(
        self,
        net: sl.Network,
        spikes: sl.SpikeRecorder,
        image: NDArray[np.float32],
        *,
        learning: bool,
    ) -> NDArray[np.int64]:
        """Show an image; return the neurons' numbers of spikes."""

    @abstractmethod
    def _begin(self, pixels: NDArray[np.float32]) -> None:
        """Make the network that learns, before the first of these images is shown."""

    def _anneal(self, done: float) -> None:  # noqa: B027  # not all need it
        """Say that this share of the training is done."""

    def _attach(self, net: sl.Network) -> None:
        self._net = net
        self._spikes = net.record(net.populations[1], "spikes")

    def _rule(self, weights: NDArray[Any], *, learning: bool) -> sl.plasticity.Plasticity:
        """Return what changes the weights; nothing does without learning, but the storage stays dense, and fast."""
        if learning:
            return self.plasticity
        low, high = float(weights.min()), float(weights.max())
        return sl.STDP(A_plus=0.0, A_minus=0.0, w_min=low, w_max=high)

    # For users ----------------------------------------------------------------------------------------------------

    @property
    def net(self) -> sl.Network:
        """The network that learns, once it was shown images."""
        if self._net is None:
            raise RuntimeError(f"{type(self).__name__} has learned nothing yet: fit comes first")
        return self._net

    @property
    def weights(self) -> NDArray[np.float32]:
        """Weights from pixels to neurons as of now, [n_inputs, n_neurons]."""
        weights: NDArray[np.float32] = self.net.projections[0].weights
        return weights.reshape(self.n_inputs, self.n_neurons)

    @property
    def theta(self) -> NDArray[np.float32]:
        """How much the neurons' thresholds have grown, [n_neurons], [mV]."""
        return np.asarray(self.net.populations[1].theta)

    def fit(
        self,
        images: ArrayLike,
        *,
        epochs: int = 1,
        progress: bool | Callable[[int], Any] = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 20_000,
    ) -> Self:
        """Learn images, in their order, until each was shown `epochs` times.

        Images that this network has learned before are counted: after an interruption, load the checkpoint and call
        this again with the same arguments, and the result is the same to the bit.

        Parameters
        ----------
        images : array-like, [n, ...]
            uint8, or numbers in [0, 1].
        epochs : int
            How often each image is shown.
        progress : bool or callable
            Show a progress bar (needs rich), or call ``progress(shown)`` after each image.
        checkpoint : path, optional
            File to save the network to, every so many images and at the end.
        every : int
            Images from one checkpoint to the next.

        Returns
        -------
        Learner
            Itself.
        """
        where = type(self).__name__
        pixels = brightness(where, images, self.n_inputs)
        total = len(pixels) * integer(where, "epochs", epochs, 0)
        integer(where, "every", every, 1)
        if self.shown == 0 and total > 0:
            self._begin(pixels)
        with _ticks(progress, "learning", self.shown, total) as tick:
            while self.shown < total:
                self._anneal(self.shown / total)
                image = pixels[self.shown % len(pixels)]
                self._present(self.net, self._spikes, image, learning=True)
                self.shown += 1
                if checkpoint is not None and self.shown % every == 0:
                    self.save(checkpoint)
                tick(self.shown)
        if checkpoint is not None:
            self.save(checkpoint)
        return self

    def frozen(self) -> sl.Network:
        """Return a network of its own with the weights and thresholds of now, which learns no more."""
        return self._build(self.weights, self.theta, learning=False, threads=1)

    def respond(
        self, images: ArrayLike, *, progress: bool | Callable[[int], Any] = False
    ) -> NDArray[np.int64]:
        """Show images with learning off.

        Parameters
        ----------
        images : array-like, [n, ...]
            As for `fit`.
        progress : bool or callable
            As for `fit`.

        Returns
        -------
        array, [n, n_neurons]
            Spikes of each neuron for each image. The same for the same images, whatever the threads.
        """
        pixels = brightness(type(self).__name__, images, self.n_inputs)
        counts = np.zeros((len(pixels), self.n_neurons), np.int64)
        waiting = iter(range(len(pixels)))
        nets = [self.frozen() for _ in range(min(self.threads, max(1, len(pixels))))]

        def answer(worker: int) -> None:
            net = nets[worker]
            spikes = net.record(net.populations[1], "spikes")
            for k in waiting:
                # From rest and with noise of its own, so the answer depends on no other image.
                net.reset(keep_weights=True, at=net.dt * (zlib.crc32(pixels[k]) + 1))
                counts[k] = self._present(net, spikes, pixels[k], learning=False)
                if worker == 0:
                    tick(k)

        with _ticks(progress, "answering", 0, len(pixels)) as tick:
            with ThreadPoolExecutor(len(nets)) as pool:
                list(pool.map(answer, range(len(nets))))
            tick(len(pixels))
        return counts

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, with all it needs to go on; an older file is replaced at once or not at all.

        Parameters
        ----------
        path : path
            File, .npz by custom.
        """
        header = np.array(json.dumps(self._header()))
        storage.save(self.net, path, recorders=False, also={"learner": header})

    def __reduce__(self) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "learner"
            self.save(path)
            return _from_bytes, (type(self), path.read_bytes(), self.threads)

    def _header(self) -> dict[str, Any]:
        return {
            "type": type(self).__name__,
            "n_neurons": self.n_neurons,
            "n_inputs": self.n_inputs,
            "seed": self.seed,
            "shown": self.shown,
            "plasticity": [type(self.plasticity).__name__, dataclasses.asdict(self.plasticity)],
            "parameters": self.parameters(),
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str], threads: int = 1) -> Self:
        """Read a network.

        Parameters
        ----------
        path : path
            File that `save` wrote.
        threads : int
            Of the network.

        Returns
        -------
        Learner

        Raises
        ------
        ValueError
            If it is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["learner"]))
        except (ValueError, zipfile.BadZipFile, EOFError, KeyError, TypeError):
            header = {}
        if header.get("type") != cls.__name__:
            fail(f"{cls.__name__}.load", "path", os.fspath(path), "must be a file that save wrote")
        net = sl.Network.load(path, threads=threads)
        kind, fields = header["plasticity"]
        rule = getattr(sl.plasticity, kind)(**fields)
        learner = cls(
            header["n_neurons"], header["n_inputs"], seed=header["seed"], threads=threads,
            plasticity=rule, **header["parameters"],
        )  # fmt: skip
        learner._attach(net)
        learner.shown = header["shown"]
        return learner


def _from_bytes(kind: type[Learner], data: bytes, threads: int) -> Learner:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "learner"
        path.write_bytes(data)
        return kind.load(path, threads)


@contextlib.contextmanager
def _ticks(
    how: bool | Callable[[int], Any], title: str, done: int, total: int
) -> Iterator[Callable[[int], Any]]:
    """Report progress: to a bar, to a callable, or to nobody."""
    if how is True:
        with _progress.images(title, done, total) as update:
            yield update
    else:
        yield how if callable(how) else lambda _: None
