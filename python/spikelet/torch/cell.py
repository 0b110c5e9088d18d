"""What a neuron of `spikelet.torch` does at each step: one description for all conventions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal, get_args

from spikelet._core import TrainCell
from spikelet.torch.surrogate import SURROGATES

__all__ = ["PARAMETERS", "STATES", "Cell", "core_cell"]

Charge = Literal["decay", "relax_input", "relax"]
Reset = Literal["subtract", "value", "none"]
When = Literal["same", "next", "both"]

# In the order in which the core takes them.
PARAMETERS = ("leak", "threshold", "syn_decay", "adapt_decay", "boost")
STATES = ("v", "i", "a")


@dataclass(frozen=True)
class Cell:
    """One neuron, as the core steps it.

    Each step: the synaptic current ``i = syn_decay i + x``, if there is one, takes the place of the input x; the potential is
    charged to h (see `charge`); a spike where h reaches ``threshold + boost a``; the reset; ``a = adapt_decay a + spike``.

    Attributes
    ----------
    charge : "decay", "relax_input" or "relax"
        ``h = leak v + gain x``; ``h = v + (gain x - (v - rest)) / leak``; ``h = v - (v - rest) / leak + gain x``.
    reset : "subtract", "value" or "none"
        Of the threshold, to `v_reset`, or not at all.
    when : "same", "next" or "both"
        In the step of the spike; before the charge of the next; as snnTorch's Leaky does with ``reset_delay=False``.
    strict : bool
        A spike needs h above the threshold, not at it.
    detached : bool
        No gradient through the spike of a reset.
    surrogate, alpha, table, table_low, table_step
        See `spikelet.torch.surrogate`.
    leak, threshold, syn_decay, adapt_decay, boost : float
        Values of the parameters that are not given as tensors.
    """

    charge: Charge = "decay"
    reset: Reset = "subtract"
    when: When = "same"
    strict: bool = False
    detached: bool = True
    synapse: bool = False
    adaptive: bool = False
    surrogate: str = "atan"
    alpha: float = 2.0
    gain: float = 1.0
    rest: float = 0.0
    v_reset: float = 0.0
    leak: float = 1.0
    threshold: float = 1.0
    syn_decay: float = 0.0
    adapt_decay: float = 0.0
    boost: float = 0.0
    table: tuple[float, ...] = ()
    table_low: float = 0.0
    table_step: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether the potential before the reset is all that the way back needs; `is_rich` of the core says the same."""
        later = self.when != "same" and self.reset != "none"
        simple = self.when == "next" and self.reset == "subtract"
        return not self.adaptive and (simple or not later)

    @property
    def states(self) -> tuple[bool, bool, bool]:
        """Which of `STATES` there are."""
        return True, self.synapse, self.adaptive


_FIELDS = tuple(f.name for f in fields(Cell))


def text_of(cell: Cell) -> str:
    """Return what an operator takes: a graph that was exported has to tell it all."""
    return repr({name: getattr(cell, name) for name in _FIELDS})


@lru_cache(maxsize=1024)
def cell_of(text: str) -> Cell:
    """Return the cell of a text."""
    return Cell(**ast.literal_eval(text))


@lru_cache(maxsize=1024)
def core_cell(text: str) -> TrainCell:
    """Return the core's form of a cell."""
    cell = cell_of(text)
    return TrainCell(
        charge=get_args(Charge).index(cell.charge),
        reset=get_args(Reset).index(cell.reset),
        when=get_args(When).index(cell.when),
        strict=cell.strict,
        detached=cell.detached,
        synapse=cell.synapse,
        adaptive=cell.adaptive,
        surrogate=(*SURROGATES, "table").index(cell.surrogate),
        alpha=cell.alpha,
        gain=cell.gain,
        rest=cell.rest,
        v_reset=cell.v_reset,
        constants=[getattr(cell, name) for name in PARAMETERS],
        table=list(cell.table),
        table_low=cell.table_low,
        table_step=cell.table_step,
    )
