"""Sweeps: run a function over a grid of parameters and seeds, on all cores or on many machines.

`spikelet.sweep` runs it and returns a `SweepResult`; `spikelet.load_sweep` reads a stored one.
"""

from __future__ import annotations

from spikelet.experiments.result import RunResult, SweepResult
from spikelet.experiments.sweeping import load_sweep, sweep

__all__ = ["RunResult", "SweepResult", "load_sweep", "sweep"]
