"""Features that nobody labelled: convolutional layers that learn by STDP with winner-take-all.

A picture passes once, as a wave of spikes. On- and off-centre cells (differences of Gaussians) fire
once each, the strongest first. Layers of non-leaky integrate-and-fire neurons follow, which share
their weights within a map and also fire at most once. While a layer learns, few neurons win in each
picture: the first to fire inhibits all maps around it, and its own map everywhere. A winner's
synapses grow if their input came in time for its spike, and shrink otherwise. So each map comes to
know what often arrives together: edges, ends and bends of strokes.

After S. R. Kheradpisheh, M. Ganjtabesh, S. J. Thorpe & T. Masquelier, STDP-based spiking deep
convolutional neural networks for object recognition, Neural Networks 99 (2018), and M. Mozafari, M.
Ganjtabesh, A. Nowzari-Dalini & T. Masquelier, SpykeTorch, Front. Neurosci. 13:625 (2019). What
differs: soft bounds by default (a weight then settles at how often its input comes in time, instead
of at 0 or 1), thresholds that follow the number of wins, so that no map stays idle or takes all, and
answers that are summed over windows of the picture instead of one spike a map.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer, number, numbers, require
from spikelet._util.files import replaced
from spikelet.models.images import brightness

__all__ = ["Conv", "ConvSTDP"]

Floats = NDArray[np.float32]
Waves = NDArray[np.uint8]

FORMAT = "spikelet conv-stdp 1"
SILENT = 255  # in a wave: fires never
_CHUNK = 500  # images in memory at once, and between two calls of `progress`


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolutional layer and how it learns.

    Parameters
    ----------
    maps : int
        Number of features.
    kernel : int
        A neuron sees ``kernel x kernel`` positions of all maps before.
    threshold : float
        At which a neuron fires, before learning; in synapses of full weight, which is 1.
    window, stride : int
        Windows over the positions, in which answers are pooled: the first spike of each map for the
        next layer, the sum of how early its spikes are for `ConvSTDP.transform`. A stride smaller
        than the window lets windows overlap.
    levels : sequence of float > 0
        In `ConvSTDP.transform`, each map answers with so many neurons at a position, whose
        thresholds are these multiples of the learned one: the readout then sees how strong an
        answer is, and not only when it passes one mark; there are as many more features.
    a_plus, a_minus : float >= 0
        Steps of a weight up and down, times ``1 - w`` and ``w`` if `bound` is ``"soft"``, times
        ``w (1 - w)`` if it is ``"multiplicative"`` (the papers' rule: weights end at 0 or 1).
    bound : "soft" or "multiplicative"
    double_every : int
        Both steps double each time the layer has seen so many images; 0: never.
    a_plus_max : float
        No further than until `a_plus` is this.
    winners : int
        Neurons that learn in an image, at most.
    radius : int
        How far a winner inhibits the other maps, in positions.
    theta_plus : float >= 0
        Homeostasis: a win raises the map's threshold by so much, and lowers all others alike, so
        that the mean stays.
    theta_min : float > 0
        No threshold falls below.
    """

    maps: int = 128
    kernel: int = 5
    threshold: float = 5.0
    window: int = 8
    stride: int = 4
    levels: tuple[float, ...] = (1.0,)
    a_plus: float = 0.01
    a_minus: float = 0.0075
    bound: Literal["soft", "multiplicative"] = "soft"
    double_every: int = 0
    a_plus_max: float = 0.15
    winners: int = 8
    radius: int = 2
    theta_plus: float = 0.02
    theta_min: float = 1.0

    def __post_init__(self) -> None:
        for name in ("maps", "kernel", "window", "stride", "winners"):
            integer("Conv", name, getattr(self, name), 1, 2**16)
        for name in ("double_every", "radius"):
            integer("Conv", name, getattr(self, name), 0)
        for name in ("threshold", "theta_min"):
            require("Conv", name, number("Conv", name, getattr(self, name)), "> 0")
        levels = numbers("Conv", "levels", self.levels)
        require("Conv", "levels", levels, "> 0")
        if levels.ndim != 1 or not levels.size:
            fail("Conv", "levels", self.levels, "must be a sequence of one number or more")
        object.__setattr__(self, "levels", tuple(levels.tolist()))  # also what JSON gives back
        for name in ("a_plus", "a_minus", "a_plus_max"):
            require("Conv", name, number("Conv", name, getattr(self, name)), "in [0, 1]")
        require("Conv", "theta_plus", number("Conv", "theta_plus", self.theta_plus), ">= 0")
        if self.bound not in {"soft", "multiplicative"}:
            fail("Conv", "bound", self.bound, "must be 'soft' or 'multiplicative'")


