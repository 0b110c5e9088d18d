"""Plasticity rules: frozen descriptions; the core applies them event by event."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import fail, numbers, own, require
from spikelet._util.described import Described

__all__ = [
    "STDP",
    "DiehlCookSTDP",
    "InhibitorySTDP",
    "Plasticity",
    "RewardSTDP",
    "TripletSTDP",
    "TsodyksMarkram",
]

_PAIRINGS = tuple(_core.Pairing.__members__)


def _time(default: float | None, rule: str = "> 0") -> Any:
    """Declare a time constant [ms]."""
    return field(default=default, metadata={"unit": "ms", "rule": rule})


def _amplitude(default: float | None, rule: str = "finite") -> Any:
    """Declare a number that may change between runs."""
    return field(default=default, metadata={"unit": "", "rule": rule, "changeable": True})


def _of_synapses(default: float | None, unit: str, rule: str) -> Any:
    """Declare a number that stays as it is and may differ from synapse to synapse."""
    return field(default=default, metadata={"unit": unit, "rule": rule, "of_synapses": True})


def _number(default: float, rule: str = "finite") -> Any:
    """Declare a number that stays as it is."""
    return field(default=default, metadata={"unit": "", "rule": rule})


@dataclass(frozen=True, kw_only=True)
class Plasticity(Described):
    """Base of all plasticity rules: parameters are numbers, checked when the rule is made.

    Your own rule needs a dataclass like those below and a header in the core; see "Adding a rule" in the documentation.

    Raises
    ------
    TypeError
        If the class is not a rule of this module, such as a subclass of a rule.
    ValueError
        If a value breaks its rule; the message names the class, the parameter, the value and the rule.
    """

    _pairing: ClassVar[str] = "all_to_all"

    def __repr__(self) -> str:
        return self._call(defaults=True)

    def __post_init__(self) -> None:
        self._require_registered()
        where = type(self).__name__
        for f in dataclasses.fields(self):
            given = getattr(self, f.name)
            if "rule" not in f.metadata or given is None:  # a choice, or an option that is off
                continue
            if f.metadata.get("of_synapses") and hasattr(given, "to_core"):  # connect draws it
                continue
            value = numbers(where, f.name, given, f.metadata["unit"])
            if value.ndim and not f.metadata.get("of_synapses"):
                fail(where, f.name, given, "must be one number")
            require(where, f.name, value, f.metadata["rule"])
            object.__setattr__(self, f.name, own(value) if value.ndim else float(value))
        low, high = self.bounds
        if low > high:
            fail(where, "w_min", low, f"must not exceed w_max = {high!r}")

    @classmethod
    def _require_registered(cls) -> None:
        """Check that the core and checkpoints know this rule."""
        name, known = cls.__name__, rules()
        if known.get(name) is cls:
            return
        base = next((c.__name__ for c in cls.__mro__[1:] if known.get(c.__name__) is c), None)
        if name in known:
            msg = f"{name}: {__name__}.{name} has this name already; give {cls.__module__}.{name} another one"
        elif base is None:
            msg = f"{name}: there is no plasticity rule of this name; add it (docs/adding_a_plasticity_rule.md)"
        else:
            way_out = f"make a function that returns {base}(...) with your defaults"
            msg = f"{name}: there is no plasticity rule of this name; {way_out}"
        raise TypeError(msg)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest weight."""
        return getattr(self, "w_min", -np.inf), getattr(self, "w_max", np.inf)

    @property
    def core_name(self) -> str:
        """Name of the rule in the core, which has several for some classes."""
        return type(self).__name__

    def to_core(self) -> _core.Plasticity:
        """Return the core's description."""
        values = self._core_values()
        return _core.Plasticity(
            rule=self.core_name,
            pairing=values.pop("pairing", self._pairing),
            tie_potentiates=values.pop("coincidence", None) != "ignore",
            axonal_fraction=values.get("axonal_fraction", 0.0),
            parameters={k: v for k, v in values.items() if isinstance(v, float)}
            | dict.fromkeys(self.varied, 1.0),
            varied={name: values[name] for name in self.varied},
        )

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the parameters that differ from synapse to synapse: arrays, or distributions."""
        kind: type = type(self)
        mine = _names(kind, of_synapses=True)
        return tuple(name for name in mine if not isinstance(getattr(self, name), float | None))

    def _core_values(self) -> dict[str, Any]:
        """Return all fields, with the values that the core takes."""
        kind: type = type(self)
        return {name: getattr(self, name) for name in _names(kind)}


@functools.lru_cache(maxsize=256)
def _names(kind: type, *, of_synapses: bool = False) -> tuple[str, ...]:
    """Return the fields of a rule, or those that may differ from synapse to synapse."""
    fields = dataclasses.fields(kind)
    return tuple(f.name for f in fields if not of_synapses or f.metadata.get("of_synapses"))


def rules() -> dict[str, type[Plasticity]]:
    """Return the plasticity rules by name: the classes that `__all__` lists."""
    found = {name: globals()[name] for name in __all__}
    return {name: rule for name, rule in found.items() if rule is not Plasticity}


def amplitudes(rule: Plasticity | type[Plasticity]) -> frozenset[str]:
    """Return the names of the parameters that may change between runs."""
    return frozenset(f.name for f in dataclasses.fields(rule) if f.metadata.get("changeable"))


def _named(name: str, rule: Plasticity) -> str:
    """Return the name of a rule in the core, which has another one for negative amplitudes."""
    return f"{name}.signed" if any(getattr(rule, a) < 0 for a in amplitudes(rule)) else name


@dataclass(frozen=True, kw_only=True)
class _SpikeTiming(Plasticity):
    """Base of rules that compare spike times of source and target."""

    coincidence: Literal["potentiate", "ignore"] = "potentiate"
    axonal_fraction: float = _number(0.0)

    # Amplitudes that are added for one order of spikes and subtracted for the other.
    _opposed: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        where = type(self).__name__
        if self.coincidence not in ("potentiate", "ignore"):
            fail(where, "coincidence", self.coincidence, 'must be "potentiate" or "ignore"')
        require(where, "axonal_fraction", np.asarray(self.axonal_fraction), "in [0, 1]")
        for up, down in self._opposed:
            for name, other, problem in (
                (down, up, "is subtracted, so that both orders of spikes potentiate"),
                (up, down, "is added, so that both orders of spikes depress"),
            ):
                value = getattr(self, name)
                if value < 0 < getattr(self, other):
                    silence = f'warnings.filterwarnings("ignore", "{where}: {name}")'
                    way_out = f"did you mean {-value:g}? If you mean both, say {silence}"
                    advise(where, name, value, problem, way_out)


@dataclass(frozen=True, kw_only=True)
class STDP(_SpikeTiming):
    r"""Spike-timing-dependent plasticity over pairs of spikes, with bounds.

    .. math::

        \Delta w = \begin{cases}
            A_+ \exp(-(t_{post} - t_{pre}) / \tau_+) & t_{pre} \le t_{post} \\
            -A_- \exp(-(t_{pre} - t_{post}) / \tau_-) & t_{pre} > t_{post}
        \end{cases}

    Times are those at the synapse: a fraction ``axonal_fraction`` of the delay is axonal and the rest dendritic;
    t_pre is the stamp of the source's spike plus the axonal part, t_post that of the target's plus the dendritic one.
    At a source's spike the posts since its last spike potentiate, then those before it depress, then the weight is
    sent. Weights stay within [w_min, w_max].

    Parameters
    ----------
    tau_plus, tau_minus : float
        Time constants [ms].
    A_plus, A_minus : float
        Amplitudes, in the unit of the weight (with "power_law": see below). If both are negative, the rule is
        anti-Hebbian. If one is negative, pairs of either order change the weight in the same direction, and a warning
        says so: A_minus is subtracted, while Brian2's scripts add it. Their signs cannot change later.
    w_min, w_max : float
        Bounds, of either sign; weights must lie within from the start. "Up" is towards w_max: an inhibitory weight
        within [-5, 0] becomes weaker.
    pairing : str
        Pairs that count: "all_to_all"; "nearest_symmetric", each spike with the latest of the other side;
        "nearest_pre_centered", each source's spike with the latest before and the first after it;
        "nearest_restricted", only pairs with no other spike between.
    dependence : str
        How amplitudes depend on the weight: "additive", not at all; "multiplicative", potentiation is scaled by
        (w_max - w) / (w_max - w_min) and depression by (w - w_min) / (w_max - w_min); "power", by these to the
        power of mu_plus and mu_minus; "power_law", A_plus w^mu_plus up and A_minus w down, with no upper bound.
        With a negative amplitude, the distance is to the other bound, towards which the change moves.
    mu_plus, mu_minus : float, optional
        Exponents, where the dependence has them.
    coincidence : "potentiate" or "ignore"
        Effect of a pair with t_pre = t_post: it potentiates (after that spike is sent), or is ignored, as in NEST.
    axonal_fraction : float
        Share of each delay that is axonal, in [0, 1]; rounded to steps, halves up.

    Notes
    -----
    Additive: Song, Miller & Abbott, Nat. Neurosci. 3 (2000). Power: Guetig, Aharonov, Rotter & Sompolinsky,
    J. Neurosci. 23 (2003). Power law and delays: Morrison, Aertsen & Diesmann, Neural Comput. 19 (2007). Pairings:
    Morrison, Diesmann & Gerstner, Biol. Cybern. 98 (2008).
    """

    tau_plus: float = _time(20.0)
    tau_minus: float = _time(20.0)
    A_plus: float = _amplitude(0.01)
    A_minus: float = _amplitude(0.0105)
    w_min: float = _number(0.0)
    w_max: float = _number(1.0)
    pairing: Literal[
        "all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted"
    ] = "all_to_all"
    dependence: Literal["additive", "multiplicative", "power", "power_law"] = "additive"
    mu_plus: float | None = _amplitude(None, ">= 0")
    mu_minus: float | None = _amplitude(None, ">= 0")

    def __post_init__(self) -> None:
        self._require_registered()
        if self.pairing not in _PAIRINGS:
            fail("STDP", "pairing", self.pairing, f"must be one of {', '.join(_PAIRINGS)}")
        exponents = {
            "additive": (),
            "multiplicative": (),
            "power": ("mu_plus", "mu_minus"),
            "power_law": ("mu_plus",),
        }
        if self.dependence not in exponents:
            fail("STDP", "dependence", self.dependence, f"must be one of {', '.join(exponents)}")
        for name in ("mu_plus", "mu_minus"):
            needed = name in exponents[self.dependence]
            if needed and getattr(self, name) is None:
                fail("STDP", name, None, f'must be given with dependence="{self.dependence}"')
            if not needed and getattr(self, name) is not None:
                given = getattr(self, name)
                uses = " or ".join(f'"{d}"' for d, names in exponents.items() if name in names)
                fail("STDP", name, given, f"is only for dependence={uses}")
        super().__post_init__()
        if self.dependence in ("multiplicative", "power") and self.w_min == self.w_max:
            rule = f'must be less than w_max = {self.w_max!r} with dependence="{self.dependence}"'
            fail("STDP", "w_min", self.w_min, rule)
        if self.dependence == "power_law" and self.w_min < 0:
            fail("STDP", "w_min", self.w_min, 'must be >= 0 with dependence="power_law"')
        for name in ("A_plus", "A_minus"):
            if self.dependence == "power_law" and getattr(self, name) < 0:
                rule = 'must be >= 0 with dependence="power_law"'
                fail("STDP", name, getattr(self, name), rule)

    @property
    def _opposed(self) -> tuple[tuple[str, str], ...]:  # type: ignore[override]  # depends on it
        return () if self.dependence == "power_law" else (("A_plus", "A_minus"),)

    @property
    def signed(self) -> bool:
        """Whether an amplitude is negative."""
        return self.A_plus < 0 or self.A_minus < 0

    @property
    def core_name(self) -> str:
        """Name of the rule in the core."""
        if not self.signed:
            return f"STDP.{self.dependence}"
        return f"STDP.{'additive' if self.dependence == 'additive' else 'power'}.signed"

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest weight."""
        return self.w_min, np.inf if self.dependence == "power_law" else self.w_max

    def _core_values(self) -> dict[str, Any]:
        values = {**super()._core_values(), "w_max": self.bounds[1]}
        if self.signed and self.dependence == "multiplicative":
            values |= {"mu_plus": 1.0, "mu_minus": 1.0}
        return values


