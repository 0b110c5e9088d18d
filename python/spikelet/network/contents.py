"""The contents of a network."""

from __future__ import annotations

from typing import Any, Literal

from spikelet.network.base import NetworkBase
from spikelet.network.drive import Drive
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.regulation import Regulation

__all__ = ["NetworkContents"]


class NetworkContents(NetworkBase):
    """A network with its populations, projections, inputs, regulations and recorders, in order of creation."""

    def __init__(
        self,
        dt: float = 0.1,
        seed: int = 0,
        threads: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        comm: Any = "world",
    ) -> None:
        super().__init__(dt, seed, threads, dtype, comm)
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.recorders: list[SpikeRecorder | StateRecorder | WeightRecorder] = []
        self.regulations: list[tuple[Projection, Regulation]] = []

    @property
    def inputs(self) -> tuple[Drive, ...]:
        """The handles of all inputs that were not removed, in order of creation."""
        return tuple(self.engine.inputs.values())
