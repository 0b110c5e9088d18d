"""PyNN's procedural interface: functions that create and record cells."""

from __future__ import annotations

from typing import Any

from pyNN import common

from spikelet.pynn import simulator
from spikelet.pynn.connectors import FixedProbabilityConnector
from spikelet.pynn.populations import Population
from spikelet.pynn.projections import Projection
from spikelet.pynn.synapses import StaticSynapse

__all__ = ["connect", "create", "record", "record_gsyn", "record_v", "set"]

connect = common.build_connect(Projection, FixedProbabilityConnector, StaticSynapse)
create = common.build_create(Population)
set = common.set  # noqa: A001  # PyNN's name
record = common.build_record(simulator)


def record_v(source: Any, filename: str) -> None:
    """Record the membrane potential to a file."""
    record(["v"], source, filename)


def record_gsyn(source: Any, filename: str) -> None:
    """Record the synaptic conductances to a file."""
    record(["gsyn_exc", "gsyn_inh"], source, filename)
