"""PyNN's connectors: with the random numbers that they draw in every simulator, but whole arrays at a time.

With `NativeRNG`, or where nothing is random, the rules of spikelet connect instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from copy import copy, deepcopy
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import connectors, errors
from pyNN.core import IndexBasedExpression
from pyNN.random import RandomDistribution
from pyNN.recording import files

from spikelet.pynn.connections import all_pairs, own_index
from spikelet.pynn.parameters import Parameters, columns_of
from spikelet.pynn.random import NativeRNG, index_pairs
from spikelet.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    Rule,
)

__all__ = [
    "AllToAllConnector",
    "ArrayConnector",
    "CSAConnector",
    "CloneConnector",
    "Connector",
    "DisplacementDependentProbabilityConnector",
    "DistanceDependentProbabilityConnector",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "IndexBasedProbabilityConnector",
    "OneToOneConnector",
    "SmallWorldConnector",
]

Ints = npt.NDArray[np.int64]

Connector = connectors.Connector

_BLOCK = 1 << 20  # pairs


class _Spikelet:
    """How connectors hand their connections to a projection."""

    rng: Any = None
    allow_self_connections: Any = True
    safe: bool
    callback: Callable[[float], Any] | None
    location_selector: Any

    def _standard_connect(
        self,
        projection: Any,
        connection_map_generator: Callable[[], Iterable[Any]],
        distance_map: Any = None,  # noqa: ARG002  # PyNN's signature
    ) -> None:
        """Connect the sources of each target in turn."""
        parameters = self._parameters(projection)
        sources: list[Ints] = []
        for mine in columns_of(connection_map_generator(), projection.pre.size):
            sources.append(mine)
            if self.callback is not None:
                self.callback(len(sources) / projection.post.size)
        pre = np.concatenate([np.zeros(0, np.int64), *sources])
        post = np.repeat(np.arange(len(sources)), [len(mine) for mine in sources])
        values = parameters.at(pre, post)
        projection.add(pre, post, values, safe=self.safe)

    def _parameters(self, projection: Any) -> Parameters:
        """Return the parameters of the synapse type, after checks of what connectors share."""
        projection.require_somatic(self.location_selector)
        if self.rng is not None:
            projection.require_parallel_safe(self.rng)
        return Parameters(projection, projection.synapse_type.native_parameters)

    def _add(self, projection: Any, pre: Ints, post: Ints) -> None:
        """Connect pairs, given by target."""
        projection.add(pre, post, self._parameters(projection).at(pre, post), safe=self.safe)
        if self.callback is not None:
            self.callback(1.0)

    def _by_rule(self, projection: Any, rule: Rule) -> None:
        """Let spikelet draw the connections, or the generator with its own seed."""
        parameters = self._parameters(projection)
        seeded = isinstance(self.rng, NativeRNG) and self.rng.seed is not None
        if parameters.native and not seeded:
            projection.plan(rule, parameters, safe=self.safe)
        elif isinstance(self.rng, NativeRNG):
            own = own_index(projection)
            same = projection.shape[0] == projection.shape[1] and (own == np.arange(len(own))).all()
            if not rule.self_connections and not same and (own >= 0).any():
                msg = f"{type(self).__name__}: allow_self_connections=False with a seeded NativeRNG needs the same cells on both sides"
                raise NotImplementedError(msg)
            pre, post = self.rng.pairs(rule, projection.shape, same=bool(same))
            order = np.lexsort((pre, post))
            projection.add(
                pre[order], post[order], parameters.at(pre[order], post[order]), safe=self.safe
            )
        else:
            self._listed(projection, parameters)
        if self.callback is not None:
            self.callback(1.0)

    def _listed(self, projection: Any, parameters: Parameters) -> None:
        """Connect one by one what a rule would connect without random numbers."""
        raise NotImplementedError

    def _below(
        self, projection: Any, probability: Callable[[slice], Any], *, width: int | None = None
    ) -> None:
        """Connect the pairs whose random number is below a probability, given for some targets as [targets, sources].

        As in PyNN, the generator is copied, so that each projection of a connector begins with the same numbers.
        """
        n_pre, n_post = projection.shape
        rng, step = deepcopy(self.rng), width or max(1, _BLOCK // max(1, n_pre))
        keep = kept(projection, self.allow_self_connections)

        def columns() -> Iterator[npt.NDArray[np.bool_]]:
            for begin in range(0, n_post, step):
                targets = slice(begin, min(n_post, begin + step))
                count = targets.stop - begin
                u = rng.next(count * n_pre, "uniform", {"low": 0, "high": 1})
                chosen = np.reshape(u, (count, n_pre)) < probability(targets)
                yield from keep(targets, np.asarray(chosen))

        self._standard_connect(projection, columns)


def kept(
    projection: Any, allow: Any
) -> Callable[[slice, npt.NDArray[np.bool_]], npt.NDArray[np.bool_]]:
    """Return a function that leaves out connections of cells to themselves, unless they are allowed."""
    if allow is True:
        return lambda _, chosen: chosen
    if allow == "NoMutual":
        if projection.pre != projection.post:
            msg = "allow_self_connections='NoMutual' is for connections within one Population"
            raise NotImplementedError(msg)
        sources = np.arange(projection.pre.size)
        return lambda targets, chosen: (
            chosen & (sources > np.arange(targets.start, targets.stop)[:, None])
        )
    own = own_index(projection)

    def others(targets: slice, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        mine = own[targets]
        rows = np.flatnonzero(mine >= 0)
        chosen[rows, mine[rows]] = False
        return chosen

    return others


class AllToAllConnector(_Spikelet, connectors.AllToAllConnector):
    __doc__ = connectors.AllToAllConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect all cells to all cells."""
        self._by_rule(projection, AllToAll(self_connections=self.allow_self_connections))

    def _listed(self, projection: Any, parameters: Parameters) -> None:
        pre, post = all_pairs(projection, self_connections=self.allow_self_connections)
        projection.add(pre, post, parameters.at(pre, post), safe=self.safe)


