"""The rules that `SynapseEquations` makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, numbers
from spikelet.network.recognized_rules import BuiltIn, recognized
from spikelet.network.rule_programs import RulePrograms, compile_rule
from spikelet.network.rule_text import SENT, RuleText
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Expr
from spikelet.neurons.equations.parameters import is_quantity
from spikelet.neurons.equations.units import unit_text
from spikelet.plasticity import Plasticity


class _Maker(Protocol):
    """Interface of the `SynapseEquations` that made a rule."""

    @property
    def name(self) -> str: ...
    @property
    def on_signal(self) -> str | None: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...
    @property
    def axonal_fraction(self) -> float: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __call__(self, **parameters: Any) -> SynapseRule: ...


class SynapseRule(Plasticity):
    """A rule that `SynapseEquations` made, with values of its parameters: what `spikelet.Network.connect` takes.

    Its parameters are attributes. It is frozen; ``dataclasses.replace`` returns a copy with some of them changed.
    """

    equations: ClassVar[_Maker]
    _text: ClassVar[RuleText]
    _recognized: ClassVar[BuiltIn | None]
    _programs: ClassVar[dict[frozenset[str], RulePrograms]]

    def __post_init__(self) -> None:
        for name, p in self._text.parameters.items():
            value = getattr(self, name)
            if p.factor != 1 and is_quantity(value):
                base = unit_text(p.dimension, one="")
                object.__setattr__(
                    self, name, numbers(type(self).__name__, name, value, base) / p.factor
                )
        super().__post_init__()
        self._rates()

    @classmethod
    def _require_registered(cls) -> None:
        """Its text is all that the core needs."""

    def _kind(self) -> Any:
        return self.equations

    @property
    def built_in(self) -> BuiltIn | None:
        """The built-in rule that does the same, whose store is then used."""
        found = self._recognized
        if found is None or self.varied or any(r >= 0 for r in self._rates().values()):
            return None
        limits = self._evaluated(found.bounds)
        return found if limits["w_min"] <= limits["w_max"] else None

    @property
    def core_name(self) -> str:
        """Name of the rule in the core."""
        found = self.built_in
        if found is None:
            return type(self).__name__
        signed = any(value < 0 for value in self._evaluated(found.amplitudes).values())
        return f"{found.name}.signed" if signed else found.name

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest weight, where the core checks them."""
        found = self.built_in
        if found is None:
            return -np.inf, np.inf
        values = self._evaluated(found.bounds)
        return values["w_min"], values["w_max"]

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the parameters that differ from synapse to synapse: arrays, or distributions."""
        mine = self.equations.parameters
        return tuple(name for name in mine if not isinstance(getattr(self, name), float))

    def to_core(self, states: Sequence[str] = ()) -> _core.Plasticity:
        """Return the core's description, for targets with these states."""
        made, found = self.equations, self.built_in
        if found is not None:
            rates = self._rates()
            return _core.Plasticity(
                rule=self.core_name,
                pairing=found.pairing,
                tie_potentiates=True,
                axonal_fraction=made.axonal_fraction,
                parameters={tau: -1 / rates[v, v] for tau, v in found.decaying.items()}
                | self._evaluated(found.bounds)
                | self._evaluated(found.amplitudes),
            )
        values = self._values(self._text.parameters)
        varied_names = frozenset(self.varied)
        programs = self._programs.get(varied_names)
        if programs is None:
            programs = self._programs[varied_names] = compile_rule(self._text, varied_names)
        parameters: list[float] = []
        varied: dict[int, npt.NDArray[np.float64]] = {}
        for listing in programs.listings:
            for expr in listing.coefficients:
                value = np.asarray(evaluate(expr, values), dtype=np.float64)
                self._require_finite(expr, value)
                if value.ndim:
                    varied[len(parameters)] = value
                parameters.append(1.0 if value.ndim else float(value))
        return _core.Plasticity(
            events=programs.to_core(made.name, self._text, self._rates(), states),
            parameters=parameters,
            axonal_fraction=made.axonal_fraction,
            varied=varied,
        )

    def require_states(self, where: str, states: Sequence[str]) -> None:
        """Check that targets have the states that `on_pre` reads."""
        for read in self._text.reads:
            if read.removesuffix("_post") not in states:
                has = ", ".join(f"{state}_post" for state in states)
                rule = f"must read states that its targets have ({has})"
                fail(where, f"{self.equations.name}.on_pre", read, rule)

    def _require_finite(self, expr: Expr, value: npt.NDArray[np.float64]) -> None:
        if not np.isfinite(value).all():
            bad = float(np.extract(~np.isfinite(value), value)[0])
            rule = "must be finite, with the parameters given: is one of them zero, or infinite?"
            fail(type(self).__name__, str(expr), bad, rule)

    def _evaluated(self, expressions: Mapping[str, Expr]) -> dict[str, float]:
        """Return the values of expressions of parameters, by name."""
        found = {}
        for name, expr in expressions.items():
            value = np.asarray(evaluate(expr, self._values(expr.names)), dtype=np.float64)
            self._require_finite(expr, value)
            found[name] = float(value)
        return found

    def _values(self, names: Collection[str]) -> dict[str, Any]:
        """Return parameters in the base system."""
        given = self._text.parameters
        return {name: getattr(self, name) * given[name].factor for name in names}

    def _rates(self) -> dict[tuple[str, str | None], float]:
        """Return what is not zero of the equations between spikes [1/ms]."""
        rates = {}
        for (of, by), expr in self._text.rates.items():
            rate = rates[of, by] = float(evaluate(expr, self._values(expr.names)))
            if not np.isfinite(rate):
                what = f"effect of {by or 'a constant'} on d{of}/dt"
                rule = "must be finite, with the parameters given: is a time constant zero?"
                fail(type(self).__name__, what, rate, rule)
            if of == by and rate > 0:
                rule = "must be <= 0: a variable may not grow by itself between spikes"
                fail(type(self).__name__, f"effect of {of} on d{of}/dt", rate, rule)
        return rates

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.equations, {f.name: getattr(self, f.name) for f in _fields(self)})


