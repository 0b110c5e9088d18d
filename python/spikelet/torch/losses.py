r"""Readouts and losses of spiking networks.

Output spikes and potentials have the shape ``[T, B, classes]``. A readout reduces them to scores ``[B, classes]``, the
largest of which gives the class; a loss reduces them to one number. Gradients pass through spikes by the surrogates of the
neurons.

======================  ====================  =======================================================================
code                    readout               loss
======================  ====================  =======================================================================
rate                    `rate`                `rate_cross_entropy`, `rate_mse`
membrane potential      `membrane`            `membrane_cross_entropy` (a layer that does not spike: `LI`)
time to first spike     `first_spike_time`    `latency_cross_entropy`
======================  ====================  =======================================================================

Add `rate_bounds` to any loss, with a factor, to keep neurons from being silent or firing too much.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional as F  # PyTorch's customary name

from spikelet._util.checks import choice, fail
from spikelet.torch.arguments import real

_LEFT_OUT = -100

__all__ = [
    "first_spike_time",
    "latency_cross_entropy",
    "membrane",
    "membrane_cross_entropy",
    "rate",
    "rate_bounds",
    "rate_cross_entropy",
    "rate_mse",
]


def rate(spikes: torch.Tensor) -> torch.Tensor:
    """Return the mean over time, in spikes per step.

    Parameters
    ----------
    spikes : tensor, [T, B, ...]

    Returns
    -------
    tensor, [B, ...]
    """
    return _series("rate", "spikes", spikes).mean(0)


def membrane(v: torch.Tensor, how: Literal["max", "mean", "last"] = "max") -> torch.Tensor:
    """Reduce the potentials of all steps to one number for each neuron.

    Parameters
    ----------
    v : tensor, [T, B, ...]
        Potential after each step.
    how : "max", "mean" or "last"
        "max" as in Zenke & Vogels (Neural Computation 33, 2021); its gradient goes only to the step of the maximum.

    Returns
    -------
    tensor, [B, ...]
    """
    v = _series("membrane", "v", v)
    if how == "max":
        return v.amax(0)
    if how == "mean":
        return v.mean(0)
    choice("membrane", "how", how, "max", "mean", "last")
    return v[-1]


def first_spike_time(spikes: torch.Tensor) -> torch.Tensor:
    r"""Return the step of the first spike, 0 .. T - 1, or T for neurons that never spike; it is differentiable.

    .. math:: t = \sum_{n=0}^{T-1} \prod_{k=0}^{n} (1 - s_k)

    counts the steps before the first spike. For spikes of 0 and 1 it is the time itself; for values in between, it is the
    expected time if :math:`s_k` is the probability of a spike. Its derivative is the effect of one more spike:
    :math:`-(t - k)` before the first spike, minus the number of steps until the second spike at the first one, and 0 after
    it. A silent neuron has a gradient at each step, which the surrogate passes on to the potential.

    Parameters
    ----------
    spikes : tensor, [T, B, ...]
        Spikes of 0 and 1.

    Returns
    -------
    tensor, [B, ...]
        Time in steps.
    """
    return (1 - _series("first_spike_time", "spikes", spikes)).cumprod(0).sum(0)


def rate_cross_entropy(
    spikes: torch.Tensor, labels: torch.Tensor, *, scale: float | None = None
) -> torch.Tensor:
    """Return the cross entropy of a softmax over rates.

    Parameters
    ----------
    spikes : tensor, [T, B, classes]
    labels : int64 tensor, [B]
        Class numbers; samples of class -100 are left out, as in PyTorch.
    scale : float, optional
        Factor of the rates; a larger factor makes the softmax sharper. By default T, which turns rates into counts.

    Returns
    -------
    tensor, a scalar
        Mean over the batch.
    """
    spikes = _classes("rate_cross_entropy", "spikes", spikes, labels)
    if scale is None:
        scale = float(len(spikes))
    factor = real("rate_cross_entropy", "scale", scale, "finite and > 0")
    return F.cross_entropy(spikes.mean(0) * factor, labels)


def rate_mse(
    spikes: torch.Tensor, labels: torch.Tensor, *, correct: float = 0.9, incorrect: float = 0.1
) -> torch.Tensor:
    """Return the mean squared error of rates relative to target rates.

    Parameters
    ----------
    spikes : tensor, [T, B, classes]
    labels : int64 tensor, [B]
    correct, incorrect : float in [0, 1]
        Target rates of the neuron of the correct class and of all others, in spikes per step. A target above 0 keeps the
        other neurons active (snnTorch's mse_count_loss; Eshraghian et al., Proceedings of the IEEE 111, 2023).

    Returns
    -------
    tensor, a scalar
        Mean over batch and classes.
    """
    where = "rate_mse"
    spikes = _classes(where, "spikes", spikes, labels)
    high = real(where, "correct", correct, "in [0, 1]")
    low = real(where, "incorrect", incorrect, "in [0, 1]")
    wanted = F.one_hot(labels, spikes.shape[2]).to(spikes.dtype) * (high - low) + low
    return F.mse_loss(spikes.mean(0), wanted)


def membrane_cross_entropy(
    v: torch.Tensor, labels: torch.Tensor, *, how: Literal["max", "mean", "last"] = "max"
) -> torch.Tensor:
    """Return the cross entropy of a softmax over potentials.

    Parameters
    ----------
    v : tensor, [T, B, classes]
    labels : int64 tensor, [B]
    how : "max", "mean" or "last"
        Reduction over time; see `membrane`.

    Returns
    -------
    tensor, a scalar
        Mean over the batch.
    """
    return F.cross_entropy(
        membrane(_classes("membrane_cross_entropy", "v", v, labels), how), labels
    )


def latency_cross_entropy(
    spikes: torch.Tensor, labels: torch.Tensor, *, tau: float = 1.0
) -> torch.Tensor:
    """Return the cross entropy of a softmax over ``-t / tau``, where t is the time of the first spike.

    The loss is that of Mostafa (IEEE TNNLS 29, 2018) and Göltz et al. (Nature Machine Intelligence 3, 2021), but
    differentiated with the surrogate; see `first_spike_time`.

    Parameters
    ----------
    spikes : tensor, [T, B, classes]
    labels : int64 tensor, [B]
    tau : float
        Time scale of the softmax [steps]; > 0.

    Returns
    -------
    tensor, a scalar
        Mean over the batch.
    """
    spikes = _classes("latency_cross_entropy", "spikes", spikes, labels)
    tau = real("latency_cross_entropy", "tau", tau, "finite and > 0")
    return F.cross_entropy(-first_spike_time(spikes) / tau, labels)


def rate_bounds(
    spikes: torch.Tensor, low: float = 0.0, high: float = 1.0, *, norm: Literal["l1", "l2"] = "l2"
) -> torch.Tensor:
    """Return a penalty for neurons that spike too little or too much, to be added to a loss with a factor.

    The rate of a neuron is its mean over steps and batch. The distance below `low` or above `high`, as it is ("l1") or
    squared ("l2"), is averaged over the neurons (after Zenke & Vogels, Neural Computation 33, 2021).

    Parameters
    ----------
    spikes : tensor, [T, B, ...]
        Spikes of one layer.
    low, high : float in [0, 1]
        Bounds in spikes per step; ``low <= high``.
    norm : "l1" or "l2"

    Returns
    -------
    tensor, a scalar
    """
    where = "rate_bounds"
    spikes = _series(where, "spikes", spikes)
    low, high = real(where, "low", low, "in [0, 1]"), real(where, "high", high, "in [0, 1]")
    if low > high:
        fail(where, "low", low, f"must be at most high = {high:g}")
    choice(where, "norm", norm, "l1", "l2")
    rates = spikes.mean((0, 1))
    excess = F.relu(low - rates) + F.relu(rates - high)
    return (excess if norm == "l1" else excess.square()).mean()


def _series(where: str, argument: str, values: torch.Tensor) -> torch.Tensor:
    if not isinstance(values, torch.Tensor) or values.layout != torch.strided:
        raise TypeError(f"{where}: {argument} must be a dense tensor, got {type(values).__name__}")
    if not values.is_floating_point():
        raise TypeError(f"{where}: {argument} must hold floating-point numbers, got {values.dtype}")
    if values.ndim < 3 or values.shape[0] == 0:
        fail(where, argument, tuple(values.shape), "must have the shape [T, B, ...]", got="shape")
    return values


def _classes(where: str, argument: str, values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    shape = tuple(_series(where, argument, values).shape)
    if len(shape) != 3:
        fail(where, argument, shape, "must have the shape [T, B, classes]", got="shape")
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        what = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise TypeError(f"{where}: labels must be an int64 tensor, got {what}")
    if tuple(labels.shape) != shape[1:2]:
        rule = f"must have the shape ({shape[1]},)"
        fail(where, "labels", tuple(labels.shape), rule, got="shape")
    check_labels(where, labels, shape[2], ignored=where != "rate_mse")
    return values


def check_labels(where: str, labels: torch.Tensor, classes: int, *, ignored: bool = False) -> None:
    """Check that labels name classes; -100, PyTorch's mark of samples to leave out, may be allowed."""
    if torch.compiler.is_compiling() or labels.device.type == "meta":
        return
    bad = (labels < 0) | (labels >= classes)
    if ignored:
        bad &= labels != _LEFT_OUT
    if bad.any():
        rule = f"must be class numbers 0 .. {classes - 1}, one for each of the {classes} outputs"
        fail(where, "labels", int(labels[bad][0]), rule)
