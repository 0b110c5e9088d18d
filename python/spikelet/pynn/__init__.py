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

from spikelet.pynn.cells import (
    EIF_cond_alpha_isfa_ista,
    EIF_cond_exp_isfa_ista,
    GIF_cond_exp,
    HH_cond_exp,
    IF_cond_alpha,
    IF_cond_exp,
    IF_cond_exp_gsfa_grr,
    IF_curr_alpha,
    IF_curr_delta,
    IF_curr_exp,
    IF_facets_hardware1,
    Izhikevich,
)
from spikelet.pynn.connectors import (
    AllToAllConnector,
    ArrayConnector,
    CloneConnector,
    Connector,
    CSAConnector,
    DisplacementDependentProbabilityConnector,
    DistanceDependentProbabilityConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedProbabilityConnector,
    FixedTotalNumberConnector,
    FromFileConnector,
    FromListConnector,
    IndexBasedProbabilityConnector,
    OneToOneConnector,
    SmallWorldConnector,
)
from spikelet.pynn.control import (
    end,
    get_current_time,
    get_max_delay,
    get_min_delay,
    get_time_step,
    initialize,
    num_processes,
    rank,
    reset,
    run,
    run_for,
    run_until,
    setup,
)
from spikelet.pynn.electrodes import ACSource, DCSource, NoisyCurrentSource, StepCurrentSource
from spikelet.pynn.native_types import NativeCellType, native_cell_type
from spikelet.pynn.point_neuron import (
    LIF,
    AdExp,
    AlphaPSR,
    BetaPSR,
    CondAlphaPostSynapticResponse,
    CondBetaPostSynapticResponse,
    CondExpPostSynapticResponse,
    CurrExpPostSynapticResponse,
    ExpPSR,
    PointNeuron,
)
from spikelet.pynn.populations import Assembly, Population, PopulationView
from spikelet.pynn.procedural_api import connect, create, record, record_gsyn, record_v, set  # noqa: A004
from spikelet.pynn.projections import Projection
from spikelet.pynn.random import GSLRNG, NativeRNG, NumpyRNG, RandomDistribution
from spikelet.pynn.renewal import (
    SpikeSourceGamma,
    SpikeSourceInhGamma,
    SpikeSourcePoissonRefractory,
)
from spikelet.pynn.sources import SpikeSourceArray, SpikeSourcePoisson
from spikelet.pynn.synapses import (
    AdditivePotentiationMultiplicativeDepression,
    AdditiveWeightDependence,
    ElectricalSynapse,
    GutigWeightDependence,
    MultiplicativeWeightDependence,
    MultiQuantalSynapse,
    SimpleStochasticSynapse,
    SpikePairRule,
    StaticSynapse,
    STDPMechanism,
    StochasticTsodyksMarkramSynapse,
    TsodyksMarkramSynapse,
    Vogels2011Rule,
)

__all__ = [
    "GSLRNG",
    "LIF",
    "ACSource",
    "AdExp",
    "AdditivePotentiationMultiplicativeDepression",
    "AdditiveWeightDependence",
    "AllToAllConnector",
    "AlphaPSR",
    "ArrayConnector",
    "Assembly",
    "BetaPSR",
    "CSAConnector",
    "CloneConnector",
    "CondAlphaPostSynapticResponse",
    "CondBetaPostSynapticResponse",
    "CondExpPostSynapticResponse",
    "Connector",
    "CurrExpPostSynapticResponse",
    "DCSource",
    "DisplacementDependentProbabilityConnector",
    "DistanceDependentProbabilityConnector",
    "EIF_cond_alpha_isfa_ista",
    "EIF_cond_exp_isfa_ista",
    "ElectricalSynapse",
    "ExpPSR",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "GIF_cond_exp",
    "GutigWeightDependence",
    "HH_cond_exp",
    "IF_cond_alpha",
    "IF_cond_exp",
    "IF_cond_exp_gsfa_grr",
    "IF_curr_alpha",
    "IF_curr_delta",
    "IF_curr_exp",
    "IF_facets_hardware1",
    "IndexBasedProbabilityConnector",
    "Izhikevich",
    "MultiQuantalSynapse",
    "MultiplicativeWeightDependence",
    "NativeCellType",
    "NativeRNG",
    "Network",
    "NoisyCurrentSource",
    "NumpyRNG",
    "OneToOneConnector",
    "PointNeuron",
    "Population",
    "PopulationView",
    "Projection",
    "RandomDistribution",
    "STDPMechanism",
    "SimpleStochasticSynapse",
    "SmallWorldConnector",
    "Space",
    "SpikePairRule",
    "SpikeSourceArray",
    "SpikeSourceGamma",
    "SpikeSourceInhGamma",
    "SpikeSourcePoisson",
    "SpikeSourcePoissonRefractory",
    "StandardCellType",
    "StaticSynapse",
    "StepCurrentSource",
    "StochasticTsodyksMarkramSynapse",
    "TsodyksMarkramSynapse",
    "Vogels2011Rule",
    "connect",
    "create",
    "end",
    "errors",
    "get_current_time",
    "get_max_delay",
    "get_min_delay",
    "get_time_step",
    "initialize",
    "list_standard_models",
    "native_cell_type",
    "num_processes",
    "rank",
    "record",
    "record_gsyn",
    "record_v",
    "reset",
    "run",
    "run_for",
    "run_until",
    "set",
    "setup",
    "space",
]


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
