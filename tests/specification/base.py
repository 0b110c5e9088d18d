"""What the rules of the state machine share: networks and their specification, runs, comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.specification import draws, wrong
from tests.specification import simulator as spec

import spikelet as sl

SEEDS = st.integers(0, 2**32 - 1)
RTOL = 1e-9

COUNTS: Counter[str] = Counter()
"""What happened: rules, examples, comparisons, runs that were too close to call."""

EXCLUDED: set[str] = set()
"""Findings that are not fixed yet, by name: the rules leave out what would run into them."""


class Mismatch(AssertionError):
    """A network and the specification differ."""


def action(name: str, *, then_run: bool = True) -> Callable[[Any], Any]:
    """Make a rule of a method that takes random numbers: it is counted, and often followed by a short run."""

    def decorate(call: Any) -> Any:
        def act(self: Any, seed: int) -> None:
            COUNTS[f"rule {name}"] += 1
            rng = np.random.default_rng(seed)
            call(self, rng)
            if then_run and rng.random() < 0.6:
                self.advance(rng, int(rng.choice([1, 12, 35])))

        act.__name__, act.__doc__ = call.__name__, call.__doc__
        return rule(seed=SEEDS)(act)

    return decorate


class Base(RuleBasedStateMachine):
    """Networks and their specification."""

    nets: list[sl.Network]
    spec: spec.Network
    folder: Any
    dt: float
    seed: int
    undecided: bool
    ensemble: bool  # the networks, but the last one, run by run_all()
    files: int  # written by recorders so far
    streams: list[list[int]]  # the numbers of the random streams of each input
    taken: int
    handles: list[list[Any]]  # of the inputs, for each network
    trains: dict[tuple[int, bytes, int], tuple[int, ...]]  # of Poisson sources

    def each(self, call: Callable[[sl.Network], Any]) -> Any:
        """Do something with the network and its twin; return the network's result."""
        results = [call(net) for net in self.nets]
        return results[0]

    @property
    def net(self) -> sl.Network:
        """The network."""
        return self.nets[0]

    @property
    def now(self) -> int:
        """Present step."""
        return self.spec.now

    def some(self, rng: np.random.Generator, of: list[int]) -> int:
        """Choose one."""
        return int(of[rng.integers(0, len(of))])

    def neurons(self) -> list[int]:
        """Return which populations are neurons."""
        return [p for p, x in enumerate(self.spec.populations) if isinstance(x, spec.Neurons)]

    def part(self, rng: np.random.Generator, p: int) -> Any:
        """Return what to index a population with, and the ids that this names."""
        n = self.spec.populations[p].n
        kind = rng.integers(0, 6)
        if kind == 0:
            ids = rng.permutation(n)[: rng.integers(0, n + 1)]
            return ids, ids
        if kind == 1:
            index = slice(int(rng.integers(0, n + 1)), None, int(rng.integers(1, 4)))
            return index, np.arange(n)[index]
        if kind == 2:
            mask = rng.random(n) < 0.3
            return mask, np.flatnonzero(mask)
        if kind == 3 and n > 3:
            return (slice(1, None), np.arange(0, n - 1, 2)), np.arange(1, n, 2)
        return None, np.arange(n)

    @staticmethod
    def pick(population: Any, index: Any) -> Any:
        """Return a population, or a part of it."""
        if isinstance(index, tuple):  # a part of a part
            return population[index[0]][index[1]]
        return population if index is None else population[index]

    def ms(self, steps: Any) -> Any:
        """Return times."""
        return np.asarray(steps) * self.dt

    def a_window(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return when an input acts: `start` and `stop`, one of them, or nothing."""
        limits: dict[str, Any] = {}
        if rng.random() < 0.3:
            limits["start"] = self.ms(max(0, self.now + int(rng.integers(-30, 60))))
        if rng.random() < 0.3:
            first = max(self.now, round(limits.get("start", 0.0) / self.dt))
            limits["stop"] = self.ms(first + int(rng.integers(1, 150)))
        return limits

    # Comparing

    def same(self, what: str, found: Any, expected: Any, *, scale: float = 0.0) -> None:
        """Compare numbers."""
        found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
        if found.shape != expected.shape:
            self.differ(f"{what}: shape {found.shape}, expected {expected.shape}")
            return
        scale = max(scale, float(np.abs(expected).max(initial=0.0)))
        off = ~(np.abs(found - expected) <= RTOL * (np.abs(expected) + scale))
        if off.any():
            at = np.argwhere(off)[0]
            k = tuple(at)
            self.differ(
                f"{what}[{', '.join(map(str, at))}]: {found[k]!r}, expected {expected[k]!r} "
                f"({off.sum()} of {off.size} differ) at step {self.now}"
            )

    def differ(self, message: str) -> None:
        """Raise, unless a neuron came too close to its threshold for rounding not to matter."""
        closest = min(
            (x.closest for x in self.spec.populations if isinstance(x, spec.Neurons)), default=1.0
        )
        if closest < 1e-9:
            self.undecided = True
            COUNTS["too close to call"] += 1
            return
        raise Mismatch(message)

    def compare(self) -> None:
        """Compare all there is."""
        COUNTS["comparisons"] += 1
        for k, recorder in enumerate(self.spec.recorders):
            if self.undecided:
                return
            tape = self.net.recorders[k]
            name = f"recorder {k} of {recorder.what} of {recorder.target}"
            if recorder.what == "spikes":
                found = list(
                    zip(
                        np.rint(np.asarray(tape.times) / self.dt).astype(int).tolist(),
                        tape.ids.tolist(),
                        strict=True,
                    )
                )
                if found != recorder.spikes(self.spec):
                    expected = recorder.spikes(self.spec)
                    odd = (
                        sorted(Counter(found).items() ^ Counter(expected).items())[:3]
                        if Counter(found) != Counter(expected)
                        else "in their order"
                    )
                    self.differ(
                        f"{name}: {len(found)} spikes, expected {len(expected)}; differ {odd} at step {self.now}"
                    )
                continue
            self.same(f"{name}, times", tape.times, self.ms(recorder.times))
            columns = (
                len(self.spec.projections[recorder.target].weights)
                if recorder.what == "weights"
                else len(recorder.ids)
            )
            expected = np.array(recorder.values).reshape(len(recorder.values), columns)
            self.same(name, tape.values, expected, scale=self.scale(recorder.what))
        for p in self.neurons():
            for name, values in self.spec.populations[p].state.items():
                self.same(
                    f"population {p}, {name}",
                    getattr(self.net.populations[p], name),
                    values,
                    scale=self.scale(name),
                )
        for q, projection in enumerate(self.spec.projections):
            self.same(
                f"weights of projection {q} ({projection.rule})",
                self.net.projections[q].weights,
                projection.read(self.now),
            )
            if isinstance(projection.rule, sl.RewardSTDP):
                self.same(
                    f"reward of {q}", self.net.projections[q].reward, projection.level(self.now)
                )
        for net in self.nets:
            self.same("t", net.t, self.now * self.dt)
        first = wrong.digest(self.nets[0])
        for k, net in enumerate(self.nets[1:], 1):
            if (twin := wrong.digest(net)) != first:
                odd = [a[0] for a, b in zip(first, twin, strict=True) if a != b]
                raise Mismatch(f"twins 0 and {k} differ: {odd} at step {self.now}")

    def scale(self, what: str) -> float:
        """Return the size of the numbers that cancel in a state."""
        return (
            {"V_m": 100.0, "theta": 1.0, "g_ex": 1.0, "g_in": 1.0}.get(what, 1000.0)
            if what != "weights"
            else 0.0
        )

    # Running

    def advance(self, rng: np.random.Generator, steps: int) -> None:
        """Run the networks and the specification."""
        if self.undecided:
            return
        COUNTS["steps"] += steps
        if self.ensemble and rng.random() < 0.8:
            COUNTS["runs of ensembles"] += 1
            sl.run_all(self.nets[:-1], self.ms(steps), threads=1)
            COUNTS["runs that were joined"] += self.nets[0].engine.sim.joined
            alone = self.nets[-1:]
        else:
            alone = self.nets
        for net in alone:
            cuts = np.sort(rng.integers(0, steps + 1, int(rng.choice([0, 0, 1, 3]))))
            for piece in np.diff([0, *cuts, steps]):
                kind = rng.integers(0, 12)
                if kind == 0:
                    net.prepare()
                if kind == 1:
                    net.run(self.ms(piece), progress=lambda _: None)
                elif kind == 2:
                    net.run(self.ms(piece), save=Path(self.folder.name) / "run.npz")
                else:
                    net.run(self.ms(piece))
        for p, population in enumerate(self.spec.populations):
            if isinstance(self.net.populations[p].model, sl.PoissonSource):
                recorder = next(r for k, r in enumerate(self.net.recorders) if self.spec.recorders[k].target == p
                                and self.spec.recorders[k].what == "spikes" and len(self.spec.recorders[k].ids) == population.n)  # fmt: skip
                stamps = np.rint(recorder.times / self.dt).astype(int)
                population.given = list(zip(stamps.tolist(), recorder.ids.tolist(), strict=True))
                rate = np.asarray(self.net.populations[p].rate)
                new = stamps > self.now
                counts = np.zeros((steps, population.n), dtype=int)
                np.add.at(counts, (stamps[new] - self.now - 1, recorder.ids[new]), 1)
                draws.check_counts(counts, rate, self.dt)
                for stamp in range(self.now + 1, self.now + steps + 1):
                    ids = tuple(i for s, i in population.given if s == stamp)
                    if self.trains.setdefault((p, rate.tobytes(), stamp), ids) != ids:
                        raise Mismatch(f"source {p} has another train than before at {stamp}")
        for k, drive in enumerate(self.spec.drives):
            if drive.is_random:
                drive.first, drive.drawn = self.now, self.draw(k, steps)
                if drive.is_current:
                    draws.check_noise(drive.what, drive.drawn, self.now, drive.start, self.dt)
                else:
                    draws.check_counts(drive.drawn, drive.what.rate, self.dt)
        self.spec.run(steps)
        self.compare()

    def draw(self, k: int, steps: int) -> Any:
        """Return the events or currents [steps, len(ids)] of an input from now on, seen in networks that do nothing else."""
        drive, streams = self.spec.drives[k], self.streams[k]
        if drive.is_current or len(streams) == 1:
            return self.draw_stream(drive, streams[0], steps)
        negative = np.broadcast_to(drive.what.weight, (len(drive.ids),)) < 0
        events = [self.draw_stream(drive, stream, steps) for stream in streams]
        return np.where(negative, events[1], events[0])

    def draw_stream(self, drive: spec.Drive, stream: int, steps: int) -> Any:
        """Return what an input draws from one of its random streams."""
        n = self.spec.populations[drive.target].n
        net = sl.Network(dt=self.dt, seed=self.seed, threads=1, dtype="float64")
        tau = {"tau_m": max(0.1, self.dt), "tau_syn_ex": self.dt / 50, "tau_syn_in": self.dt / 50}
        probe = sl.LIF(E_L=0.0, V_reset=0.0, V_th=1e12, C_m=1.0, **tau)
        cells = net.population(n, probe)
        for _ in range(stream):  # inputs before this one, of one stream each
            net.inject(cells, sl.CurrentInput(np.zeros(1)))
        target = cells if drive.whole else cells[drive.ids]
        if drive.is_current:
            net.reset(at=self.ms(drive.start))
            net.inject(target, drive.what)
            v = net.record(cells, "V_m")
            net.reset(at=self.ms(self.now))
            net.run(self.ms(steps))
            kept = np.exp(-self.dt / probe.tau_m)
            V = np.concatenate([np.zeros((1, n)), v.values])
            return ((V[1:] - kept * V[:-1]) / (probe.tau_m * (1.0 - kept)))[:, drive.ids]
        net.inject(target, sl.PoissonInput(drive.what.rate, 1.0))
        arrived = net.record(cells, "I_syn_ex")
        net.reset(at=self.ms(self.now))
        net.run(self.ms(steps))
        return np.rint(arrived.values)[:, drive.ids]
