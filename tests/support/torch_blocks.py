"""The building blocks of well-known architectures, small, as their authors' libraries write them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

Tensor = torch.Tensor


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018)."""

    def __init__(self, channels: int, gate: Any) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)
        self.activation, self.scale = nn.ReLU(), gate()

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(self.fc2(self.activation(self.fc1(self.avgpool(x))))) * x


def _normed(*args: Any, act: Any = None, **kwargs: Any) -> nn.Sequential:
    layers = [nn.Conv2d(*args, bias=False, **kwargs), nn.BatchNorm2d(args[1])]
    return nn.Sequential(*layers, *([act()] if act else []))


class InvertedResidual(nn.Module):
    """Of MobileNetV2 and V3, EfficientNet and MNASNet."""

    def __init__(self, act: Any, gate: Any = None) -> None:
        super().__init__()
        inner = [_normed(4, 8, 1, act=act), _normed(8, 8, 3, padding=1, groups=8, act=act)]
        inner += [Gate(8, gate)] if gate else []
        self.block = nn.Sequential(*inner, _normed(8, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class ConvNeXtBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(4, 4, 7, padding=3, groups=4)
        self.norm = nn.LayerNorm(4, eps=1e-6)
        self.fc1, self.fc2 = nn.Linear(4, 16), nn.Linear(16, 4)
        self.gamma = nn.Parameter(torch.tensor([0.5, 1.0, -0.3, 2.0]))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.fc2(F.gelu(self.fc1(y)))
        return x + y.permute(0, 3, 1, 2)


class VisionTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.linspace(-1, 1, 8).reshape(1, 1, 8))
        self.positions = nn.Parameter(torch.linspace(-1, 1, 40).reshape(1, 5, 8))
        self.norm1, self.norm2, self.norm = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        torch._assert(h == w, "images must be square")
        x = self.proj(x).reshape(n, 8, -1).permute(0, 2, 1)
        x = torch.cat([self.token.expand(n, -1, -1), x], dim=1) + self.positions
        y = self.norm1(x)
        y, _ = self.attention(y, y, y, need_weights=False)
        x = x + y
        x = self.norm(x + self.mlp(self.norm2(x)))
        return self.head(x[:, 0])


class SwinBlock(nn.Module):
    """Shifted windows; the bias of relative positions is looked up in a table."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift, self.norm = shift, nn.LayerNorm(4)
        self.qkv, self.proj = nn.Linear(4, 12), nn.Linear(4, 4)
        self.table = nn.Parameter(torch.linspace(-1, 1, 98).reshape(49, 2))
        grid = torch.stack(torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"))
        apart = grid.flatten(1)[:, :, None] - grid.flatten(1)[:, None] + 3
        self.register_buffer("index", (apart[0] * 7 + apart[1]).flatten())

    def forward(self, x: Tensor) -> Tensor:
        shortcut, s = x, self.shift
        b, h, w, c = x.shape
        x = self.norm(x)
        x = F.pad(x, (0, 0, 0, -w % 4, 0, -h % 4))
        _, high, wide, _ = x.shape
        x = torch.roll(x, (-s, -s), (1, 2))
        count = high // 4 * (wide // 4)
        x = x.view(b, high // 4, 4, wide // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        q, k, v = self.qkv(x).reshape(b * count, 16, 3, 2, 2).permute(2, 0, 3, 1, 4)
        scores = (q * 2**-0.5).matmul(k.transpose(-2, -1))
        scores = scores + self.table[self.index].view(16, 16, 2).permute(2, 0, 1)[None]
        if s:
            mask = x.new_zeros((high, wide))
            edges = ((0, -4), (-4, -s), (-s, None))
            for i, rows in enumerate(edges):
                for j, columns in enumerate(edges):
                    mask[slice(*rows), slice(*columns)] = 3 * i + j
            mask = mask.view(high // 4, 4, wide // 4, 4).permute(0, 2, 1, 3).reshape(count, 16)
            mask = mask.unsqueeze(1) - mask.unsqueeze(2)
            mask = mask.masked_fill(mask != 0, -100.0).masked_fill(mask == 0, 0.0)
            scores = scores.view(b, count, 2, 16, 16) + mask.unsqueeze(1).unsqueeze(0)
            scores = scores.view(-1, 2, 16, 16)
        x = F.softmax(scores, dim=-1).matmul(v).transpose(1, 2).reshape(b * count, 16, c)
        x = self.proj(x).view(b, high // 4, wide // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5)
        x = torch.roll(x.reshape(b, high, wide, c), (s, s), (1, 2))
        return shortcut + x[:, :h, :w].contiguous()


class ShuffleUnit(nn.Module):
    """Of ShuffleNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _normed(2, 2, 1, act=nn.ReLU), _normed(2, 2, 3, padding=1, groups=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x.chunk(2, dim=1)
        out = torch.cat((x1, self.branch(x2)), dim=1)
        n, channels, h, w = out.size()
        out = out.view(n, 2, channels // 2, h, w)
        return torch.transpose(out, 1, 2).contiguous().view(n, channels, h, w)


class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(k), nn.ReLU(inplace=True), nn.Conv2d(k, 2, 3, padding=1)) for k in (4, 6, 8)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


class TransformedInput(nn.Module):
    """As GoogLeNet and Inception v3 undo one normalisation and apply another."""

    def forward(self, x: Tensor) -> Tensor:
        parts = [torch.unsqueeze(x[:, k], 1) * (0.2 + 0.1 * k) + (0.5 - k) / 0.5 for k in range(3)]
        return F.relu(torch.cat(parts, 1))


class UNet(nn.Module):
    """Segmentation with a transposed convolution, a skip, and a resized output; it returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.inner = (
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
        )
        self.up, self.head = nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Any:
        y = self.down(x).relu()
        y = torch.cat([self.up(self.inner(y).relu()), x], 1)
        size = (x.shape[-2] * 2, x.shape[-1] * 2)
        out = F.interpolate(self.head(y), size=size, mode="bilinear", align_corners=False)
        return {"out": out.sigmoid(), "aux": y.mean((2, 3))}


class Factorised(nn.Module):
    """Of R(2+1)D: a convolution in space, and one in time."""

    def __init__(self) -> None:
        super().__init__()
        self.space = nn.Conv3d(3, 5, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(5)
        self.time = nn.Conv3d(5, 4, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(self.time(self.norm(self.space(x)).relu_()), 1).flatten(1)


class GridAttention(nn.Module):
    """Of MaxViT: a grid of windows, without merging the batch; the products are sums of Einstein's."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1)
        x = x.reshape(b, h * w // 4, 4, c)
        q, k, v = (
            t.reshape(b, -1, 4, 2, 2).permute(0, 1, 3, 2, 4) for t in self.qkv(x).chunk(3, -1)
        )
        scores = torch.einsum("B G H I D, B G H J D -> B G H I J", q, k * 0.7)
        y = torch.einsum("B G H I J, B G H J D -> B G H I D", F.softmax(scores, -1), v)
        y = y.permute(0, 1, 3, 2, 4).reshape(b, h // 2, w // 2, 2, 2, c)
        return y.permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


def audio() -> nn.Module:
    """Of speech: convolutions of a sequence with gates, and a mean over time."""
    return nn.Sequential(
        nn.Conv1d(2, 8, 5, stride=2, padding=2), nn.BatchNorm1d(8), nn.GLU(1), nn.Conv1d(4, 6, 3, dilation=2),
        nn.GroupNorm(2, 6), nn.GELU(), nn.AvgPool1d(2), nn.AdaptiveMaxPool1d(3), nn.Flatten(), nn.Linear(18, 4), nn.Tanh(),
    )  # fmt: skip


def blocks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Return each with the shape of a sample."""
    image = (4, 6, 5)
    return {
        "mobilenet v2": (InvertedResidual(nn.ReLU6), image),
        "mobilenet v3": (InvertedResidual(nn.Hardswish, nn.Hardsigmoid), image),
        "efficientnet": (InvertedResidual(nn.SiLU, nn.Sigmoid), image),
        "convnext": (ConvNeXtBlock(), image),
        "vit": (VisionTransformer(), (3, 8, 8)),
        "swin": (SwinBlock(0), (8, 8, 4)),
        "swin shifted and padded": (SwinBlock(2), (7, 8, 4)),
        "shufflenet": (ShuffleUnit(), image),
        "densenet": (DenseBlock(), image),
        "transformed input": (TransformedInput(), (3, 4, 5)),
        "unet": (UNet(), (3, 6, 8)),
        "r(2+1)d": (Factorised(), (3, 4, 6, 5)),
        "maxvit": (GridAttention(), (4, 4, 6)),
        "audio": (audio(), (2, 31)),
    }
