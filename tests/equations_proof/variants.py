"""More of the language in random models: strict thresholds, flags, gains of receptors, several effects, definitions."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.support.random_equations import RandomEquations, random_equations

Array = npt.NDArray[np.float64]


@dataclass
class VariedEquations(RandomEquations):
    """A random model with more of the language.

    Attributes
    ----------
    strict : bool
        Whether the threshold is to be exceeded, not only reached.
    flagged : tuple of str
        States that refractory neurons keep, if not the one of the threshold.
    guarded : tuple of str
        Receptors whose events refractory neurons ignore.
    gains : dict of str to str
        By receptor, the state whose distance from 2 scales what an event does.
    second : dict of str to (state, float)
        By receptor, a second effect.
    """

    strict: bool = False
    flagged: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
    gains: dict[str, str] = dataclasses.field(default_factory=dict)
    second: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def text(self) -> str:
        """Text of the model, with flags."""
        lines = super().text.splitlines()
        for k, line in enumerate(lines):
            if any(f"d{name}/dt" in line for name in self.flagged):
                lines[k] = f"{line} (unless refractory)"
        return "; ".join(lines) if self.seed % 2 else "\n".join(lines)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``sl.Equations``."""
        found = super().arguments()
        if self.strict and self.threshold is not None:
            found["text"] += "\nlimit = 0.5*lim + lim/2"
            found["parameters"]["lim"] = self.threshold[1]
            state = self.threshold[0]
            found["threshold"] = f"{state} > lim" if self.seed % 2 else f"not ({state} <= limit)"
        for name, (state, factor, magnitude) in self.receptors.items():
            weight = "abs(weight)" if magnitude else "weight"
            gain = f"*(2 - {self.gains[name]})" if name in self.gains else ""
            flag = " (unless refractory)" if name in self.guarded else ""
            effects = [f"{state} += {factor!r}{gain}*{weight}{flag}"]
            if name in self.second:
                other, share = self.second[name]
                effects.append(f"{other} += {share!r}*{weight}")
            found["receptors"][name] = "; ".join(effects)
        return found

    def exceeds(self, distance: Array) -> npt.NDArray[np.bool_]:
        """Return whether distances over the threshold are spikes."""
        return distance > 0 if self.strict else distance >= 0

    def after_events(
        self,
        y: Array,
        sums: dict[str, tuple[float, float]],
        *,
        free: bool = True,
        closed: tuple[str, ...] = (),
    ) -> Array:
        """Return the state after events: receptors and their effects one after another.

        A neuron that is not `free` ignores them at guarded receptors, and in states that are `closed`.
        """
        new = np.array(y, dtype=float)
        order = sorted(sums) if set(sums) == {"ex", "in"} else list(self.receptors)
        for name in order:
            state, factor, magnitude = self.receptors[name]
            weight = sums[name][magnitude]
            gain = 2 - new[self.states.index(self.gains[name])] if name in self.gains else 1.0
            if free or (name not in self.guarded and state not in closed):
                new[self.states.index(state)] += factor * gain * weight
            if name in self.second:
                other, share = self.second[name]
                if free or other not in closed:
                    new[self.states.index(other)] += share * weight
        return new

    @property
    def held(self) -> tuple[str, ...]:
        """States that stay while a neuron is refractory."""
        return (self.flagged or super().held) if self.threshold else ()


def varied(seed: int) -> VariedEquations:
    """Return the random model of a seed with more of the language."""
    model = random_equations(seed)
    r = random.Random(10**6 + seed)
    plain = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    new = VariedEquations(**plain)
    if new.threshold is not None:
        new.strict = r.random() < 0.4
        if r.random() < 0.4:
            new.flagged = tuple(r.sample(new.states, r.randint(1, len(new.states))))
        new.guarded = tuple(name for name in new.receptors if r.random() < 0.3)
        if r.random() < 0.5:
            new.refractory = r.choice([0.4, 1.6, 3.2])
    for name in new.receptors:
        if r.random() < 0.35:
            new.gains[name] = r.choice(new.states)
        if r.random() < 0.35:
            new.second[name] = (r.choice(new.states), r.choice([0.5, -0.25]))
    return new
