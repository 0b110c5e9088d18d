"""State of a plastic projection after some of its synapses were removed or added.

The state is that of a checkpoint: arrays by name, with one entry per synapse, row (source, delay), target, spike of a
target or event in flight.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet.network.gathered_state import family, whole_state
from spikelet.network.projection import Projection
from spikelet.network.synapse_rule import SynapseRule

# Names of the core's layouts.
MATRIX = "dense block"
HISTORY = "rows with spike history"
QUEUED = "queued rows with spike history"
_CLOSED = "rows in closed form"
_PROGRAMS = "rows that run programs"
_SCALED = "rows, scaled by spike"

State: TypeAlias = dict[str, Any]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_INTS = {
    "row_source": np.uint32, "row_delay": np.uint16, "counts": np.uint32, "post_stamp": np.int64,
    "post_target": np.uint32, "sent_step": np.int64, "sent_post": np.uint32, "sent_channel": np.uint16,
}  # fmt: skip
_FLOATS = ("post_value.0", "post_value.1", "post_value.2", "sent_value")


class Ends(NamedTuple):
    """Sources, targets and delays [steps] of synapses in canonical order."""

    pre: Ints
    post: Ints
    delay: Ints

    def of(self, synapses: Any) -> Ends:
        """Return those of some synapses."""
        return Ends(*(values[synapses] for values in self))


def storage_of(projection: Projection) -> str:
    """Return the core's name of how the synapses are stored."""
    return projection.network.engine.sim.describe_storage(projection.index)


def needs_history(projection: Projection, old: Ends, new: Ends) -> bool:
    """Return whether a plastic projection with more synapses must be stored with spike history."""
    storage = storage_of(projection)
    if storage == _CLOSED:
        return bool((new.delay != old.delay[:1]).any())
    return storage == MATRIX or (
        storage == QUEUED and bool(axonal_steps(projection, new.delay).any())
    )


def blank(state: State) -> State:
    """Return the state of a projection that has not run, with the weights and the reward of another one."""
    weights, dtype = state["synapse.0"], state["synapse.0"].dtype
    kept = {name: state[name] for name in ("initial", "reward_step", "reward_level")}
    empty = {name: np.zeros(0, kind) for name, kind in _INTS.items()}
    return {
        "synapse.0": weights,
        **kept,
        **empty,
        **{name: np.zeros(0, dtype) for name in _FLOATS},
        "clock": np.int64(-1),
    }


def kept(projection: Projection, state: State, old: Ends, which: Mask) -> State:
    """Return the state of some of the synapses: events in flight of the others are lost.

    Parameters
    ----------
    projection : Projection
        With plasticity.
    state : dict
        Its state.
    old : Ends
        Its synapses.
    which : array, [len(projection)]
        Which of them stay.
    """
    events = _events_of(projection, state, old, which)
    found = {}
    for name, values in state.items():
        kind = "" if name == "clock" else family(name)
        chosen = {"synapse": which, "sent": events}.get(kind)
        found[name] = values if chosen is None else values[chosen]
    found = _with_rows(projection, found, old.of(which))
    return found if len(found["row_source"]) else blank(found)


def added(
    projection: Projection,
    state: State,
    new: Ends,
    weights: npt.NDArray[Any],
    order: Ints,
    whole: Ends,
) -> State:
    """Return the state with more synapses, which begin without a past of their own.

    Parameters
    ----------
    projection : Projection
        With plasticity.
    state : dict
        Its state, up to date.
    new : Ends
        The new synapses.
    weights : array, [n]
        Their weights.
    order : array
        The canonical order of the old synapses and the new ones.
    whole : Ends
        All of them in this order.
    """
    engine, found = projection.network.engine, dict(state)
    first: list[float] = []
    if storage_of(projection) == _PROGRAMS:
        first = engine.sim.initial_variables(projection.index)[0]
    for name, values in state.items():
        if name == "clock" or family(name) != "synapse":
            continue
        fill: Any = first[int(name.split(".")[1])] if first and name.startswith("synapse.") else 0
        if name in ("initial", "synapse.0"):
            fill = weights
        elif name.startswith("synapse_step"):
            fill = engine.step
        elif name == "synapse.1" and storage_of(projection) == _CLOSED:
            fill = state["target.0"][new.post]  # the sum of the target's potentiations so far
        more = np.broadcast_to(np.asarray(fill, values.dtype), (len(new.pre),))
        found[name] = np.concatenate([values, more])[order]
    return _with_rows(projection, found, whole)


