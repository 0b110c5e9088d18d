"""Functions that set up and control a simulation."""

from __future__ import annotations

from typing import Any

from pyNN import common
from pyNN.common.control import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY, DEFAULT_TIMESTEP
from pyNN.recording import get_io

from spikelet.pynn import simulator

__all__ = [
    "end",
    "get_current_time",
    "get_max_delay",
    "get_min_delay",
    "get_time_step",
    "initialize",
    "num_processes",
    "rank",
    "reset",
    "run",
    "run_for",
    "run_until",
    "setup",
]


def setup(
    timestep: float = DEFAULT_TIMESTEP,
    min_delay: float | str = DEFAULT_MIN_DELAY,
    **extra_params: Any,
) -> int:
    """Begin a new simulation; what was built before is forgotten.

    Parameters
    ----------
    timestep : float
        Time step [ms].
    min_delay : float or "auto"
        Shortest delay that connections may have [ms]; "auto": one time step.
    **extra_params
        ``max_delay`` [ms]; ``rng_seed``, the seed of noise and of Poisson processes (42); ``threads``, the number of
        threads, by default as many as the network benefits from; ``comm``, the MPI processes that share the network, as
        in `spikelet.Network`, by default all that mpiexec started. Those of other simulators have no effect.

    Returns
    -------
    int
        Rank of this process.
    """
    common.setup(timestep, min_delay, **extra_params)
    options = {name: extra_params[name] for name in ("threads", "comm") if name in extra_params}
    max_delay = extra_params.get("max_delay", DEFAULT_MAX_DELAY)
    seed = extra_params.get("rng_seed", 42)
    simulator.state.clear(timestep, min_delay, max_delay, seed=seed, **options)
    return simulator.state.mpi_rank


def end(compatible_output: bool = True) -> None:  # noqa: ARG001  # PyNN's signature
    """Write what is to be written at the end. The network and its data stay until the next `setup`."""
    pending, simulator.state.write_on_end = simulator.state.write_on_end, []
    for population, variables, filename in pending:
        population.write_data(get_io(filename), variables)


run, run_until = common.build_run(simulator)
run_for = run

reset = common.build_reset(simulator)

initialize = common.initialize

(
    get_current_time,
    get_time_step,
    get_min_delay,
    get_max_delay,
    num_processes,
    rank,
) = common.build_state_queries(simulator)