@dataclass(frozen=True, kw_only=True)
class TripletSTDP(_SpikeTiming):
    r"""Triplet STDP: potentiation grows with the rate of the target, depression with that of the source.

    At a target's spike :math:`\Delta w = r_1 (A_+ + A_+^{triplet} o_2)`, at a source's spike
    :math:`\Delta w = -o_1 (A_- + A_-^{triplet} r_2)`; r are traces of the source with ``tau_plus`` and
    ``tau_plus_triplet``, o of the target with ``tau_minus`` and ``tau_minus_triplet``; the slow ones as they were
    before that spike.

    Parameters
    ----------
    tau_plus, tau_minus, tau_plus_triplet, tau_minus_triplet : float
        Time constants [ms].
    A_plus, A_minus, A_plus_triplet, A_minus_triplet : float
        Amplitudes, in the unit of the weight; of either sign. Whether one is negative cannot change later.
    w_min, w_max : float
        Bounds, of either sign.
    coincidence, axonal_fraction
        As in `STDP`.

    Notes
    -----
    Pfister & Gerstner, J. Neurosci. 26 (2006); the defaults are those of its full model for visual cortex. NEST:
    stdp_triplet_synapse.
    """

    tau_plus: float = _time(16.8)
    tau_minus: float = _time(33.7)
    tau_plus_triplet: float = _time(101.0)
    tau_minus_triplet: float = _time(125.0)
    A_plus: float = _amplitude(5e-10)
    A_minus: float = _amplitude(0.007)
    A_plus_triplet: float = _amplitude(0.0062)
    A_minus_triplet: float = _amplitude(0.00023)
    w_min: float = _number(0.0)
    w_max: float = _number(1.0)

    _opposed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("A_plus", "A_minus"),
        ("A_plus_triplet", "A_minus_triplet"),
    )

    @property
    def core_name(self) -> str:
        """Name of the rule in the core."""
        return _named("TripletSTDP", self)


