"""Networks and files of others: NEST (`Network.to_nest`, `from_nest`), NIR graphs, ONNX and SONATA files, C programs."""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.conversion.to_network import GraphNetwork
from spikelet.io.c import write_c
from spikelet.io.nest import NestNetwork, from_nest, nest_model
from spikelet.io.nir import NirModel, NirResult, read_nir, write_nir
from spikelet.io.onnx import write_onnx
from spikelet.io.sonata import SonataNetwork, read_sonata, write_sonata

__all__ = [
    "GraphNetwork",
    "NestNetwork",
    "NirModel",
    "NirResult",
    "SonataNetwork",
    "from_nest",
    "nest_model",
    "read_nir",
    "read_sonata",
    "write_c",
    "write_nir",
    "write_onnx",
    "write_sonata",
]

offer(__name__, __all__)
