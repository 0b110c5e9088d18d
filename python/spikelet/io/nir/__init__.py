"""NIR, the Neuromorphic Intermediate Representation: read its graphs, run them, and hand them on."""

from __future__ import annotations

from spikelet.io.nir.model import NirModel, NirResult
from spikelet.io.nir.reading import read_nir

__all__ = ["NirModel", "NirResult", "read_nir"]
