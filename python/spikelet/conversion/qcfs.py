"""The QCFS activation (quantisation, clip, floor, shift; Bu et al., ICLR 2022), for ANNs trained to be converted."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import integer, number, require

__all__ = ["QCFS"]


def QCFS(levels: int = 8, upper: float = 8.0) -> Any:
    """Return a torch.nn.Module that replaces a ReLU in training.

    It computes ``upper * clip(floor(x levels / upper + 1/2) / levels, 0, 1)`` with a learned upper limit; gradients pass
    straight through the floor. ``sl.convert(model, method="qcfs")`` makes each an `IF` neuron with the threshold `upper`
    that starts at half of it: with T = `levels` steps of even input, its output is the same.

    Parameters
    ----------
    levels : int
        Number of quantisation steps.
    upper : float
        Initial upper limit.

    Returns
    -------
    torch.nn.Module
        A `spikelet.torch.FirstSpike`, whose threshold is the upper limit.
    """
    from spikelet.conversion.first_spike_torch import FirstSpike  # noqa: PLC0415  # torch is an extra

    integer("QCFS", "levels", levels, 1, 1 << 20)
    require("QCFS", "upper", number("QCFS", "upper", upper), "finite and > 0")
    return FirstSpike(levels, upper)
