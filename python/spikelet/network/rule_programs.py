"""The programs that run a plasticity rule in the core, and who keeps which of its variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from spikelet import _core
from spikelet.network.rule_text import SENT, SIGNAL, WEIGHT, RuleText, of_parameters
from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.expression import Expr
from spikelet.neurons.equations.program import Listing, compile_step

_SYNAPSE, _SOURCE, _TARGET, _NOBODY = range(4)  # keepers of a variable, as the core numbers them
_MOST_OF_TARGET = 3  # variables that the core keeps with a spike of a target


class RulePrograms(NamedTuple):
    """The programs of a rule, and who keeps which variable."""

    keepers: dict[str, int]
    listings: tuple[Listing, ...]

    def to_core(
        self,
        name: str,
        described: RuleText,
        rates: Mapping[tuple[str, str | None], float],
        states: Sequence[str],
    ) -> _core.EventRule:
        """Return the core's description."""
        names = list(self.keepers)
        at = {name: k for k, name in enumerate(names)}
        return _core.EventRule(
            variables=[
                (name, keeper, described.initial.get(name, 0.0), keeper != _NOBODY)
                for name, keeper in self.keepers.items()
            ],
            rates=[
                (at[of], -1 if by is None else at[by], rate) for (of, by), rate in rates.items()
            ],
            order=[at[name] for name in (*described.order, *names[len(described.order) :])],
            transmit=at[SENT] if SENT in described.pre else 0,
            signal=at.get(SIGNAL, -1),
            reads=[
                (at[r], states.index(r.removesuffix("_post"))) for r in described.reads if states
            ],
            programs=[listing.to_core(name) for listing in self.listings],
        )


def compile_rule(described: RuleText, varied: Collection[str]) -> RulePrograms:
    """Return the programs of a rule, given the parameters that differ from synapse to synapse."""
    keepers = _keepers(described, varied)
    if SENT in described.pre:
        keepers[SENT] = _NOBODY
    keepers |= dict.fromkeys(described.reads, _NOBODY)
    if described.signal is not None:
        keepers[SIGNAL] = _NOBODY
    arranger = Arranger(frozenset(described.parameters))

    def program(assigned: Mapping[str, Expr], *of: int) -> Listing:
        new = {v: arranger.as_written(x) for v, x in assigned.items() if keepers[v] in of}
        return compile_step(tuple(keepers), (), arranger, new, None, {}, by_sign=False)

    listings = (
        program(described.pre, _SYNAPSE, _NOBODY),
        program(described.post, _SYNAPSE),
        program(described.pre, _SOURCE),
        program(described.post, _TARGET),
        program(described.signal or {}, _SYNAPSE),
    )
    return RulePrograms(keepers, listings)


def _keepers(described: RuleText, varied: Collection[str]) -> dict[str, int]:
    """Return who keeps each variable: its source or its target, if nothing else has a say in it, or each synapse."""
    keepers = dict.fromkeys(described.variables, _SYNAPSE)
    for keeper, assigned, others in (
        (_SOURCE, described.pre, described.post),
        (_TARGET, described.post, described.pre),
    ):
        elsewhere = {*others, *(described.signal or {}), WEIGHT}
        may = {v for v in described.variables if v not in elsewhere}
        may -= {v for v, k in keepers.items() if k != _SYNAPSE}
        if keeper == _TARGET:  # before a target's first spike it has nothing
            may -= {of for of, by in described.rates if by is None}
            may -= {v for v, first in described.initial.items() if first != 0}
        known = set(described.parameters) - set(varied)
        while True:
            out = {v for v in may if v in assigned and not of_parameters(assigned[v], known | may)}
            out |= {
                of for of, by in described.rates if by is not None and of in may and by not in may
            }
            out |= {
                by for of, by in described.rates if by in may and of not in may and by is not None
            }
            if not out and keeper == _TARGET and len(may) > _MOST_OF_TARGET:
                out = {max(may, key=described.variables.index)}
            if not out:
                break
            may -= out
        keepers |= dict.fromkeys(may, keeper)
    return keepers
