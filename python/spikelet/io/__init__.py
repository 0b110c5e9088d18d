"""Networks of other simulators: `Network.to_nest` builds the same network in NEST, `read_nir` reads graphs of NIR."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, to_nest
from spikelet.io.nir import NirModel, NirNetwork, NirResult, read_nir

__all__ = ["NestNetwork", "NirModel", "NirNetwork", "NirResult", "read_nir", "to_nest"]
