"""Networks and files of others: NEST (`Network.to_nest`, `from_nest`), NIR graphs, SONATA files and programs in C."""

from __future__ import annotations

from spikelet.io.c import write_c
from spikelet.io.nest import NestNetwork, from_nest, to_nest
from spikelet.io.nir import NirModel, NirNetwork, NirResult, read_nir, write_nir
from spikelet.io.sonata import SonataNetwork, read_sonata, write_sonata

__all__ = [
    "NestNetwork",
    "NirModel",
    "NirNetwork",
    "NirResult",
    "SonataNetwork",
    "from_nest",
    "read_nir",
    "read_sonata",
    "to_nest",
    "write_c",
    "write_nir",
    "write_sonata",
]
