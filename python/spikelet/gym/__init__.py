"""Spiking networks that act in environments of gymnasium. Needs ``pip install 'spikelet[gym]'``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikelet._util.spelling import missing
from spikelet.gym.policy import SpikingPolicy, evaluate

if TYPE_CHECKING:
    from spikelet.gym.eprop import Learned, learn

__all__ = ["Learned", "SpikingPolicy", "evaluate", "learn"]


def __getattr__(name: str) -> Any:
    if name in ("Learned", "learn"):  # they need PyTorch, another extra
        from spikelet.gym import eprop  # noqa: PLC0415

        return getattr(eprop, name)
    return missing(__name__, __all__)(name)


__dir__ = __all__.copy
