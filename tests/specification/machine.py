"""A state machine that builds, runs and changes networks at random, and compares them with the specification.

Each rule draws from the random numbers of one integer, so that hypothesis drops steps when it shrinks, and does not
change what the others do. A network may have a twin, with other threads and other cuts of each run, whose bits must be
the same.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.conftest import STRONG
from tests.specification import simulator as spec
from tests.specification import wrong

import spikelet as sl
from spikelet import plasticity as plasticities

SEEDS = st.integers(0, 2**32 - 1)
SIZES = (0, 1, 2, 3, 5, 17, 40, 63, 64, 65, 127, 128, 130, 190)
MODELS = (sl.LIF, sl.LIFAlpha, sl.LIFDelta, sl.LIFCond, sl.IF)
PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
MOST_SYNAPSES = {False: 1500, True: 500}  # of a projection, by whether it is plastic
RTOL = 1e-9

COUNTS: Counter[str] = Counter()
"""What happened: rules, examples, comparisons, runs that were too close to call."""

EXCLUDED: set[str] = {
    "copy",  # M3: copy.copy(net) shares the simulator
    "items of weights",  # 22: p.weights[0] = 5 is lost
    "reset after E_L",  # M1: reset() restores potentials relative to the E_L of the first run
    "normalise mixed signs",  # M2: the signed sum, not that of the magnitudes
    "synaptic scaling",  # 1: counts spikes outside its interval
}
"""Findings that are not fixed yet, by name: the rules leave out what would run into them."""


class Mismatch(AssertionError):
    """A network and the specification differ."""


class Machine(RuleBasedStateMachine):
    """Networks, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.undecided = False
        COUNTS["examples"] += 1

    def teardown(self) -> None:
        """Remove files."""
        self.folder.cleanup()

    @initialize(seed=SEEDS)
    def start(self, seed: int) -> None:
        """Make a network, and perhaps its twin."""
        rng = np.random.default_rng(seed)
        self.dt = float(rng.choice([0.1, 0.1, 0.1, 0.2, 0.5, 1.0]))
        self.seed = int(rng.integers(0, 1000))
        threads = [int(rng.choice([1, 1, 2]))]
        if rng.random() < 0.3:
            threads.append(3 if threads[0] == 1 else 1)
        self.nets = [
            sl.Network(dt=self.dt, seed=self.seed, threads=t, dtype="float64") for t in threads
        ]
        self.spec = spec.Network(self.dt)
        self.streams: list[list[int]] = []  # the numbers of the random streams of each input
        self.taken = 0
        self.handles: list[list[Any]] = [[] for _ in self.nets]
        self.add(rng, source=False)
        for _ in range(rng.integers(0, 3)):
            self.add(rng, source=bool(rng.random() < 0.6))
        for build, most in ((self.connect, 4), (self.inject, 3), (self.record, 4)):
            for _ in range(rng.integers(0, most)):
                build(int(rng.integers(0, 2**32)))

    # What rules share ---------------------------------------------------------------------------------------------

    def each(self, call: Callable[[sl.Network], Any]) -> Any:
        """Do something with the network and its twin; return the network's result."""
        return [call(net) for net in self.nets][0]

    @property
    def net(self) -> sl.Network:
        """The network."""
        return self.nets[0]

    @property
    def now(self) -> int:
        """Present step."""
        return self.spec.now

    def begin(self, name: str, seed: int) -> np.random.Generator:
        """Count a rule; return its random numbers."""
        COUNTS[f"rule {name}"] += 1
        return np.random.default_rng(seed)

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
        return None, np.arange(n)

    @staticmethod
    def pick(population: Any, index: Any) -> Any:
        """Return a population, or a part of it."""
        return population if index is None else population[index]

    def ms(self, steps: Any) -> Any:
        """Return times."""
        return np.asarray(steps) * self.dt

    # Comparing ----------------------------------------------------------------------------------------------------

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
        if len(self.nets) > 1:
            first, second = (wrong.digest(net) for net in self.nets)
            if first != second:
                odd = [a[0] for a, b in zip(first, second, strict=True) if a != b]
                raise Mismatch(f"twins differ: {odd} at step {self.now}")

    def scale(self, what: str) -> float:
        """Return the size of the numbers that cancel in a state."""
        return (
            {"V_m": 100.0, "theta": 1.0, "g_ex": 1.0, "g_in": 1.0}.get(what, 1000.0)
            if what != "weights"
            else 0.0
        )

    # Building -----------------------------------------------------------------------------------------------------

    def add(self, rng: np.random.Generator, *, source: bool) -> None:
        """Add a population."""
        n = int(rng.choice(SIZES))
        if source:
            n = min(n, 70)
            model = self.a_source(rng, n)
            self.spec.populations.append(spec.Source(n, self.given(model, n)))
        else:
            model = self.a_model(rng, n)
            self.spec.populations.append(spec.Neurons(n, model, self.dt))
        p = len(self.spec.populations) - 1
        self.each(lambda net: net.population(n, model, name=f"p{p}"))
        if isinstance(model, sl.PoissonSource):
            self.observe(p)

    def observe(self, p: int) -> None:
        """Record the spikes of a source, which the specification is given."""
        self.each(lambda net: net.record(net.populations[p], "spikes"))
        n = self.spec.populations[p].n
        self.spec.recorders.append(spec.Recorder(p, "spikes", np.arange(n), 1, self.now))

    def a_model(self, rng: np.random.Generator, n: int) -> Any:
        """Return a neuron model with random parameters."""
        kind = MODELS[rng.integers(0, len(MODELS))]

        def value(low: float, high: float) -> Any:
            return (
                rng.uniform(low, high, n) if rng.random() < 0.2 else float(rng.uniform(low, high))
            )

        given: dict[str, Any] = {
            "t_ref": float(rng.choice([0.0, 1.0, 2.04])) if rng.random() < 0.5 else value(0.0, 3.0),
            "I_e": value(0.0, {"IF": 1500.0, "LIFCond": 600.0}.get(kind.__name__, 700.0)),
            "V_th": value(-57.0, -53.0),
            "V_reset": value(-72.0, -62.0),
            "E_L": value(-72.0, -66.0),
        }
        if rng.random() < 0.4:
            given |= {"theta_plus": value(0.0, 1.0), "tau_theta": float(rng.choice([np.inf, 15.0]))}
        if rng.random() < 0.3:
            given["reset"] = "subtract"
        names = {f.name for f in dataclasses.fields(kind)}
        if "tau_m" in names:
            given["tau_m"] = value(5.0, 20.0)
        if "tau_syn_ex" in names and rng.random() < 0.7:
            given["tau_syn_ex"] = value(0.3, 6.0)
            given["tau_syn_in"] = given.get("tau_m", 4.0) if rng.random() < 0.2 else value(0.3, 6.0)
        return kind(**given)

    def a_source(self, rng: np.random.Generator, n: int) -> Any:
        """Return a source that starts now."""
        kind = rng.integers(0, 3)
        if kind == 0:
            return sl.PoissonSource(
                rng.uniform(0.0, 400.0, n)
                if rng.random() < 0.5
                else float(rng.choice([0.0, 90.0, 3000.0]))
            )
        if kind == 1:
            raster = (rng.random((int(rng.integers(0, 120)), n)) < 0.05).astype(int)
            raster[rng.random(raster.shape) < 0.01] = 2
            return sl.RasterSource(raster)
        count = int(rng.integers(0, 200)) if n else 0
        first = self.now + 1 if self.now else 0
        times = np.sort(first + rng.integers(0, 250, count))
        return sl.SpikeSource(
            self.ms(times), rng.integers(0, n, count), snap=bool(rng.random() < 0.5)
        )

    def given(self, model: Any, n: int) -> list[tuple[int, int]]:
        """Return the spikes of a source that starts now."""
        if isinstance(model, sl.SpikeSource):
            steps = np.rint(model.times / self.dt).astype(int)
            return sorted(zip(steps.tolist(), model.ids.tolist(), strict=True))
        if isinstance(model, sl.RasterSource):
            raster = np.asarray(model.raster)
            return [
                (self.now + 1 + int(k), int(i))
                for k, i in np.argwhere(raster)
                for _ in range(int(raster[k, i]))
            ]
        return []

    @precondition(lambda self: len(self.spec.populations) < 6)
    @rule(seed=SEEDS)
    def add_population(self, seed: int) -> None:
        """Add neurons or a source."""
        rng = self.begin("population", seed)
        self._add_population(rng)
        self.perhaps_run(rng)

    def _add_population(self, rng: np.random.Generator) -> None:
        self.add(rng, source=bool(rng.random() < 0.4))

    @precondition(lambda self: len(self.spec.projections) < 8)
    @rule(seed=SEEDS)
    def connect(self, seed: int) -> None:
        """Connect two populations, or parts of them."""
        rng = self.begin("connect", seed)
        self._connect(rng)
        self.perhaps_run(rng)

    def _connect(self, rng: np.random.Generator) -> None:
        pre, post = (
            self.some(rng, list(range(len(self.spec.populations)))),
            self.some(rng, self.neurons()),
        )
        (pre_index, pre_ids), (post_index, post_ids) = self.part(rng, pre), self.part(rng, post)
        if pre == post and rng.random() < 0.5:
            post_index, post_ids = pre_index, pre_ids
        model = self.spec.populations[post].model
        w = STRONG[type(model).__name__] * float(rng.choice([0.2, 1.0, 2.0]))
        plastic = self.a_rule(rng, w, model) if rng.random() < 0.5 else None
        receptor = (
            None
            if rng.random() < 0.7
            else str(rng.choice(["ex", "in", "excitatory", "inhibitory"]))
        )
        if receptor is not None and plastic is not None and plastic.bounds[0] < 0:
            receptor = None
        connection, m = self.a_connection(rng, len(pre_ids), len(post_ids), plastic is not None)
        if connection is None:
            return
        weight = self.some_weights(
            rng, w, plastic, m, magnitudes=isinstance(model, sl.LIFCond) and receptor is not None
        )
        longest = int(rng.choice([1, 5, 30, 200], p=[0.2, 0.4, 0.35, 0.05]))
        delays = rng.integers(1, longest + 1, m) if m is not None else None
        delay: Any = self.ms(int(rng.integers(1, longest + 1)))
        if rng.random() < 0.5:
            delay = self.ms(delays) if m is not None else sl.Uniform(self.dt, self.ms(longest))
        given: dict[str, Any] = {
            "weight": weight,
            "delay": delay,
            "receptor": receptor,
            "plasticity": plastic,
        }
        order, ends = None, None
        if isinstance(connection, tuple):
            ends = pre_ids[connection[0]], post_ids[connection[1]]
        elif hasattr(connection, "tocoo"):
            matrix = connection.tocoo()
            ends = pre_ids[matrix.row], post_ids[matrix.col]
            given["weight"] = None
            weight = matrix.data
            if plastic is not None:
                lo, hi = plastic.bounds
                connection.data = connection.data.clip(max(lo, -w), min(hi, w))
                weight = connection.tocoo().data
            if isinstance(model, sl.LIFCond) and receptor is not None:
                connection.data = np.abs(connection.data)
                weight = connection.tocoo().data
        p = self.each(
            lambda net: net.connect(
                self.pick(net.populations[pre], pre_index), self.pick(net.populations[post], post_index),
                copy.deepcopy(connection), **given,
            )
        )  # fmt: skip
        synapses = p.pre_ids, p.post_ids, np.rint(p.delays / self.dt).astype(int), p.weights
        self.check_synapses(p, connection, pre_ids, post_ids, given, pre == post)
        if ends is not None:  # all is known: by source, target, creation
            order = np.lexsort((np.arange(len(ends[0])), ends[1], ends[0]))
            expected = ends[0][order], ends[1][order]
            for what, found, known in zip(
                ("pre_ids", "post_ids"), synapses, expected, strict=False
            ):
                self.same(what, found, known)
            if not isinstance(delay, sl.rules.Distribution):
                self.same(
                    "delays",
                    synapses[2],
                    np.broadcast_to(np.floor(np.asarray(delay) / self.dt + 0.5), len(order))[order],
                )
            if not isinstance(weight, sl.rules.Distribution):
                self.same("weights", synapses[3], np.broadcast_to(weight, len(order))[order])
        number = {None: None, "e": spec.EX, "i": spec.IN}[receptor and receptor[0]]
        self.spec.projections.append(spec.Projection(pre, post, synapses, number, plastic, self.dt))

    def a_connection(
        self, rng: np.random.Generator, n: int, m: int, plastic: bool
    ) -> tuple[Any, int | None]:
        """Return a connection rule or lists, and the number of synapses where it is known."""
        most = MOST_SYNAPSES[plastic]
        kind = str(rng.choice(["all", "one", "p", "in", "out", "total", "lists", "matrix"]))
        options: dict[str, Any] = {
            "self_connections": bool(rng.random() < 0.5),
            "multapses": bool(rng.random() < 0.7),
        }
        if kind == "all" and n * m <= most:
            return (sl.AllToAll(), n * m) if rng.random() < 0.6 else (sl.AllToAll(**options), None)
        if kind == "one" and n == m:
            return sl.OneToOne(), n
        if kind in ("all", "one", "p"):
            return sl.FixedProbability(
                min(1.0, most / max(2 * n * m, 1)) * rng.random(), **options
            ), None
        if kind in ("in", "out", "total"):
            if n == 0 or m == 0:
                return None, None
            if not options["multapses"] or not options["self_connections"]:
                few = min(n, m) // 2
            else:
                few = 10
            sides = {"in": m, "out": n, "total": 1}[kind]
            number = int(rng.integers(0, max(1, min(few, most // sides)) + 1)) if few else 0
            if kind == "total":
                number *= int(rng.integers(1, 1 + max(1, min(n, m) // 2)))
            if options["multapses"] and kind == "total":
                number = min(number * 5, most)
            cls = {"in": sl.FixedIndegree, "out": sl.FixedOutdegree, "total": sl.FixedTotalNumber}[
                kind
            ]
            return cls(number, **options), None
        if kind == "lists" or n * m == 0:
            count = int(rng.integers(0, most)) if n * m else 0
            if rng.random() < 0.5:
                count = min(count, 40)
            few = int(rng.integers(1, n + 1)) if n else 1
            return (
                rng.integers(0, few, count) if n else np.zeros(0, int),
                rng.integers(0, m, count) if m else np.zeros(0, int),
            ), count
        dense = np.where(
            rng.random((n, m)) < min(0.5, most / (2 * n * m)), rng.uniform(0.5, 1.0, (n, m)), 0.0
        )
        matrix = [scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array][
            rng.integers(0, 3)
        ](dense)
        return matrix, matrix.nnz

    def some_weights(
        self, rng: np.random.Generator, w: float, plastic: Any, m: int | None, *, magnitudes: bool
    ) -> Any:
        """Return weights that a rule allows."""
        low, high = -w, w
        if plastic is not None:
            low, high = max(plastic.bounds[0], -w), min(plastic.bounds[1], w)
            if isinstance(plastic, sl.InhibitorySTDP) and rng.random() < 0.7:
                high = 0.0
        elif rng.random() < 0.6:
            low, high = (0.0, w) if rng.random() < 0.7 else (-w, 0.0)
        if magnitudes:
            low, high = max(low, 0.0), w
        kind = rng.integers(0, 3)
        if kind == 0:
            return float(rng.uniform(low, high))
        if kind == 1 and m is not None:
            return rng.uniform(low, high, m)
        return sl.Uniform(low, high)

    def a_rule(self, rng: np.random.Generator, w: float, model: Any) -> Any:
        """Return a plasticity rule."""
        top = 1.5 * w
        tie = str(rng.choice(["potentiate", "ignore"]))
        frame: dict[str, Any] = {
            "coincidence": tie,
            "axonal_fraction": float(rng.choice([0.0, 0.0, 0.4, 1.0])),
        }
        if isinstance(model, sl.LIFDelta) and tie == "ignore":
            frame["axonal_fraction"] = 0.0  # the core refuses more
        bounds: dict[str, Any] = {
            "w_min": float(rng.choice([0.0, 0.0, 0.1 * w, -top])),
            "w_max": top,
        }

        def amplitude(share: float) -> float:
            return float(w * share * rng.uniform(0.5, 1.5))

        tau = {"tau_plus": float(rng.uniform(5, 30)), "tau_minus": float(rng.uniform(5, 30))}
        kind = rng.integers(0, 9)
        if kind <= 3:
            dependence = str(rng.choice(["additive", "multiplicative", "power", "power_law"]))
            mu = {"power": {"mu_plus": 0.8, "mu_minus": 1.3}, "power_law": {"mu_plus": 0.4}}.get(
                dependence, {}
            )
            if dependence == "power_law":
                bounds["w_min"] = max(bounds["w_min"], 0.0)
            down = 0.1 if dependence == "power_law" else amplitude(0.1)
            pairing = PAIRINGS[rng.integers(0, 4)]
            return sl.STDP(
                A_plus=amplitude(0.1),
                A_minus=down,
                pairing=pairing,
                dependence=dependence,
                **tau,
                **mu,
                **bounds,
                **frame,
            )
        if kind == 4:
            return sl.TripletSTDP(
                A_plus=amplitude(0.05),
                A_minus=amplitude(0.06),
                A_plus_triplet=amplitude(0.03),
                A_minus_triplet=amplitude(0.02),
                **bounds,
                **frame,
            )
        if kind == 5:
            return sl.InhibitorySTDP(eta=amplitude(0.1), alpha=1.2, w_max=top, **frame)
        if kind == 6:
            return sl.DiehlCookSTDP(
                eta_pre=amplitude(0.05), eta_post=amplitude(0.1), **bounds, **frame
            )
        if kind == 7:
            tau_n = None if rng.random() < 0.4 else 20.0
            return sl.RewardSTDP(
                A_plus=amplitude(0.004),
                A_minus=amplitude(0.003),
                tau_c=100.0,
                tau_n=tau_n,
                b=0.1,
                **tau,
                **bounds,
                **frame,
            )
        return sl.TsodyksMarkram(
            U=0.4,
            tau_rec=60.0,
            tau_fac=float(rng.choice([0.0, 30.0])),
            tau_psc=None if rng.random() < 0.5 else 3.0,
        )

    def check_synapses(
        self, p: Any, connection: Any, pre_ids: Any, post_ids: Any, given: Any, own: bool
    ) -> None:
        """Check what is promised of drawn synapses."""
        pre, post, delay, weight = p.pre_ids, p.post_ids, p.delays, p.weights
        assert len(p) == len(pre) == len(post) == len(delay) == len(weight)
        assert np.isin(pre, pre_ids).all() and np.isin(post, post_ids).all()
        pairs = pre * 10**6 + post
        assert (np.diff(pairs) >= 0).all(), "canonical order"
        if not isinstance(connection, sl.rules.Rule):
            return
        if not connection.self_connections and own:
            assert (pre != post).all(), "self_connections"
        if not connection.multapses or isinstance(connection, (sl.FixedProbability, sl.AllToAll)):
            assert (np.diff(pairs) > 0).all(), "multapses"
        if isinstance(connection, sl.AllToAll) and connection.self_connections:
            assert len(p) == len(pre_ids) * len(post_ids)
        if isinstance(connection, sl.FixedIndegree):
            assert (
                np.bincount(post, minlength=post_ids.max() + 1)[post_ids] == connection.number
            ).all()
        if isinstance(connection, sl.FixedOutdegree):
            assert (
                np.bincount(pre, minlength=pre_ids.max() + 1)[pre_ids] == connection.number
            ).all()
        if isinstance(connection, sl.FixedTotalNumber):
            assert len(p) == connection.number
        if isinstance(connection, sl.OneToOne):
            order = np.lexsort((post_ids, pre_ids))
            assert (pre == pre_ids[order]).all() and (post == post_ids[order]).all()
        for what, found, unit in (("weight", weight, 0.0), ("delay", delay, self.dt)):
            value = given[what]
            if isinstance(value, sl.Uniform):
                slack = unit / 2 + 1e-9 * max(abs(value.low), abs(value.high))
                assert (found >= value.low - slack).all() and (found <= value.high + slack).all()
            elif np.ndim(value) == 0 or isinstance(connection, (sl.AllToAll, sl.OneToOne)):
                self.same(what, found, np.broadcast_to(value, len(p)))

    @precondition(lambda self: len(self.spec.drives) < 5)
    @rule(seed=SEEDS)
    def inject(self, seed: int) -> None:
        """Drive neurons, or some of them."""
        rng = self.begin("inject", seed)
        self._inject(rng)
        self.perhaps_run(rng)

    def _inject(self, rng: np.random.Generator) -> None:
        p = self.some(rng, self.neurons())
        index, ids = self.part(rng, p)
        n, model = len(ids), self.spec.populations[p].model
        kind, w = rng.integers(0, 3), 0.1 * STRONG[type(model).__name__]
        what: Any
        if kind == 0:
            rate = (
                rng.uniform(0, 9000, n)
                if rng.random() < 0.4
                else float(rng.choice([0.0, 300.0, 20000.0]))
            )
            weight: Any = float(w * rng.uniform(0.5, 2.0) * rng.choice([1.0, 1.0, -1.0]))
            if rng.random() < 0.4:
                weight = w * rng.uniform(-1.0, 2.0, n)
            what = sl.PoissonInput(rate, weight)
        elif kind == 1:
            steps = int(rng.integers(0, 150))
            what = sl.CurrentInput(
                rng.uniform(-100, 300, (steps, n) if rng.random() < 0.5 else steps)
            )
        else:
            every = None if rng.random() < 0.5 else self.ms(int(rng.integers(1, 20)))
            mean = rng.uniform(-50, 200, n) if rng.random() < 0.4 else float(rng.uniform(-50, 200))
            what = sl.NoiseInput(
                mean,
                rng.uniform(0, 100, n) if rng.random() < 0.4 else float(rng.choice([0.0, 80.0])),
                every,
            )
        handles = [net.inject(self.pick(net.populations[p], index), what) for net in self.nets]
        for k, handle in enumerate(handles):
            self.handles[k].append(handle)
        self.spec.drives.append(spec.Drive(p, ids, what, self.now))
        count = self.streams_of(what, model, n)
        self.streams.append(list(range(self.taken, self.taken + count)))
        self.taken += count

    @staticmethod
    def streams_of(what: Any, model: Any, n: int) -> int:
        """Return how many random streams a new input takes: one for each receptor."""
        if isinstance(what, sl.PoissonInput) and model.channels == 2:
            w = np.broadcast_to(what.weight, (n,)) if n else np.zeros(0)
            return max(1, int((w < 0).any()) + int((w > 0).any()))
        return 1

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
        target = (
            cells if len(drive.ids) == n and (drive.ids == np.arange(n)).all() else cells[drive.ids]
        )
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

    @precondition(lambda self: any(h is not None for h in self.handles[0]))
    @rule(seed=SEEDS)
    def change_input(self, seed: int) -> None:
        """Change an input, or remove it."""
        rng = self.begin("change input", seed)
        self._change_input(rng)
        self.perhaps_run(rng)

    def _change_input(self, rng: np.random.Generator) -> None:
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
                changes["weight"] = (
                    w * rng.uniform(-1, 2, n)
                    if rng.random() < 0.4
                    else float(w * rng.uniform(-1, 2))
                )
        elif isinstance(drive.what, sl.CurrentInput):
            steps = int(rng.integers(0, 100))
            changes["values"] = rng.uniform(-100, 300, (steps, n) if rng.random() < 0.5 else steps)
            drive.start = self.now
        else:
            changes["mean"] = (
                rng.uniform(-50, 200, n) if rng.random() < 0.4 else float(rng.uniform(-50, 200))
            )
            if rng.random() < 0.5:
                changes["std"] = float(rng.uniform(0, 90))
            if rng.random() < 0.3:
                changes["every"] = self.ms(int(rng.integers(1, 20)))
        for handles in self.handles:
            if len(changes) == 1:
                ((name, value),) = changes.items()
                setattr(handles[k], name, value)
            else:
                handles[k].set(**changes)
        drive.what = dataclasses.replace(drive.what, **changes)
        self.streams[k] = list(self.net.engine.sim.input_streams(self.handles[0][k].number))
        self.taken = int(self.net.engine.sim.streams)

    @precondition(lambda self: len(self.spec.recorders) < 10)
    @rule(seed=SEEDS)
    def record(self, seed: int) -> None:
        """Record spikes, states or weights."""
        rng = self.begin("record", seed)
        self._record(rng)
        self.perhaps_run(rng)

    def _record(self, rng: np.random.Generator) -> None:
        steps = int(rng.integers(1, 30))
        every = self.ms(steps) if rng.random() < 0.6 else None
        if self.spec.projections and rng.random() < 0.25:
            q = self.some(rng, list(range(len(self.spec.projections))))
            every = self.ms(max(steps, 5))
            self.each(lambda net: net.record(net.projections[q], "weights", every=every))
            self.spec.recorders.append(spec.Recorder(q, "weights", (), max(steps, 5), self.now))
            return
        p = self.some(rng, list(range(len(self.spec.populations))))
        index, ids = self.part(rng, p)
        what = "spikes"
        if p in self.neurons() and rng.random() < 0.6:
            what = str(rng.choice(list(self.spec.populations[p].state)))
        else:
            every = None
        self.each(lambda net: net.record(self.pick(net.populations[p], index), what, every=every))
        self.spec.recorders.append(
            spec.Recorder(p, what, ids, steps if every is not None else 1, self.now)
        )

    @precondition(
        lambda self: (
            any(q.rule is not None for q in self.spec.projections)
            and len(self.spec.regulations) < 3
        )
    )
    @rule(seed=SEEDS)
    def regulate(self, seed: int) -> None:
        """Keep weights in balance."""
        rng = self.begin("regulate", seed)
        self._regulate(rng)
        self.perhaps_run(rng)

    def _regulate(self, rng: np.random.Generator) -> None:
        q = self.some(rng, [k for k, x in enumerate(self.spec.projections) if x.rule is not None])
        steps = int(rng.integers(5, 120))
        w = STRONG[self.spec.populations[self.spec.projections[q].post].kind]
        how: Any = sl.WeightNormalisation(
            total=float(w * rng.uniform(0.5, 5.0)), every=self.ms(steps)
        )
        if rng.random() < 0.6:
            if "synaptic scaling" in EXCLUDED:
                return
            how = sl.SynapticScaling(
                rate=float(rng.uniform(5, 100)),
                strength=float(rng.uniform(0.05, 0.4)),
                every=self.ms(steps),
            )
        elif "normalise mixed signs" in EXCLUDED and self.mixed(q):
            return
        self.each(lambda net: net.regulate(net.projections[q], how))
        self.spec.regulations.append(spec.Regulation(q, how, steps, self.now))

    def mixed(self, q: int) -> bool:
        """Whether the weights of a projection may have both signs."""
        return self.spec.projections[q].rule.bounds[0] < 0 < self.spec.projections[q].rule.bounds[1]

    # Running ------------------------------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    def run(self, seed: int) -> None:
        """Run, in pieces, and compare."""
        rng = self.begin("run", seed)
        self.advance(
            rng,
            int(
                rng.choice(
                    [0, 1, 2, 7, 30, 64, 90, 150], p=[0.05, 0.05, 0.05, 0.15, 0.2, 0.2, 0.2, 0.1]
                )
            ),
        )

    def perhaps_run(self, rng: np.random.Generator) -> None:
        """Look what a change did, or leave it to later."""
        if rng.random() < 0.6:
            self.advance(rng, int(rng.choice([1, 12, 35])))

    def advance(self, rng: np.random.Generator, steps: int) -> None:
        """Run the networks and the specification."""
        if self.undecided:
            return
        COUNTS["steps"] += steps
        for net in self.nets:
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
        for k, drive in enumerate(self.spec.drives):
            if not isinstance(drive.what, sl.CurrentInput):
                drive.first, drive.drawn = self.now, self.draw(k, steps)
        self.spec.run(steps)
        self.compare()

    # Changing -----------------------------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    def change_parameters(self, seed: int) -> None:
        """Set parameters of neurons, of all or of some."""
        rng = self.begin("parameters", seed)
        self._change_parameters(rng)
        self.perhaps_run(rng)

    def _change_parameters(self, rng: np.random.Generator) -> None:
        p = self.some(rng, self.neurons())
        neurons = self.spec.populations[p]
        index, ids = self.part(rng, p)
        other = self.a_model(rng, len(ids))
        while type(other) is not type(neurons.model):
            other = self.a_model(rng, len(ids))
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
        if rng.random() < 0.2:
            changes["reset"] = whole["reset"] = str(rng.choice(["zero", "subtract"]))
        with contextlib.suppress(StopIteration):
            if len(changes) == 1 and rng.random() < 0.5:
                ((name, value),) = changes.items()
                self.each(lambda net: setattr(self.pick(net.populations[p], index), name, value))
            else:
                self.each(lambda net: self.pick(net.populations[p], index).set(**changes))
        neurons.set_model(neurons.model.replace(**whole))

    @rule(seed=SEEDS)
    def set_states(self, seed: int) -> None:
        """Set states of all or of some neurons."""
        rng = self.begin("states", seed)
        self._set_states(rng)
        self.perhaps_run(rng)

    def _set_states(self, rng: np.random.Generator) -> None:
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
        else:
            self.each(lambda net: setattr(self.pick(net.populations[p], index), name, value))
            state[name][ids] = value

    @precondition(lambda self: self.spec.projections)
    @rule(seed=SEEDS)
    def set_weights(self, seed: int) -> None:
        """Set the weights of a projection."""
        rng = self.begin("weights", seed)
        self._set_weights(rng)
        self.perhaps_run(rng)

    def _set_weights(self, rng: np.random.Generator) -> None:
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
        if (
            projection.receptor is not None
            and self.spec.populations[projection.post].kind == "LIFCond"
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
    @rule(seed=SEEDS)
    def set_items(self, seed: int) -> None:
        """Set some of the weights: it is refused, or it counts."""
        rng = self.begin("items of weights", seed)
        self._set_items(rng)
        self.perhaps_run(rng)

    def _set_items(self, rng: np.random.Generator) -> None:
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
    @rule(seed=SEEDS)
    def normalise(self, seed: int) -> None:
        """Normalise weights, or change the amplitudes of a rule."""
        rng = self.begin("normalise", seed)
        self._normalise(rng)
        self.perhaps_run(rng)

    def _normalise(self, rng: np.random.Generator) -> None:
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
        if "normalise mixed signs" in EXCLUDED and self.mixed(q):
            return
        total = (
            float(np.abs(projection.weights).mean() * rng.uniform(0.5, 5.0))
            if len(projection.weights)
            else 1.0
        )
        if total > 0:
            self.each(lambda net: net.projections[q].normalise(total))
            projection.normalise(self.now, total)

    @precondition(
        lambda self: any(isinstance(q.rule, sl.RewardSTDP) for q in self.spec.projections)
    )
    @rule(seed=SEEDS)
    def reward(self, seed: int) -> None:
        """Set or schedule rewards."""
        rng = self.begin("reward", seed)
        self._reward(rng)
        self.perhaps_run(rng)

    def _reward(self, rng: np.random.Generator) -> None:
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
    @rule(seed=SEEDS)
    def change_source(self, seed: int) -> None:
        """Give a source another rate, raster or train."""
        rng = self.begin("source", seed)
        self._change_source(rng)
        self.perhaps_run(rng)

    def _change_source(self, rng: np.random.Generator) -> None:
        p = self.some(rng, self.spec.sources())
        n, present = self.spec.populations[p].n, self.net.populations[p].model
        other = self.a_source(rng, n)
        while type(other) is not type(present):
            other = self.a_source(rng, n)
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

    # Saving, resetting, looking -----------------------------------------------------------------------------------

    @rule(seed=SEEDS)
    def save_and_load(self, seed: int) -> None:
        """Go on with a loaded network."""
        rng = self.begin("save and load", seed)
        self._save_and_load(rng)
        self.perhaps_run(rng)

    def _save_and_load(self, rng: np.random.Generator) -> None:
        recorders = bool(rng.random() < 0.6)
        path = Path(self.folder.name) / "net.npz"
        for k, net in enumerate(self.nets):
            net.save(path, recorders=recorders)
            if rng.random() < 0.3:
                continue  # saving changes nothing
            threads = net.threads if len(self.nets) > 1 else int(rng.integers(1, 4))
            self.nets[k] = sl.Network.load(path, threads=threads)
            self.handles[k] = self.handles_of(self.nets[k])
            if not recorders:
                COUNTS["loads without recorders"] += 1
        if not recorders:
            self.forget_recorders()
        self.compare()

    @staticmethod
    def handles_of(net: sl.Network) -> list[Any]:
        """Return the handles of the inputs of a loaded network."""
        return [x if hasattr(x, "remove") else None for x in net.inputs]

    def forget_recorders(self) -> None:
        """Make all networks have no recorders but those of Poisson sources: load them."""
        path = Path(self.folder.name) / "bare.npz"
        for k, net in enumerate(self.nets):
            net.save(path)
            self.nets[k] = sl.Network.load(path, threads=net.threads)
            self.handles[k] = self.handles_of(self.nets[k])
        self.spec.recorders = []
        for p in self.spec.sources():
            if isinstance(self.net.populations[p].model, sl.PoissonSource):
                self.observe(p)

    @rule(seed=SEEDS)
    def reset(self, seed: int) -> None:
        """Start again, now and then."""
        rng = self.begin("reset", seed)
        self._reset(rng)
        self.perhaps_run(rng)

    def _reset(self, rng: np.random.Generator) -> None:
        if rng.random() < 0.6:
            return
        keep, at = bool(rng.random() < 0.5), int(rng.choice([0, 0, 0, 40, 333]))
        self.each(lambda net: net.reset(keep_weights=keep, at=self.ms(at)))
        self.spec.reset(keep_weights=keep, at=at)
        self.compare()

    @rule(seed=SEEDS)
    def look(self, seed: int) -> None:
        """Read all there is, or prepare; copies are refused."""
        rng = self.begin("look", seed)
        for net in self.nets:
            repr(net), repr(net.projections), repr(net.populations), repr(net.recorders)
            for q in net.projections:
                if rng.random() < 0.5:
                    _ = q.weights, q.delays, q.to_scipy()
            if rng.random() < 0.3:
                net.prepare()
        for call in (copy.deepcopy, pickle.dumps, *(() if "copy" in EXCLUDED else (copy.copy,))):
            try:
                call(self.net)
            except TypeError:
                continue
            raise Mismatch(f"{call.__name__} of a network did not raise a TypeError")
        if rng.random() < 0.2 and self.net.recorders:
            k = int(rng.integers(0, len(self.net.recorders)))
            recorder = self.spec.recorders[k]
            if recorder.what == "spikes" and isinstance(
                self.net.populations[recorder.target].model, sl.PoissonSource
            ):
                return  # it gives the specification its spikes
            self.each(lambda net: net.recorders[k].clear())
            recorder.clear(self.now)

    @rule(seed=SEEDS)
    def wrong_call(self, seed: int) -> None:
        """Call something wrongly: it says so, and changes nothing."""
        rng = self.begin("wrong call", seed)
        for _ in range(4):
            name = str(rng.choice(list(wrong.CALLS)))
            if name in EXCLUDED:
                continue
            state = rng.bit_generator.state
            for net in self.nets:
                rng.bit_generator.state = state
                call = wrong.CALLS[name](net, rng)
                if call is None:
                    continue
                COUNTS["wrong calls"] += 1
                given = inspect.getclosurevars(call).nonlocals
                before = wrong.digest(net)
                try:
                    call()
                except (TypeError, ValueError):
                    pass
                except Exception as error:
                    msg = f"wrong call {name!r} {given} raised {type(error).__name__}: {error}"
                    raise Mismatch(msg) from error
                else:
                    raise Mismatch(f"wrong call {name!r} {given} was accepted")
                after = wrong.digest(net)
                if before != after:
                    odd = [a[0] for a, b in zip(before, after, strict=False) if a != b]
                    raise Mismatch(f"wrong call {name!r} changed the network: {odd}")
