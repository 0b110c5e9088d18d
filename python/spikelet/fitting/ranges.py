"""Parameters that vary in a fit, and their ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import Float, fail, scalar
from spikelet._util.described import Described


@dataclass(frozen=True, eq=False)
class Range(Described):
    """The values that a parameter may take in a fit; a tuple ``(low, high)`` is short for a linear one.

    Parameters
    ----------
    low, high : float
        The limits, in the unit of the parameter.
    log : bool
        Search on a logarithmic scale, for parameters whose magnitude is unknown; both limits must be positive.
    shared : bool
        Use one value for all sweeps. False fits a value for each sweep, for what changed between them.
    """

    low: float
    high: float
    log: bool = False
    shared: bool = True

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, scalar("Range", name, getattr(self, name), "finite"))
        if not self.low < self.high:
            fail(
                "Range", "low", (self.low, self.high), "must be less than high", got="(low, high) ="
            )
        if self.log and self.low <= 0:
            fail("Range", "low", self.low, "must be > 0 on a logarithmic scale")

    def value(self, x: Float) -> Float:
        """Return the values at places in [0, 1] of the range."""
        if self.log:
            return np.asarray(self.low * (self.high / self.low) ** x)
        return np.asarray(self.low + x * (self.high - self.low))

    def place(self, value: Float) -> Float:
        """Return the places of values, 0 at the low limit and 1 at the high one."""
        if self.log:
            return np.asarray(np.log(value / self.low) / np.log(self.high / self.low))
        return np.asarray((value - self.low) / (self.high - self.low))


class Space:
    """The unit cube of all parameters that vary: a dimension for each value that is searched.

    Parameters
    ----------
    where : str
        The function, for messages.
    vary : mapping of str to Range or (low, high)
        Ranges by parameter.
    sweeps : int
        Number of values of a parameter that is not shared.
    """

    def __init__(self, where: str, vary: Any, sweeps: int) -> None:
        if not isinstance(vary, Mapping) or not vary:
            rule = 'must be a dict of ranges, such as {"tau_m": (5.0, 50.0)}'
            fail(where, "vary", vary, rule, error=TypeError)
        self.ranges = {name: _range(where, name, given) for name, given in vary.items()}
        self.columns: list[str] = []
        self._places: dict[str, Any] = {}
        for name, one in self.ranges.items():
            at = len(self.columns)
            self._places[name] = at if one.shared else slice(at, at + sweeps)
            self.columns += [name] if one.shared else [f"{name}[{k}]" for k in range(sweeps)]

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def log(self) -> list[bool]:
        """True for each of `columns` that has a logarithmic scale."""
        return [one.log for one in self._each()]

    def places(self, where: str, table: Float) -> Float:
        """Return the places of parameters [candidates, dimensions], which are in `columns`.

        Raises
        ------
        ValueError
            If a value is outside of its range.
        """
        if table.shape[1:] != (len(self),):
            fail(
                where, "parameters", table.shape, f"must be [candidates, {len(self)}]", got="shape"
            )
        found = np.column_stack(
            [one.place(v) for one, v in zip(self._each(), table.T, strict=True)]
        )
        outside = ~((found > -1e-6) & (found < 1 + 1e-6))  # of float32
        if outside.any():
            row, column = np.argwhere(outside)[0]
            rule = f"must lie in its range at index {row}"
            fail(where, self.columns[column], float(table[row, column]), rule)
        return np.clip(found, 0.0, 1.0)

    def _each(self) -> list[Range]:
        return [self.ranges[name.partition("[")[0]] for name in self.columns]

    def values(self, x: Float) -> dict[str, Float]:
        """Return the parameters at places [candidates, dimensions]: [candidates], or [candidates, sweeps]."""
        return {name: one.value(x[:, self._places[name]]) for name, one in self.ranges.items()}

    def table(self, x: Float) -> Float:
        """Return the parameters at places [candidates, dimensions], in `columns`."""
        return np.column_stack(list(self.values(x).values()))


def _range(where: str, name: str, given: Any) -> Range:
    if isinstance(given, Range):
        return given
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        rule = "must be a Range or (low, high)"
        fail(where, f'vary["{name}"]', given, rule, error=TypeError)
    try:
        return Range(*given)
    except (TypeError, ValueError) as error:
        msg = f'{where}: vary["{name}"]: {error}'
        raise type(error)(msg) from None
