"""Unsupervised features: convolutional layers that learn by STDP with winner-take-all.

An image passes through the network once, as a wave of spikes. On- and off-centre cells (differences of
Gaussians) fire once each, the strongest first. Layers of non-leaky integrate-and-fire neurons follow,
which share their weights within a map and also fire at most once. While a layer learns, a few neurons
win in each image: the first to fire inhibits all maps around it, and its own map everywhere. Synapses
of a winner grow if their input arrived before its spike, and shrink otherwise. Each map thus learns
inputs that often arrive together: edges, ends and bends of strokes.

After S. R. Kheradpisheh, M. Ganjtabesh, S. J. Thorpe & T. Masquelier, STDP-based spiking deep
convolutional neural networks for object recognition, Neural Networks 99 (2018), and M. Mozafari, M.
Ganjtabesh, A. Nowzari-Dalini & T. Masquelier, SpykeTorch, Front. Neurosci. 13:625 (2019). The
differences are soft bounds by default (a weight settles at the frequency with which its input arrives
in time, instead of at 0 or 1), thresholds that follow the number of wins, so that no map stays idle or
wins all images, and responses that are summed over windows of the image instead of one spike per map.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core
from spikelet._util import reading
from spikelet._util.checks import (
    check_all,
    choice,
    fail,
    integer,
    number,
    numbers,
    read_only,
    require,
)
from spikelet._util.container import Format
from spikelet._util.files import path_of
from spikelet._util.sealed import Sealed, Setting
from spikelet._util.spelling import spelled
from spikelet.models.images import brightness

__all__ = ["Conv", "ConvSTDP"]

Floats = NDArray[np.float32]
Waves = NDArray[np.uint8]

_FORMAT = Format("spikelet conv-stdp", version=2)
SILENT = 255  # in a wave: the neuron does not fire
_LARGEST = 4096  # pixels along a side of an image
_CHUNK = 500  # images in memory at once, and between calls of `progress`


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolutional layer and its learning rule.

    Parameters
    ----------
    maps : int
        Number of features.
    kernel : int
        A neuron receives ``kernel x kernel`` positions of all maps of the previous layer.
    threshold : float
        Threshold before learning, in units of a synapse of full weight (1).
    window, stride : int
        Windows over the positions, in which responses are pooled: the next layer gets the first spike of
        each map, `ConvSTDP.transform` the sum of the earliness of its spikes. Windows overlap if the stride
        is smaller than the window.
    levels : sequence of float > 0
        In `ConvSTDP.transform`, each map has one neuron per level at each position, whose threshold is
        this multiple of the learned one. The readout then sees the strength of a response, not only when
        it crosses one threshold; the number of features grows with the number of levels.
    a_plus, a_minus : float >= 0
        Weight increment and decrement, times ``1 - w`` and ``w`` if `bound` is ``"soft"``, times
        ``w (1 - w)`` if it is ``"multiplicative"`` (the rule of the papers: weights end at 0 or 1).
    bound : "soft" or "multiplicative"
    double_every : int
        Both amplitudes double after every `double_every` images; 0 keeps them constant.
    a_plus_max : float
        Upper limit of `a_plus` when it doubles.
    winners : int
        Largest number of neurons that learn from an image.
    radius : int
        Radius within which a winner inhibits the other maps, in positions.
    theta_plus : float >= 0
        Homeostasis: a win raises the threshold of the map by `theta_plus` and lowers all others, so that
        the mean stays constant.
    theta_min : float > 0
        Lower limit of thresholds.
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
            integer("Conv", name, getattr(self, name), 0, 2**53)
        for name in ("threshold", "theta_min"):
            require("Conv", name, number("Conv", name, getattr(self, name)), "> 0")
        levels = numbers("Conv", "levels", self.levels)
        require("Conv", "levels", levels, "> 0")
        if levels.ndim != 1 or not levels.size:
            fail("Conv", "levels", self.levels, "must be a sequence of one number or more")
        object.__setattr__(self, "levels", tuple(levels.tolist()))  # JSON gives back a list
        for name in ("a_plus", "a_minus", "a_plus_max"):
            require("Conv", name, number("Conv", name, getattr(self, name)), "in [0, 1]")
        require("Conv", "theta_plus", number("Conv", "theta_plus", self.theta_plus), ">= 0")
        choice("Conv", "bound", self.bound, "soft", "multiplicative")


class ConvSTDP(Sealed):
    """Layers that learn features of images without labels.

    Parameters
    ----------
    layers : sequence of Conv, optional
        The first layer receives on- and off-centre cells, each other layer the maps of the previous one.
        By default one layer.
    shape : (height, width)
        Size of an image [pixels].
    bins : int
        Number of time bins of a wave, 1 to 254. All bins get the same number of input spikes.
    center, surround : float > 0
        Standard deviations of the two Gaussians [pixels].
    cut : float, in [0, 1]
        On- and off-centre cells stay silent if they respond with less than this fraction of the strongest
        response in the image.
    seed : int in [0, 2**32)
        Random seed of the initial weights, uniform in [0.2, 0.8].
    threads : int
        Number of threads for everything but learning, which processes images one after another. Results
        are bit-identical for any number.

    Raises
    ------
    ValueError
        An argument breaks its rule, or the input of a layer is smaller than its kernel.

    Examples
    --------
    >>> from spikelet.models.conv_stdp import Conv, ConvSTDP
    >>> model = ConvSTDP([Conv(maps=32, kernel=3, window=2, stride=2)], shape=(8, 8))
    >>> model.n_features  # 32 maps in 3 x 3 windows
    288
    """

    layers: tuple[Conv, ...]
    shape: tuple[int, int]
    bins: int
    seed: int
    center: float
    surround: float
    cut: float
    threads = Setting(lambda where, name, value: integer(where, name, value, 1, 4096))

    _instead: ClassVar = {
        "weights": "fit() learns them",
        "thresholds": "fit() learns them",
        "seen": "fit() counts the images",
        "wins": "fit() counts the wins",
        "": "it is fixed when the model is made; make another, with ConvSTDP()",
    }

    @spelled
    def __init__(
        self,
        layers: Sequence[Conv] | None = None,
        *,
        shape: tuple[int, int] = (28, 28),
        bins: int = 15,
        center: float = 1.0,
        surround: float = 2.0,
        cut: float = 0.02,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.layers = (Conv(),) if layers is None else tuple(layers)
        if not self.layers or not all(isinstance(layer, Conv) for layer in self.layers):
            fail("ConvSTDP", "layers", layers, "must be one Conv or more")
        height, width = (integer("ConvSTDP", "shape", side, 1, _LARGEST) for side in shape)
        self.shape = height, width
        self.bins = integer("ConvSTDP", "bins", bins, 1, SILENT - 1)
        self.seed = integer("ConvSTDP", "seed", seed, 0, 2**32 - 1)
        self.threads = threads
        for name, value in (("center", center), ("surround", surround)):
            require("ConvSTDP", name, number("ConvSTDP", name, value), "> 0")
        if center > _LARGEST:
            fail("ConvSTDP", "center", center, f"must be at most {_LARGEST} pixels, as the image")
        require("ConvSTDP", "cut", number("ConvSTDP", "cut", cut), "in [0, 1]")
        self.center, self.surround, self.cut = float(center), float(surround), float(cut)
        self._seen = [0] * len(self.layers)
        self._wins = [np.zeros(layer.maps, np.int64) for layer in self.layers]
        self._cores: list[_core.ConvStdp] = []
        self._sides = [(height, width)]  # sizes of the input of each layer, and of the features
        channels = 2
        for k, layer in enumerate(self.layers):
            if min(self._sides[k]) < layer.kernel:
                rule = f"must leave layer {k} at least {layer.kernel} x {layer.kernel} positions"
                fail("ConvSTDP", "shape and layers", self._sides[k], rule)
            synapses = layer.kernel**2 * channels
            if synapses >= 2**24:
                fail("ConvSTDP", f"synapses of a neuron of layer {k}", synapses, "must be < 2**24")
            # RandomState is frozen, unlike Generator: weights are the same with every version of numpy.
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
    def seen(self) -> tuple[int, ...]:
        """Number of images that each layer has learned from."""
        return tuple(self._seen)

    @property
    def wins(self) -> tuple[NDArray[np.int64], ...]:
        """Number of wins of each map of each layer, [maps], read-only."""
        return tuple(read_only(wins.copy()) for wins in self._wins)

    @property
    def weights(self) -> tuple[Floats, ...]:
        """Weights of each layer, ``[kernel, kernel, channels, maps]``, in [0, 1], read-only.

        The two channels of the first layer are on- and off-centre cells.
        """
        return tuple(read_only(core.weights) for core in self._cores)

    @property
    def thresholds(self) -> tuple[Floats, ...]:
        """Thresholds of each layer, ``[maps]``, read-only."""
        return tuple(read_only(core.thresholds) for core in self._cores)

    @property
    def n_features(self) -> int:
        """Number of features that `transform` returns for an image."""
        return int(np.prod(self._sides[-1])) * self.layers[-1].maps * len(self.layers[-1].levels)

    def fit(
        self,
        images: ArrayLike,
        *,
        epochs: int = 1,
        progress: Callable[[int, int, int], Any] | None = None,
    ) -> ConvSTDP:
        """Train one layer after another on the images, in their order.

        Images that a layer has already seen count: after an interruption, or on a saved model, the same call
        resumes where learning stopped, and the result is the same bit for bit.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].
        epochs : int
            Number of passes over the images for each layer.
        progress : callable, optional
            Called as ``progress(layer, seen, total)`` every few hundred images.

        Returns
        -------
        ConvSTDP
            The model itself.
        """
        pixels = self._images("ConvSTDP.fit", images)
        total = integer("ConvSTDP.fit", "epochs", epochs, 0) * len(pixels)
        for k in range(len(self.layers)):
            while self._seen[k] < total:
                at = self._seen[k] % len(pixels)
                self._learn(pixels[at : at + _CHUNK], k)
                if progress is not None:
                    progress(k, self._seen[k], total)
        return self

    def partial_fit(self, images: ArrayLike, layer: int = 0) -> ConvSTDP:
        """Train one layer on the images, in their order.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].
        layer : int
            Index of the layer; earlier layers should have been trained.

        Returns
        -------
        ConvSTDP
            The model itself.
        """
        k = integer("ConvSTDP.partial_fit", "layer", layer, 0, len(self.layers) - 1)
        for part in _parts(self._images("ConvSTDP.partial_fit", images)):
            self._learn(part, k)
        return self

    def transform(self, images: ArrayLike) -> Floats:
        """Return the features of images.

        A feature is the square root of a sum over a window of the last layer, in which a neuron counts 1 if it
        fires in the first bin, 1 / bins in the last bin, and 0 if it is silent.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1].

        Returns
        -------
        float32 array, [n, n_features]
            Features in the order of window rows, window columns, levels and maps.
        """
        pixels = self._images("ConvSTDP.transform", images)
        features = np.empty((len(pixels), self.n_features), np.float32)
        last, layer = len(self.layers) - 1, self.layers[-1]
        answers = self._core(
            last,
            np.concatenate([self.weights[last]] * len(layer.levels), axis=3),
            np.concatenate([self.thresholds[last] * np.float32(level) for level in layer.levels]),
        )
        for at, part in enumerate(_parts(pixels)):
            wave = self._wave(part, last)
            sums = answers.features(wave, layer.window, layer.stride, self.threads)
            np.sqrt(sums.reshape(len(part), -1), out=features[at * _CHUNK :][: len(part)])
        return features

    def waves(self, images: ArrayLike) -> list[Waves]:
        """Return all spikes: those of the on- and off-centre cells, then those of each layer.

        Parameters
        ----------
        images : array-like, [n, height, width]
            uint8, or numbers in [0, 1]; only a few, since the result has a number for each neuron.

        Returns
        -------
        list of uint8 array, [n, rows, columns, maps]
            The bin in which each neuron fires, or 255 if it does not; not pooled.
        """
        pixels = self._images("ConvSTDP.waves", images)
        spikes = [self._wave(pixels, 0)]
        for k, core in enumerate(self._cores):
            spikes.append(core.respond(self._wave(pixels, k), 1, 1, self.threads))
        return spikes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model; a loaded model continues learning as this one would.

        Parameters
        ----------
        path : path-like
            File to write (.npz); it is replaced atomically.
        """
        target = path_of("ConvSTDP.save", path)
        header, arrays = self._stored()
        _FORMAT.save(target, header, arrays)

    @staticmethod
    def load(path: str | os.PathLike[str], *, threads: int = 1) -> ConvSTDP:
        """Load a saved model.

        Parameters
        ----------
        path : path-like
            File to read.
        threads : int
            As in `ConvSTDP`.

        Raises
        ------
        ValueError
            The file was not written by `save`.
        """
        where = "ConvSTDP.load"
        path = path_of(where, path)
        integer(where, "threads", threads, 1, 4096)
        with reading.refusing(where, path):
            header, arrays = _FORMAT.load(path)
            for name in ("format", "version", "arrays"):
                header.pop(name, None)
            return ConvSTDP._restored(header, arrays, threads)

    def __repr__(self) -> str:
        maps = " -> ".join(str(layer.maps) for layer in self.layers)
        return f"ConvSTDP({maps} maps, shape={self.shape}, {self.n_features} features, seen={self._seen})"

    def __reduce__(self) -> Any:
        return ConvSTDP._restored, (*self._stored(), self.threads)

    # Helpers --------------------------------------------------------------------------------------

    def _stored(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a file holds: a header and arrays, which are copies."""
        header = {
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
            "seen": list(self._seen),
            **{name: getattr(self, name) for name in _OPTIONS},
        }
        arrays: dict[str, Any] = {}
        for k, (weights, thresholds) in enumerate(zip(self.weights, self.thresholds, strict=True)):
            arrays |= {
                f"weights{k}": weights.copy(),
                f"thresholds{k}": thresholds.copy(),
                f"wins{k}": self.wins[k].copy(),
            }
        return header, arrays

    @staticmethod
    def _restored(header: dict[str, Any], arrays: dict[str, Any], threads: int) -> ConvSTDP:
        """Return a model of a stored header and arrays, after comparing them with each other."""
        if header.keys() != {"layers", "seen", *_OPTIONS}:
            fail("header", "fields", sorted(header), "must be those of ConvSTDP.save")
        layers = [Conv(**layer) for layer in header["layers"]]
        seen = header["seen"]
        if len(seen) != len(layers) or not all(type(n) is int and 0 <= n < 2**63 for n in seen):
            fail("header", "seen", seen, "must be an integer >= 0 for each layer")
        # Before there is a model: it draws weights of the sizes that the header states.
        channels, names = 2, set()
        for k, layer in enumerate(layers):
            shape = (layer.kernel, layer.kernel, channels, layer.maps)
            _check_stored(arrays, f"weights{k}", np.dtype(np.float32), shape, 0, 1)
            _check_stored(arrays, f"thresholds{k}", np.dtype(np.float32), shape[3:], 0, np.inf)
            _check_stored(arrays, f"wins{k}", np.dtype(np.int64), shape[3:], 0, 2**63 - 1)
            names |= {f"weights{k}", f"thresholds{k}", f"wins{k}"}
            channels = layer.maps
        if names != arrays.keys():
            fail("file", "arrays", sorted(arrays), "must be those of its layers")
        model = ConvSTDP(layers, threads=threads, **{name: header[name] for name in _OPTIONS})
        model._seen = seen
        for k in range(len(layers)):
            model._cores[k] = model._core(k, arrays[f"weights{k}"], arrays[f"thresholds{k}"])
            model._wins[k] = arrays[f"wins{k}"].copy()
        return model

    def _images(self, where: str, images: ArrayLike) -> Floats:
        shape, (height, width) = np.shape(images), self.shape
        if len(shape) != 3 or shape[1:] != self.shape:
            fail(where, "images", shape, f"must be [n, {height}, {width}]", got="shape")
        return brightness(where, images, height * width).reshape(shape)

    def _core(self, k: int, weights: NDArray[Any], thresholds: NDArray[Any]) -> _core.ConvStdp:
        return _core.ConvStdp(weights, thresholds, *self._sides[k], self.bins)

    def _wave(self, images: NDArray[Any], layer: int) -> Waves:
        """Return the input of a layer."""
        radius = int(np.ceil(3 * self.center))
        wave = _core.dog_waves(
            images, self.center, self.surround, radius, self.cut, self.bins, self.threads
        )
        for spec, core in zip(self.layers[:layer], self._cores, strict=False):
            wave = core.respond(wave, spec.window, spec.stride, self.threads)
        return wave

    def _learn(self, images: NDArray[Any], k: int) -> None:
        layer, waves = self.layers[k], self._wave(images, k)
        while len(waves):
            n, doubled = len(waves), 0
            if layer.double_every:
                doubled, into = divmod(self._seen[k], layer.double_every)
                n = min(n, layer.double_every - into)
            growth = 1.0
            if layer.a_plus > 0:
                growth = max(1.0, min(2.0 ** min(doubled, 64), layer.a_plus_max / layer.a_plus))
            self._wins[k] += self._cores[k].learn(
                waves[:n],
                layer.a_plus * growth,
                layer.a_minus * growth,
                layer.bound == "multiplicative",
                layer.winners,
                layer.radius,
                layer.theta_plus,
                layer.theta_min,
            )
            self._seen[k] += n
            waves = waves[n:]


_OPTIONS = ("shape", "bins", "center", "surround", "cut", "seed")


def _check_stored(
    arrays: dict[str, Any],
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    low: float,
    high: float,
) -> None:
    array = arrays[name]
    if (array.dtype, array.shape) != (dtype, shape):
        got = (str(array.dtype), array.shape)
        fail("file", name, got, f"must be {dtype} of shape {shape}")
    check_all("file", name, array, (array >= low) & (array <= high), f"must lie in [{low}, {high}]")


def _parts(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for at in range(0, len(images), _CHUNK):
        yield images[at : at + _CHUNK]
