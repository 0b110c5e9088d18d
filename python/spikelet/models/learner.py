"""The base class of networks that learn images without labels: training, responses and files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

import spikelet as sl
from spikelet._util import progress as _progress
from spikelet._util import reading
from spikelet._util.checks import choice, fail, integer, read_only, scalar, shown
from spikelet._util.files import path_of
from spikelet._util.sealed import Sealed, Setting
from spikelet.models.images import brightness
from spikelet.network.checkpoint import FORMAT
from spikelet.network.checkpoint import save as save_network


def setting(rule: str, *, optional: bool = False) -> Setting[Any]:
    """Return a number that can be set at any time, as a rule of `spikelet._util.checks.require` allows it."""

    def check(where: str, name: str, value: Any) -> float | None:
        return None if optional and value is None else scalar(where, name, value, rule)

    return Setting(check)


class Learner(Sealed, ABC):
    """One layer of neurons that learns from pixels; see its subclasses.

    Attributes
    ----------
    net : Network
        The network that learns: ``populations[0]`` are the pixels, ``populations[1]`` the neurons, and
        ``projections[0]`` learns. It does not exist before `fit`.
    """

    n_neurons: int
    n_inputs: int
    seed: int
    threads: int

    _instead: ClassVar = {
        "threads": "save the learner, and load it with threads=...",
        "plasticity": "make a new learner with plasticity=...; between calls of fit, net.projections[0].plasticity",
        "shown": "fit() counts the images",
        "": "it is fixed when the learner is made; make a new one",
    }

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
        self._plasticity = plasticity
        self._shown = 0
        self._net: sl.Network | None = None

    # For subclasses -----------------------------------------------------------------------------------------------

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the network other than its size, seed, threads and rule."""

    @abstractmethod
    def _build(
        self, weights: NDArray[Any], theta: NDArray[Any], *, learning: bool, threads: int
    ) -> sl.Network:
        """Build a network with these weights and adapted thresholds."""

    @abstractmethod
    def _present(
        self,
        net: sl.Network,
        spikes: sl.SpikeRecorder,
        image: NDArray[np.float32],
        *,
        learning: bool,
    ) -> NDArray[np.int64]:
        """Show an image, and return the spike counts of the neurons."""

    @abstractmethod
    def _begin(self, pixels: NDArray[np.float32]) -> None:
        """Build the network that learns, before it is shown the first of these images."""

    def _anneal(self, done: float) -> None:  # optional
        """Adjust the learning rule; `done` is the fraction of the training that is complete."""

    def _attach(self, net: sl.Network) -> None:
        self._net = net
        self._spikes = net.record(net.populations[1], "spikes")

    def _rule(self, weights: NDArray[Any], *, learning: bool) -> sl.plasticity.Plasticity:
        """Return the learning rule; without learning it changes nothing, but keeps the storage dense and fast."""
        if learning:
            return self.plasticity
        low, high = float(weights.min()), float(weights.max())
        return sl.STDP(A_plus=0.0, A_minus=0.0, w_min=low, w_max=high)

    # For users ----------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> int:
        """Number of images learned so far, including repetitions."""
        return self._shown

    @property
    def plasticity(self) -> sl.plasticity.Plasticity:
        """The learning rule, with its amplitudes at the start of the training."""
        return self._plasticity

    @property
    def net(self) -> sl.Network:
        """The network that learns; it exists once `fit` has shown it images."""
        if self._net is None:
            raise RuntimeError(f"{type(self).__name__} has learned nothing yet; call fit first")
        return self._net

    @property
    def weights(self) -> NDArray[np.float32]:
        """Current weights from pixels to neurons, [n_inputs, n_neurons], read-only.

        Set those of ``net.projections[0]`` to change them.
        """
        weights: NDArray[np.float32] = self.net.projections[0].weights
        return weights.reshape(self.n_inputs, self.n_neurons)

    @property
    def theta(self) -> NDArray[np.float32]:
        """Adaptation of the thresholds, [n_neurons] [mV], read-only."""
        theta: NDArray[np.float32] = read_only(np.asarray(self.net.populations[1].theta))
        return theta

    def fit(
        self,
        images: ArrayLike,
        *,
        epochs: int = 1,
        progress: bool | Callable[[int], Any] = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 20_000,
    ) -> Self:
        """Learn images, in their order, until each has been shown `epochs` times.

        Images that the network has already learned count: after an interruption, load the checkpoint and call `fit`
        again with the same arguments; the result is the same bit for bit.

        Parameters
        ----------
        images : array-like, [n, ...]
            uint8, or numbers in [0, 1].
        epochs : int
            Number of times that each image is shown.
        progress : bool or callable
            Show a progress bar (needs rich), or call ``progress(shown)`` after each image.
        checkpoint : path, optional
            File to save the network to, every `every` images and at the end.
        every : int
            Number of images between checkpoints.

        Returns
        -------
        Learner
            The network itself.
        """
        where = type(self).__name__
        progress = _progress.wanted(f"{where}.fit", progress)
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
                self._shown += 1
                if checkpoint is not None and self.shown % every == 0:
                    self.save(checkpoint)
                tick(self.shown)
        if checkpoint is not None:
            self.save(checkpoint)
        return self

    def frozen(self) -> sl.Network:
        """Return a copy of the network with the current weights and thresholds, which does not learn."""
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
            Spike counts of each neuron for each image; they do not depend on the number of threads or on other
            images.
        """
        where = type(self).__name__
        progress = _progress.wanted(f"{where}.respond", progress)
        pixels = brightness(where, images, self.n_inputs)
        counts = np.zeros((len(pixels), self.n_neurons), np.int64)
        waiting = iter(range(len(pixels)))
        nets = [self.frozen() for _ in range(min(self.threads, max(1, len(pixels))))]

        def answer(worker: int) -> None:
            net = nets[worker]
            spikes = net.record(net.populations[1], "spikes")
            for k in waiting:
                # From rest, and with its own noise: the response does not depend on other images.
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
        """Save the network with everything needed to continue; the file is replaced atomically.

        Parameters
        ----------
        path : path
            File to write, usually .npz.
        """
        target = path_of(f"{type(self).__name__}.save", path)
        save_network(self.net, target, recorders=False, learner=self._header())

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
        """Load a saved network.

        Parameters
        ----------
        path : path
            File written by `save`.
        threads : int
            Number of threads.

        Returns
        -------
        Learner

        Raises
        ------
        ValueError
            If the file was not written by `save`.
        """
        where = f"{cls.__name__}.load"
        path = path_of(where, path)
        with reading.refusing(where, path):
            header = FORMAT.load(path, map_arrays=True)[0].get("learner")
            if header is None:
                raise ValueError(
                    "it holds a network without a learner: load it with Network.load, or train a "
                    f"{cls.__name__} again"
                )
            if header.get("type") != cls.__name__:
                raise ValueError(f"it holds a {shown(header.get('type'))}: load it with that class")
            net = sl.Network.load(path, threads=threads)
            return cls._restored(header, net, threads)

    @classmethod
    def _restored(cls, header: dict[str, Any], net: sl.Network, threads: int) -> Self:
        """Return a learner of a stored header and network, after comparing them with each other."""
        known = {"type", "n_neurons", "n_inputs", "seed", "shown", "plasticity", "parameters"}
        if header.keys() != known:
            fail("header", "fields", sorted(header), f"must be {', '.join(sorted(known))}")
        kind, fields = header["plasticity"]
        rules = sl.plasticity.rules()
        choice("header", "plasticity", kind, *rules)
        rule = rules[kind](**fields)
        learner = cls(
            header["n_neurons"], header["n_inputs"], seed=header["seed"], threads=threads,
            plasticity=rule, **header["parameters"],
        )  # fmt: skip
        sizes = [p.size for p in net.populations[:2]]
        ends = [(q.pre.index, q.post.index, len(q.weights)) for q in net.projections[:1]]
        stated = [learner.n_inputs, learner.n_neurons]
        if sizes != stated or ends != [(0, 1, learner.n_inputs * learner.n_neurons)]:
            fail("header", "n_inputs and n_neurons", stated, "must be those of the network")
        if not hasattr(net.populations[1].model, "theta_plus"):
            fail("header", "network", net.populations[1].model, "must have adaptive thresholds")
        if net.projections[0].plasticity is None:
            fail("header", "network", net.projections[0], "must learn")
        learner._attach(net)
        learner._shown = integer("header", "shown", header["shown"], 0, 2**63 - 1)
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
    """Report progress to a progress bar, to a callable, or not at all."""
    if how is True:
        with _progress.images(title, done, total) as update:
            yield update
    else:
        yield how if callable(how) else lambda _: None
