"""The same networks of modules that every program's converter or user can replace one by one.

SpikingJelly converts nn.ReLU and refuses padding layers, subclasses of convolutions and sigmoids;
snnTorch has no converter. Both get a network that computes the same values with what they know.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from networks import ZeroPaddedShortcut
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator


def plain(net: nn.Module) -> nn.Module:
    """Return a network of standard modules whose outputs are those of `net`, before a final sigmoid.

    Padding moves into convolutions, as zeros around their weights, a shortcut without parameters
    becomes a 1 x 1 convolution, and a ReLU6 an nn.ReLU with a hook that bounds its output.
    """
    net = copy.deepcopy(net)
    for path, module in list(net.named_modules()):
        if isinstance(module, ZeroPaddedShortcut):
            _replace(net, path, _shortcut(module.channels))
        elif isinstance(module, nn.Conv2d) and hasattr(module, "static_padding"):
            pad = module.static_padding
            pads = tuple(pad.padding) if isinstance(pad, nn.ZeroPad2d) else (0, 0, 0, 0)
            _replace(net, path, _padded(module, pads))
        elif isinstance(module, nn.Sequential) and isinstance(
            getattr(module, "pad", None), nn.ZeroPad2d
        ):
            module.conv = _padded(module.conv, tuple(module.pad.padding))
            module.pad = nn.Identity()
        elif isinstance(module, nn.Sigmoid):
            _replace(net, path, nn.Identity())
        elif hasattr(module, "_swish"):  # EfficientNet uses one activation several times
            _split_activations(module)
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.ReLU6):
            _replace(net, path, capped())
    return net.eval()


def capped() -> nn.ReLU:
    """Return a ReLU whose output a hook bounds by 6 while it calibrates thresholds."""
    relu = nn.ReLU()
    relu.register_forward_hook(lambda _module, _inputs, output: output.clamp(max=6.0))
    return relu


class _InTurn(nn.Module):
    """Stand for one activation that is used several times: each call takes the next module."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.each = nn.ModuleList([nn.ReLU6() for _ in range(count)])
        self.next = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the activations."""
        module = self.each[self.next % len(self.each)]
        self.next += 1
        return module(x)


def _split_activations(owner: nn.Module) -> None:
    owner._swish = _InTurn(2 if hasattr(owner, "_expand_conv") or hasattr(owner, "_fc") else 1)


def _replace(net: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, new)


def _shortcut(channels: int) -> nn.Conv2d:
    """Return the convolution that takes every second pixel, with `channels` zeros on both sides."""
    conv = nn.Conv2d(2 * channels, 4 * channels, 1, 2, bias=False).requires_grad_(False)
    weight = torch.zeros(4 * channels, 2 * channels, 1, 1)
    weight[channels : 3 * channels, :, 0, 0] = torch.eye(2 * channels)
    conv.weight.data = weight
    return conv


def _padded(conv: nn.Conv2d, pads: tuple[int, ...]) -> nn.Conv2d:
    """Return a convolution that includes the zeros (left, right, top, bottom) around its input."""
    left, right, top, bottom = pads
    width, height = max(left, right), max(top, bottom)
    edges = (width - left, width - right, height - top, height - bottom)
    weight = nn.functional.pad(conv.weight.data, edges)
    new = nn.Conv2d(
        conv.in_channels, conv.out_channels, tuple(weight.shape[2:]), conv.stride, (height, width),
        groups=conv.groups, bias=conv.bias is not None,
    ).requires_grad_(False)  # fmt: skip
    new.weight.data = weight
    if conv.bias is not None:
        new.bias.data = conv.bias.data
    return new


def relus(net: nn.Module) -> Iterator[tuple[str, nn.ReLU]]:
    """Yield the path and the module of each ReLU of a plain network."""
    for path, module in net.named_modules():
        if isinstance(module, nn.ReLU):
            yield path, module