class ConvSTDP:
    """Layers that learn features of images without labels.

    Parameters
    ----------
    layers : sequence of Conv, optional
        The first sees on- and off-centre cells, each other one the maps of the layer before. By
        default one layer.
    shape : (height, width)
        Of an image [pixels].
    bins : int
        Time bins of a wave, 1 to 254. Each takes as many input spikes as the next.
    centre, surround : float > 0
        Standard deviations of the two Gaussians [pixels].
    cut : float, in [0, 1]
        On- and off-centre cells that answer with less than this share of the image's strongest
        answer stay silent.
    seed : int in [0, 2**32)
        Of the initial weights, uniform in [0.2, 0.8].
    threads : int
        For everything but learning, which takes one image after the other. Results are the same,
        bit for bit, for any number.

    Attributes
    ----------
    seen : list of int
        How many images each layer has learned from.
    wins : list of array, [maps]
        How often each map won so far.

    Raises
    ------
    ValueError
        An argument breaks its rule, or a layer sees fewer positions than its kernel needs.

    Examples
    --------
    >>> from spikelet.models.conv_stdp import Conv, ConvSTDP
    >>> model = ConvSTDP([Conv(maps=32, kernel=3, window=2, stride=2)], shape=(8, 8))
    >>> model.n_features  # 32 maps in 3 x 3 windows
    288
    """

    def __init__(
        self,
        layers: Sequence[Conv] | None = None,
        *,
        shape: tuple[int, int] = (28, 28),
        bins: int = 15,
        centre: float = 1.0,
        surround: float = 2.0,
        cut: float = 0.02,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.layers = (Conv(),) if layers is None else tuple(layers)
        if not self.layers or not all(isinstance(layer, Conv) for layer in self.layers):
            fail("ConvSTDP", "layers", layers, "must be one Conv or more")
        height, width = (integer("ConvSTDP", "shape", side, 1, 4096) for side in shape)
        self.shape = height, width
        self.bins = integer("ConvSTDP", "bins", bins, 1, SILENT - 1)
        self.seed = integer("ConvSTDP", "seed", seed, 0, 2**32 - 1)
        self.threads = integer("ConvSTDP", "threads", threads, 1, 4096)
        for name, value in (("centre", centre), ("surround", surround)):
            require("ConvSTDP", name, number("ConvSTDP", name, value), "> 0")
        require("ConvSTDP", "cut", number("ConvSTDP", "cut", cut), "in [0, 1]")
        self.centre, self.surround, self.cut = float(centre), float(surround), float(cut)
        self.seen = [0] * len(self.layers)
        self.wins = [np.zeros(layer.maps, np.int64) for layer in self.layers]
        self._cores: list[_core.ConvStdp] = []
        self._sides = [(height, width)]  # of what each layer sees, and of the features
        channels = 2
        for k, layer in enumerate(self.layers):
            if min(self._sides[k]) < layer.kernel:
                rule = f"must leave layer {k} at least {layer.kernel} x {layer.kernel} positions"
                fail("ConvSTDP", "shape and layers", self._sides[k], rule)
            synapses = layer.kernel**2 * channels
            if synapses >= 2**24:
                fail("ConvSTDP", f"synapses of a neuron of layer {k}", synapses, "must be < 2**24")
            # RandomState, unlike Generator, is frozen: the same weights with every numpy.
            weights = np.random.RandomState([self.seed, k]).uniform(
                0.2, 0.8, (layer.kernel, layer.kernel, channels, layer.maps)
            )
            self._cores.append(self._core(k, weights, np.full(layer.maps, layer.threshold)))
            height, width = (
                max(0, side - layer.kernel + 1 - layer.window) // layer.stride + 1
                for side in self._sides[k]
            )
            self._sides.append((height, width))
            channels = layer.maps

    @property
    def weights(self) -> list[Floats]:
        """Each layer's weights, ``[kernel, kernel, channels, maps]``, in [0, 1].

        The first layer's two channels are on- and off-centre cells.
        """
        return [core.weights for core in self._cores]

    @property
    def thresholds(self) -> list[Floats]:
        """Each layer's thresholds, ``[maps]``."""
        return [core.thresholds for core in self._cores]

    @property
    def n_features(self) -> int:
        """How many features `transform` gives for an image."""
        return int(np.prod(self._sides[-1])) * self.layers[-1].maps * len(self.layers[-1].levels)

    def fit(
        self,
        images: ArrayLike,
        *,
        epochs: int = 1,
        progress: Callable[[int, int, int], Any] | None = None,
    ) -> ConvSTDP:
        """Let one layer after the other learn from the images, in their order.

        Images that a layer has seen count: after an interruption, or on a model that was saved
        half-way, the same call goes on where learning stopped, and ends with the same bits.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].
        epochs : int
            How often each layer sees all of them.
        progress : callable, optional
            Called as ``progress(layer, seen, total)`` every few hundred images.

        Returns
        -------
        ConvSTDP
            Itself.
        """
        pictures = self._images("ConvSTDP.fit", images)
        total = integer("ConvSTDP.fit", "epochs", epochs, 0) * len(pictures)
        for k in range(len(self.layers)):
            while self.seen[k] < total:
                at = self.seen[k] % len(pictures)
                self._learn(pictures[at : at + _CHUNK], k)
                if progress is not None:
                    progress(k, self.seen[k], total)
        return self

    def partial_fit(self, images: ArrayLike, layer: int = 0) -> ConvSTDP:
        """Let one layer learn from the images, in their order.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].
        layer : int
            Which; those before it should have learned.

        Returns
        -------
        ConvSTDP
            Itself.
        """
        k = integer("ConvSTDP.partial_fit", "layer", layer, 0, len(self.layers) - 1)
        for part in _parts(self._images("ConvSTDP.partial_fit", images)):
            self._learn(part, k)
        return self

    def transform(self, images: ArrayLike) -> Floats:
        """Return the features of images.

        A feature is the root of a sum over a window of the last layer: 1 for a neuron that fires in
        the first bin, 1 / bins in the last, 0 for one that is silent.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].

        Returns
        -------
        float32 array, [n, n_features]
            In the order rows and columns of the windows, levels, maps.
        """
        pictures = self._images("ConvSTDP.transform", images)
        features = np.empty((len(pictures), self.n_features), np.float32)
        last, layer = len(self.layers) - 1, self.layers[-1]
        answers = self._core(
            last,
            np.concatenate([self.weights[last]] * len(layer.levels), axis=3),
            np.concatenate([self.thresholds[last] * np.float32(level) for level in layer.levels]),
        )
        for at, part in enumerate(_parts(pictures)):
            wave = self._wave(part, last)
            sums = answers.features(wave, layer.window, layer.stride, self.threads)
            np.sqrt(sums.reshape(len(part), -1), out=features[at * _CHUNK :][: len(part)])
        return features

    def waves(self, images: ArrayLike) -> list[Waves]:
        """Return all spikes: those of the on- and off-centre cells, then each layer's.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1]; few, for there is a number for each neuron.

        Returns
        -------
        list of uint8 array, [n, rows, columns, maps]
            The bin in which each neuron fires, 255 if it does not. Not pooled.
        """
        pictures = self._images("ConvSTDP.waves", images)
        spikes = [self._wave(pictures, 0)]
        for k, core in enumerate(self._cores):
            spikes.append(core.respond(self._wave(pictures, k), 1, 1, self.threads))
        return spikes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save everything; a model that is loaded goes on learning as this one would.

        Parameters
        ----------
        path : path-like
            File to write (.npz). It is replaced as a whole, or not at all.
        """
        header = {
            "format": FORMAT,
            "version": _core.__version__,
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
            "seen": self.seen,
            **{name: getattr(self, name) for name in _OPTIONS},
        }
        arrays: dict[str, Any] = {"header": np.array(json.dumps(header))}
        for k, (weights, thresholds) in enumerate(zip(self.weights, self.thresholds, strict=True)):
            arrays |= {
                f"weights{k}": weights,
                f"thresholds{k}": thresholds,
                f"wins{k}": self.wins[k],
            }
        with replaced(path) as file:
            np.savez(file, **arrays)

    @staticmethod
    def load(path: str | os.PathLike[str], *, threads: int = 1) -> ConvSTDP:
        """Load what `save` wrote.

        Parameters
        ----------
        path : path-like
            File to read.
        threads : int
            As in `ConvSTDP`.

        Raises
        ------
        ValueError
            The file is no such file.
        """
        try:
            file = np.load(path, allow_pickle=False)
        except ValueError:
            file = None
        if not isinstance(file, np.lib.npyio.NpzFile) or "header" not in file:
            fail(
                "ConvSTDP.load", "path", os.fspath(path), "must be a file that ConvSTDP.save wrote"
            )
        with file:
            header = json.loads(str(file["header"]))
            if header.get("format") != FORMAT:
                fail("ConvSTDP.load", "format", header.get("format"), f"must be {FORMAT!r}")
            layers = [Conv(**layer) for layer in header["layers"]]
            model = ConvSTDP(layers, threads=threads, **{name: header[name] for name in _OPTIONS})
            model.seen = header["seen"]
            for k in range(len(layers)):
                model._cores[k] = model._core(k, file[f"weights{k}"], file[f"thresholds{k}"])
                model.wins[k] = file[f"wins{k}"]
        return model

    def __repr__(self) -> str:
        maps = " -> ".join(str(layer.maps) for layer in self.layers)
        return f"ConvSTDP({maps} maps, shape={self.shape}, {self.n_features} features, seen={self.seen})"

    # Helpers --------------------------------------------------------------------------------------

    def _images(self, where: str, images: ArrayLike) -> Floats:
        shape, (height, width) = np.shape(images), self.shape
        if len(shape) != 3 or shape[1:] != self.shape:
            fail(where, "images", shape, f"must be [n, {height}, {width}]", got="shape")
        return brightness(where, images, height * width).reshape(shape)

    def _core(self, k: int, weights: NDArray[Any], thresholds: NDArray[Any]) -> _core.ConvStdp:
        return _core.ConvStdp(weights, thresholds, *self._sides[k], self.bins)

    def _wave(self, images: NDArray[Any], layer: int) -> Waves:
        """Return what a layer sees."""
        radius = int(np.ceil(3 * self.centre))
        wave = _core.dog_waves(
            images, self.centre, self.surround, radius, self.cut, self.bins, self.threads
        )
        for spec, core in zip(self.layers[:layer], self._cores, strict=False):
            wave = core.respond(wave, spec.window, spec.stride, self.threads)
        return wave

    def _learn(self, images: NDArray[Any], k: int) -> None:
        layer, waves = self.layers[k], self._wave(images, k)
        while len(waves):
            n, doubled = len(waves), 0
            if layer.double_every:
                doubled, into = divmod(self.seen[k], layer.double_every)
                n = min(n, layer.double_every - into)
            growth = 1.0
            if layer.a_plus > 0:
                growth = max(1.0, min(2.0 ** min(doubled, 64), layer.a_plus_max / layer.a_plus))
            self.wins[k] += self._cores[k].learn(
                waves[:n],
                layer.a_plus * growth,
                layer.a_minus * growth,
                layer.bound == "multiplicative",
                layer.winners,
                layer.radius,
                layer.theta_plus,
                layer.theta_min,
            )
            self.seen[k] += n
            waves = waves[n:]


_OPTIONS = ("shape", "bins", "centre", "surround", "cut", "seed")


def _parts(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for at in range(0, len(images), _CHUNK):
        yield images[at : at + _CHUNK]