class OneToOneConnector(_Spikelet, connectors.OneToOneConnector):
    __doc__ = connectors.OneToOneConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect cell i to cell i."""
        ids = np.arange(min(projection.shape))
        self._add(projection, ids, ids)


class FixedProbabilityConnector(_Spikelet, connectors.FixedProbabilityConnector):
    __doc__ = connectors.FixedProbabilityConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect each pair with the same probability."""
        if isinstance(self.rng, NativeRNG) and self.allow_self_connections != "NoMutual":
            p = min(1.0, self.p_connect)
            self._by_rule(
                projection, FixedProbability(p, self_connections=self.allow_self_connections)
            )
        else:
            self._below(projection, lambda _: self.p_connect)


class DistanceDependentProbabilityConnector(
    _Spikelet,
    connectors.DistanceDependentProbabilityConnector,
):
    __doc__ = connectors.DistanceDependentProbabilityConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect each pair with a probability that depends on its distance."""
        n_pre = projection.shape[0]
        sources, ends = projection.pre.positions.T, projection.post.positions.T

        def probability(targets: slice) -> Any:
            d = projection.space.distances(sources, ends[targets]).reshape(n_pre, -1).T
            return self.distance_function(d)

        self._below(projection, probability)


class IndexBasedProbabilityConnector(_Spikelet, connectors.IndexBasedProbabilityConnector):
    __doc__ = connectors.IndexBasedProbabilityConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect each pair with a probability that depends on its indices."""
        expression = _bound(self.index_expression, projection)
        sources = np.arange(projection.shape[0])
        self._below(projection, lambda targets: expression(sources, targets.start), width=1)


class DisplacementDependentProbabilityConnector(IndexBasedProbabilityConnector):
    __doc__ = connectors.DisplacementDependentProbabilityConnector.__doc__

    DisplacementExpression = (
        connectors.DisplacementDependentProbabilityConnector.DisplacementExpression
    )

    def __init__(
        self,
        disp_function: Callable[[Any], Any],
        allow_self_connections: Any = True,
        location_selector: Any = None,
        rng: Any = None,
        safe: bool = True,
        callback: Callable[[float], Any] | None = None,
    ) -> None:
        """Take a function of displacements, [3, n], that returns probabilities."""
        expression = self.DisplacementExpression(disp_function)
        super().__init__(expression, allow_self_connections, location_selector, rng, safe, callback)


def _bound(expression: IndexBasedExpression, projection: Any) -> IndexBasedExpression:
    """Return a copy of an expression that knows the projection."""
    bound = copy(expression)
    bound.projection = projection
    return bound


class FixedNumberPreConnector(_Spikelet, connectors.FixedNumberPreConnector):
    __doc__ = connectors.FixedNumberPreConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect each target to the same number of sources."""
        if isinstance(self.rng, NativeRNG):
            self._by_rule(projection, _counted(self, FixedIndegree))
        else:
            super().connect(projection)


class FixedNumberPostConnector(_Spikelet, connectors.FixedNumberPostConnector):
    __doc__ = connectors.FixedNumberPostConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect each source to the same number of targets."""
        if isinstance(self.rng, NativeRNG):
            self._by_rule(projection, _counted(self, FixedOutdegree))
        else:
            super().connect(projection)


