"""Plasticity rules from text: the class `SynapseEquations`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikelet._util.checks import fail, number, require
from spikelet._util.spelling import spelled
from spikelet.network.rule_text import WEIGHT, read_rule
from spikelet.network.synapse_rule import SynapseRule, rule_class
from spikelet.neurons.equations.from_text import FromText


def rule_of(plasticity: Any) -> Any:
    """Return the rule with the defaults of its text, if equations are given in place of a rule."""
    return plasticity() if isinstance(plasticity, SynapseEquations) else plasticity


class SynapseEquations(FromText):
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
        taken = [name for name in dir(SynapseRule) if not name.startswith("_")]
        events = (on_pre, on_post, on_signal)
        said = read_rule(name, text, events, parameters, initial, [*taken, "equations"])
        if said.reads and fraction != 1:
            rule = f"must be 1.0 for a rule that reads {said.reads[0]}: a target's state is known when the spike arrives"
            fail(name, "axonal_fraction", float(fraction), rule)
        self._given = {
            "text": said.text,
            "on_pre": on_pre,
            "on_post": on_post,
            "on_signal": on_signal,
            "parameters": {k: [p.default, p.unit, p.rule] for k, p in said.parameters.items()},
            "initial": dict(said.initial),
            "axonal_fraction": float(fraction),
            "name": name,
        }  # fmt: skip
        self._variables = tuple(v for v in said.variables if v != WEIGHT)
        self._model = rule_class(self, said)
        self._model()  # its defaults have to be right
        self._keep()

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
        return self._variables

    @property
    def axonal_fraction(self) -> float:
        """Share of each delay that is axonal."""
        return float(self._given["axonal_fraction"])

    def __repr__(self) -> str:
        return f"SynapseEquations({self.name}: {', '.join([WEIGHT, *self.variables])})"
