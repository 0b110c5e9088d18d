"""``spikelet demo``: the network of `spikelet.models.stdp_digits` learns real digits."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikelet import datasets, plot
from spikelet.models import stdp_digits as model

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.progress import Progress

__all__ = ["Result", "draw", "run"]

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What came of it.

    Attributes
    ----------
    accuracy : float
        Share of the held-out digits that were read correctly.
    seconds : float
        From the first training image to the last test image.
    work : Work
        What was simulated in that time.
    """

    accuracy: float
    seconds: float
    work: model.Work


def run(
    *,
    data: Path | None = None,
    out: Path = Path("spikelet-demo.png"),
    seed: int = 0,
    n_neurons: int | None = None,
    n_images: int | None = None,
    threads: int = 1,
) -> Result:
    """Train, test, say how it went, and draw a picture.

    Parameters
    ----------
    data : path, optional
        Folder with MNIST's IDX files; by default scikit-learn's 8x8 digits are used.
    out : path
        Picture to write.
    seed : int
        Of all that is random.
    n_neurons, n_images : int, optional
        Number of neurons and of training images; by default 100 and all, for MNIST 400 and 10 000.
    threads : int
        The result does not depend on it.

    Returns
    -------
    Result

    Raises
    ------
    ImportError
        If rich, matplotlib or scikit-learn is missing.
    FileNotFoundError
        If there are no data, or no folder to write the picture to.
    """
    _require("rich", "matplotlib", *([] if data else ["sklearn"]))
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"no folder {out.absolute().parent} to write the picture to")
    from rich.progress import Progress  # noqa: PLC0415  # an extra

    n_neurons = n_neurons or (400 if data else 100)
    train_images, train_labels = datasets.load(data, "train")
    available = len(train_images)
    n_images = min(n_images or (10_000 if data else available), available)
    train_images, train_labels = train_images[:n_images], train_labels[:n_images]
    test_images, test_labels = datasets.load(data, "test")
    passes = 1 if n_images > 5000 else 3
    _introduce(train_images, available, passes, len(test_images), n_neurons, data)

    start = time.perf_counter()
    rates, test_rates = model.pixel_rates(train_images), model.pixel_rates(test_images)
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(n_images) for _ in range(passes)])
    with Progress(*_columns()) as progress:
        shown = _track(progress, "learning", order)
        learner = model.train(rates, n_neurons, shown, seed=seed, threads=threads)
        reader = learner.frozen(seed + 1, threads)
        counts = model.respond(reader, _track(progress, "naming the neurons", rates))
        shares = model.assign(counts, train_labels)
        counts = model.respond(reader, _track(progress, "reading new digits", test_rates))
    read = model.classify(counts, shares)
    accuracy = float(np.mean(read == test_labels))
    result = Result(accuracy, time.perf_counter() - start, learner.work + reader.work)
    _report(result, len(test_images))

    examples = [int(np.argmax(test_labels == digit)) for digit in range(10)]
    figure = draw(learner.frozen(seed + 2), shares, test_images[examples], read[examples])
    figure.savefig(out, dpi=120)
    print(f"Picture: {out}")
    return result


def draw(
    network: model.DigitNetwork,
    shares: NDArray[np.float64],
    images: NDArray[np.float32],
    read: NDArray[np.int64],
) -> Figure:
    """Draw the network while it looks at some images, and what it has learned.

    Parameters
    ----------
    network : DigitNetwork
        A frozen one, fresh.
    shares : array, [n_neurons, 10]
        Which digits the neurons stand for, see `spikelet.models.stdp_digits.assign`.
    images : array, [n, height, width]
        What to show.
    read : array, [n]
        What the network took them for.

    Returns
    -------
    Figure
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  # an extra

    net = network.net
    input_spikes = net.record(network.pixels, "spikes")
    spikes = net.record(network.neurons, "spikes")
    potentials = net.record(network.neurons, "V_m")
    for rates in model.pixel_rates(images):
        network.show(rates, model.TEST_FOR)
    period = model.TEST_FOR + model.PAUSE
    digit = shares.argmax(axis=1)
    by_digit = np.argsort(digit, kind="stable")

    figure = Figure(figsize=(15, 8.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    top, pixels, neurons, membrane = left.subplots(
        4, 1, sharex=True, height_ratios=(0.55, 1.2, 1.8, 1.3)
    )
    top.set(yticks=[], ylim=(0, 1), title="Held-out digits, as shown and as read")
    top.spines[:].set_visible(False)
    top.tick_params(bottom=False, labelbottom=False)
    for k, (image, answer) in enumerate(zip(images, read, strict=True)):
        x = k * period
        inset = top.inset_axes((x, 0.0, 0.55 * period, 1.0), transform=top.transData)
        inset.imshow(image, cmap="gray_r")
        inset.set_axis_off()
        top.text(x + 0.6 * period, 0.5, f"{answer}", color=f"C{answer}", size=15, weight="bold", va="center")
    for ax in (pixels, neurons, membrane):
        for k in range(len(images)):
            ax.axvspan(k * period, k * period + model.TEST_FOR, color="0.95", linewidth=0)

    plot.raster(input_spikes, ax=pixels, s=0.8, color="0.35")
    pixels.set(title="Pixels: Poisson spikes, the more the brighter", ylabel="pixel", xlabel="")
    rank = np.argsort(by_digit)
    colours = [f"C{d}" for d in digit[spikes.ids]]
    plot.raster(spikes.times, rank[spikes.ids], ax=neurons, s=22, marker="|", linewidths=1.6, c=colours)
