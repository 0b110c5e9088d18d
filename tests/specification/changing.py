"""Rules that change what a network has."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from hypothesis.stateful import precondition
from tests.specification import drawing
from tests.specification.base import COUNTS, EXCLUDED, Base, action
from tests.specification.drawing import STRONG

import spikelet as sl
from spikelet import plasticity as plasticities


class Changing(Base):
    """Changes parameters, states, weights, rules, rewards, sources and inputs."""

    @action("parameters")
    def change_parameters(self, rng: np.random.Generator) -> None:
        """Set parameters of neurons, of all or of some."""
        p = self.some(rng, self.neurons())
        neurons = self.spec.populations[p]
        index, ids = self.part(rng, p)
        other = drawing.a_model(rng, len(ids))
        while type(other) is not type(neurons.model):
            other = drawing.a_model(rng, len(ids))
        names = [
            f.name
            for f in dataclasses.fields(other)
            if f.name not in ("reset", "g_L", "E_ex", "E_in", "C_m")
        ]
        if "E_L" in names and "reset after E_L" in EXCLUDED:
            names.remove("E_L")
        chosen = {str(x) for x in rng.choice(names, int(rng.integers(1, 4)))}
        if chosen & {"V_th", "V_reset", "theta_plus"}:
            chosen |= {"V_th", "V_reset"}
        changes: dict[str, Any] = {name: getattr(other, name) for name in sorted(chosen)}
        whole = dict(changes)
        if index is not None:
            for name, value in changes.items():
                whole[name] = neurons.parameter(name).copy()
                whole[name][ids] = value
        if rng.random() < 0.2 and index is None and hasattr(neurons.model, "reset"):
            changes["reset"] = whole["reset"] = str(rng.choice(["zero", "subtract"]))
        if len(changes) == 1 and rng.random() < 0.5:
            ((name, value),) = changes.items()
            self.each(lambda net: setattr(self.pick(net.populations[p], index), name, value))
        else:
            self.each(lambda net: self.pick(net.populations[p], index).set(**changes))
        neurons.set_model(neurons.model.replace(**whole))

    @action("states")
    def set_states(self, rng: np.random.Generator) -> None:
        """Set states of all or of some neurons."""
        p = self.some(rng, self.neurons())
        index, ids = self.part(rng, p)
        state = self.spec.populations[p].state
        name = str(rng.choice(list(state)))
        low, high = {
            "V_m": (-75.0, -58.0),
            "theta": (0.0, 2.0),
            "g_ex": (0.0, 3.0),
            "g_in": (0.0, 3.0),
        }.get(name, (-200.0, 200.0))
        kind = rng.integers(0, 4)
        value: Any = rng.uniform(low, high, len(ids)) if kind else float(rng.uniform(low, high))
        if kind == 1 and len(ids):  # one element
            at, value = int(rng.integers(0, len(ids))), float(rng.uniform(low, high))
            self.each(
                lambda net: getattr(self.pick(net.populations[p], index), name).__setitem__(
                    at, value
                )
            )
            state[name][ids[at]] = value
        elif kind == 2:
            shift = float(rng.uniform(0.0, 1.0))

            def add(net: Any) -> None:
                view = getattr(self.pick(net.populations[p], index), name)
                view += shift

            self.each(add)
            state[name][ids] += shift
        elif kind == 3:
            distribution = sl.Uniform(low, high)
            self.each(lambda net: setattr(self.pick(net.populations[p], index), name, distribution))
            drawn = np.asarray(getattr(self.net.populations[p], name))[ids]
            assert ((drawn >= low - 1e-9) & (drawn <= high + 1e-9)).all()
            state[name][ids] = drawn
        else:
            self.each(lambda net: setattr(self.pick(net.populations[p], index), name, value))
            state[name][ids] = value

    @precondition(lambda self: self.spec.projections)
    @action("weights")
    def set_weights(self, rng: np.random.Generator) -> None:
        """Set the weights of a projection."""
        q = self.some(rng, list(range(len(self.spec.projections))))
        projection = self.spec.projections[q]
        present = projection.read(self.now)
        kind = rng.integers(0, 3)
        if kind == 0:
            values = present * 0.9
        elif kind == 1:
            values = rng.permutation(present)
        else:
            values = np.full(len(present), present.mean() if len(present) else 0.0)
        if projection.rule is not None:
            values = values.clip(*projection.rule.bounds)
        if isinstance(projection.rule, sl.InhibitorySTDP):
            values = np.copysign(values, present)  # it keeps the signs
        targets = self.spec.populations[projection.post]
        if (
            projection.receptor is not None
            and targets.receptors[projection.receptor] in targets.magnitudes
        ):
            values = np.abs(values)
        given: Any = (
            float(values[0])
            if kind == 2 and len(values) and (values == values[0]).all()
            else values
        )
        self.each(lambda net: setattr(net.projections[q], "weights", given))
        projection.write(self.now, values)

    @precondition(lambda self: any(len(q.weights) for q in self.spec.projections))
    @action("items of weights")
    def set_items(self, rng: np.random.Generator) -> None:
        """Set some of the weights: it is refused, or it counts."""
        if "items of weights" in EXCLUDED:
            return
        q = self.some(rng, [k for k, x in enumerate(self.spec.projections) if len(x.weights)])
        projection = self.spec.projections[q]
        values = projection.read(self.now)
        at = int(rng.integers(0, len(values)))
        value = float(values[rng.integers(0, len(values))])
        for net in self.nets:
            try:
                net.projections[q].weights[at] = value
            except (TypeError, ValueError):
                COUNTS["items of weights refused"] += 1
                continue
            values[at] = value
            self.same("weights after setting an item", net.projections[q].weights, values)
        projection.write(self.now, values)

    @precondition(lambda self: any(q.rule is not None for q in self.spec.projections))
    @action("normalize")
    def normalize(self, rng: np.random.Generator) -> None:
        """Normalise weights, or change the amplitudes of a rule."""
        q = self.some(rng, [k for k, x in enumerate(self.spec.projections) if x.rule is not None])
        projection = self.spec.projections[q]
        if rng.random() < 0.5:
            names = sorted(plasticities.amplitudes(projection.rule) - {"mu_plus", "mu_minus"})
            factors = {
                name: getattr(projection.rule, name) * float(rng.choice([0.0, 0.5, 1.3]))
                for name in names
            }
            changed = dataclasses.replace(projection.rule, **factors)
            if names:
                if isinstance(projection.rule, sl.RewardSTDP):
                    projection.write(self.now, projection.read(self.now))
                self.each(lambda net: setattr(net.projections[q], "plasticity", changed))
                projection.rule = changed
            return
        if "normalize mixed signs" in EXCLUDED and self.spec.projections[q].mixed:
            return
        total = (
            float(np.abs(projection.weights).mean() * rng.uniform(0.5, 5.0))
            if len(projection.weights)
            else 1.0
        )
        if total > 0:
            self.each(lambda net: net.projections[q].normalize(total))
            projection.normalize(self.now, total)

    @precondition(
        lambda self: any(isinstance(q.rule, sl.RewardSTDP) for q in self.spec.projections)
    )
    @action("reward")
    def reward(self, rng: np.random.Generator) -> None:
        """Set or schedule rewards."""
        q = self.some(
            rng,
            [k for k, x in enumerate(self.spec.projections) if isinstance(x.rule, sl.RewardSTDP)],
        )
        if rng.random() < 0.5:
            level = float(rng.uniform(-1, 1))
            self.each(lambda net: setattr(net.projections[q], "reward", level))
            self.spec.projections[q].set_level(self.now, level)
            return
        steps = np.sort(self.now + rng.integers(1, 120, 3))
        levels = rng.uniform(-1, 1, 3)
        self.each(lambda net: net.projections[q].schedule_reward(self.ms(steps), levels))
        for step, level in zip(steps, levels, strict=True):
            self.spec.projections[q].set_level(int(step), float(level))

    @precondition(lambda self: self.spec.sources())
    @action("source")
    def change_source(self, rng: np.random.Generator) -> None:
        """Give a source another rate, raster or train."""
        p = self.some(rng, self.spec.sources())
        n, present = self.spec.populations[p].n, self.net.populations[p].model
        other = drawing.a_source(rng, n, self.now, self.dt)
        while type(other) is not type(present):
            other = drawing.a_source(rng, n, self.now, self.dt)
        if isinstance(other, sl.SpikeSource):
            self.each(
                lambda net: net.populations[p].set(times=other.times, ids=other.ids, snap=True)
            )
            self.spec.populations[p].given = self.given(other, n)
        elif isinstance(other, sl.RasterSource):
            self.each(lambda net: setattr(net.populations[p], "raster", other.raster))
            self.spec.populations[p].given = self.given(other, n)
        else:
            index, ids = self.part(rng, p)
            rate = other.rate if np.ndim(other.rate) == 0 else other.rate[ids]
            self.each(lambda net: setattr(self.pick(net.populations[p], index), "rate", rate))

    @precondition(lambda self: any(h is not None for h in self.handles[0]))
    @action("change input")
    def change_input(self, rng: np.random.Generator) -> None:
        """Change an input, or remove it."""
        k = int(rng.integers(0, len(self.spec.drives)))
        drive = self.spec.drives[k]
        if rng.random() < 0.25:
            for handles in self.handles:
                handle = handles.pop(k)
                handle.remove()
                if rng.random() < 0.3:
                    handle.remove()
            del self.spec.drives[k], self.streams[k]
            return
        n = len(drive.ids)
        changes: dict[str, Any] = {}
        if isinstance(drive.what, sl.PoissonInput):
            w = 0.1 * STRONG[self.spec.populations[drive.target].kind]
            if rng.random() < 0.6:
                changes["rate"] = (
                    rng.uniform(0, 9000, n)
                    if rng.random() < 0.4
                    else float(rng.choice([0.0, 500.0, 12000.0]))
                )
            if not changes or rng.random() < 0.5:
                low = (
                    0
                    if drive.what.receptor in self.spec.populations[drive.target].magnitudes
                    else -1
                )
                changes["weight"] = (
                    w * rng.uniform(low, 2, n)
                    if rng.random() < 0.4
                    else float(w * rng.uniform(low, 2))
                )
        elif isinstance(drive.what, sl.CurrentInput):
            steps = int(rng.integers(0, 100))
            changes["values"] = rng.uniform(-100, 300, (steps, n) if rng.random() < 0.5 else steps)
            drive.start = self.now
        elif isinstance(drive.what, sl.StepCurrent):
            times, amplitudes = drawing.some_steps(rng, n, self.now, self.dt)
            changes = {"times": times, "amplitudes": amplitudes}
        elif isinstance(drive.what, sl.SineCurrent):
            changes["phase"] = float(rng.uniform(-400, 400))
        else:
            changes["mean"] = (
                rng.uniform(-50, 200, n) if rng.random() < 0.4 else float(rng.uniform(-50, 200))
            )
            if rng.random() < 0.5:
                changes["std"] = float(rng.uniform(0, 90))
            if rng.random() < 0.3:
                changes["every"] = self.ms(int(rng.integers(1, 20)))
        if isinstance(drive.what, (sl.PoissonInput, sl.SineCurrent)) and rng.random() < 0.3:
            changes |= {"start": None, "stop": None} | self.a_window(rng)
        for handles in self.handles:
            if len(changes) == 1:
                ((name, value),) = changes.items()
                setattr(handles[k], name, value)
            else:
                handles[k].set(**changes)
        drive.what = dataclasses.replace(drive.what, **changes)
        self.streams[k] = list(self.net.engine.sim.input_streams(self.handles[0][k].number))
        self.taken = int(self.net.engine.sim.streams)
