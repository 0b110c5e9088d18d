"""Normalisation of the inputs of neurons over time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail, integer
from spikelet.torch.arguments import real
from spikelet.torch.time import OverTime


def _norm(where: str, features: int, dimensions: int) -> nn.Module:
    features = integer(where, "features", features, 1)
    kinds = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
    return kinds[integer(where, "dimensions", dimensions, 0, 3)](features)


def _scaled(where: str, norm: nn.Module, v_threshold: float, alpha: float) -> nn.Module:
    """Return a norm whose scale is that of neurons with this threshold."""
    scale = real(where, "v_threshold", v_threshold, "> 0") * real(where, "alpha", alpha, "> 0")
    nn.init.constant_(norm.get_parameter("weight"), scale)
    return norm


def _require_images(where: str, x: Tensor, features: int, dimensions: int) -> None:
    if x.ndim != 3 + dimensions or x.shape[2] != features:
        rule = f"must have {3 + dimensions} dimensions, [T, B, {features}, ...]"
        if x.ndim != 3 + dimensions:
            rule += "; `dimensions` is the number that follow the features"
        fail(where, "x", tuple(x.shape), rule, got="shape")


class tdBN(OverTime):
    """Threshold-dependent batch normalization: inputs of neurons with a standard deviation of `alpha` thresholds.

    Statistics are over samples and steps; the learned scale begins at ``alpha v_threshold``.

    Parameters
    ----------
    features : int >= 1
        Number of channels of [T, B, channels, ...].
    dimensions : int
        Number of dimensions of an image, 2; 0 for [T, B, features].
    v_threshold : float > 0
        Threshold of the neurons that follow.
    alpha : float > 0
        1, or less for each of several branches that add up: ``1 / sqrt(2)`` at the end of a residual block and in its
        shortcut.

    References
    ----------
    Zheng et al., "Going deeper with directly-trained larger spiking neural networks", AAAI 2021.
    """

    def __init__(
        self, features: int, dimensions: int = 2, *, v_threshold: float = 1.0, alpha: float = 1.0
    ) -> None:
        super().__init__(_scaled("tdBN", _norm("tdBN", features, dimensions), v_threshold, alpha))

    def check(self, x: Tensor) -> None:
        """Refuse inputs that are not [T, B, features, ...] with as many dimensions as the images have."""
        norm = self.layer
        if isinstance(norm, nn.BatchNorm1d):  # takes [T, B, features] and one more dimension alike
            _require_images("tdBN", x, norm.num_features, 1 if x.ndim == 4 else 0)
        elif isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):  # not what it was folded into
            dimensions = 2 if isinstance(norm, nn.BatchNorm2d) else 3
            _require_images("tdBN", x, norm.num_features, dimensions)


class tdLN(OverTime):
    """Layer normalization to the threshold: inputs of all neurons of a layer have a standard deviation of `alpha` thresholds.

    Statistics are of one sample at one step, over channels and pixels: batches may be small, steps do not look ahead, and eval
    mode computes the same. The learned scale of each channel begins at ``alpha v_threshold``.

    Parameters
    ----------
    features, dimensions, v_threshold, alpha
        As in `tdBN`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; when called, if x is not [T, B, features, ...].

    References
    ----------
    Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450 (2016); the factor is that of `tdBN`.
    """

    def __init__(
        self, features: int, dimensions: int = 2, *, v_threshold: float = 1.0, alpha: float = 1.0
    ) -> None:
        norm = nn.GroupNorm(1, integer("tdLN", "features", features, 1))
        super().__init__(_scaled("tdLN", norm, v_threshold, alpha))
        self.dimensions = integer("tdLN", "dimensions", dimensions, 0, 3)

    def check(self, x: Tensor) -> None:
        """Refuse inputs that are not [T, B, features, ...] with as many dimensions as the images have."""
        norm: Any = self.layer
        _require_images("tdLN", x, norm.num_channels, self.dimensions)


class TEBN(nn.Module):
    """Temporal effective batch normalization: statistics over samples and steps, and a learned scale of each step.

    Parameters
    ----------
    features : int >= 1
        Number of channels of [T, B, channels, ...].
    steps : int >= 1
        Number of steps; `scale` [T], the factors of the steps, begin at 1.
    dimensions : int
        Number of dimensions of an image, 2; 0 for [T, B, features].

    References
    ----------
    Duan et al., "Temporal effective batch normalization in spiking neural networks", NeurIPS 2022.
    """

    def __init__(self, features: int, steps: int, dimensions: int = 2) -> None:
        super().__init__()
        self.norm = OverTime(_norm("TEBN", features, dimensions))
        self.scale = nn.Parameter(torch.ones(integer("TEBN", "steps", steps, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized inputs [T, B, channels, ...]."""
        if isinstance(x, Tensor) and (x.ndim < 3 or len(x) != len(self.scale)):
            rule = f"must be [{len(self.scale)}, B, channels, ...]"
            fail("TEBN", "x", tuple(x.shape), rule, got="shape")
        y: Tensor = self.norm(x)
        return y * self.scale.view(-1, *[1] * (y.ndim - 1))