def _fields(rule: SynapseRule) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(rule)


def _restored(equations: _Maker, values: dict[str, Any]) -> SynapseRule:
    return equations(**values)


def core_of(plasticity: Plasticity | None, post: Any) -> _core.Plasticity | None:
    """Return the core's description of a rule at a population, if there is one."""
    if isinstance(plasticity, SynapseRule):
        return plasticity.to_core(post.model.states)
    return None if plasticity is None else plasticity.to_core()


def rule_class(equations: _Maker, described: RuleText) -> type[SynapseRule]:
    """Return the class of the rules of equations, given what their text says."""
    between = {name for expr in described.rates.values() for name in expr.names}
    found = _built_in(described)
    limits = set() if found is None else {n for x in found.bounds.values() for n in x.names}
    fields = []
    for name, p in described.parameters.items():
        of_events = name not in between
        about = {"unit": p.unit if p.factor == 1 else "", "rule": "> 0" if p.rule == "tau" else p.rule,
                 "of_synapses": of_events, "changeable": of_events and name not in limits}  # fmt: skip
        fields.append((name, Any, dataclasses.field(default=p.default, metadata=about)))
    return dataclasses.make_dataclass(
        equations.name,
        fields,
        bases=(SynapseRule,),
        namespace={
            "equations": equations,
            "_text": described,
            "_recognized": found,
            "_programs": {},
            "__module__": __name__,
        },
        frozen=True,
        kw_only=True,
    )


def _built_in(described: RuleText) -> BuiltIn | None:
    more = described.signal is not None or described.reads or any(described.initial.values())
    if more or SENT in described.pre:
        return None
    return recognized(described.variables, described.rates, described.pre, described.post)
