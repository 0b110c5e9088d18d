"""Plasticity rules from text: the class `SynapseEquations`, and the rules that it makes."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, number, numbers, require
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled, suggestion
from spikelet.network.recognized_rules import BuiltIn, recognized
from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import ZERO, Expr, Name, substitute
from spikelet.neurons.equations.model import Equation
from spikelet.neurons.equations.parameters import Parameter, is_quantity, read_parameters
from spikelet.neurons.equations.program import Listing, compile_step
from spikelet.neurons.equations.read_equations import ordered, read_equations
from spikelet.neurons.equations.read_events import read_assignments
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.units import unit_text
from spikelet.neurons.equations.vocabulary import Vocabulary, draws_numbers
from spikelet.plasticity import Plasticity

_WEIGHT, _SENT, _SIGNAL = "w", "transmit", "signal"
_OF_NEURONS = re.compile(r"\b([A-Za-z]\w*)_(post|pre)\b")
_UNKNOWN = frozenset({"t", "dt", "not_refractory"})
_SYNAPSE, _SOURCE, _TARGET, _NOBODY = range(4)  # keepers of a variable, as the core numbers them
_MOST_OF_TARGET = 3  # variables that the core keeps with a spike of a target


class SynapseRule(Plasticity):
    """A rule that `SynapseEquations` made, with values of its parameters: what `spikelet.Network.connect` takes.

    Its parameters are attributes. It is frozen; ``dataclasses.replace`` returns a copy with some of them changed.
    """

    equations: ClassVar[SynapseEquations]

    def __post_init__(self) -> None:
        for name, p in self.equations.described.parameters.items():
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
        found = self.equations.built_in
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
        values = self._values(made.described.parameters)
        compiled = made.compiled(frozenset(self.varied))
        parameters: list[float] = []
        varied: dict[int, npt.NDArray[np.float64]] = {}
        for listing in compiled.listings:
            for expr in listing.coefficients:
                value = np.asarray(evaluate(expr, values), dtype=np.float64)
                self._require_finite(expr, value)
                if value.ndim:
                    varied[len(parameters)] = value
                parameters.append(1.0 if value.ndim else float(value))
        return _core.Plasticity(
            events=compiled.to_core(made, self._rates(), states),
            parameters=parameters,
            axonal_fraction=made.axonal_fraction,
            varied=varied,
        )

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
        given = self.equations.described.parameters
        return {name: getattr(self, name) * given[name].factor for name in names}

    def _rates(self) -> dict[tuple[str, str | None], float]:
        """Return what is not zero of the equations between spikes [1/ms]."""
        rates = {}
        for (of, by), expr in self.equations.described.rates.items():
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


def _restored(equations: SynapseEquations, values: dict[str, Any]) -> SynapseRule:
    return equations(**values)


def core_of(plasticity: Plasticity | None, post: Any) -> _core.Plasticity | None:
    """Return the core's description of a rule at a population, if there is one."""
    if isinstance(plasticity, SynapseRule):
        return plasticity.to_core(post.model.states)
    return None if plasticity is None else plasticity.to_core()


def rule_of(plasticity: Any) -> Any:
    """Return the rule with the defaults of its text, if equations are given in place of a rule."""
    return plasticity() if isinstance(plasticity, SynapseEquations) else plasticity


