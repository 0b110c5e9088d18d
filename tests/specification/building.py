"""Rules that add something to a network."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis.stateful import precondition
from tests.specification import drawing
from tests.specification import simulator as spec
from tests.specification.base import COUNTS, EXCLUDED, Base, action
from tests.specification.drawing import STRONG
from tests.specification.recorders import Recorder
from tests.specification.texts import TEXTS, TextNeurons

import spikelet as sl

SIZES = (0, 1, 2, 3, 5, 17, 40, 63, 64, 65, 127, 128, 130, 190)


class Building(Base):
    """Adds populations, projections, inputs, recorders and regulations."""

    def add(self, rng: np.random.Generator, *, source: bool) -> None:
        """Add a population."""
        n = int(rng.choice(SIZES))
        if source:
            n = min(n, 70)
            model = drawing.a_source(rng, n, self.now, self.dt)
            self.spec.populations.append(spec.Source(n, self.given(model, n)))
        else:
            model = drawing.a_model(rng, n, drawing.KERNELS if self.ensemble else drawing.MODELS)
            if rng.random() < 0.3:
                model = pickle.loads(pickle.dumps(model))
            kind = TextNeurons if type(model).__name__ in TEXTS else spec.Neurons
            self.spec.populations.append(kind(n, model, self.dt))
        p = len(self.spec.populations) - 1
        self.each(lambda net: net.population(n, model, name=f"p{p}"))
        if isinstance(model, sl.PoissonSource):
            self.observe(p)

    def observe(self, p: int) -> None:
        """Record the spikes of a source, which the specification is given."""
        self.each(lambda net: net.record(net.populations[p], "spikes"))
        n = self.spec.populations[p].n
        self.spec.recorders.append(Recorder(p, "spikes", np.arange(n), 1, self.now))

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
    @action("population")
    def add_population(self, rng: np.random.Generator) -> None:
        """Add neurons or a source."""
        self.add(rng, source=bool(rng.random() < 0.4))

    @precondition(lambda self: len(self.spec.projections) < 8)
    @action("connect")
    def connect(self, rng: np.random.Generator) -> None:
        """Connect two populations, or parts of them."""
        pre, post = (
            self.some(rng, list(range(len(self.spec.populations)))),
            self.some(rng, self.neurons()),
        )
        (pre_index, pre_ids), (post_index, post_ids) = self.part(rng, pre), self.part(rng, post)
        if pre == post and rng.random() < 0.5:
            post_index, post_ids = pre_index, pre_ids
        model = self.spec.populations[post].model
        w = STRONG[type(model).__name__] * float(rng.choice([0.2, 1.0, 2.0]))
        plastic = (
            drawing.a_rule(rng, w, model) if rng.random() < 0.5 and not self.ensemble else None
        )
        neurons = self.spec.populations[post]
        receptor = drawing.a_receptor(
            rng, neurons, signed=plastic is not None and plastic.bounds[0] < 0
        )
        by_size = receptor is not None and drawing.short(receptor) in neurons.magnitudes
        connection, m = drawing.a_connection(rng, len(pre_ids), len(post_ids), plastic is not None)
        if connection is None:
            return
        weight = drawing.some_weights(rng, w, plastic, m, magnitudes=by_size)
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
            if by_size:
                connection.data = np.abs(connection.data)
                weight = connection.tocoo().data
        with warnings.catch_warnings():  # a receptor may be named that does not suit the sign
            warnings.simplefilter("ignore")
            p = self.each(
                lambda net: net.connect(
                    self.pick(net.populations[pre], pre_index),
                    self.pick(net.populations[post], post_index),
                    copy.deepcopy(connection),
                    **given,
                )
            )
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
        number = None if receptor is None else neurons.receptors.index(drawing.short(receptor))
        self.spec.projections.append(spec.Projection(pre, post, synapses, number, plastic, self.dt))

    def check_synapses(
        self, p: Any, connection: Any, pre_ids: Any, post_ids: Any, given: Any, own: bool
    ) -> None:
        """Check what is promised of drawn synapses."""
        pre, post, delay, weight = p.pre_ids, p.post_ids, p.delays, p.weights
        assert len(p) == len(pre) == len(post) == len(delay) == len(weight)
        assert np.isin(pre, pre_ids).all()
        assert np.isin(post, post_ids).all()
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
            assert (pre == pre_ids[order]).all()
            assert (post == post_ids[order]).all()
        for what, found, unit in (("weight", weight, 0.0), ("delay", delay, self.dt)):
            value = given[what]
            if isinstance(value, sl.Uniform):
                slack = unit / 2 + 1e-9 * max(abs(value.low), abs(value.high))
                assert (found >= value.low - slack).all()
                assert (found <= value.high + slack).all()
            elif np.ndim(value) == 0 or isinstance(connection, (sl.AllToAll, sl.OneToOne)):
                self.same(what, found, np.broadcast_to(value, len(p)))

    @precondition(lambda self: len(self.spec.drives) < 5)
    @action("inject")
    def inject(self, rng: np.random.Generator) -> None:
        """Drive neurons, or some of them."""
        p = self.some(rng, self.neurons())
        index, ids = self.part(rng, p)
        n, model = len(ids), self.spec.populations[p].model
        kind, w = rng.integers(0, 5), 0.1 * STRONG[type(model).__name__]
        if kind == 3 and self.now > 10**6:  # a phase has few digits then
            kind = 2
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
            neurons = self.spec.populations[p]
            signed = bool(np.any(np.asarray(weight) < 0))
            receptor = drawing.a_receptor(rng, neurons, signed=signed)
            what = sl.PoissonInput(
                rate, weight, receptor and drawing.short(receptor), **self.a_window(rng)
            )
        elif kind == 1:
            steps = int(rng.integers(0, 150))
            what = sl.CurrentInput(
                rng.uniform(-100, 300, (steps, n) if rng.random() < 0.5 else steps)
            )
        elif kind == 2:
            what = sl.StepCurrent(*drawing.some_steps(rng, n, self.now, self.dt), snap=True)
        elif kind == 3:
            frequency = rng.uniform(0, 200, n) if rng.random() < 0.5 else float(rng.uniform(0, 200))
            what = sl.SineCurrent(
                float(rng.uniform(-100, 300)), float(rng.uniform(-50, 99)), frequency, 70.0,
                **self.a_window(rng),
            )  # fmt: skip
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
        self.spec.drives.append(spec.Drive(p, ids, what, self.now, self.dt, whole=index is None))
        count = self.streams_of(what, model, n)
        self.streams.append(list(range(self.taken, self.taken + count)))
        self.taken += count

    @staticmethod
    def streams_of(what: Any, model: Any, n: int) -> int:
        """Return how many random streams a new input takes: one for each receptor."""
        if (
            isinstance(what, sl.PoissonInput)
            and model.by_sign
            and model.channels == 2
            and what.receptor is None
        ):
            w = np.broadcast_to(what.weight, (n,)) if n else np.zeros(0)
            return max(1, int((w < 0).any()) + int((w > 0).any()))
        return 1

    @precondition(lambda self: len(self.spec.recorders) < 10)
    @action("record")
    def record(self, rng: np.random.Generator) -> None:
        """Record spikes, states or weights."""
        steps = int(rng.integers(1, 30))
        every = self.ms(steps) if rng.random() < 0.6 else None
        # Times of limits count from time 0.
        start = None if rng.random() < 0.7 else self.now + int(rng.integers(0, 60))
        stop = None if rng.random() < 0.7 else max(self.now, start or 0) + int(rng.integers(1, 150))
        limits = {
            name: self.ms(step)
            for name, step in (("start", start), ("stop", stop))
            if step is not None
        }
        span = (start if start else -1, np.inf if stop is None else stop)
        if self.spec.projections and rng.random() < 0.25:
            q = self.some(rng, list(range(len(self.spec.projections))))
            every = self.ms(max(steps, 5))
            self.start_recorder(rng, lambda net: net.projections[q], "weights", every, limits)
            self.spec.recorders.append(Recorder(q, "weights", (), max(steps, 5), self.now, *span))
            return
        p = self.some(rng, list(range(len(self.spec.populations))))
        index, ids = self.part(rng, p)
        what: str | list[str] = "spikes"
        if p in self.neurons() and rng.random() < 0.6:
            states = list(self.spec.populations[p].state)
            what = str(rng.choice(states))
            if rng.random() < 0.3:
                what = [str(x) for x in rng.permutation(states)[: rng.integers(1, 4)]]
                COUNTS["recorders of several states"] += 1
        else:
            every = None
        self.start_recorder(
            rng, lambda net: self.pick(net.populations[p], index), what, every, limits
        )
        for each in [what] if isinstance(what, str) else what:
            self.spec.recorders.append(
                Recorder(p, each, ids, steps if every is not None else 1, self.now, *span)
            )

    def start_recorder(
        self,
        rng: np.random.Generator,
        target: Callable[[sl.Network], Any],
        what: str | list[str],
        every: Any,
        limits: dict[str, Any],
    ) -> None:
        """Record in memory, or to a file of its own for each network."""
        to_disk = rng.random() < 0.15
        COUNTS["recorders on disk"] += to_disk
        for k, net in enumerate(self.nets):
            name = f"{len(self.spec.recorders)}-{self.files}-{k}.rec"
            to = Path(self.folder.name) / name if to_disk else None
            net.record(target(net), what, every=every, to=to, **limits)
        self.files += 1

    @precondition(lambda self: self.spec.recorders)
    @action("pause")
    def pause(self, rng: np.random.Generator) -> None:
        """Pause a recorder, or let it go on."""
        k = int(rng.integers(0, len(self.spec.recorders)))
        recorder = self.spec.recorders[k]
        if recorder.what == "spikes" and isinstance(
            self.net.populations[recorder.target].model, sl.PoissonSource
        ):
            return  # it gives the specification its spikes
        if rng.random() < (0.2 if recorder.paused else 0.7):
            self.each(lambda net: net.recorders[k].pause())
            recorder.pause(self.now)
        else:
            self.each(lambda net: net.recorders[k].resume())
            recorder.resume(self.now)
        for net in self.nets:
            assert net.recorders[k].paused == recorder.paused

    @precondition(
        lambda self: (
            any(q.rule is not None for q in self.spec.projections)
            and len(self.spec.regulations) < 3
        )
    )
    @action("regulate")
    def regulate(self, rng: np.random.Generator) -> None:
        """Keep weights in balance."""
        q = self.some(rng, [k for k, x in enumerate(self.spec.projections) if x.rule is not None])
        steps = int(rng.integers(5, 120))
        w = STRONG[self.spec.populations[self.spec.projections[q].post].kind]
        how: Any = sl.WeightNormalization(
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
        elif "normalize mixed signs" in EXCLUDED and self.spec.projections[q].mixed:
            return
        self.each(lambda net: net.regulate(net.projections[q], how))
        self.spec.regulations.append(spec.Regulation(q, how, steps, self.now))
