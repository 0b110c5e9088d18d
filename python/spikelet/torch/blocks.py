"""Parts of deep spiking networks: residual blocks of spikes, and dropout that holds over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.arguments import real, require_kind
from spikelet.torch.modules import LIF
from spikelet.torch.norms import tdBN
from spikelet.torch.sparse import SpikeConv2d


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
