"""Spiking networks of the literature, untrained, for images or frames of events: VGG, SEW-ResNet and a transformer."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.arguments import require_kind
from spikelet.torch.blocks import PotentialShortcut, SEWBlock, SpikeAttention
from spikelet.torch.modules import LIF
from spikelet.torch.norms import tdBN
from spikelet.torch.sparse import SpikeConv2d
from spikelet.torch.time import OverTime

VGG: dict[str, tuple[int | str, ...]] = {
    "vgg5": (64, "pool", 128, 128, "pool"),
    "vgg9": (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool"),
    "vgg11": (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
}
"""Output channels of the 3x3 convolutions, and where pools halve the image."""

Make = Callable[[], nn.Module]


def _neuron() -> nn.Module:
    return LIF(tau_m=2.0)


def _convolution(
    channels: int, outputs: int, neuron: Make, stride: int = 1, kernel: int = 3, alpha: float = 1.0
) -> nn.Sequential:
    conv = SpikeConv2d(channels, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=tdBN(outputs, alpha=alpha), neuron=neuron()))


def _checked(where: str, channels: int, classes: int, neuron: Make) -> None:
    integer(where, "channels", channels, 1)
    integer(where, "classes", classes, 1)
    require_kind(where, "neuron", neuron, Callable, "a function that makes neurons")


def vgg(
    plan: str | Sequence[int | str],
    channels: int = 3,
    classes: int = 10,
    *,
    neuron: Make = _neuron,
) -> nn.Sequential:
    """Return a spiking VGG: [T, B, channels, height, width] to potentials of the classes [T, B, classes].

    Convolutions, `tdBN`, neurons and pools of averages, then the mean over the image and one linear layer, whose outputs
    are to be averaged over the steps.

    Parameters
    ----------
    plan : "vgg5", "vgg9", "vgg11", or sequence
        Output channels of the convolutions, and "pool", as in `VGG`.
    channels, classes : int
    neuron : callable
        Makes the neurons of a layer; by default ``LIF(tau_m=2.0)``.

    Raises
    ------
    ValueError, TypeError
        If the plan is unknown or empty, or an argument is out of range; in a call, if an image is smaller than its pools.
    """
    _checked("vgg", channels, classes, neuron)
    if isinstance(plan, str):
        if plan not in VGG:
            fail("vgg", "plan", plan, f"must be {', '.join(VGG)} or a sequence")
        plan = VGG[plan]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width = channels
    for k, item in enumerate(plan):
        if item == "pool":
            layers[f"pool{k}"] = OverTime(nn.AvgPool2d(2))
            continue
        outputs = integer("vgg", f"plan[{k}]", item, 1)
        layers[f"layer{k}"] = _convolution(width, outputs, neuron)
        width = outputs
    if not layers:
        fail("vgg", "plan", plan, "must have at least one layer")
    layers["head"] = _head(width, classes)
    return _halving("vgg", layers, sum(item == "pool" for item in plan))


def _halving(where: str, layers: OrderedDict[str, nn.Module], pools: int) -> nn.Sequential:
    """Return a network that refuses images of which its pools would leave nothing."""
    network = nn.Sequential(layers)
    network.register_forward_pre_hook(
        functools.partial(_require_size, where, pools), with_kwargs=True
    )
    return network


def _require_size(
    where: str, pools: int, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> None:
    x = inputs[0] if inputs else named.get("input")
    if not isinstance(x, Tensor) or x.ndim < 3:
        return  # the first layer names what is wrong
    height, width = x.shape[-2:]
    least = 2**pools
    if min(height, width) < least:
        rule = f"must have images of {least} x {least} pixels or more, because {pools} pools halve them"
        fail(where, "x", (int(height), int(width)), rule, got="size")


def _head(width: int, classes: int) -> nn.Sequential:
    pool = OverTime(nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(
        OrderedDict(pool=pool, flat=nn.Flatten(2), linear=nn.Linear(width, classes))
    )


def _sew_resnet(
    where: str, blocks: Sequence[int], channels: int, classes: int, width: int, neuron: Make
) -> nn.Sequential:
    _checked(where, channels, classes, neuron)
    width = integer(where, "width", width, 1)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem"] = _convolution(channels, width, neuron)
    inputs = width
    for stage, number in enumerate(blocks):
        outputs = width * 2**stage
        for k in range(number):
            stride = 2 if stage > 0 and k == 0 else 1
            body = nn.Sequential(
                OrderedDict(
                    first=_convolution(inputs, outputs, neuron, stride),
                    second=_convolution(outputs, outputs, neuron),
                )
            )
            same = stride == 1 and inputs == outputs
            shortcut = None if same else _convolution(inputs, outputs, neuron, stride, kernel=1)
            layers[f"block{stage}_{k}"] = SEWBlock(body, shortcut)
            inputs = outputs
    layers["head"] = _head(inputs, classes)
    return nn.Sequential(layers)


def sew_resnet18(
    channels: int = 3, classes: int = 10, *, width: int = 64, neuron: Make = _neuron
) -> nn.Sequential:
    """Return a SEW-ResNet-18 for small images: [T, B, channels, height, width] to potentials [T, B, classes].

    A 3x3 convolution, and `SEWBlock` of two 3x3 convolutions in four stages with 1, 2, 4 and 8 times `width` channels, the
    last three of which halve the image.

    Parameters
    ----------
    channels, classes, width : int
    neuron : callable
        Makes the neurons of a layer; by default ``LIF(tau_m=2.0)``.

    References
    ----------
    Fang et al., "Deep residual learning in spiking neural networks", NeurIPS 2021.
    """
    return _sew_resnet("sew_resnet18", (2, 2, 2, 2), channels, classes, width, neuron)


def sew_resnet34(
    channels: int = 3, classes: int = 10, *, width: int = 64, neuron: Make = _neuron
) -> nn.Sequential:
    """Return a SEW-ResNet-34; see `sew_resnet18`."""
    return _sew_resnet("sew_resnet34", (3, 4, 6, 3), channels, classes, width, neuron)


def spikformer(
    channels: int = 3,
    classes: int = 10,
    *,
    width: int = 64,
    depth: int = 2,
    heads: int = 8,
    ratio: int = 4,
    halvings: int = 2,
    attention: Literal["driven", "product"] = "driven",
    neuron: Make = _neuron,
) -> nn.Sequential:
    """Return a small spiking transformer: [T, B, channels, height, width] to potentials of the classes [T, B, classes].

    A stem of 3x3 convolutions, `tdBN`, neurons and max pools makes tokens, [T, B, width, height / 2^h, width of the
    image / 2^h] with h = `halvings`; one more convolution adds their relative positions. Then `depth` times
    `SpikeAttention` and two layers of 1x1 convolutions with ``ratio width`` channels between them, each around a
    `PotentialShortcut`; the mean over tokens, and one linear layer, whose outputs are to be averaged over the steps.
    Layers exchange only spikes.

    Parameters
    ----------
    channels, classes : int
    width : int
        Channels of a token, divisible by ``2^(halvings - 1)`` and by `heads`.
    depth, heads, ratio, halvings : int >= 1
    attention : "driven" or "product"
        Spike-driven attention (Yao et al.), or that of Spikformer (Zhou et al.); see `SpikeAttention`.
    neuron : callable
        Makes the neurons of a layer; by default ``LIF(tau_m=2.0)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    Yao et al., "Spike-driven transformer", NeurIPS 2023; Zhou et al., "Spikformer: when spiking neural network meets
    transformer", ICLR 2023.
    """
    where = "spikformer"
    _checked(where, channels, classes, neuron)
    sizes = {"width": width, "depth": depth, "heads": heads, "ratio": ratio, "halvings": halvings}
    for name, size in sizes.items():
        integer(where, name, size, 1)
    choice(where, "attention", attention, "driven", "product")
    for name, divisor in (("heads", heads), ("halvings", 2 ** (halvings - 1))):
        if width % divisor:
            fail(where, "width", width, f"must be divisible by {divisor}, because of {name}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = channels
    for k in range(halvings):
        outputs = width >> (halvings - 1 - k)
        layers[f"stem{k}"] = _convolution(inputs, outputs, neuron)
        layers[f"pool{k}"] = OverTime(nn.MaxPool2d(2))
        inputs = outputs
    layers["tokens"] = nn.Sequential(
        SpikeConv2d(width, width, 3, padding=1, bias=False), tdBN(width)
    )
    layers["positions"] = PotentialShortcut(_charged(width, width, neuron, kernel=3))
    for k in range(depth):
        meeting = SpikeAttention(width, heads, kind=attention, neuron=neuron)
        layers[f"attention{k}"] = PotentialShortcut(nn.Sequential(neuron(), meeting))
        wide = ratio * width
        mixing = [*_charged(width, wide, neuron), *_charged(wide, width, neuron)]
        layers[f"mixing{k}"] = PotentialShortcut(nn.Sequential(*mixing))
    layers["neuron"] = neuron()
    layers["head"] = _head(width, classes)
    return _halving(where, layers, halvings)


def _charged(inputs: int, outputs: int, neuron: Make, kernel: int = 1) -> nn.Sequential:
    """Return neurons and the potentials that they charge."""
    conv = SpikeConv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(neuron=neuron(), conv=conv, norm=tdBN(outputs)))
