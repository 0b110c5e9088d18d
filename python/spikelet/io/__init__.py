"""Networks of other simulators: `Network.to_nest` builds the same network in NEST; graphs of NIR, read and written."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, to_nest
from spikelet.io.nir import NirModel, NirNetwork, NirResult, read_nir, write_nir

__all__ = ["NestNetwork", "NirModel", "NirNetwork", "NirResult", "read_nir", "to_nest", "write_nir"]
