"""Parallel spiking neurons: without a reset, so that all steps are one product (Fang et al., NeurIPS 2023)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail, integer
from spikelet.torch.arguments import real
from spikelet.torch.cell import Table, require_surrogate
from spikelet.torch.functional import Backend, lif


class _Parallel(nn.Module):
    """Spikes where h = weights x over time reaches a threshold, ``-bias``."""

    def __init__(
        self,
        *,
        surrogate: str | Table | None = "atan",
        alpha: float | None = None,
        backend: Backend = "core",
    ) -> None:
        super().__init__()
        require_surrogate(type(self).__name__, surrogate)
        self.surrogate, self.alpha, self.backend = surrogate, alpha, backend

    def matrix(self) -> Tensor:
        """Return the weights [step of h, step of x]."""
        raise NotImplementedError

    def _checked(self, x: Any, steps: int | None) -> Tensor:
        where = type(self).__name__
        if not isinstance(x, Tensor) or not x.is_floating_point():
            what = x.dtype if isinstance(x, Tensor) else type(x).__name__
            fail(where, "x", what, "must be a floating-point torch.Tensor", error=TypeError)
        if x.ndim < 3 or x.shape[0] == 0 or steps not in (None, x.shape[0]):
            sizes = "[T, B, ...] with T >= 1" if steps is None else f"[{steps}, B, ...]"
            fail(where, "x", tuple(x.shape), f"must be {sizes}", got="shape")
        weight = next(self.parameters())
        autocast = torch.is_autocast_enabled(x.device.type) if x.device.type != "meta" else True
        if not autocast and (x.dtype != weight.dtype or x.device != weight.device):
            rule = f"must be a {weight.dtype} tensor on {weight.device} like weight; move the module with .to()"
            fail(where, "x", f"{x.dtype} on {x.device}", rule, error=TypeError)
        return x

    def _spikes(self, x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
        h = torch.addmm(bias.reshape(-1, 1), matrix, x.flatten(1)).view_as(x)
        spikes = lif(
            h, decay=0.0, reset="none", v_threshold=0.0, surrogate=self.surrogate, alpha=self.alpha, backend=self.backend
        )  # fmt: skip
        assert isinstance(spikes, Tensor)
        return spikes


class PSN(_Parallel):
    """Parallel spiking neurons: each step sees all steps, ``spikes = (weight x + bias >= 0)`` over time.

    Parameters
    ----------
    steps : int >= 1
        Number of steps of each input.
    surrogate, alpha, backend
        See `spikelet.torch.lif`.

    Notes
    -----
    `weight` [T, T] is drawn as that of `nn.Linear`; `bias` [T], the negative threshold of each step, begins at -1. A step may
    depend on later ones: use `MaskedPSN` or `SlidingPSN` where inputs arrive one after another.

    References
    ----------
    Fang et al., "Parallel spiking neurons with high efficiency and ability to learn long-term dependencies", NeurIPS 2023.
    """

    def __init__(self, steps: int, **options: Any) -> None:
        super().__init__(**options)
        self.steps = integer(type(self).__name__, "steps", steps, 1)
        self.weight = nn.Parameter(torch.empty(steps, steps))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.bias = nn.Parameter(torch.full((steps,), -1.0))

    def matrix(self) -> Tensor:
        """Return the weights [step of h, step of x]."""
        return self.weight

    def forward(self, x: Tensor) -> Tensor:
        """Return spikes [T, B, ...] for inputs [T, B, ...]."""
        return self._spikes(self._checked(x, self.steps), self.matrix(), self.bias)

    def extra_repr(self) -> str:
        """Return the number of steps."""
        return f"steps={self.steps}"


class MaskedPSN(PSN):
    """Parallel spiking neurons that see the last `order` steps, with separate weights for each step.

    Parameters
    ----------
    steps : int >= 1
    order : int >= 1
        Number of steps that a step depends on, including itself.
    masked : float in [0, 1]
        How much of the mask is applied: 0 is no mask, as in `PSN`, 1 the full mask. You can raise it during training,
        as in the paper, by setting the attribute `masked`; a state_dict holds it.

    All other parameters are those of `PSN`.
    """

    def __init__(self, steps: int, order: int, *, masked: float = 1.0, **options: Any) -> None:
        super().__init__(steps, **options)
        self.order = integer("MaskedPSN", "order", order, 1)
        self.masked = masked

    @property
    def masked(self) -> float:
        """How much of the mask is applied."""
        return self._masked

    @masked.setter
    def masked(self, value: float) -> None:
        self._masked = real("MaskedPSN", "masked", value, "in [0, 1]")

    def get_extra_state(self) -> Tensor:
        """Return what a state_dict keeps in addition to the weights: `masked`."""
        return torch.tensor(self.masked, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Take `masked` from a state_dict."""
        self.masked = float(state)

    def matrix(self) -> Tensor:
        """Return the weights [step of h, step of x], masked."""
        band = torch.ones_like(self.weight).tril().triu(1 - self.order)
        return self.weight * (self.masked * band + (1 - self.masked))

    def extra_repr(self) -> str:
        """Return the number of steps and the order."""
        return f"steps={self.steps}, order={self.order}, masked={self.masked:g}"


class SlidingPSN(_Parallel):
    """Parallel spiking neurons whose steps share the weights of the last `order` steps: for any number of steps.

    ``h[t] = bias + sum over k < order of weight[k] x[t - k]``. Weights begin as those of a leak, 1, 1/2, 1/4, ..., and the bias
    at -1.

    Parameters
    ----------
    order : int >= 1
    surrogate, alpha, backend
        See `spikelet.torch.lif`.
    """

    def __init__(self, order: int, **options: Any) -> None:
        super().__init__(**options)
        self.order = integer("SlidingPSN", "order", order, 1)
        self.weight = nn.Parameter(0.5 ** torch.arange(order, dtype=torch.get_default_dtype()))
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return spikes [T, B, ...] for inputs [T, B, ...]."""
        x = self._checked(x, None)
        back = torch.arange(x.shape[0], device=x.device)
        lag = back[:, None] - back[None, :]
        inside = (lag >= 0) & (lag < self.order)
        matrix = self.weight[lag.clamp(0, self.order - 1)] * inside.to(self.weight)
        return self._spikes(x, matrix, self.bias.expand(x.shape[0]))

    def extra_repr(self) -> str:
        """Return the order."""
        return f"order={self.order}"
