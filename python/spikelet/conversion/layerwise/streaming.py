"""Convert a network layer by layer, in one pass: only the values that later layers need are kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.memory import require_memory
from spikelet.conversion.layerwise.activity import Activity, Calibration, plan
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.layers import Activation, Layer, Neuron, ReLU


def spiking_names(cal: Calibration, method: Method) -> frozenset[str]:
    """Return the names of the neurons that become spiking.

    An activation stays graded if the network ends with it, and if inputs are spikes: these have equal sizes, of one sign.
    """
    return frozenset(
        n.name
        for n in cal.graph
        if method.accepts(n.layer, cal.neuron)
        and n.name not in cal.kept
        and not (isinstance(n.layer, Activation) and (cal.coded or n.name in cal.graph.outputs))
    )


def fit_layers(
    where: str, cal: Calibration, method: Method, watch: Callable[[str], None] = lambda _name: None
) -> dict[str, Layer]:
    """Return the layers that a method changes, by name: the spiking neurons, and corrected weights.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    cal : Calibration
    method : Method
    watch : callable, optional
        Takes the name of each neuron before it is made.

    Raises
    ------
    ValueError
        If a neuron's input is not finite, no calibration input activates a layer, or the spikes of a layer need more memory
        than there is.
    """
    names = spiking_names(cal, method)
    # The spikes of a layer are kept, one bit each.
    largest = max((math.prod(cal.shapes[name]) for name in names), default=0)
    way_out = "give fewer steps, or fewer samples to calibrate with"
    require_memory(where, (cal.count, cal.steps, largest / 8), 1, way_out)
    stages = plan(cal.graph, names, frozenset(cal.coded))
    ann = Activity(cal.graph, 1, cal.threads, cal.inputs, {})
    constants = {k: v for k, v in cal.inputs.items() if k not in cal.coded}
    snn = Activity(cal.graph, cal.steps, cal.threads, constants, cal.coded)
    changes: dict[str, Layer] = {}
    beyond: list[str] = []
    for node in cal.graph:
        name = node.name
        site = Site(name, cal, stages, ann, snn) if name in stages.depths else None
        if site is not None:
            watch(name)
            _check_activity(where, site)
            found = dict(method.fit(site))
            changes.update(found)
            snn.change(found)
            if _is_beyond_limit(site, found[name]):
                beyond.append(name)
            other = method.in_ann(site)
            if other is not None:
                ann.change({name: other})
        kept = stages.stored.get(name, "")
        if kept in stages.until:
            if site is None or site.held is None:
                values = ann.mean(kept)
            else:
                held = site.held.reshape(site.count, *site.shape)
                values = ann.mean_from(site.source, held, kept)
            ann.store(kept, values)
            if method.spiking and kept in stages.constant:
                snn.store(kept, snn.run(kept, "mean"))
            elif method.spiking:
                snn.store_spikes(kept)
        done = [key for key, last in stages.until.items() if last == name]
        ann.drop(done)
        snn.drop(done)
    if beyond:
        more = f" and {len(beyond) - 1} more" if len(beyond) > 1 else ""
        warn_caller(
            f"{where}: activations of '{beyond[0]}'{more} reach their upper limit, which differential neurons do not "
            "have; neuron='signed' has it"
        )
    return changes


def _check_activity(where: str, site: Site) -> None:
    if not np.isfinite(site.greatest).all():
        rule = "must be finite; a weight is too large"
        fail(where, f"the input of '{site.name}'", "inf or NaN", rule)
    if isinstance(site.layer, ReLU) and site.greatest.max() <= 0:
        rule = "must not be 0 for all calibration inputs, or the layer would never spike; pass inputs that activate "
        rule += f"it, or keep it analog: keep=['{site.name}']"
        fail(where, f"activation of '{site.name}'", 0.0, rule)


def _is_beyond_limit(site: Site, neuron: Layer) -> bool:
    """Return whether activations reach an upper limit that their neuron does not have."""
    differential = isinstance(neuron, Neuron) and neuron.code == "differential"
    return differential and site.upper is not None and bool((site.greatest > site.upper).any())
