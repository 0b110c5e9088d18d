"""The activation with which an ANN is trained to be converted: quantisation, clip, floor, shift (Bu et al., ICLR 2022)."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import integer, number, require

__all__ = ["QCFS"]


def QCFS(levels: int = 8, upper: float = 8.0) -> Any:
    """Return a torch.nn.Module that takes the place of a ReLU in training.

    ``upper * clip(floor(x levels / upper + 1/2) / levels, 0, 1)``, with a learned upper limit; gradients pass the floor as
    if it were not there. ``sl.convert(model, method="qcfs")`` makes each an `IF` with the threshold `upper` that starts at
    half of it: with T = `levels` steps of even input, it gives just the same.

    Parameters
    ----------
    levels : int
    upper : float
        At the start of training.

    Returns
    -------
    torch.nn.Module
    """
    from spikelet.conversion.qcfs_torch import QCFSActivation  # noqa: PLC0415  # torch is an extra

    integer("QCFS", "levels", levels, 1, 1 << 20)
    require("QCFS", "upper", number("QCFS", "upper", upper), "finite and > 0")
    return QCFSActivation(levels, upper)
