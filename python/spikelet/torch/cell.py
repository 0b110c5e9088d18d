"""The neuron of `spikelet.torch`, in one description for all conventions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from spikelet import _core
from spikelet._core import Charge, Reset, Surrogate, When

__all__ = [
    "PARAMETERS",
    "STATES",
    "Cell",
    "Charge",
    "Reset",
    "Surrogate",
    "When",
    "packed",
]

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
        See `spikelet.torch.surrogate`.
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
