"""Small ANNs in PyTorch, trained as far as their statistics go."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def trained(module: nn.Module, seed: int = 1) -> nn.Module:
    """Give all parameters and statistics values that training could have given."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                m.running_mean.normal_(generator=generator)
                m.running_var.uniform_(0.5, 2, generator=generator)
                m.num_batches_tracked += 1
            for name, p in m.named_parameters(recurse=False):
                fan_in = max(p[0].numel(), 1) if p.ndim > 1 else 4
                p.normal_(generator=generator).mul_((2 / fan_in) ** 0.5)
                if name == "weight" and p.ndim == 1:
                    p.abs_().add_(0.5)
    return module


class Block(nn.Module):
    """Of a ResNet; option "A" pads the shortcut, "B" projects it."""

    def __init__(self, before: int, after: int, stride: int, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, padding="same", bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.more, self.down = stride, after - before, nn.Identity()
        if option == "B" and stride > 1:
            self.down = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )
        self.pad = option == "A" and stride > 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = self.down(x)
        if self.pad:
            s = self.stride
            shortcut = F.pad(
                x[:, :, ::s, ::s], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)
            )
        y += shortcut
        return self.relu(y)


class ResNet(nn.Module):
    def __init__(self, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(6)
        self.blocks = nn.Sequential(
            Block(6, 6, 1, option), Block(6, 10, 2, option), Block(10, 10, 1, option)
        )
        self.fc = nn.Linear(10, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.blocks(x).mean((2, 3)))


class Inception(nn.Module):
    """Branches side by side; functions and methods instead of modules; the input is normalised within."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1))
        self.one = nn.Conv2d(3, 4, 1)
        self.three = nn.Conv2d(3, 4, (1, 3), padding=(0, 1), groups=1)
        self.five = nn.Conv2d(3, 6, 3, padding=2, dilation=2, groups=3)
        self.mix = nn.Conv2d(17, 8, 3, stride=2)
        self.norm = nn.BatchNorm1d(8)
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean) / 0.25
        branches = [self.one(x), self.three(x), self.five(x).relu(), F.max_pool2d(x, 3, 1, 1)]
        x = torch.relu(torch.cat(branches, dim=1)).contiguous()
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        x = F.dropout(self.mix(x).clamp(min=0), 0.5, self.training)
        x = F.adaptive_avg_pool2d(x, (1, 1)).view(x.size(0), -1)
        y = torch.add(self.fc1(self.norm(x)), x, alpha=0.5) * 2 - 1
        return F.log_softmax(self.fc2(y.relu()), dim=1)


def vgg() -> nn.Module:
    return nn.Sequential(
        nn.ZeroPad2d((1, 0, 2, 1)),
        nn.Conv2d(3, 5, 3, bias=False),
        nn.BatchNorm2d(5, affine=False),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(), nn.Dropout2d()),
        nn.AvgPool2d(2),
        nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d((3, 2)),
        nn.Flatten(),
        nn.Linear(24, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(16, 6),
        nn.Softmax(dim=1),
    )


class Shared(nn.Module):
    """One module in several places; a pre-activation shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.bn, self.conv, self.act = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
        self.fc = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))

    def forward(self, x: torch.Tensor, scale: float | None = None) -> torch.Tensor:
        if scale is not None:
            x = x * scale
        for _ in range(3):
            x = x + self.conv(self.act(self.bn(x)))
        x = nn.functional.adaptive_max_pool2d(self.act(x), 1)
        return self.fc(x.squeeze(-1).squeeze(-1))


def zoo() -> dict[str, nn.Module]:
    """Return them by name; all take [batch, 3, 9, 8]."""
    return {
        "resnet A": trained(ResNet("A")),
        "resnet B": trained(ResNet("B")),
        "inception": trained(Inception()),
        "vgg": trained(vgg()),
        "shared": trained(Shared()),
    }


SHAPE = (3, 9, 8)
