"""NIR, the Neuromorphic Intermediate Representation: read its graphs, run them, hand them on, and write models."""

from __future__ import annotations

from spikelet.io.nir.model import NirModel, NirResult
from spikelet.io.nir.reading import read_nir
from spikelet.io.nir.writing import write_nir

__all__ = ["NirModel", "NirResult", "read_nir", "write_nir"]