class SynapseEquations(Sealed):
    r"""A plasticity rule from text, which runs without a compiler.

    It is given as ``plasticity=`` to `spikelet.Network.connect`. Calling it makes a rule with other values of parameters.

    A synapse has its weight ``w`` and the variables of the text. They move between spikes as the equations say, solved
    exactly, and change at spikes. A spike of the source runs `on_pre` and then transmits ``w``, or ``transmit`` if `on_pre`
    sets it; a spike of the target runs `on_post`. Times are those at the synapse, as in `spikelet.STDP`; if both spike at
    once, `on_pre` comes first. `spikelet.Projection.signal` runs `on_signal`.

    Parameters
    ----------
    text : str
        Equations ``dx/dt = ...`` and definitions ``name = ...``, one per line or separated by ``;``, as in
        `spikelet.Equations`. Equations must be linear in the variables, with coefficients of parameters; no two variables
        may act on each other. ``dx/dt = 0`` is a variable that only spikes change. An equation ``dw/dt`` moves the weight.
    on_pre, on_post : str, optional
        Assignments at a spike of the source and of the target, in order: ``"w = clip(w + A*x, 0, w_max); y += 1"``. There
        are the functions and conditions of `spikelet.Equations`; ``rand()`` and ``randn()`` are drawn for each synapse and
        spike. `on_pre` may read a state of the target: ``V_m_post`` is its potential when the spike arrives.
    on_signal : str, optional
        Assignments at a signal, whose value is ``signal``: a reward, for example.
    parameters : dict, optional
        By name: a default, ``(default, unit)`` or ``(default, unit, rule)``, as in `spikelet.Equations`.
    initial : dict of str to float, optional
        Values that variables begin with; by default 0.
    axonal_fraction : float
        Share of each delay that is axonal, as in `spikelet.STDP`. Rules that read states of the target need 1.
    name : str
        Name of the rule in messages.

    Raises
    ------
    ValueError, TypeError
        If anything is wrong; the message shows the line and marks the place. The text is never executed.

    Notes
    -----
    What depends only on spikes of the source or of the target is kept once for all of its synapses; other variables cost
    memory and time at each synapse. Nothing bounds ``w`` unless the text does, with ``clip``.

    Examples
    --------
    >>> import spikelet as sl
    >>> pairs = sl.SynapseEquations(
    ...     "dx/dt = -x/tau_plus\ndy/dt = -y/tau_minus",
    ...     on_pre="w = clip(w - A_minus*y, 0, w_max); x += 1",
    ...     on_post="w = clip(w + A_plus*x, 0, w_max); y += 1",
    ...     parameters={"tau_plus": (20.0, "ms"), "tau_minus": (20.0, "ms"), "A_plus": 0.01, "A_minus": 0.012, "w_max": 1.0},
    ... )
    >>> pairs(A_plus=0.02)
    SynapseEquations(tau_plus=20.0, tau_minus=20.0, A_plus=0.02, A_minus=0.012, w_max=1.0)
    """

    built_in: BuiltIn | None
    """The built-in rule that the text is, if it is one."""

    _instead: ClassVar = {
        "": "it is fixed when the rule is defined; define another, with SynapseEquations(...)"
    }

    @spelled
    def __init__(
        self,
        text: str,
        *,
        on_pre: str | None = None,
        on_post: str | None = None,
        on_signal: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        initial: Mapping[str, float] | None = None,
        axonal_fraction: float = 0.0,
        name: str = "SynapseEquations",
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            fail("SynapseEquations", "name", name, 'must be a name, such as "Calcium"')
        fraction = number(name, "axonal_fraction", axonal_fraction)
        require(name, "axonal_fraction", fraction, "in [0, 1]")
        self._described = _read(name, text, (on_pre, on_post, on_signal), parameters, initial)
        if self._described.reads and fraction != 1:
            rule = f"must be 1.0 for a rule that reads {self._described.reads[0]}: a target's state is known when the spike arrives"
            fail(name, "axonal_fraction", float(fraction), rule)
        self._given: dict[str, Any] = {
            "text": self._described.text,
            "on_pre": on_pre,
            "on_post": on_post,
            "on_signal": on_signal,
            "parameters": {k: [p.default, p.unit, p.rule] for k, p in self._described.parameters.items()},
            "initial": dict(self._described.initial),
            "axonal_fraction": float(fraction),
            "name": name,
        }  # fmt: skip
        self.built_in = _built_in(self._described)
        self._model = _rule_class(self)
        self._compiled: dict[frozenset[str], _Compiled] = {}
        self._model()  # its defaults have to be right

    def __call__(self, **parameters: Any) -> SynapseRule:
        """Return a rule with values of its parameters.

        Parameters
        ----------
        **parameters
            Numbers; those that no equation has may also be arrays with one for each synapse, in the order of an array of
            weights, or distributions. By default those of the text.
        """
        return self._model(**parameters)

    @property
    def name(self) -> str:
        """Name of the rule."""
        return str(self._given["name"])

    @property
    def text(self) -> str:
        """The text of the equations."""
        return self._described.text

    @property
    def on_pre(self) -> str | None:
        """The text of what a spike of the source does."""
        found: str | None = self._given["on_pre"]
        return found

    @property
    def on_post(self) -> str | None:
        """The text of what a spike of the target does."""
        found: str | None = self._given["on_post"]
        return found

    @property
    def on_signal(self) -> str | None:
        """The text of what a signal does."""
        found: str | None = self._given["on_signal"]
        return found

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables besides the weight, in the order of the text."""
        return tuple(v for v in self._described.variables if v != _WEIGHT)

    @property
    def parameters(self) -> Mapping[str, float]:
        """Defaults of the parameters by name."""
        return MappingProxyType({k: p.default for k, p in self._described.parameters.items()})

    @property
    def axonal_fraction(self) -> float:
        """Share of each delay that is axonal."""
        return float(self._given["axonal_fraction"])

    @property
    def described(self) -> _Described:
        """What the text says."""
        return self._described

    @property
    def model(self) -> type[SynapseRule]:
        """The class of rules that this makes."""
        return self._model

    def require_states(self, where: str, states: Sequence[str]) -> None:
        """Check that targets have the states that `on_pre` reads."""
        for read in self._described.reads:
            if read.removesuffix("_post") not in states:
                has = ", ".join(f"{state}_post" for state in states)
                rule = f"must read states that its targets have ({has})"
                fail(where, f"{self.name}.on_pre", read, rule)

    def compiled(self, varied: frozenset[str]) -> _Compiled:
        """Return the programs, given the parameters that differ from synapse to synapse."""
        if varied not in self._compiled:
            self._compiled[varied] = _compile(self._described, varied)
        return self._compiled[varied]

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make it, as plain data: text and numbers."""
        return json.loads(self._key)  # type: ignore[no-any-return]  # a copy

    @classmethod
    def from_dict(cls, arguments: Mapping[str, Any]) -> SynapseEquations:
        """Return the rule that `to_dict` described, which may come from an untrusted file.

        Raises
        ------
        ValueError
            If anything is missing, unknown or wrong.
        """
        if not isinstance(arguments, Mapping) or set(arguments) != set(_ARGUMENTS):
            rule = f"must be {', '.join(_ARGUMENTS)}"
            fail("SynapseEquations", "arguments", arguments, rule)
        try:
            return cls(**arguments)
        except TypeError as error:
            raise ValueError(str(error)) from None

    @functools.cached_property
    def _key(self) -> str:
        return json.dumps(self._given)

    def __eq__(self, other: object) -> bool:
        """Return whether two are made of the same texts and defaults."""
        return self._key == other._key if isinstance(other, SynapseEquations) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return SynapseEquations.from_dict, (self.to_dict(),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return f"SynapseEquations({self.name}: {', '.join([_WEIGHT, *self.variables])})"


_ARGUMENTS = ("text", "on_pre", "on_post", "on_signal", "parameters", "initial", "axonal_fraction", "name")  # fmt: skip


def _rule_class(equations: SynapseEquations) -> type[SynapseRule]:
    """Return the class of the rules of equations."""
    described = equations.described
    between = {name for expr in described.rates.values() for name in expr.names}
    found = equations.built_in
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
        namespace={"equations": equations, "__module__": __name__},
        frozen=True,
        kw_only=True,
    )


def _built_in(described: _Described) -> BuiltIn | None:
    more = described.signal is not None or described.reads or any(described.initial.values())
    if more or _SENT in described.pre:
        return None
    return recognized(described.variables, described.rates, described.pre, described.post)


# Reading --------------------------------------------------------------------------------------------------------------


class _Described(NamedTuple):
    """What the text of a rule says."""

    text: str
    parameters: dict[str, Parameter]
    variables: tuple[str, ...]
    rates: dict[tuple[str, str | None], Expr]
    """Of the equations between spikes: (of, by), with by None for a constant."""
    pre: dict[str, Expr]
    """What is set at a spike of the source, all by the values before it."""
    post: dict[str, Expr]
    signal: dict[str, Expr] | None
    reads: tuple[str, ...]
    """States of the target that on_pre reads, such as V_m_post."""
    initial: dict[str, float]
    order: list[str]
    """Variables, each after those that act on it."""


def _read(
    name: str, text: object, events: tuple[object, ...], parameters: object, initial: object
) -> _Described:
    words = Vocabulary(name, read_parameters(name, parameters))
    on_pre, on_post, on_signal = events
    for taken in (_WEIGHT, _SENT, _SIGNAL, *_attributes()):
        if taken in words.parameters:
            fail(name, "parameters", taken, "must have other names: rules have this one already")
    words.no_weight = "is called w in rules"
    words.known[_WEIGHT], words.units[_WEIGHT] = Name(_WEIGHT), None
    source = Source.of(name, "equations", text)
    equations, _ = read_equations(words, source, may_be_empty=True)
    for e in equations:
        if e.variable == _SENT:
            raise e.place.error("'transmit' is what a spike transmits; on_pre sets it")
        if e.variable == _SIGNAL:
            raise e.place.error("'signal' is the value of a signal; on_signal reads it")
        if e.held or e.noise:
            what = "flags" if e.held else "noise"
            raise e.place.error(f"equations of synapses have no {what}")
    if _WEIGHT not in words.states:
        still, _ = read_equations(words, Source(name, "equations", f"d{_WEIGHT}/dt = 0"))
        equations = [*still, *equations]
    equations.sort(key=lambda e: e.variable != _WEIGHT)
    if events == (None, None, None):
        fail(name, "on_pre", None, "or on_post must be given: nothing happens at spikes")
    read_equations(words, Source(name, "equations", f"d{_SENT}/dt = 0"))
    for other in _UNKNOWN:
        del words.known[other]
        words.hints[other] = "; rules know no time but that of their spikes"
    words.hints[_SIGNAL] = "; on_signal reads it, and nothing else does"
    reads = _states_read(words, events)
    words.known |= {read: Name(read) for read in reads}
    words.units |= dict.fromkeys(reads)
    pre = _assigned(words, on_pre, "on_pre", {_SENT: Name(_WEIGHT)})
    for gone in (_SENT, *reads):
        del words.known[gone]
    del words.states[_SENT]
    words.hints[_SENT] = "; on_pre sets what a spike transmits, and only that"
    post = _assigned(words, on_post, "on_post", {})
    words.known[_SIGNAL], words.units[_SIGNAL] = Name(_SIGNAL), None
    signal = None if on_signal is None else _assigned(words, on_signal, "on_signal", {}, rand=False)
    rates = _rates(words, equations)
    variables = tuple(e.variable for e in equations)
    acting = {v: [by for (of, by) in rates if of == v and by not in (None, v)] for v in variables}
    order = ordered({v: [by for by in found if by is not None] for v, found in acting.items()})
    if not isinstance(order, list):
        first = order.split(" ", 1)[0]
        place = next(e.place for e in equations if e.variable == first)
        raise place.error(f"variables may not act on each other between spikes: {order}")
    begins = _initial(name, variables, initial)
    for e in equations:
        changed = any(e.variable in assigned for assigned in (pre, post, signal or {}))
        if (
            not changed
            and begins.get(e.variable, 0) == 0
            and e.variable != _WEIGHT
            and not acting[e.variable]
            and (e.variable, None) not in rates
        ):
            raise e.place.error(f"'{e.variable}' is always 0: neither on_pre nor on_post sets it")
    return _Described(
        source.text, words.parameters, variables, rates, pre, post, signal, reads, begins, order
    )


def _states_read(words: Vocabulary, events: tuple[object, ...]) -> tuple[str, ...]:
    """Return the states of the target that on_pre reads, and prepare what is said of others."""
    found: dict[str, None] = {}
    for part, text in zip(("on_pre", "on_post", "on_signal"), events, strict=True):
        for match in _OF_NEURONS.finditer(text if isinstance(text, str) else ""):
            name, whose = match.group(0), match.group(2)
            if name in words.known:
                continue
            if whose == "pre":
                words.hints[name] = "; rules cannot read states of the source"
            else:
                words.hints[name] = "; only on_pre reads states of the target"
                found |= {name: None} if part == "on_pre" else {}
    return tuple(found)


@functools.cache
def _attributes() -> frozenset[str]:
    return frozenset(name for name in dir(SynapseRule) if not name.startswith("_")) | {"equations"}


def _assigned(
    words: Vocabulary, text: object, part: str, values: dict[str, Expr], *, rand: bool = True
) -> dict[str, Expr]:
    """Return what is set at a spike, all by the values before it."""
    if text is None:
        return {}
    found: dict[str, Expr] = {}
    for a in read_assignments(words, text, part):
        expr = substitute(words.expand(a.expr), {**values, **found})
        if not expr.names.isdisjoint(_UNKNOWN):
            unknown = min(expr.names & _UNKNOWN)
            raise a.place.error(f"this depends on {unknown}, which rules do not know")
        if not rand and draws_numbers(expr):
            raise a.place.error(f"{part} draws no numbers: rand() and randn() are drawn at spikes")
        found[a.variable] = expr
    return found


def _rates(words: Vocabulary, equations: list[Equation]) -> dict[tuple[str, str | None], Expr]:
    rates: dict[tuple[str, str | None], Expr] = {}
    variables = [e.variable for e in equations]
    for e in equations:
        rhs = words.expand(e.rhs)
        parts = affine_in(rhs, variables)
        terms: dict[str | None, Expr] = {}
        if parts is not None:
            terms = dict(parts.coefficients.items()) | {None: parts.rest}
        if not terms or not all(_shared(x, words.parameters) for x in terms.values()):
            msg = (
                f"d{e.variable}/dt must be linear in the variables, with coefficients of parameters"
            )
            raise e.place.error(f"{msg}: it is solved exactly from spike to spike")
        rates |= {(e.variable, by): x for by, x in terms.items() if x is not ZERO}
    return rates


def _initial(name: str, variables: tuple[str, ...], given: object) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        fail(name, "initial", given, "must be a dictionary of numbers", error=TypeError)
    found = {}
    for variable, value in given.items():
        if variable not in variables or variable == _WEIGHT:
            names = tuple(v for v in variables if v != _WEIGHT)
            hint = suggestion(variable, names) if isinstance(variable, str) else ""
            way_out = "; weights begin as connect says" if variable == _WEIGHT else hint
            rule = f"must name variables ({', '.join(names) or 'there are none'}){way_out}"
            fail(name, "initial", variable, rule)
        first = number(name, f"initial {variable}", value)
        require(name, f"initial {variable}", first, "finite")
        found[str(variable)] = float(first)
    return found


# Compiling ------------------------------------------------------------------------------------------------------------


class _Compiled(NamedTuple):
    """The programs of a rule, and who keeps which variable."""

    keepers: dict[str, int]
    listings: tuple[Listing, ...]

    def to_core(
        self,
        made: SynapseEquations,
        rates: Mapping[tuple[str, str | None], float],
        states: Sequence[str],
    ) -> _core.EventRule:
        """Return the core's description."""
        described, names = made.described, list(self.keepers)
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
            transmit=at[_SENT] if _SENT in described.pre else 0,
            signal=at.get(_SIGNAL, -1),
            reads=[
                (at[r], states.index(r.removesuffix("_post"))) for r in described.reads if states
            ],
            programs=[listing.to_core(made.name) for listing in self.listings],
        )


