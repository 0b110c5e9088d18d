"""Learning while the network runs: e-prop, whose memory does not depend on the number of steps."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from spikelet._util.checks import choice, fail, integer
from spikelet.torch.arguments import real
from spikelet.torch.cell import Table
from spikelet.torch.computed import recompute
from spikelet.torch.conventions import setting
from spikelet.torch.plain import slope

_PARAMETERS = ("tau_m", "tau_out", "tau_adapt", "boost", "dt", "v_threshold", "surrogate", "alpha")


class EProp(nn.Module):
    r"""A recurrent layer of LIF or ALIF neurons with a leaky readout that learns online by e-prop.

    .. math::

       v_j[t] &= \alpha (v_j[t-1] - \vartheta s_j[t-1]) + \sum_i W_{ji} x_i[t] + \sum_i R_{ji} s_i[t-1] \\
       s_j[t] &= H(v_j[t] - \vartheta - \beta a_j[t-1]), \qquad a_j[t] = \rho a_j[t-1] + s_j[t] \\
       y_k[t] &= \kappa y_k[t-1] + \sum_j O_{kj} s_j[t]

    A synapse has eligibility traces, which go forward in time with the network,

    .. math::

       \epsilon^v_i[t] &= \alpha \epsilon^v_i[t-1] + x_i[t], \qquad
       e_{ji}[t] = \psi_j[t] (\epsilon^v_i[t] - \beta \epsilon^a_{ji}[t-1]) \\
       \epsilon^a_{ji}[t] &= \rho \epsilon^a_{ji}[t-1] + e_{ji}[t], \qquad
       \bar{e}_{ji}[t] = \kappa \bar{e}_{ji}[t-1] + e_{ji}[t],

    and the gradient of a loss of the outputs of all steps is the sum of
    :math:`\bar{e}_{ji}[t] \sum_k O_{kj} \, \partial E / \partial y_k[t]`. This is the gradient of backpropagation through
    time without the paths from a spike through the recurrent weights and resets to later spikes; with
    ``recurrent=False`` it is all of it.

    Parameters
    ----------
    inputs, neurons, outputs : int
    tau_m, tau_out : float > 0
        Time constants of the neurons and of the readout [ms].
    tau_adapt, boost : float
        Time constant [ms] and step of the adaptive threshold; with ``boost=0`` neurons are LIF.
    dt : float > 0
        Step [ms].
    v_threshold : float
    recurrent : bool
    surrogate, alpha
        See `spikelet.torch.lif`.
    feedback : "symmetric" or "random"
        Weights that bring the errors to the neurons: those of the readout, or fixed random ones (broadcast alignment).

    Notes
    -----
    `step` and `learn` build no graph for autograd: gradients are added to ``.grad`` of `weight` [neurons, inputs],
    `recurrent` [neurons, neurons] and `readout` [outputs, neurons], for any optimizer of PyTorch. The state has
    ``B neurons (inputs + neurons)`` numbers, twice with ``boost > 0``, whatever the number of steps. Parameters of the neurons
    and of the readout, such as `alpha` and `tau_m`, may be assigned; they take effect from the next step on.

    References
    ----------
    Bellec et al., "A solution to the learning dilemma for recurrent networks of spiking neurons", Nature Communications 11 (2020).

    Examples
    --------
    >>> import torch
    >>> from spikelet.torch import EProp
    >>> net, x, labels = EProp(20, 50, 4), torch.rand(100, 8, 20).round(), torch.arange(8) % 4
    >>> net.reset(8)
    >>> for x_t in x:
    ...     y = net.step(x_t)
    ...     net.learn(y.softmax(1) - torch.nn.functional.one_hot(labels, 4))  # of the cross entropy
    >>> net.weight.grad.shape
    torch.Size([50, 20])
    """

    def __init__(
        self,
        inputs: int,
        neurons: int,
        outputs: int,
        *,
        tau_m: float = 20.0,
        tau_out: float = 20.0,
        tau_adapt: float = 200.0,
        boost: float = 0.0,
        dt: float = 1.0,
        v_threshold: float = 1.0,
        recurrent: bool = True,
        surrogate: str | Table = "atan",
        alpha: float | None = None,
        feedback: Literal["symmetric", "random"] = "symmetric",
    ) -> None:
        super().__init__()
        for name, size in (("inputs", inputs), ("neurons", neurons), ("outputs", outputs)):
            integer("EProp", name, size, 1)
        choice("EProp", "feedback", feedback, "symmetric", "random")
        self._state: dict[str, Tensor] = {}
        given = (tau_m, tau_out, tau_adapt, boost, dt, v_threshold, surrogate, alpha)
        self._set(dict(zip(_PARAMETERS, given, strict=True)))
        self.weight = nn.Parameter(_drawn(neurons, inputs))
        self.register_parameter("recurrent", None)
        if recurrent:
            self.recurrent = nn.Parameter(_drawn(neurons, neurons))
        self.readout = nn.Parameter(_drawn(outputs, neurons))
        fixed = _drawn(outputs, neurons) if feedback == "random" else None
        self.register_buffer("feedback", fixed)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PARAMETERS:
            held = {n: getattr(self, n) for n in _PARAMETERS}
            self._set(held | {name: value})
        else:
            super().__setattr__(name, value)

    def _set(self, parameters: dict[str, Any]) -> None:
        """Set the parameters of the neurons and of the readout; an error changes nothing."""
        parameters = {name: _number(name, value) for name, value in parameters.items()}
        given = dict(parameters)
        threshold, surrogate, alpha = (given.pop(n) for n in ("v_threshold", "surrogate", "alpha"))
        if surrogate is None:
            fail("EProp", "surrogate", surrogate, "must be one: learning needs a derivative")
        tau = real("EProp", "tau_out", given.pop("tau_out"), "finite and > 0")
        self.cell = setting("EProp", "spikelet", threshold, surrogate, alpha, given).cell
        self.out_decay = math.exp(-float(given["dt"]) / tau)
        self.__dict__.update(parameters)
        if self._state and self.cell.boost != 0 and "adapted" not in self._state:
            self._state["adapted"] = torch.zeros_like(self._state["filtered"])

    def reset(self, batch: int) -> None:
        """Start `batch` new sequences, with all states and traces 0."""
        b = integer("EProp.reset", "batch", batch, 1)
        n, k = len(self.weight), self.weight.shape[1] + self._fed_back()
        zeros = self.weight.new_zeros
        self._state = {
            "v": zeros(b, n), "a": zeros(b, n), "s": zeros(b, n), "y": zeros(b, len(self.readout)),
            "trace": zeros(b, k), "filtered": zeros(b, n, k), "sent": zeros(b, n),
        }  # fmt: skip
        if self.cell.boost != 0:
            self._state["adapted"] = zeros(b, n, k)

    def _fed_back(self) -> int:
        return 0 if self.recurrent is None else len(self.weight)

    @property
    def spikes(self) -> Tensor:
        """Spikes of the last step [B, neurons], a copy."""
        return self._started()["s"].clone()

    def _started(self) -> dict[str, Tensor]:
        if not self._state:
            fail("EProp", "state", "none", "must be made: call reset(batch) before step and learn")
        return self._state

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def step(self, x: Tensor) -> Tensor:
        """Take the inputs of a step [B, inputs], and return the outputs [B, outputs]."""
        state, cell = self._started(), self.cell
        shape = (len(state["v"]), self.weight.shape[1])
        if not isinstance(x, Tensor) or tuple(x.shape) != shape:
            what = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            fail("EProp.step", "x", what, f"must be a tensor {list(shape)}", got="shape")
        recompute(self)
        x = x.to(self.weight.dtype)
        seen, arriving = x @ self.weight.T, x
        if self.recurrent is not None:
            seen = seen + state["s"] @ self.recurrent.T
            arriving = torch.cat([x, state["s"]], 1)
        v = cell.leak * state["v"] + seen
        u = v - cell.threshold - cell.boost * state["a"]
        s = (u >= 0).to(v.dtype)
        state["trace"] = cell.leak * state["trace"] + arriving
        eligible = state["trace"][:, None]
        if cell.boost != 0:
            eligible = eligible - cell.boost * state["adapted"]
        eligible = slope(cell, u)[..., None] * eligible
        if cell.boost != 0:
            state["adapted"].mul_(cell.adapt_decay).add_(eligible)
        state["filtered"].mul_(self.out_decay).add_(eligible)
        state["v"], state["s"] = v - cell.threshold * s, s
        state["a"] = cell.adapt_decay * state["a"] + s
        state["sent"] = self.out_decay * state["sent"] + s
        state["y"] = self.out_decay * state["y"] + s @ self.readout.T
        return state["y"].clone()  # callers subtract targets in place

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch has no types here
    def learn(self, error: Tensor) -> None:
        """Add the gradients that the error of the last step causes.

        Parameters
        ----------
        error : Tensor, [B, outputs]
            Derivative of the loss by the outputs that `step` has just returned.
        """
        state = self._started()
        shape = tuple(state["y"].shape)
        if not isinstance(error, Tensor) or tuple(error.shape) != shape:
            what: Any = tuple(error.shape) if isinstance(error, Tensor) else type(error).__name__
            fail("EProp.learn", "error", what, f"must be a tensor {list(shape)}", got="shape")
        recompute(self)
        error = error.to(self.weight.dtype)
        signal = error @ (self.readout if self.feedback is None else self.feedback)
        by_weights = torch.einsum("bj,bji->ji", signal, state["filtered"])
        inputs = self.weight.shape[1]
        gradients = {
            "weight": by_weights[:, :inputs],
            "recurrent": by_weights[:, inputs:],
            "readout": error.T @ state["sent"],
        }
        for name, gradient in gradients.items():
            with torch.enable_grad():
                weights = getattr(self, name)  # computed here, if it is parametrized
            if weights is not None and weights.requires_grad:
                _add(weights, gradient)

    def extra_repr(self) -> str:
        """Return the sizes."""
        inputs, neurons, outputs = self.weight.shape[1], len(self.weight), len(self.readout)
        kind = "LIF" if self.cell.boost == 0 else "ALIF"
        return f"{inputs}, {neurons}, {outputs}, {kind}"


def _number(name: str, value: Any) -> Any:
    """Return the number in a tensor, and other values as they are."""
    if not isinstance(value, Tensor):
        return value
    if value.requires_grad or value.numel() != 1:
        rule = "must be one number for all neurons: e-prop learns weights only"
        fail("EProp", name, tuple(value.shape), rule, got="a tensor of shape")
    return value.item()


def _drawn(to: int, source: int) -> Tensor:
    return torch.empty(to, source).uniform_(-1, 1) / math.sqrt(source)


def _add(weights: Tensor, gradient: Tensor) -> None:
    if not weights.is_leaf:  # pruned or parametrized: the parameters are behind
        weights.backward(gradient)
    elif weights.grad is None:
        weights.grad = gradient.clone(memory_format=torch.contiguous_format)
    else:
        weights.grad.add_(gradient)
