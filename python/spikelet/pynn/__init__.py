"""PyNN on spikelet: ``import spikelet.pynn as sim`` in place of ``import pyNN.nest as sim``.

Names, units and results are PyNN's; see its documentation, and ``docs/pynn.md`` for what is different.
"""

from __future__ import annotations

from typing import Any

from spikelet._util.extras import extra

extra("pyNN", "spikelet.pynn", "pynn")

# after the check
from pyNN import errors, space
from pyNN.network import Network
from pyNN.space import Space
from pyNN.standardmodels import StandardCellType

from spikelet.pynn import (
    cells,
    connectors,
    control,
    electrodes,
    native_types,
    point_neuron,
    populations,
    procedural_api,
    projections,
    random,
    renewal,
    sources,
    synapses,
)
from spikelet.pynn.cells import *
from spikelet.pynn.connectors import *
from spikelet.pynn.control import *
from spikelet.pynn.electrodes import *
from spikelet.pynn.native_types import *
from spikelet.pynn.point_neuron import *
from spikelet.pynn.populations import *
from spikelet.pynn.procedural_api import *
from spikelet.pynn.projections import *
from spikelet.pynn.random import *
from spikelet.pynn.renewal import *
from spikelet.pynn.sources import *
from spikelet.pynn.synapses import *

__all__ = ["Network", "Space", "StandardCellType", "errors", "list_standard_models", "space"]
__all__ += cells.__all__
__all__ += connectors.__all__
__all__ += control.__all__
__all__ += electrodes.__all__
__all__ += native_types.__all__
__all__ += point_neuron.__all__
__all__ += populations.__all__
__all__ += procedural_api.__all__
__all__ += projections.__all__
__all__ += random.__all__
__all__ += renewal.__all__
__all__ += sources.__all__
__all__ += synapses.__all__


def list_standard_models() -> list[str]:
    """Return the names of all standard cell types that there are; `PointNeuron` composes more."""
    composed = StandardCellType, PointNeuron
    return [
        name
        for name, each in globals().items()
        if isinstance(each, type) and issubclass(each, StandardCellType) and each not in composed
    ]


_MISSING = {
    "MultiCompartmentNeuron": "neurons are points; PointNeuron composes them",
    "NativeElectrodeType": "electrodes are the standard current sources",
    "native_electrode_type": "electrodes are the standard current sources",
    "NativeSynapseType": "plasticity is that of the standard synapse types",
    "native_synapse_type": "plasticity is that of the standard synapse types",
    "nestml": "write the model as equations, with native_cell_type(spikelet.Equations(...))",
}


class _MissingError(AttributeError, NotImplementedError):
    """What other simulators of PyNN have and this one does not: hasattr() is False."""


def __getattr__(name: str) -> Any:
    """Raise AttributeError, with the reason where one is known."""
    reason = f": {_MISSING[name]}" if name in _MISSING else ""
    msg = f"spikelet.pynn has no {name!r}{reason}"
    kind = _MissingError if name in _MISSING else AttributeError
    raise kind(msg)
