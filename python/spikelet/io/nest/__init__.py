"""NEST: build the network of a `Network` in a running NEST kernel, and take one from there."""

from __future__ import annotations

from spikelet.io.nest.from_nest import from_nest
from spikelet.io.nest.neuron_models import nest_model
from spikelet.io.nest.to_nest import NestNetwork, NestRecorder, to_nest

__all__ = ["NestNetwork", "NestRecorder", "from_nest", "nest_model", "to_nest"]
