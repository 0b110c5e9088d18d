"""Spiking networks that act in environments of gymnasium. Needs ``pip install 'spikelet[gym]'``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikelet._util.spelling import missing
from spikelet.gym.policy import Learned, SpikingPolicy, evaluate
from spikelet.gym.reward import learn_stdp

if TYPE_CHECKING:
    from spikelet.gym.eprop import learn_eprop

__all__ = ["Learned", "SpikingPolicy", "evaluate", "learn_eprop", "learn_stdp"]


def __getattr__(name: str) -> Any:
    if name == "learn_eprop":  # it needs PyTorch, another extra
        from spikelet.gym.eprop import learn_eprop  # noqa: PLC0415

        return learn_eprop
    return missing(__name__, __all__)(name)


__dir__ = __all__.copy