def _with_rows(projection: Projection, state: State, ends: Ends) -> State:
    """Return the state with the rows of these synapses: new ones know what others of their source do, or nothing."""
    engine, storage = projection.network.engine, storage_of(projection)
    if len(state["row_source"]) == 0:
        return state
    by_source = storage == _SCALED
    needed = np.unique(ends.pre << 16 | (0 if by_source else ends.delay))
    have = state["row_source"].astype(np.int64) << 16 | state["row_delay"]
    stays = np.isin(have, needed)
    missing = np.setdiff1d(needed, have)
    order = np.argsort(np.concatenate([have[stays], missing]))
    like = np.searchsorted(
        have, missing >> 16 << 16
    )  # the first row of the same source, if it has one
    like[like == len(have)] = 0
    alike = have[like] >> 16 == missing >> 16
    alike &= _axonal_fraction(projection) == 0 and storage != _CLOSED
    first: list[float] = []
    if storage == _PROGRAMS:
        first = engine.sim.initial_variables(projection.index)[1]
    found = dict(state)
    for name, values in state.items():
        if name == "clock" or family(name) != "row":
            continue
        kind, _, number = name.partition(".")
        fill: Any = 0
        if kind == "row" and first:
            fill = first[int(number)]
        elif kind == "row_double":
            fill = 1 if number == "0" else 0
        elif kind == "row_step":
            fill = engine.step
            if by_source:
                fill = -1
            elif storage == _CLOSED:
                fill = values.max()
        more = np.full(len(missing), fill, values.dtype)
        more[alike] = values[like[alike]]
        if name == "row_source":
            more = (missing >> 16).astype(values.dtype)
        elif name == "row_delay":
            more = (missing & 0xFFFF).astype(values.dtype)
        found[name] = np.concatenate([values[stays], more])[order]
    return found


def _axonal_fraction(projection: Projection) -> float:
    rule = projection.plasticity
    held = rule.equations if isinstance(rule, SynapseRule) else rule
    return float(getattr(held, "axonal_fraction", 0.0))


def axonal_steps(projection: Projection, delay: Ints) -> Ints:
    """Return the axonal parts of delays [steps]."""
    steps: Ints = np.floor(_axonal_fraction(projection) * delay + 0.5).astype(np.int64)
    return steps


def _events_of(projection: Projection, state: State, old: Ends, which: Mask) -> Mask:
    """Return which of the events that wait with their weights are of some synapses.

    Events have no synapse. They are found again by their arrival and target, in the order in which they were sent.
    """
    arrivals, posts = state["sent_step"], state["sent_post"].astype(np.int64)
    if len(arrivals) == 0:
        return np.ones(0, bool)
    time, synapse = _sent(projection, state, old)
    order = np.lexsort((old.post[synapse], time))  # stable: by source and stamp before
    time, synapse = time[order], synapse[order]
    keys = time << 32 | old.post[synapse]
    places = np.lexsort((posts, arrivals))
    wanted = (arrivals << 32 | posts)[places]
    begin, end = (np.searchsorted(keys, wanted, side) for side in ("left", "right"))
    rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted)
    count = np.searchsorted(wanted, wanted, "right") - np.searchsorted(wanted, wanted)
    stays = np.append(which[synapse], True)
    some = np.concatenate([[0], np.cumsum(stays[:-1])])
    # As many as there should be: each is that of its place. Otherwise they stay if one of the synapses does.
    one = stays[np.minimum(begin + rank, len(synapse))]
    any_of_them = some[end] > some[begin]
    found = np.empty(len(arrivals), bool)
    found[places] = np.where(end - begin == count, one, any_of_them)
    return found