def _compile(described: _Described, varied: Collection[str]) -> _Compiled:
    keepers = _keepers(described, varied)
    if _SENT in described.pre:
        keepers[_SENT] = _NOBODY
    keepers |= dict.fromkeys(described.reads, _NOBODY)
    if described.signal is not None:
        keepers[_SIGNAL] = _NOBODY
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
    return _Compiled(keepers, listings)


def _keepers(described: _Described, varied: Collection[str]) -> dict[str, int]:
    """Return who keeps each variable: its source or its target, if nothing else has a say in it, or each synapse."""
    keepers = dict.fromkeys(described.variables, _SYNAPSE)
    for keeper, assigned, others in (
        (_SOURCE, described.pre, described.post),
        (_TARGET, described.post, described.pre),
    ):
        elsewhere = {*others, *(described.signal or {}), _WEIGHT}
        may = {v for v in described.variables if v not in elsewhere}
        may -= {v for v, k in keepers.items() if k != _SYNAPSE}
        if keeper == _TARGET:  # before a target's first spike it has nothing
            may -= {of for of, by in described.rates if by is None}
            may -= {v for v, first in described.initial.items() if first != 0}
        known = set(described.parameters) - set(varied)
        while True:
            out = {v for v in may if v in assigned and not _shared(assigned[v], known | may)}
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


def _shared(expr: Expr, known: Collection[str]) -> bool:
    return expr.names <= set(known) and not draws_numbers(expr)
