"""Projections from a file: their synapses, and what their plasticity remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.network import stored
from spikelet.network.contents import NetworkContents
from spikelet.network.gathered_state import family, own_state
from spikelet.network.projection import Projection
from spikelet.network.receptors import receptor_range
from spikelet.network.stored import WHERE, File
from spikelet.network.structure import add_empty
from spikelet.network.synapse_rule import core_of
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity


def load_projection(
    net: NetworkContents, d: dict[str, Any], rule: Plasticity | None, file: File
) -> None:
    """Add a projection to a network whose clock is set.

    Parameters
    ----------
    net : NetworkContents
        The network, with its populations.
    d : dict
        The stored description.
    rule : Plasticity or None
        Its plasticity.
    file : mapping of str to array
        The stored arrays.

    Raises
    ------
    ValueError
        If anything does not fit the network.
    """
    index = len(net.contents.projections)
    key = f"projection{index}"
    pre, post = (stored.part(net, d[end], file.get(f"{key}.{end}_ids")) for end in ("pre", "post"))
    if not isinstance(post.model, NeuronModel):
        fail(WHERE, f"{key} post", d["post"], "must be neurons")
    receptor = stored.whole(f"{key} receptor", d["receptor"], *receptor_range(post.model))
    if d.get("removed"):
        add_empty(net, pre, post, receptor)
        net.contents.projections.append(Projection(net, index, pre, post, None, receptor))
        net.engine.removed_projections.add(index)
        return
    born = stored.whole(f"{key} born", d["born"], -1, net.engine.step)
    row = stored.array(file, f"{key}.row", np.uint64, pre.size + 1)
    posts = stored.below(f"{key}.post", stored.array(file, f"{key}.post", np.uint32), post.size)
    weight = stored.array(file, f"{key}.weight", net.dtype, 1, len(posts))
    delay = stored.array(file, f"{key}.delay", np.uint16, 1, len(posts))
    if (delay == 0).any():
        fail(WHERE, f"{key}.delay", 0, "must be at least one step")
    if row[0] != 0 or row[-1] != len(posts) or (row[1:] < row[:-1]).any():
        fail(WHERE, f"{key}.row", row, f"must ascend from 0 to {len(posts)}")
    if rule is not None:  # their layout follows from their initial weights
        weight = stored.array(file, f"{key}.plastic.initial", net.dtype, len(posts))
    int16 = _largest(key, d["weight_step"], weight, rule)
    offsets = row.astype(np.int64)
    counts: npt.NDArray[np.int64] = offsets[1:] - offsets[:-1]
    sim, listed = net.engine.sim, (
        pre.index, post.index, pre.size, np.repeat(np.arange(pre.size, dtype=np.uint32), counts),
        posts, stored.finite(f"{key}.weight", weight), delay, receptor,
        core_of(rule, post), born, int16,
    )  # fmt: skip
    sim.connect_lists(*listed)
    storage = d.get("storage")
    if rule is not None and storage not in (None, sim.describe_storage(index)):
        if not isinstance(storage, str):
            fail(WHERE, f"{key} storage", storage, "must be a string")
        sim.connect_lists(*listed)  # other synapses, before some were removed, had another layout
        sim.replace_projection(index, storage)
    projection = Projection(net, index, pre, post, rule, receptor)
    net.contents.projections.append(projection)
    if rule is not None:
        prefix = f"{key}.plastic."
        state = {k.removeprefix(prefix): file[k] for k in file if k.startswith(prefix)}
        _check(net, index, state, len(posts), post.size)
        net.engine.sim.set_plastic_state(index, own_state(projection, state))


def _largest(
    key: str, step: Any, weight: npt.NDArray[Any], rule: Plasticity | None
) -> float | None:
    """Return the largest weight of a stored grid of 16 bits, or None for floats."""
    if step == 0:
        return None
    if rule is not None or not isinstance(step, float) or not 0 < step < np.inf:
        fail(WHERE, f"{key} weight_step", step, "must be 0, or > 0 and finite for static synapses")
    if np.frexp(step)[0] != 0.5 or (np.rint(weight / step) * step != weight).any():
        fail(WHERE, f"{key} weight_step", step, "must be a power of two that divides all weights")
    return _STEPS * step


_STEPS = 65535  # of the largest magnitude of 16 bits


_DTYPES = {
    "synapse_step": np.int64, "row_step": np.int64, "post_stamp": np.int64, "sent_step": np.int64,
    "reward_step": np.int64, "row_source": np.uint32, "counts": np.uint32, "post_target": np.uint32,
    "sent_post": np.uint32, "row_delay": np.uint16, "sent_channel": np.uint16, "row_double": np.float64,
    "reward_level": np.float64,
}  # fmt: skip


def _check(
    net: NetworkContents, index: int, state: dict[str, Any], synapses: int, targets: int
) -> None:
    """Check names, types and sizes of the arrays that a rule stores; the core checks their values."""
    where = f"{WHERE}: plastic state of projection {index}"
    missing = set(net.engine.sim.plastic_state(index)) - set(state)
    if missing:
        fail(where, "arrays", sorted(missing), "must be complete", got="without")
    clock = state["clock"]
    if clock.shape != () or clock.dtype != np.int64:
        fail(where, "clock", (clock.dtype, clock.shape), "must be one whole number")
    for name, values in state.items():
        dtype = np.dtype(_DTYPES.get(name.split(".", maxsplit=1)[0], net.dtype))
        if name != "clock" and (values.ndim != 1 or values.dtype != dtype):
            fail(where, name, (values.dtype, values.shape), f"must be flat and of dtype {dtype}")
    if len(state["row_source"]) == len(state["counts"]) == 0:
        targets = 0  # it has not run and holds only weights
    sizes = {"synapse": synapses, "target": targets}
    for name, values in state.items():
        if name != "clock" and sizes.setdefault(family(name), len(values)) != len(values):
            fail(where, name, len(values), f"must have {sizes[family(name)]} values")
    initial: npt.NDArray[Any] = state["initial"]
    stored.finite(f"projection{index}.plastic.initial", initial)
