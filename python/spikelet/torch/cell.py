"""The neuron of `spikelet.torch`, in one description for all conventions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet import _core
from spikelet._core import Charge, Reset, Surrogate, When
from spikelet._util.checks import fail, numbers, require

__all__ = [
    "ALPHAS",
    "PARAMETERS",
    "STATES",
    "Cell",
    "Charge",
    "Reset",
    "Surrogate",
    "Table",
    "When",
    "packed",
    "require_surrogate",
]


# Default parameters of the surrogates: those of SpikingJelly (atan, sigmoid), snnTorch (fast_sigmoid) and Norse (superspike,
# whose form is that of fast_sigmoid; Zenke & Ganguli, Neural Comput. 30, 2018).
ALPHAS = {
    "atan": 2.0,
    "sigmoid": 4.0,
    "fast_sigmoid": 25.0,
    "triangle": 1.0,
    "rectangle": 1.0,
    "gaussian": 1.0,
    "superspike": 100.0,
}


@dataclass(frozen=True, eq=False)
class Table:
    """A user-defined surrogate, given by a table of values.

    Parameters
    ----------
    low, high : float
        Range of u = V - v_threshold that the table covers; the surrogate is 0 outside.
    values : array-like, [n], n >= 2
        Values at equidistant points from `low` to `high`, with linear interpolation in between.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or a value is not finite.
    """

    low: float
    high: float
    values: ArrayLike

    def __post_init__(self) -> None:
        for argument in ("low", "high"):
            value = numbers("Table", argument, getattr(self, argument), dimensions=0)
            require("Table", argument, value, "finite")
            object.__setattr__(self, argument, float(value))
        if self.low >= self.high:
            fail("Table", "low", self.low, f"must lie below high = {self.high:g}")
        values = numbers("Table", "values", self.values)
        if values.ndim != 1 or len(values) < 2:
            fail("Table", "values", values.shape, "must be [n] with n >= 2", got="shape")
        require("Table", "values", values, "finite")
        object.__setattr__(self, "values", tuple(values.tolist()))

    @property
    def step(self) -> float:
        """Distance between two points of the table."""
        return (self.high - self.low) / (np.size(self.values) - 1)


def require_surrogate(where: str, surrogate: Any) -> None:
    """Refuse what is not a surrogate; None is for inference."""
    if surrogate is None or isinstance(surrogate, Table):
        return
    if not isinstance(surrogate, str) or surrogate not in ALPHAS:
        names = ", ".join(f'"{n}"' for n in ALPHAS)
        fail(where, "surrogate", surrogate, f"must be {names}, a Table or None")


# In the order of the core.
PARAMETERS = tuple(name for name, _ in _core.cell_parameters())
STATES = ("v", "i", "a")


@dataclass(frozen=True)
class Cell:
    """One neuron, as the core steps it.

    Each step: a synaptic current ``i = syn_decay i + x`` replaces the input x, if there is a synapse; the input charges the
    potential to h (see `charge`); the neuron spikes where h reaches ``threshold + boost a``, and is reset; then
    ``a = adapt_decay a + spike``.

    Fields and defaults are those of ``SPIKELET_CELL_FIELDS`` and ``SPIKELET_CELL_PARAMETERS`` in ``train/neuron.hpp``.

    Attributes
    ----------
    charge : Charge
        decay: ``h = leak v + gain x``; relax_input: ``h = v + (gain x - (v - rest)) / leak``; relax:
        ``h = v - (v - rest) / leak + gain x``.
    reset : Reset
        subtract: of the threshold; value: to `v_reset`; none.
    when : When
        same: in the step of the spike; next: before the charge of the next step; both: as snnTorch's Leaky with
        ``reset_delay=False``.
    strict : bool
        A spike needs h above the threshold, not at it.
    detached : bool
        The reset passes no gradient to its spike.
    surrogate, alpha, table, table_low, table_step
        See `spikelet.torch.cell`.
    leak, threshold, syn_decay, adapt_decay, boost : float
        Values of the parameters that are not given as tensors.
    """

    charge: Charge = Charge.decay
    reset: Reset = Reset.subtract
    when: When = When.same
    strict: bool = False
    detached: bool = True
    synapse: bool = False
    adaptive: bool = False
    surrogate: Surrogate = Surrogate.atan
    alpha: float = 2.0
    gain: float = 1.0
    rest: float = 0.0
    v_reset: float = 0.0
    table_low: float = 0.0
    table_step: float = 1.0
    leak: float = 1.0
    threshold: float = 1.0
    syn_decay: float = 0.0
    adapt_decay: float = 0.0
    boost: float = 0.0
    table: tuple[float, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the backward pass needs only the potential before the reset; the opposite of the core's `is_rich`."""
        later = self.when != When.same and self.reset != Reset.none
        simple = self.when == When.next and self.reset == Reset.subtract
        return not self.adaptive and (simple or not later)


# As the core packs a cell into numbers: its fields, its parameters, and the table of its surrogate.
_PACKED = tuple(name for name, _ in (*_core.cell_fields(), *_core.cell_parameters()))


def packed(cell: Cell) -> tuple[float, ...]:
    """Return a cell as the numbers that the core takes."""
    return (*(_number(getattr(cell, name)) for name in _PACKED), *cell.table)


def _number(value: IntEnum | bool | float) -> float:
    # torch.compile cannot convert an IntEnum itself.
    if isinstance(value, float):
        return value
    return float(value.value if isinstance(value, IntEnum) else value)
