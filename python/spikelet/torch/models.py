"""Spiking networks of the literature, untrained: VGG and SEW-ResNet for images or frames of events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from spikelet._util.checks import fail, integer
from spikelet.torch.blocks import SEWBlock
from spikelet.torch.modules import LIF
from spikelet.torch.norms import tdBN
from spikelet.torch.sparse import SpikeConv2d
from spikelet.torch.time import OverTime

__all__ = ["VGG", "sew_resnet18", "sew_resnet34", "vgg"]

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
    if not callable(neuron):
        what = type(neuron).__name__
        fail(where, "neuron", what, "must be a function that makes neurons", error=TypeError)


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
        If the plan is unknown or empty, or an argument is out of range.
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
    return nn.Sequential(layers)


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
