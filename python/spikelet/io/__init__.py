"""Networks of other simulators: `Network.to_nest` builds the same network in NEST."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, to_nest
from spikelet.io.nir import write_nir

__all__ = ["NestNetwork", "to_nest", "write_nir"]