def _sent(projection: Projection, state: State, old: Ends) -> tuple[Ints, Ints]:
    """Return the arrivals of the events that synapses have sent, and which synapses these are, in order of sending."""
    engine = projection.network.engine
    stamps, gids = engine.sim.in_flight()
    source = gids.astype(np.int64) - engine.sim.first_gid(projection.pre.index)
    mine = (source >= 0) & (source < projection.pre.size)
    mine &= stamps > engine.sim.born(projection.index)
    stamps, source = stamps[mine], source[mine]
    begin, end = (np.searchsorted(old.pre, source, side) for side in ("left", "right"))
    counts = end - begin
    synapse = np.repeat(begin - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    stamp, delay = np.repeat(stamps, counts), old.delay[synapse]
    upto: Any = int(state["clock"])
    at = stamp + axonal_steps(projection, delay)
    if storage_of(projection) == _SCALED:
        at = stamp
    elif upto < 0:  # each row has its own
        rows = state["row_source"].astype(np.int64) << 16 | state["row_delay"]
        place = np.searchsorted(rows, old.pre[synapse] << 16 | delay)
        upto = state["row_step.0"][np.minimum(place, len(rows) - 1)]
    sent = (at <= upto) & (stamp + delay - 1 >= engine.step)
    return (stamp + delay - 1)[sent], synapse[sent]


def as_history(projection: Projection, old: Ends) -> State:
    """Return the state, up to date, as that of rows with spike history; the traces are those of a matrix or of rows.

    Parameters
    ----------
    projection : Projection
        With synapses of one delay, which share traces.
    old : Ends
        These synapses.
    """
    engine = projection.network.engine
    state = whole_state(projection)
    found, dtype, now = blank(state), projection.network.dtype, engine.step
    traces = engine.sim.traces(projection.index)
    of = {name: projection.synapses.whole("traces", values) for name, values in traces.items()}
    zero = np.zeros(len(old.pre), dtype)
    sources, first = np.unique(old.pre, return_index=True)
    rows = len(sources)
    found |= {name: state[name] for name in state if family(name) == "sent"}
    found |= {
        "counts": state["counts"],
        "row_source": sources.astype(np.uint32),
        "row_delay": old.delay[first].astype(np.uint16),
        "row.0": of["Kplus"][first],
        "row.1": of.get("Kplus_triplet", zero)[first],
        "row_step.0": np.full(rows, now),
        "row_step.1": np.full(rows, now),
    }
    dendritic = int((old.delay - axonal_steps(projection, old.delay))[0])
    targets, one = np.unique(old.post, return_index=True)
    values = np.zeros((2, projection.post.size), dtype)
    values[:, targets] = of["Kminus"][one], of.get("Kminus_triplet", zero)[one]
    posts = _posts(projection, state, values, now - dendritic)
    found |= {name: np.array([post[k] for post in posts], found[name].dtype)
              for k, name in enumerate(("post_stamp", "post_target", *_FLOATS[:3]))}  # fmt: skip
    return found


def _posts(
    projection: Projection, state: State, trace: npt.NDArray[Any], left: int
) -> list[tuple[Any, ...]]:
    """Return spikes of targets with the traces after them: one for those up to `left`, and each that came later."""
    engine = projection.network.engine
    _, minus, _, minus_2 = engine.sim.time_constants(projection.index)
    tau = np.array([minus, minus_2 or np.inf])
    rule = projection.plasticity
    pairing = getattr(rule.built_in if isinstance(rule, SynapseRule) else rule, "pairing", "")
    nearest = "nearest" in str(pairing)
    last = np.full(trace.shape[1], left)
    found = [(left, j, *trace[:, j], 0.0) for j in np.flatnonzero(trace.any(axis=0))]
    waits = state["post_value.1"] == 0
    for stamp, j in zip(state["post_stamp"][waits], state["post_target"][waits], strict=True):
        before = trace[:, j] * np.exp(-(stamp - last[j]) * engine.dt / tau)
        trace[:, j] = 1 if nearest else before + 1
        last[j] = stamp
        found.append((stamp, j, *trace[:, j], before[1]))
    return found
