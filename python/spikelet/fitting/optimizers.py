"""Optimisers by their libraries. Each is called as ``optimizer(evaluate, dimensions, seed)``.

``evaluate`` takes places in the unit cube, [n, dimensions], and returns their losses, [n]. It ends the search by an
exception once all candidates have been spent, so an optimiser need not stop by itself. Your own optimiser is any
such function::

    def random_search(evaluate, dimensions, seed):
        rng = np.random.default_rng(seed)
        while True:
            evaluate(rng.random((100, dimensions)))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import Float, integer, scalar
from spikelet._util.described import Described
from spikelet._util.extras import extra

Evaluate = Callable[[Float], Float]
Optimizer = Callable[[Evaluate, int, int], Any]


@dataclass(frozen=True, eq=False)
class DifferentialEvolution(Described):
    """scipy's differential evolution (``scipy.optimize.differential_evolution``), the default.

    Parameters
    ----------
    popsize : int
        Candidates of a generation for each parameter that varies.
    strategy : str
        scipy's name of the way to make new candidates.
    """

    popsize: int = 5
    strategy: str = "best1bin"

    def __post_init__(self) -> None:
        integer("DifferentialEvolution", "popsize", self.popsize, 1)

    def __call__(self, evaluate: Evaluate, dimensions: int, seed: int) -> None:
        """Search until `evaluate` ends it."""
        from scipy.optimize import differential_evolution  # noqa: PLC0415  # heavy, and only needed here

        differential_evolution(
            lambda x: evaluate(np.transpose(x)), [(0.0, 1.0)] * dimensions, strategy=self.strategy,
            popsize=max(self.popsize, -(-5 // dimensions)), vectorized=True, updating="deferred", polish=False, tol=0.0,
            atol=-1.0, maxiter=10**9, rng=np.random.default_rng(seed),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class CMAES(Described):
    """CMA-ES by the library ``cma`` (``pip install 'spikelet[fit]'``), restarted from a random place once it has converged.

    Parameters
    ----------
    popsize : int
        Candidates of a generation; twice as many after each restart.
    sigma : float
        Initial standard deviation, as a fraction of the ranges.
    """

    popsize: int = 30
    sigma: float = 0.3

    def __post_init__(self) -> None:
        integer("CMAES", "popsize", self.popsize, 4)
        scalar("CMAES", "sigma", self.sigma, "> 0")

    def __call__(self, evaluate: Evaluate, dimensions: int, seed: int) -> None:
        """Search until `evaluate` ends it."""
        cma = extra("cma", "CMAES", "fit")
        rng = np.random.default_rng(seed)
        popsize, begin = self.popsize, np.full(dimensions, 0.5)
        while True:
            # Its own generator would be numpy's global one.
            options = {
                "popsize": popsize, "bounds": [0, 1], "verbose": -9, "seed": np.nan,
                "randn": lambda *shape: rng.standard_normal(shape),
            }  # fmt: skip
            search = cma.CMAEvolutionStrategy(begin, self.sigma, options)
            while not search.stop():
                places = search.ask()
                search.tell(places, evaluate(np.array(places)).tolist())
            popsize, begin = 2 * popsize, rng.random(dimensions)


@dataclass(frozen=True, eq=False)
class Nevergrad(Described):
    """An optimiser of the library ``nevergrad`` (``pip install 'spikelet[fit]'``).

    Parameters
    ----------
    name : str
        Its name in ``nevergrad.optimizers.registry``.
    popsize : int
        Candidates that are asked for at once.
    """

    name: str = "TwoPointsDE"
    popsize: int = 50

    def __post_init__(self) -> None:
        integer("Nevergrad", "popsize", self.popsize, 1)

    def __call__(self, evaluate: Evaluate, dimensions: int, seed: int) -> None:
        """Search until `evaluate` ends it."""
        ng = extra("nevergrad", "Nevergrad", "fit")
        cube = ng.p.Array(init=np.full(dimensions, 0.5)).set_bounds(0.0, 1.0)
        cube.random_state.seed(seed % 2**32)
        search = ng.optimizers.registry[self.name](cube, budget=10**9, num_workers=self.popsize)
        while True:
            asked = [search.ask() for _ in range(self.popsize)]
            for one, loss in zip(
                asked, evaluate(np.array([one.value for one in asked])), strict=True
            ):
                search.tell(one, float(loss))
