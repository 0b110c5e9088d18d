"""NIR, the Neuromorphic Intermediate Representation: read its graphs, run them, and hand them on."""

from __future__ import annotations

from spikelet.io.nir.model import NirModel, NirResult
from spikelet.io.nir.reading import read_nir
from spikelet.io.nir.to_network import NirNetwork

__all__ = ["NirModel", "NirNetwork", "NirResult", "read_nir"]
