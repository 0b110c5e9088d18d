"""NEST: build the network of a `Network` in a running NEST kernel."""

from __future__ import annotations

from spikelet.io.nest.to_nest import NestNetwork, NestRecorder, to_nest

__all__ = ["NestNetwork", "NestRecorder", "to_nest"]
