"""Attention of spikes: products of queries, keys and values that are 0 or 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.arguments import real, require_kind
from spikelet.torch.modules import LIF
from spikelet.torch.norms import tdBN
from spikelet.torch.sparse import SpikeConv2d

__all__ = ["PotentialShortcut", "SpikeAttention"]


def _neuron() -> nn.Module:
    return LIF(tau_m=2.0)


class SpikeAttention(nn.Module):
    r"""Self-attention over the pixels of an image, whose queries Q, keys K and values V are spikes.

    With ``kind="driven"`` a channel of V passes where Q and K meet in enough pixels,

    .. math:: \mathrm{SN}\Big(\sum_n Q_n \odot K_n\Big) \odot V,

    which needs additions and masks only, as many as there are spikes. With ``kind="product"`` it is
    :math:`\mathrm{SN}(s Q K^T V)` for each head, a product of counts, without a softmax. SN are neurons.

    Parameters
    ----------
    channels : int >= 1
    heads : int >= 1
        Divides `channels`; with ``kind="driven"`` heads do not differ, since each channel has a mask of its own.
    kind : "driven" or "product"
    scale : float
        The factor s of "product".
    neuron : callable
        Makes the neurons of a layer; by default ``LIF(tau_m=2.0)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or `neuron` is not callable; when called, if x is not [T, B, channels, height, width].

    Notes
    -----
    Queries, keys and values are 1x1 convolutions with `tdBN` and neurons, and so is the result, without its neurons: the
    input [T, B, channels, height, width] are spikes, the output of the same shape are currents or potentials.

    References
    ----------
    Yao et al., "Spike-driven transformer", NeurIPS 2023 ("driven"); Zhou et al., "Spikformer: when spiking neural network
    meets transformer", ICLR 2023 ("product").

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> st.SpikeAttention(16)(torch.rand(4, 2, 16, 8, 8).round()).shape
    torch.Size([4, 2, 16, 8, 8])
    """

    def __init__(
        self,
        channels: int,
        heads: int = 1,
        *,
        kind: Literal["driven", "product"] = "driven",
        scale: float = 0.125,
        neuron: Callable[[], nn.Module] = _neuron,
    ) -> None:
        super().__init__()
        channels = integer("SpikeAttention", "channels", channels, 1)
        self.heads = integer("SpikeAttention", "heads", heads, 1)
        if channels % self.heads:
            fail("SpikeAttention", "heads", heads, f"must divide the {channels} channels")
        choice("SpikeAttention", "kind", kind, "driven", "product")
        require_kind("SpikeAttention", "neuron", neuron, Callable, "a function that makes neurons")
        self.kind, self.scale = kind, real("SpikeAttention", "scale", scale, "finite")
        self.query, self.key, self.value = (
            nn.Sequential(_mixed(channels), neuron()) for _ in range(3)
        )
        self.meeting = neuron()
        self.out = _mixed(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return currents [T, B, channels, height, width] of spikes of the same shape."""
        if not isinstance(x, Tensor) or x.ndim != 5:
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            rule = "must be a tensor [T, B, channels, height, width]"
            fail("SpikeAttention", "x", got, rule, error=TypeError)
        q, k, v = (part(x).flatten(3) for part in (self.query, self.key, self.value))
        if self.kind == "driven":
            y = self.meeting((q * k).sum(3, keepdim=True)) * v
        else:
            q, k, v = (part.unflatten(2, (self.heads, -1)) for part in (q, k, v))
            # Sums over pixels of products first: the cost does not grow with the square of their number.
            y = self.meeting((v @ k.mT @ q * self.scale).flatten(2, 3))
        result: Tensor = self.out(y.reshape(x.shape))
        return result

    def extra_repr(self) -> str:
        """Return the kind of attention."""
        return f"kind={self.kind!r}" + (f", heads={self.heads}" if self.kind == "product" else "")


def _mixed(channels: int) -> nn.Sequential:
    return nn.Sequential(SpikeConv2d(channels, channels, 1, bias=False), tdBN(channels))


class PotentialShortcut(nn.Module):
    """A residual block of potentials, ``x + body(x)``, whose body begins with neurons, so layers send only spikes.

    Parameters
    ----------
    body : nn.Module
        From potentials [T, B, ...] to potentials of the same shape.

    Raises
    ------
    TypeError, ValueError
        If `body` is not a module; when called, if it changes the shape.

    References
    ----------
    Hu et al., "Advancing spiking neural networks toward deep residual learning", IEEE TNNLS (2024).

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> block = st.PotentialShortcut(torch.nn.Sequential(st.LIF(), torch.nn.Linear(4, 4)))
    >>> block(torch.rand(5, 3, 4)).shape
    torch.Size([5, 3, 4])
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        require_kind("PotentialShortcut", "body", body, nn.Module, "a torch.nn.Module")
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return the potentials [T, B, ...]."""
        y = self.body(x)
        if y.shape != x.shape:
            rule = f"must have the shape of the input, {tuple(x.shape)}"
            fail("PotentialShortcut", "output of body", tuple(y.shape), rule, got="shape")
        result: Tensor = x + y
        return result
