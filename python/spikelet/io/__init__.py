"""Formats and networks of others: NEST both ways (`Network.to_nest`, `from_nest`), NIR graphs."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, from_nest, to_nest
from spikelet.io.nir import NirModel, NirNetwork, NirResult, read_nir

__all__ = ["NestNetwork", "NirModel", "NirNetwork", "NirResult", "from_nest", "read_nir", "to_nest"]
