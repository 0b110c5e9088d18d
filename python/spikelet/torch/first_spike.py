"""A loss for classification by the first spike."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from spikelet._util.checks import fail
from spikelet.torch.arguments import real
from spikelet.torch.losses import check_labels

__all__ = ["first_spike_cross_entropy"]


def first_spike_cross_entropy(
    times: Any, labels: Any, tau0: float = 0.5, tau1: float = 6.4, alpha: float = 3e-3
) -> Any:
    r"""Return the loss of Wunderlich & Pehle (2021), averaged over the batch.

    .. math:: -\log \frac{e^{-t_l/\tau_0}}{\sum_k e^{-t_k/\tau_0}} + \alpha \left(e^{t_l/\tau_1} - 1\right)

    The first term separates the first spike of the correct class from those of the others; the second
    makes it early.

    Parameters
    ----------
    times : float tensor ``[B, C]``
        Finite time of the first spike of each class: ``spikes.first(silent=t_max)`` for EventProp.
    labels : int64 tensor ``[B]``
        Class numbers, 0 .. C - 1.
    tau0, tau1 : float > 0
        Time constants, in the unit of `times` [ms].
    alpha : float >= 0

    Returns
    -------
    scalar tensor

    Raises
    ------
    ValueError
        A time is not finite, a label is not a class, or a parameter breaks its rule.
    """
    where = "first_spike_cross_entropy"
    for name, value, rule in (
        ("tau0", tau0, "> 0"),
        ("tau1", tau1, "> 0"),
        ("alpha", alpha, ">= 0"),
    ):
        real(where, name, value, rule)
    for name, tensor, dimensions in (("times", times, 2), ("labels", labels, 1)):
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            fail(where, name, type(tensor).__name__, "must be a dense tensor", error=TypeError)
        if tensor.ndim != dimensions or tensor.device.type != "cpu":
            shape = "[B, C]" if dimensions == 2 else "[B]"
            got = f"on {tensor.device} the shape"
            fail(where, name, tuple(tensor.shape), f"must be {shape}, on the CPU", got=got)
    if labels.dtype != torch.int64 or not times.is_floating_point():
        what = (times.dtype, labels.dtype)
        fail(where, "times and labels", what, "must be floating and int64", error=TypeError)
    if len(labels) != len(times):
        fail(where, "labels", len(labels), f"must have one entry for each of {len(times)} samples")
    check_labels(where, labels, times.shape[1])
    bad = ~torch.isfinite(times)
    if bad.any():
        rule = "must be finite; use spikes.first(silent=t_max) for silent neurons"
        fail(where, "times", times[bad][0].item(), rule)
    label_times = times.gather(1, labels[:, None])
    return F.cross_entropy(-times / tau0, labels) + alpha * torch.expm1(label_times / tau1).mean()
