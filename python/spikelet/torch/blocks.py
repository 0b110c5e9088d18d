"""Parts of deep spiking networks: residual blocks of spikes, and dropout that holds over time."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet._util.checks import choice, fail
from spikelet.torch.arguments import real, require_kind

__all__ = ["DropoutOverTime", "SEWBlock"]


class SEWBlock(nn.Module):
    """A residual block that combines its spikes and those of its shortcut element by element.

    Parameters
    ----------
    body : nn.Module
        From spikes to spikes, which ends with neurons.
    shortcut : nn.Module, optional
        From the input to the shape of the output of `body`, which ends with neurons too; by default the input itself.
    connect : "add", "and" or "iand"
        ``body + shortcut`` (counts 0, 1, 2), ``body shortcut``, or ``(1 - body) shortcut``. With "add" and "iand" a block whose
        body is silent is the identity.

    References
    ----------
    Fang et al., "Deep residual learning in spiking neural networks", NeurIPS 2021.
    """

    def __init__(
        self,
        body: nn.Module,
        shortcut: nn.Module | None = None,
        *,
        connect: Literal["add", "and", "iand"] = "add",
    ) -> None:
        super().__init__()
        for name, module in (("body", body), ("shortcut", shortcut)):
            kinds = nn.Module if name == "body" else nn.Module | None
            require_kind("SEWBlock", name, module, kinds, "a torch.nn.Module")
        choice("SEWBlock", "connect", connect, "add", "and", "iand")
        self.body, self.connect = body, connect
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return the output [T, B, ...] of spikes [T, B, ...]."""
        y, other = self.body(x), self.shortcut(x)
        if y.shape != other.shape:
            rule = f"must have the shape of the shortcut's, {tuple(other.shape)}: give a shortcut"
            fail("SEWBlock", "output of body", tuple(y.shape), rule, got="shape")
        if self.connect == "add":
            result: Tensor = y + other
        elif self.connect == "and":
            result = y * other
        else:
            result = (1 - y) * other
        return result

    def extra_repr(self) -> str:
        """Return how spikes are combined."""
        return f"connect={self.connect!r}"


class DropoutOverTime(nn.Module):
    """Dropout that leaves out the same elements at all steps of a sample, as if their neurons did not exist.

    Parameters
    ----------
    p : float in [0, 1)
        Probability of leaving out an element; the others are multiplied by ``1 / (1 - p)``, and in eval mode nothing
        changes.

    References
    ----------
    Lee et al., "Enabling spike-based backpropagation for training deep neural network architectures", Front. Neurosci. 14
    (2020).
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = real("DropoutOverTime", "p", p, "in [0, 1]")
        if self.p == 1:
            fail("DropoutOverTime", "p", p, "must be < 1")

    def forward(self, x: Tensor) -> Tensor:
        """Return x [T, B, ...] with elements left out."""
        if x.ndim < 3:
            rule = "must have the shape [T, B, ...]"
            fail("DropoutOverTime", "x", tuple(x.shape), rule, got="shape")
        if not self.training or self.p == 0 or x.shape[0] == 0:
            return x
        return x * F.dropout(x.new_ones(x.shape[1:]), self.p)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p:g}"
