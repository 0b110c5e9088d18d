"""Gather plastic state from all ranks into the single-process layout, and scatter it back.

The core exchanges it as named arrays with one entry per synapse, row (source, delay), target, spike of a target or
event in flight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet.network.projection import Projection

State = dict[str, Any]


def family(name: str) -> str:
    """Return what an array has an entry for each of: "synapse", "row", "target", "post", "sent" or "reward"."""
    first = name.split(".", maxsplit=1)[0].split("_", maxsplit=1)[0]
    return {"initial": "synapse", "counts": "target"}.get(first, first)


def whole_state(projection: Projection) -> State:
    """Return the plastic state of all ranks; collective.

    Parameters
    ----------
    projection : Projection
        With plasticity.
    """
    engine = projection.network.engine
    ranks, own = engine.ranks, engine.sim.plastic_state(projection.index)
    if ranks.size == 1:
        return _sent_in_time(own)
    place = engine.sim.own(projection.post.index)
    parts = ranks.gather(f"the state of projection {projection.index}", (ranks.rank, place, own))
    parts.sort(key=lambda part: (part[1][0], part[0]))  # the order of Synapses.places
    states = [state for _, _, state in parts]
    whole: State = {"clock": max(state["clock"] for state in states)}
    names = {name: state[name].dtype for state in states for name in state if name != "clock"}
    rows = _first_rows(states)
    posts = _in_time([_get(state, "post_stamp", np.int64) for state in states],
                     [_get(state, "post_target", np.uint32) for state in states])  # fmt: skip
    for name, dtype in names.items():
        values = [_get(state, name, dtype) for state in states]
        kind = family(name)
        if kind == "synapse":
            whole[name] = np.empty(len(projection), dtype)
            for where, part in zip(projection.synapses.places(), values, strict=True):
                whole[name][where[: len(part)]] = part
        elif kind == "target":
            whole[name] = np.zeros(max(map(len, values)), dtype)
            for (_, (begin, end), _), part in zip(parts, values, strict=True):
                whole[name][begin:end] = part[begin:end]
        elif kind == "reward":
            whole[name] = values[0]
        else:
            joined = np.concatenate(values)
            order = {"row": rows, "post": posts}.get(kind)
            whole[name] = joined if order is None else joined[order]
    return _sent_in_time(whole)


def own_state(projection: Projection, whole: State) -> State:
    """Return the part of a plastic state that this rank needs; collective.

    Parameters
    ----------
    projection : Projection
        With plasticity.
    whole : dict
        What `whole_state` returned.
    """
    return {
        name: projection.synapses.own(values)
        if name != "clock" and family(name) == "synapse"
        else values
        for name, values in whole.items()
    }


def _get(state: State, name: str, dtype: Any) -> Any:
    """Return an array, empty if the rank has no targets."""
    return state.get(name, np.zeros(0, dtype))


def _first_rows(states: list[State]) -> Any:
    """Return one place of each row (source, delay) among those of all ranks, whose copies of a row are equal."""
    source, delay = (
        np.concatenate([state[name].astype(np.int64) for state in states])
        for name in ("row_source", "row_delay")
    )
    return np.unique((source << 16) | delay, return_index=True)[1]


def _sent_in_time(state: State) -> State:
    """Return a state whose events in flight are ordered by arrival, then target, however targets are divided.

    The order of events that reach one target at one step stays: their sum depends on it.
    """
    if "sent_step" in state:
        order = np.lexsort((state["sent_post"], state["sent_step"]))
        state.update({name: state[name][order] for name in state if family(name) == "sent"})
    return state


def _in_time(stamps: list[Any], targets: list[Any]) -> Any:
    """Return the order of spikes by stamp, then target."""
    return np.lexsort((np.concatenate(targets), np.concatenate(stamps)))
