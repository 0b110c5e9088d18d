"""Interpolation between pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikelet.conversion.building import Call, Data
from spikelet.layers import Resize, Upsample

__all__ = ["resize"]


def resize(
    c: Call,
    x: Data,
    size: Sequence[int],
    mode: str = "nearest",
    coordinates: str = "half_pixel",
    rounding: str = "floor",
    scale: Sequence[float] | None = None,
    cubic: float = -0.75,
    exclude_outside: bool = False,
) -> Data:
    """Resize [batch, channels, ...] by interpolation; the arguments are those of `layers.Resize`.

    Nearest neighbours at an integer factor are repeated pixels, an `Upsample`.
    """
    c.batch_first(x)
    given: tuple[int, ...] = c.shape(x)[1:]
    target = tuple(int(n) for n in size)
    if mode == "nearest" and all(m % n == 0 for n, m in zip(given, target, strict=True)):
        factors = tuple(m // n for n, m in zip(given, target, strict=True))
        exact = scale is None or tuple(scale) == factors
        # With these, each new pixel copies the pixel in which it lies.
        copies = coordinates == "asymmetric" and rounding == "floor"
        copies |= coordinates in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_")  # fmt: skip
        if exact and copies:
            return c.put(x, Upsample, factors)
    options: dict[str, Any] = {"mode": mode, "coordinates": coordinates, "rounding": rounding}
    by = None if scale is None else tuple(float(s) for s in scale)
    return c.put(
        x, Resize, target, **options, cubic=cubic, exclude_outside=exclude_outside, scale=by
    )
