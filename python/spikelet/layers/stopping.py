"""When a sample may end before the last step: as soon as its output is certain enough."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from spikelet._util.checks import choice, fail, integer, number, require


@dataclass(frozen=True)
class Stopping:
    """When a sample may end before the last step.

    At each check, the mean output so far is compared with a limit. The run of a sample ends at the first check that it
    meets.

    Parameters
    ----------
    checks : sequence of int, [K]
        Numbers of steps after which to check, ascending.
    limits : sequence of float, [K]
        Limit of each check, in units of the output.
    of : "margin" or "change"
        What the limits bound. "margin": the greatest output exceeds the next by at least this (at each place, if there
        are several). "change": each output has changed by less since the previous check.
    keep : bool
        Keep the mean output of all checks, as ``result.so_far``.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule.

    Notes
    -----
    `ConvertedModel.stopping` chooses the limits on data. In networks whose spikes have sizes (the default of
    `convert`), spikes not yet sent count as 0; in others, the output is the mean over the steps so far.
    """

    checks: tuple[int, ...]
    limits: tuple[float, ...]
    of: Literal["margin", "change"] = "margin"
    keep: bool = False

    def __post_init__(self) -> None:
        where = type(self).__name__
        choice(where, "of", self.of, "margin", "change")
        checks = tuple(integer(where, "checks", c, 1) for c in self.checks)
        if not checks or list(checks) != sorted(set(checks)):
            fail(where, "checks", self.checks, "must be ascending numbers of steps")
        limits = tuple(float(number(where, "limits", v)) for v in self.limits)
        if len(limits) != len(checks):
            fail(
                where,
                "limits",
                len(limits),
                f"must be {len(checks)}, one for each check",
                got="number",
            )
        if np.isnan(limits).any() or min(limits) < 0:
            fail(where, "limits", self.limits, "must be at least 0")
        object.__setattr__(self, "checks", checks)
        object.__setattr__(self, "limits", limits)

    @classmethod
    def never(cls, checks: Iterable[int]) -> Self:
        """Return a `Stopping` that ends no run, but keeps the mean output of the checks."""
        checks = tuple(checks)
        return cls(checks, (math.inf,) * len(checks), keep=True)

    def to_core(self, output: int) -> tuple[int, bool, tuple[int, ...], tuple[float, ...], bool]:
        """Return the argument of the core, with the number of the output."""
        return output, self.of == "change", self.checks, self.limits, self.keep

    @classmethod
    def of_run(cls, where: str, value: Any, steps: int, delay: int, silent: int) -> Stopping:
        """Return what ``until=`` says for a run whose last neurons are silent at first: a margin holds at each step after that."""
        if isinstance(value, cls):
            if value.checks[0] <= delay or value.checks[-1] >= steps:
                rule = f"must check after {delay + 1} to {steps - 1} steps: a run of {steps} steps"
                fail(where, "until", list(value.checks), rule, got="checks")
            return value
        margin = number(where, "until", value)
        require(where, "until", margin, "finite and >= 0")
        checks = range(max(delay, silent) + 1, steps)
        if not checks:
            least = max(delay, silent) + 2
            fail(where, "steps", steps, f"must be at least {least} to stop before the last one")
        return cls(tuple(checks), (float(margin),) * len(checks))