@dataclass(frozen=True, kw_only=True)
class InhibitorySTDP(_SpikeTiming):
    r"""Symmetric STDP of inhibitory synapses, which drives their targets to one rate.

    A pair changes the magnitude of the weight by :math:`\eta \exp(-|\Delta t| / \tau)` for either order, and each
    source's spike by :math:`-\alpha \eta`; the sign of the weight stays.

    Parameters
    ----------
    tau : float
        Time constant [ms].
    eta : float
        Amplitude, in the unit of the weight.
    alpha : float
        Depression. With alpha = 2 rho tau, the targets tend to the rate rho.
    w_max : float
        Largest magnitude.
    coincidence, axonal_fraction
        As in `STDP`.

    Notes
    -----
    Vogels, Sprekeler, Zenke, Clopath & Gerstner, Science 334 (2011). NEST: vogels_sprekeler_synapse.
    """

    tau: float = _time(20.0)
    eta: float = _amplitude(0.001, ">= 0")
    alpha: float = _amplitude(0.12, ">= 0")
    w_max: float = _number(1.0, ">= 0")

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest weight."""
        return -self.w_max, self.w_max


@dataclass(frozen=True, kw_only=True)
class RewardSTDP(_SpikeTiming):
    r"""Reward-modulated STDP: spike pairs leave an eligibility trace, which reward turns into weight.

    .. math::

        dc/dt = -c / \tau_c + \text{pairs}, \qquad dw/dt = c (n - b)

    with the pairs of additive all-to-all `STDP`, and n the reward (dopamine), which decays with tau_n. It is set by
    ``projection.reward = level`` from now on, or ahead by ``projection.schedule_reward(times, levels)``.

    Parameters
    ----------
    tau_plus, tau_minus : float
        Time constants [ms].
    A_plus, A_minus : float
        Amplitudes, in units of the weight each ms of full reward; of either sign.
    tau_c : float
        Time constant of the eligibility trace [ms].
    tau_n : float, optional
        Time constant of the reward [ms]; None: the reward is constant until it is set again.
    b : float
        Reward at which weights stay.
    w_min, w_max : float
        Bounds, applied at spikes and when weights are read.
    coincidence, axonal_fraction
        As in `STDP`.

    Notes
    -----
    Izhikevich, Cereb. Cortex 17 (2007); Potjans, Morrison & Diesmann, Front. Comput. Neurosci. 4 (2010).
    """

    tau_plus: float = _time(20.0)
    tau_minus: float = _time(20.0)
    A_plus: float = _amplitude(0.01)
    A_minus: float = _amplitude(0.0105)
    w_min: float = _number(0.0)
    w_max: float = _number(1.0)
    tau_c: float = _time(1000.0)
    tau_n: float | None = _time(200.0)
    b: float = _number(0.0)

    _opposed: ClassVar[tuple[tuple[str, str], ...]] = (("A_plus", "A_minus"),)

    def _core_values(self) -> dict[str, Any]:
        return {**super()._core_values(), "tau_n": np.inf if self.tau_n is None else self.tau_n}


@dataclass(frozen=True, kw_only=True)
class DiehlCookSTDP(_SpikeTiming):
    r"""STDP of Diehl & Cook (2015): potentiation also needs a recent spike of the target.

    Each trace is set to 1 by a spike. At a source's spike :math:`\Delta w = -\eta_{pre}\, post_1`, at a target's
    spike :math:`\Delta w = \eta_{post}\, pre \cdot post_2`, with the value of post_2 before that spike.

    Parameters
    ----------
    tau_pre, tau_post_1, tau_post_2 : float
        Time constants of the traces [ms].
    eta_pre, eta_post : float
        Amplitudes, in the unit of the weight; of either sign. Whether one is negative cannot change later.
    w_min, w_max : float
        Bounds, of either sign.
    coincidence, axonal_fraction
        As in `STDP`.

    Notes
    -----
    Diehl & Cook, Front. Comput. Neurosci. 9:99 (2015), and the code published with it.
    """

    tau_pre: float = _time(20.0)
    tau_post_1: float = _time(20.0)
    tau_post_2: float = _time(40.0)
    eta_pre: float = _amplitude(0.0001)
    eta_post: float = _amplitude(0.01)
    w_min: float = _number(0.0)
    w_max: float = _number(1.0)

    _pairing: ClassVar[str] = "nearest_symmetric"
    _opposed: ClassVar[tuple[tuple[str, str], ...]] = (("eta_post", "eta_pre"),)

    @property
    def core_name(self) -> str:
        """Name of the rule in the core."""
        return _named("DiehlCookSTDP", self)


@dataclass(frozen=True, kw_only=True)
class TsodyksMarkram(Plasticity):
    r"""Short-term depression and facilitation: a spike sends u x of its weight.

    A spike raises u by U (1 - u) and releases the share u x of the resources, which recover with tau_rec; between
    spikes u decays with tau_fac. With ``tau_psc``, released resources first become inactive with that time constant, and
    then recover. At rest x = 1 and u = 0, so the first spike sends U times the weight. The weights themselves stay.

    Parameters
    ----------
    U : float, array-like or Distribution
        Share released by a spike after a long silence, in [0, 1].
    tau_rec : float, array-like or Distribution
        Time constant of recovery [ms].
    tau_fac : float, array-like or Distribution
        Time constant of facilitation [ms]; 0: no facilitation.
    tau_psc : float, array-like or Distribution, optional
        Time constant with which released resources become inactive [ms]; None: immediately.

    An array has one value for each synapse, in the order of an array of weights; a distribution is drawn by
    `Network.connect`. The rule of the projection then has arrays in canonical order. Each synapse then keeps its own
    resources, which costs memory and time; single numbers cost nothing per synapse.

    Notes
    -----
    Tsodyks, Uziel & Markram, J. Neurosci. 20 (2000). NEST: tsodyks_synapse; without tau_psc tsodyks2_synapse.
    """

    U: Any = _of_synapses(0.5, "", "in [0, 1]")
    tau_rec: Any = _of_synapses(800.0, "ms", "> 0")
    tau_fac: Any = _of_synapses(0.0, "ms", ">= 0")
    tau_psc: Any = _of_synapses(None, "ms", "> 0")

    def _core_values(self) -> dict[str, Any]:
        return {**super()._core_values(), "tau_psc": 0.0 if self.tau_psc is None else self.tau_psc}
