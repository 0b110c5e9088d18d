"""Simulation-based inference: a simulator and a prior in the form that ``sbi`` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikelet._util.checks import fail, integer
from spikelet._util.extras import extra
from spikelet._util.spelling import spelled
from spikelet.fitting.candidates import candidates_of
from spikelet.fitting.ranges import Range, Space
from spikelet.fitting.recording import Recording, Responses

Vary = Mapping[str, Range | tuple[float, float]]


@spelled
def simulator(
    model: Any,
    *,
    vary: Vary,
    data: Recording,
    summary: Callable[[Responses], Any],
    seed: int = 0,
    threads: int | None = None,
) -> Callable[[Any], Any]:
    """Return a function from parameters to summaries, as ``sbi`` takes it, for whole batches.

    Parameters
    ----------
    model, vary, data, threads
        As of `spikelet.fit`.
    summary : callable
        Takes `Responses` and returns numbers, [candidates, features]. ``summary(data.responses)`` is what was observed.
    seed : int
        Seed of models with noise; their noise also depends on the place in the batch.

    Returns
    -------
    callable
        Takes a tensor [candidates, parameters], with the columns in the order of `vary`, and returns a tensor of float32,
        [candidates, features].

    Raises
    ------
    ValueError, TypeError
        If an argument breaks its rule. The returned function raises ValueError for parameters outside of their ranges.
    """
    torch = extra("torch", "fitting.simulator", "torch")
    if not callable(summary):
        fail("simulator", "summary", summary, "must be a function of Responses", error=TypeError)
    if not isinstance(data, Recording):
        fail("simulator", "data", data, "must be a spikelet.fitting.Recording", error=TypeError)
    space = Space("simulator", vary, data.sweeps)
    seed = integer("simulator", "seed", seed, 0, 2**63 - 1)
    compared = candidates_of("simulator", model, space, data, threads, seed)

    def simulate(theta: Any) -> Any:
        given = np.atleast_2d(np.asarray(theta, np.float64))
        x = space.places("simulator", given)
        parts = [compared.run(x[k : k + compared.most]) for k in range(0, len(x), compared.most)]
        return torch.as_tensor(
            np.concatenate([np.asarray(summary(part)) for part in parts]), dtype=torch.float32
        )

    return simulate


def prior(vary: Vary, sweeps: int = 1) -> Any:
    """Return the distribution of `torch.distributions` that is uniform over the ranges, on a logarithmic scale where they say so.

    Parameters
    ----------
    vary : dict of str to (low, high) or Range
        As of `spikelet.fit`.
    sweeps : int
        Number of sweeps, for parameters that are not shared.

    Returns
    -------
    torch.distributions.Distribution
        Its samples are [candidates, parameters], with the columns in the order of `vary`.
    """
    extra("torch", "fitting.prior", "torch")
    from torch import distributions, tensor  # noqa: PLC0415  # an extra

    space = Space("prior", vary, integer("prior", "sweeps", sweeps, 1))
    limits = tensor(space.table(np.repeat([[0.0], [1.0]], len(space), axis=1))).float()
    log = tensor(space.log)
    if not log.any():
        return distributions.Independent(distributions.Uniform(*limits), 1)
    ends = limits.where(~log, limits.log())
    transforms = [
        distributions.ExpTransform() if one else distributions.identity_transform
        for one in space.log
    ]
    stacked = distributions.CatTransform(transforms, dim=-1, lengths=[1] * len(space))
    base = distributions.Independent(distributions.Uniform(*ends), 1)
    return distributions.TransformedDistribution(base, [stacked])
