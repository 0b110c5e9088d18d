"""Projections: the synapses between two populations."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.advice import warn_caller
from spikelet._util.checks import (
    check_all,
    fail,
    fits,
    ids,
    named,
    number,
    numbers,
    representable,
    require,
)
from spikelet._util.read_only import ReadOnly
from spikelet._util.sealed import Sealed
from spikelet._util.snapshot import Snapshot
from spikelet.network.base import Engine, NetworkBase
from spikelet.network.delays import delay_steps
from spikelet.network.population import Population, positions_in
from spikelet.network.receptors import receptor_unit, require_sign
from spikelet.network.signals import follow_spikes, schedule_signals, steps_and_values
from spikelet.network.synapse_equations import rule_of
from spikelet.network.synapse_rule import SynapseRule
from spikelet.network.synapses import Synapses
from spikelet.network.turn import changing
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity, RewardSTDP, amplitudes
from spikelet.rules import Distribution

if TYPE_CHECKING:
    import scipy.sparse

_SET_WEIGHTS = (
    "weights cannot be set through a view of them: assign to items of `projection.weights` itself in one step, or copy "
    "the array with np.array(...)"
)
_TRACES = "traces cannot be set; copy the array with np.array(...)"
_MADE = "what a projection connects is fixed when it is made; add another, with net.connect(), or copy the array"


def warn_if_beyond(projection: Projection, total: float) -> None:
    """Warn of a sum of incoming weights that the bounds of the plasticity do not allow."""
    rule = projection.plasticity
    if rule is None or len(projection) == 0:
        return
    bound = max(map(abs, rule.bounds))
    mean = len(projection) / len(projection.post)
    if total > bound * mean * (1 + 1e-9):  # 0.3 is not beyond 3 times 0.1
        warn_caller(
            f"{projection!r}: total = {total:g} is more than the bounds of the weights allow, {bound:g} times "
            f"{mean:g} synapses of a target on average: weights end at the bounds, with a smaller sum"
        )


def _within(where: str, name: str, given: Any, end: Population) -> npt.NDArray[np.int64]:
    """Return ids within a whole population, after a check that they are in a part of it."""
    found = ids(where, name, given, end.size).astype(np.int64)
    outside = ~np.isin(found, end.ids) if not end.whole else np.zeros(len(found), bool)
    if outside.any():
        rule = f"must be in the part of {end.name} that the projection connects"
        fail(where, name, int(found[outside][0]), rule)
    return found


class Projection(Sealed):
    """The synapses from one population to another. Made by `Network.connect`.

    All arrays have one entry per synapse, in canonical order: by source, then target, then creation. Ids count within
    the whole populations, even if only parts of them were connected. Arrays are as of the time of reading, and
    read-only but for `weights`, whose items can be set.

    A projection between unions (``E + I``) has a block for each pair of parts with synapses. Its arrays are those of
    the whole, with ids within the unions. `Network.projections` and files hold the blocks, whose ids count within
    populations; after loading, make the whole again with ``Projection.joined(pre, post, net.projections)``.
    """

    network: NetworkBase
    index: int
    pre: Population
    post: Population
    _blocks: tuple[Projection, ...] | None  # between unions
    _places: list[dict[int, npt.NDArray[np.int64]]]  # of elements in unions, by population
    receptor: int  # its number among those of the model; -1: the sign of each weight picks it
    _synapses: Synapses
    _plasticity: Plasticity | None
    _sorted: tuple[Any, Any]  # editions of the blocks, and the order of their synapses then

    _instead: ClassVar = {
        "": "it is fixed when the projection is made; add another, with net.connect()",
        "removed": "remove() removes it",
    }

    def __init__(
        self,
        network: NetworkBase,
        index: int,
        pre: Population,
        post: Population,
        plasticity: Plasticity | None,
        receptor: int,
    ) -> None:
        engine, name = network.engine, f"{pre.name} -> {post.name}"
        self._declare(
            network=network,
            index=index,
            pre=pre,
            post=post,
            receptor=receptor,
            _synapses=Synapses(engine, index, post.index, name),
            _plasticity=plasticity,
            _blocks=None,
        )

    @classmethod
    def joined(
        cls, pre: Population, post: Population, projections: Sequence[Projection]
    ) -> Projection:
        """Return projections between parts of two unions as one, as `Network.connect` does.

        Parameters
        ----------
        pre, post : Population
            Sources and targets: populations or unions.
        projections : sequence of Projection
            Projections between parts of them.

        Raises
        ------
        ValueError
            If there is none, or one of them is between other populations.
        """
        places = [positions_in(end) for end in (pre, post)]
        blocks = tuple(block for projection in projections for block in projection.blocks)
        if not blocks:
            must = "must hold at least one projection between these populations"
            fail("Projection.joined", "projections", projections, must)
        for block in blocks:
            block.require_there()
            for end, place in zip((block.pre, block.post), places, strict=True):
                own = place.get(end.index)
                if end.network is not pre.network or own is None or (own[end.ids] < 0).any():
                    must = "must be between these populations"
                    fail("Projection.joined", "projections", block, must)
        whole: Projection = object.__new__(cls)
        vars(whole).update(
            network=pre.network,
            index=-1,
            pre=pre,
            post=post,
            receptor=blocks[0].receptor,
            _plasticity=None,
            _blocks=blocks,
            _places=places,
            _sorted=((), None),
        )
        return whole

    @property
    def removed(self) -> bool:
        """True if the projection, or one of its blocks, was removed. It can no longer be used then."""
        gone = self.network.engine.removed_projections
        return any(block.index in gone for block in self.blocks)

    def require_there(self) -> None:
        """Raise ValueError if the projection was removed."""
        if self.removed:
            msg = f"{self!r}: it was removed and cannot be used; connect the populations again, with net.connect(...)"
            raise ValueError(msg)

    @property
    def synapses(self) -> Synapses:
        """The synapses of one projection."""
        self.require_there()
        return self._synapses

    @property
    def _engine(self) -> Engine:
        self.require_there()
        return self.network.engine

    def renew(self, plasticity: Plasticity | None) -> None:
        """Forget what was known of other synapses, which may have had other values of parameters."""
        self._synapses.renew()
        self._plasticity = plasticity

    @property
    def blocks(self) -> tuple[Projection, ...]:
        """The projections between the parts of unions; otherwise, the projection itself."""
        return (self,) if self._blocks is None else self._blocks

    def __len__(self) -> int:
        """Return the number of synapses."""
        return sum([len(block.synapses) for block in self.blocks])

    def _merged(self, values: list[Any]) -> Any:
        """Return the values of all synapses (last axis) in canonical order, given those of each block."""
        if self._blocks is None:
            return values[0]
        return np.concatenate(values, axis=-1)[..., self._order]

    @property
    def _order(self) -> npt.NDArray[np.int64]:
        """Positions, in the concatenated blocks, of the synapses in canonical order."""
        editions = tuple(block.synapses.edition for block in self.blocks)
        if self._sorted[0] != editions:
            pre, post = (
                np.concatenate([self._ids_of(block, end) for block in self.blocks])
                for end in (0, 1)
            )
            self._sorted = editions, np.lexsort((post, pre))
        return self._sorted[1]  # type: ignore[no-any-return]  # of any array

    def _ids_of(self, block: Projection, end: int) -> npt.NDArray[np.int64]:
        """Return the ids of the sources (0) or targets (1) of a block."""
        row, post, _ = block.synapses.structure()
        ids: npt.NDArray[np.int64] = post.astype(np.int64)
        if end == 0:
            ids = np.repeat(np.arange(len(row) - 1), np.diff(row.astype(np.int64)))
        if self._blocks is None:
            return ids
        whole: npt.NDArray[np.int64] = self._places[end][(block.pre, block.post)[end].index]
        return whole[ids]

    def _require_one(self, what: str) -> None:
        if self._blocks is not None:
            rule = "must be that of one projection; take each of projection.blocks"
            fail(repr(self), what, f"{len(self._blocks)} blocks", rule)

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights as they are now, in the unit of the target's synapses.

        Plastic weights include all pairs of spikes so far. The array is a copy, which later runs do not change. Assign
        one number, or one per synapse, to set all weights; assign to items, as in ``p.weights[:5] = 2`` and
        ``p.weights[mask] *= 3``, to set these and keep the others as they are at that time. Each assignment writes all
        weights of the projection, so set many in one assignment. Views and results are not connected to the network: a
        view is read-only (``p.weights[:5][0] = 2`` raises ValueError). ``np.array(p.weights)`` returns an array that
        you can change.
        """
        return Snapshot(self._weights(), _SET_WEIGHTS, self._set_items)

    @weights.setter
    @changing
    def weights(self, value: Any) -> None:
        self._set_weights(self._checked(value, (len(self),)))

    def _weights(self) -> npt.NDArray[Any]:
        sim = self._engine.sim
        own = [block.synapses.whole("weights", sim.weights(block.index)) for block in self.blocks]
        return self._merged(own)  # type: ignore[no-any-return]

    def _set_weights(self, values: npt.NDArray[Any]) -> None:
        """Set all weights, or none if a block refuses some."""
        if self._blocks is None:
            with named(repr(self)):
                self._engine.sim.set_weights(self.index, self.synapses.own(values))
            return
        each = np.empty_like(values)
        each[self._order] = values
        ends = np.cumsum([0, *map(len, self._blocks)])
        new = [
            block._checked(each[a:b], (len(block),))
            for block, (a, b) in zip(self._blocks, itertools.pairwise(ends), strict=True)
        ]
        before = [block._weights() for block in self._blocks]
        try:
            for block, mine in zip(self._blocks, new, strict=True):
                block._set_weights(mine)
        except BaseException:
            for block, mine in zip(self._blocks, before, strict=True):
                block._set_weights(mine)
            raise

    @changing
    def _set_items(self, index: Any, value: Any) -> npt.NDArray[Any]:
        """Set some weights, and return them."""
        now = self._weights()
        new = self._checked(value, now[index].shape)
        now[index] = new
        self._set_weights(now)
        return new

    def _checked(self, value: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return weights for synapses that form an array of a given shape."""
        where = repr(self)
        dimensions = max(1, len(shape))
        matrix = np.shape(value)
        if dimensions == 1 and len(matrix) == 2 and 1 not in matrix:
            rule = "must be one number or one for each synapse: those of a matrix are matrix[p.pre_ids, p.post_ids]"
            fail(where, "weights", matrix, rule, got="shape")
        given = numbers(where, "weights", value, self._unit(), dimensions, nan=True)
        try:
            given = np.broadcast_to(given, shape)
        except ValueError:
            count = math.prod(shape)
            rule = f"must be one number or one for each of the {count} synapses"
            fail(where, "weights", np.shape(value), rule, got="shape")
        require(where, "weights", given, "finite")
        representable(where, "weights", given, self.network.dtype)
        values = given.astype(self.network.dtype)
        if self._blocks is not None:  # each of them has a model and bounds
            return values
        model = self.post.model
        if isinstance(model, NeuronModel):
            require_sign(where, model, self.receptor, given, "weights")
        if self.plasticity is not None and values.size:
            low, high = (float(self.network.dtype.type(x)) for x in self.plasticity.bounds)
            rule = f"must lie in [w_min, w_max] = [{low:g}, {high:g}]"
            check_all(where, "weights", values, (values >= low) & (values <= high), rule)
        return values

    @property
    def traces(self) -> Mapping[str, npt.NDArray[Any]]:
        """Present traces of a plastic projection by name; arrays with one entry per synapse.

        Each includes the spikes that have reached the synapse, the source's after the axonal part of the delay, the
        target's after the dendritic part, and has decayed to the present. A spike adds 1, or sets the trace to 1, as
        the pairing says. Traces have no unit. Names are NEST's, which keeps them as they were at the last spike:

        * ``Kplus``, ``Kminus``: of the source's and the target's spikes, with ``tau_plus`` and ``tau_minus``. With
          ``pairing="nearest_pre_centered"``, Kplus is 0 once a spike of the target has used it.
        * ``Kplus_triplet``, ``Kminus_triplet``: the slow ones of `TripletSTDP`. `DiehlCookSTDP` has Kplus for its pre,
          Kminus for post_1 and Kminus_triplet for post_2.
        * ``c``: the eligibility of `RewardSTDP`, in units of the weight each ms of full reward. The reward, NEST's n, is
          `reward`.
        * ``x``, ``y``, ``u``: the resources of `TsodyksMarkram`.
        * The variables of a rule of `SynapseEquations`, by their names.

        They cannot be set, and reading them does not change later results. With several ranks, reading is collective,
        as for `weights`.
        """
        if self.plasticity is None:
            fail(repr(self), "plasticity", None, "must be a rule, to have traces")
        sim = self._engine.sim
        found = [(block.synapses, sim.traces(block.index)) for block in self.blocks]
        whole = {
            name: self._merged([synapses.whole("traces", own[name]) for synapses, own in found])
            for name in found[0][1]
        }
        rule = self.plasticity
        recognized = rule.built_in if isinstance(rule, SynapseRule) else None
        if recognized is not None:  # the text has its own names
            whole = {variable: whole[name] for name, variable in recognized.traces.items()}
        return ReadOnly({name: Snapshot(values, _TRACES) for name, values in whole.items()})

    @property
    def plasticity(self) -> Plasticity | None:
        """The plasticity rule, or None.

        Between runs, assign the same rule with other amplitudes to use those from now on:
        ``p.plasticity = dataclasses.replace(p.plasticity, A_plus=0.1)``.
        """
        return self.blocks[0]._plasticity

    @plasticity.setter
    @changing
    def plasticity(self, rule: Plasticity) -> None:
        self._require_one("plasticity")
        rule = rule_of(rule)
        where, old = repr(self), self._plasticity
        if old is None or type(rule) is not type(old):
            kind = "none" if old is None else type(old).__name__
            fail(
                where,
                "plasticity",
                rule,
                f"must be of the kind that the projection was made with ({kind})",
            )
        fixed = [f.name for f in dataclasses.fields(rule) if f.name not in amplitudes(rule)]
        for name in fixed:
            given, kept = getattr(rule, name), getattr(old, name)
            if not np.array_equal(given, kept):
                must_stay = f"must stay {kept!r}: only amplitudes can change"
                fail(where, f"plasticity.{name}", given, must_stay)
        if rule.core_name != old.core_name:
            must_stay = (
                "must keep whether an amplitude is negative, because bounds are applied accordingly"
            )
            fail(where, "plasticity", rule, must_stay)
        if (rule.varied or old.varied) and rule != old:
            must_be = "must have single numbers to be changed between runs, not values by synapse"
            fail(where, "plasticity", rule, must_be)
        self._engine.sim.set_amplitudes(self.index, rule.to_core())
        self._plasticity = rule

    @changing
    def normalize(self, total: float) -> None:
        """Scale each target's incoming weights to a given sum now, in a plastic projection.

        Parameters
        ----------
        total : float
            Sum of the weights' magnitudes, > 0. Weights are then clipped to the bounds of the plasticity rule.

        Warns
        -----
        UserWarning
            If the bounds do not allow such a sum, given the mean number of synapses of a target.
        """
        self._require_one("normalize")
        if self.plasticity is None:
            fail(repr(self), "normalize", total, "is only for projections with plasticity")
        value = number(repr(self), "total", total)
        require(repr(self), "total", value, "> 0")
        warn_if_beyond(self, float(value))
        self._engine.sim.normalize(self.index, float(value))

    @changing
    def signal(
        self, value: Any, *, times: Any = None, spikes: Population | None = None, delay: float = 1.0
    ) -> None:
        """Give signals, such as rewards, to a rule of `spikelet.SynapseEquations`: each runs ``on_signal``.

        A signal comes now, at given times, or after each spike of a population. At its time it meets all spikes that are
        at the synapse by then. It takes a pass over all synapses.

        Parameters
        ----------
        value : float or array-like, [n]
            What ``signal`` is there; one for each of the `times`, if these are given.
        times : array-like, [n], optional
            Times [ms], on the grid, ascending, after the present. `Network.reset` cancels them.
        spikes : Population, optional
            Neurons or sources, all or a slice of them. From now on each of their spikes gives a signal; k spikes in one step
            give one signal of k times the value. Another call with the same neurons replaces the value and the delay; 0 ends
            the signals.
        delay : float
            Time from a spike to its signal [ms], a multiple of dt. A run pauses at least that often, so a short one slows
            it down.

        Raises
        ------
        ValueError, TypeError
            If the rule has no ``on_signal``, or an argument is wrong.
        """
        self._require_one("signal")
        where, net, rule = repr(self), self.network, self.plasticity
        if not isinstance(rule, SynapseRule) or rule.equations.on_signal is None:
            must = "must be a rule of SynapseEquations with on_signal to get a signal"
            fail(where, "plasticity", rule, must)
        if times is not None and spikes is not None:
            fail(where, "spikes", spikes, "must not be given with times: call signal for each")
        if spikes is not None:
            follow_spikes(where, net, self.index, value, spikes, delay)
        elif times is not None:
            schedule_signals(where, net, self.index, value, times)
        else:
            given = number(where, "signal", value)
            require(where, "signal", given, "finite")
            self._engine.sim.signal(self.index, float(given))

    @property
    def reward(self) -> float:
        """Present level of the reward (dopamine) of a projection with `RewardSTDP`; assign a number to set it."""
        self._require_reward()
        return self._engine.sim.reward(self.index)

    @reward.setter
    @changing
    def reward(self, level: float) -> None:
        self._require_reward()
        value = number(repr(self), "reward", level)
        require(repr(self), "reward", value, "finite")
        with named(repr(self)):
            self._engine.sim.set_reward(self.index, self._engine.step, float(value))

    @changing
    def schedule_reward(self, times: Any, values: Any) -> None:
        """Schedule levels of the reward.

        Parameters
        ----------
        times : array-like, [n]
            Times [ms], on the grid, ascending, after the present.
        values : array-like, [n], or float
            Level of the reward from each of these times on.
        """
        self._require_reward()
        where, now = repr(self), "set projection.reward"
        levels = steps_and_values(where, self.network, times, values, "values", now)
        with named(where):
            for step, value in levels:
                self._engine.sim.set_reward(self.index, step, value)

    def _require_reward(self) -> None:
        self._require_one("reward")
        if not isinstance(self.plasticity, RewardSTDP):
            rule = "must be RewardSTDP for reward and schedule_reward"
            fail(repr(self), "plasticity", self.plasticity, rule)

    @changing
    def remove(self, synapses: Any = None) -> None:
        """Remove the projection, or some of its synapses, between runs.

        Spikes that are on their way over removed synapses are lost. The other synapses keep their weights, traces and
        spikes in flight, to the bit. Plastic synapses from each source to each target (`AllToAll`) then have another
        form, whose later weights differ by rounding. Recorders of the weights end: what they have recorded can be
        read, and a new one records the other synapses.

        Parameters
        ----------
        synapses : array-like of int or bool, optional
            Positions in canonical order, or a mask with one item per synapse: ``p.remove(p.weights < 0.1)``. By
            default the whole projection goes, with its regulations: it leaves `Network.projections` and cannot be
            used any more. To remove it again does nothing.

        Raises
        ------
        ValueError, TypeError
            If an argument is invalid, or the projection was removed; the network is unchanged then.
        """
        structure = self.network.engine.structure
        if synapses is None:
            for block in self.blocks:
                if not block.removed:
                    structure.remove_projection(block)
            return
        n = len(self)
        chosen = np.asarray(synapses)
        if chosen.dtype == bool:
            if chosen.shape != (n,):
                rule = f"must be a mask of all {n} synapses, or their positions"
                fail(repr(self), "synapses", chosen.shape, rule, got="shape")
            gone = chosen
        else:
            gone = np.zeros(n, bool)
            gone[ids(repr(self), "synapses", synapses, n)] = True
        each = [gone]
        if self._blocks is not None:
            together = np.empty(n, bool)
            together[self._order] = gone
            each = np.split(together, np.cumsum([*map(len, self._blocks)])[:-1])
        for block, mine in zip(self.blocks, each, strict=True):
            if mine.any():
                structure.remove_synapses(block, mine)

    @changing
    def add(self, pre_ids: Any, post_ids: Any, *, weight: Any = 1.0, delay: Any = 1.0) -> None:
        """Add synapses between runs.

        They take their places in canonical order, after earlier ones of the same pair. Plastic ones begin with the
        traces that the projection has of their source and target; nothing that happened before changes their weights.
        Recorders of the weights end, as in `remove`.

        Parameters
        ----------
        pre_ids, post_ids : array-like of int
            Sources and targets, of the populations that the projection connects, or of the parts of them. Ids count
            within the whole populations.
        weight : float, array-like or Distribution
            Weights, as in `Network.connect`.
        delay : float, array-like or Distribution
            Delays [ms], as in `Network.connect`.

        Raises
        ------
        ValueError, TypeError
            If an argument is invalid, or the projection was removed; the network is unchanged then.
        """
        self._require_one("add")
        where = repr(self)
        if self.plasticity is not None and self.plasticity.varied:
            rule = "must have single numbers where synapses are added, not values by synapse: connect another projection"
            fail(where, f"plasticity.{self.plasticity.varied[0]}", "an array", rule)
        pre, post = (
            _within(where, name, given, end)
            for name, given, end in (
                ("pre_ids", pre_ids, self.pre),
                ("post_ids", post_ids, self.post),
            )
        )
        n = len(pre)
        if len(post) != n:
            fail(
                where, "pre_ids and post_ids", (n, len(post)), "must be equally long", got="lengths"
            )
        draw = self.network.engine.draw
        drawn = isinstance(delay, Distribution)
        delays = draw(delay, n) if drawn else numbers(where, "delay", delay, "ms")
        steps = delay_steps(where, fits(where, "delay", delays, n), self.network.dt, drawn=drawn)
        weights = self._checked(
            draw(weight, n) if isinstance(weight, Distribution) else weight, (n,)
        )
        new = (pre, post, np.broadcast_to(steps, (n,)).astype(np.int64))
        if n:
            self._engine.structure.add_synapses(self, new, weights)

    @property
    def delays(self) -> npt.NDArray[np.float64]:
        """Delays [ms], read-only."""
        delays = [(block.synapses.structure()[2], len(block)) for block in self.blocks]
        steps = self._merged([np.broadcast_to(x, (n,)).astype(np.int64) for x, n in delays])
        return Snapshot(self._engine.ms(steps), _MADE)

    @property
    def pre_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the sources, read-only."""
        return Snapshot(self._merged([self._ids_of(block, 0) for block in self.blocks]), _MADE)

    @property
    def post_ids(self) -> npt.NDArray[np.int64]:
        """Ids of the targets, read-only."""
        return Snapshot(self._merged([self._ids_of(block, 1) for block in self.blocks]), _MADE)

    def to_scipy(self) -> scipy.sparse.csr_array:
        """Return the weights as a sparse array [pre.size, post.size], with one entry per synapse."""
        from scipy.sparse import csr_array  # noqa: PLC0415  # scipy is slow to import

        if self._blocks is None:
            row, post, weight, _ = self.synapses.arrays()
            weight = np.broadcast_to(weight, (len(self),)).copy()
        else:
            row = np.cumsum([0, *np.bincount(self.pre_ids, minlength=self.pre.size)])
            post, weight = np.asarray(self.post_ids), self._weights()
        return csr_array(
            (weight, post.astype(np.int64), row.astype(np.int64)),
            shape=(self.pre.size, self.post.size),
        )

    def _unit(self) -> str:
        """Return the unit of the weights; none if the blocks have different ones."""
        units = set()
        for block in self.blocks:
            model = block.post.model
            units.add(
                receptor_unit(model, block.receptor) if isinstance(model, NeuronModel) else ""
            )
        return units.pop() if len(units) == 1 else ""

    def __repr__(self) -> str:
        if self.removed:
            return f"Projection({self.pre.name} -> {self.post.name}: removed)"
        plastic = "" if self.plasticity is None else f", {type(self.plasticity).__name__}"
        counts = [block.synapses.known() for block in self.blocks]
        count = "some" if None in counts else sum(filter(None, counts))
        if self._blocks is None:
            stored = f"{self._storage()}{self._rounding()}"
        else:
            stored = f"{len(counts)} block{'' if len(counts) == 1 else 's'}"
        return (
            f"Projection({self.pre.name} -> {self.post.name}: {count} synapses{plastic}, {stored})"
        )

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        title = f"{self.pre.name} -> {self.post.name}"
        if self._blocks is not None:
            blocks = [(p.pre.name, p.post.name, p.synapses.known()) for p in self._blocks]
            return html.grid(title, ["source", "target", "synapses"], blocks)
        rows = [
            ("synapses", self.synapses.known()),
            ("sources, targets", f"{len(self.pre)}, {len(self.post)}"),
            ("unit of weights", self._unit()),
            ("plasticity", self.plasticity),
            ("storage", self._storage() + self._rounding()),
        ]
        return html.facts(title, rows)

    def _rounding(self) -> str:
        """Return the grid of weights of 16 bits, and what rounding to it costs at most."""
        try:
            step = self._engine.sim.weight_step(self.index)
        except RuntimeError:  # the core is busy
            return ""
        if step == 0:
            return ""
        unit = self._unit()
        return f" in steps of {step:.4g} {unit} (error at most {step / 2:.2g} {unit})"

    def _storage(self) -> str:
        """Return how the synapses are stored or, while the core is busy, what it is doing."""
        try:
            return self._engine.sim.describe_storage(self.index)
        except RuntimeError:
            state = self._engine.state()
            return "running" if state == "idle" else state  # it has ended since