class FixedTotalNumberConnector(_Spikelet, connectors.FixedTotalNumberConnector):
    __doc__ = connectors.FixedTotalNumberConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect a number of pairs."""
        if isinstance(self.rng, NativeRNG):
            self._by_rule(projection, _counted(self, FixedTotalNumber))
            return
        n_pre, n_post = projection.shape
        n = self.n if isinstance(self.n, int) else int(self.n.next())
        n = RandomDistribution(
            "binomial", (n, 1.0), rng=self.rng
        ).next()  # as PyNN does for one process
        n = int(n)
        own = own_index(projection) if self.allow_self_connections is not True else None
        if self.allow_self_connections == "NoMutual":
            msg = (
                "FixedTotalNumberConnector: allow_self_connections='NoMutual' is not defined for it"
            )
            raise NotImplementedError(msg)
        most = n_pre * n_post - (0 if own is None else int((own >= 0).sum()))
        if n and (most == 0 or (not self.with_replacement and n > most)):
            msg = f"FixedTotalNumberConnector: n = {n} is more than the {most} possible pairs"
            raise errors.ConnectionError(msg)
        keys = np.zeros(0, np.int64)
        while len(keys) < n:
            pre, post = index_pairs(self.rng, n - len(keys), n_pre, n_post)
            if own is not None:
                other = own[post] != pre
                pre, post = pre[other], post[other]
            keys = np.concatenate([keys, post * n_pre + pre])
            if not self.with_replacement:
                keys = keys[np.sort(np.unique(keys, return_index=True)[1])]
        post, pre = np.divmod(keys, n_pre)
        order = np.argsort(post, kind="stable")
        self._add(projection, pre[order], post[order])


def _counted(connector: Any, rule: type[FixedIndegree | FixedOutdegree | FixedTotalNumber]) -> Rule:
    """Return a rule with the number, and with what else a connector says."""
    if not isinstance(connector.n, int) or connector.allow_self_connections == "NoMutual":
        msg = f"{type(connector).__name__}: NativeRNG needs n to be a number, and self-connections allowed or not"
        raise NotImplementedError(msg)
    return rule(
        connector.n,
        self_connections=connector.allow_self_connections,
        multapses=connector.with_replacement,
    )


class SmallWorldConnector(_Spikelet, connectors.SmallWorldConnector):
    __doc__ = connectors.SmallWorldConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect cells nearer than `degree`, then give some connections another target."""
        n_pre, n_post = projection.shape
        space, keep = projection.space, kept(projection, self.allow_self_connections)
        sources, ends = projection.pre.positions.T, projection.post.positions.T
        limit = float(self.d_expression.rpartition("<")[2])
        pre, post = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        step = max(1, _BLOCK // max(1, n_pre))
        for begin in range(0, n_post, step):
            some = slice(begin, min(n_post, begin + step))
            near = limit > space.distances(sources, ends[some]).reshape(n_pre, -1).T
            j, i = np.nonzero(keep(some, near))
            pre.append(i)
            post.append(j + begin)
        i, j = np.concatenate(pre), np.concatenate(post)
        order = np.lexsort((j, i))
        i, j = i[order], j[order]
        if self.n_connections is not None:  # so many of each source's, at random
            order = np.lexsort((self.rng.next(len(i), "uniform", {"low": 0, "high": 1}), i))
            begins = np.searchsorted(i, np.arange(n_pre))
            rank = np.arange(len(i)) - begins[i]
            chosen = np.sort(order[rank < self.n_connections])
            i, j = i[chosen], j[chosen]
        moved = np.flatnonzero(
            self.rng.next(len(i), "uniform", {"low": 0, "high": 1}) < self.rewiring
        )
        j[moved] = self._elsewhere(projection, i[moved], n_post)
        order = np.lexsort((i, j))
        self._add(projection, i[order], j[order])

    def _elsewhere(self, projection: Any, sources: Ints, n_post: int) -> Ints:
        """Return a target drawn from all, for each source."""
        drawn = self.rng.next(len(sources), "uniform_int", {"low": 0, "high": n_post})
        targets: Ints = np.asarray(drawn, dtype=np.int64)
        if self.allow_self_connections is True:
            return targets
        own = own_index(projection)
        if n_post <= 1 and (own[targets] == sources).any():
            msg = "SmallWorldConnector: there is no other target for a rewired connection"
            raise errors.ConnectionError(msg)
        while (again := own[targets] == sources).any():
            targets[again] = self.rng.next(
                int(again.sum()), "uniform_int", {"low": 0, "high": n_post}
            )
        return targets


class ArrayConnector(_Spikelet, connectors.ArrayConnector):
    __doc__ = connectors.ArrayConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect the pairs that the array marks."""
        marks = np.asarray(self.array)
        if marks.shape != projection.shape:
            msg = f"ArrayConnector: array must have the shape {projection.shape}, got {marks.shape}"
            raise errors.InvalidDimensionsError(msg)
        post, pre = np.nonzero(marks.T)
        self._add(projection, pre, post)


class CloneConnector(_Spikelet, connectors.CloneConnector):
    __doc__ = connectors.CloneConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect the pairs that another projection connects."""
        model = self.reference_projection
        if projection.pre != model.pre or projection.post != model.post:
            msg = (
                f"CloneConnector: pre and post must be those of the reference projection, {model.pre.label} and "
                f"{model.post.label}, got {projection.pre.label} and {projection.post.label}"
            )
            raise errors.ConnectionError(msg)
        pairs = np.unique(np.stack(model.pairs()[::-1], axis=1), axis=0)
        self._add(projection, pairs[:, 1], pairs[:, 0])


class CSAConnector(_Spikelet, connectors.CSAConnector):
    __doc__ = connectors.CSAConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect the pairs of a connection set."""
        import csa  # noqa: PLC0415  # an extra of PyNN; without it there is no such connector

        n_pre, n_post = projection.shape
        found = np.array(list(csa.cross(range(n_pre), range(n_post)) * self.cset), dtype=float)
        arity = csa.arity(self.cset)
        found = found.reshape(-1, 2 + arity)
        found = found[np.lexsort((found[:, 0], found[:, 1]))]
        pre, post = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)
        if arity == 0:
            self._add(projection, pre, post)
            return
        given = ("weight", "delay")
        values = self._parameters(projection).at(pre, post, given)
        given_values = {"weight": found[:, 2], "delay": found[:, 3]}
        projection.add(pre, post, {**values, **given_values}, safe=self.safe)


class _Rows(_Spikelet):
    """Connectors of rows of a source, a target and parameters."""

    column_names: Any

    def _add_rows(self, projection: Any, rows: Any) -> None:
        """Connect rows, [n, 2 + columns]."""
        where = type(self).__name__
        known = projection.synapse_type.get_parameter_names()
        for name in self.column_names:
            if name not in known:
                kind = type(projection.synapse_type).__name__
                msg = f"{where}: {name} is not a valid parameter for {kind}, which has {', '.join(known)}"
                raise ValueError(msg)
        rows = np.asarray(rows, dtype=float).reshape(-1, 2 + len(self.column_names))
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
        pre = _indices(where, "source", rows[:, 0], projection.shape[0])
        post = _indices(where, "target", rows[:, 1], projection.shape[1])
        given = {name: rows[:, 2 + k] for k, name in enumerate(self.column_names)}
        values = self._parameters(projection).at(pre, post, tuple(given))
        projection.add(pre, post, {**values, **given}, safe=self.safe)


def _indices(where: str, what: str, given: npt.NDArray[np.float64], n: int) -> Ints:
    """Return indices within an end of n cells, after a check."""
    bad = ~((given >= 0) & (given < n) & (given == np.floor(given)))
    if bad.any():
        msg = f"{where}: {what} index out of range: must be an integer from 0 to {n - 1}, got {given[bad][0]:g}"
        raise errors.ConnectionError(msg)
    return given.astype(np.int64)


class FromListConnector(_Rows, connectors.FromListConnector):
    __doc__ = connectors.FromListConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect the pairs of the list."""
        self._add_rows(projection, self.conn_list)


class FromFileConnector(_Rows, connectors.FromFileConnector):
    __doc__ = connectors.FromFileConnector.__doc__

    def connect(self, projection: Any) -> None:
        """Connect the pairs of the file, or with `distributed` of the files of all processes."""
        rows = []
        name = self.file.name
        for rank in range(projection.num_processes if self.distributed else 1):
            if self.distributed:
                self.file.rename(f"{name}.{rank}")
            if isinstance(self.file, files.StandardTextFile):
                _require_literals(self.file.name)
            columns = self.file.get_metadata().get("columns", ("weight", "delay"))
            self.column_names = [column for column in columns if column not in ("i", "j")]
            rows.append(np.reshape(self.file.read(), (-1, 2 + len(self.column_names))))
        self._add_rows(projection, np.concatenate(rows))


def _require_literals(name: str) -> None:
    """Check the header of a text file: PyNN evaluates it, so that code in it would run."""
    with Path(name).open() as lines:
        for line in takewhile(lambda line: line.startswith("#"), lines):
            try:
                ast.literal_eval(line[1:].partition("=")[2].strip())
            except (ValueError, SyntaxError) as error:
                rule = "its header must be a list of columns, as in \"# columns = ['i', 'j', 'weight', 'delay']\""
                msg = f"FromFileConnector {name}: {rule}, got {line.strip()[:80]!r}"
                raise ValueError(msg) from error
