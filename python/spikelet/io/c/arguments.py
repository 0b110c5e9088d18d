"""Check the arguments of an export, and fill in what is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from spikelet import _core
from spikelet._util.checks import choice, fail, integer
from spikelet.io.c.plan import Plan
from spikelet.io.c.source import Interface
from spikelet.io.c.values import VALUES
from spikelet.layers.graph import Graph
from spikelet.layers.predictive import PredictiveNeuron
from spikelet.layers.spiking_model import SpikingModel

FORMS = {"constant": "constant", "sequence": "sequence", "spikes": "spikes", "signed": "spikes"}

_MOST_STEPS = 2**15 - 1  # counts of spikes have 16 bits
_KINDS = {*VALUES, "input", "neuron", "constant", "delay", "delayed"}
_WORDS = (
    " auto break case char const continue default do double else enum extern float for goto if inline int long main "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
)

Shapes = Mapping[str, tuple[int, ...]]


def check_name(where: str, name: Any) -> None:
    """Check that a name can begin the names of a program."""
    right = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)
    if not right or f" {name} " in _WORDS:
        rule = "must be a C identifier in lower-case letters, of at most 41 characters"
        fail(where, "name", name, rule)


def check_dtype(where: str, dtype: Any) -> None:
    """Check that a program can compute in this precision."""
    if dtype == "float64":
        rule = 'must be "float32" or "int16": pass dtype= to export the model in that precision'
        fail(where, "dtype", dtype, rule)
    choice(where, "dtype", dtype, "float32", "int16")


def form_of(
    where: str, model: SpikingModel, form: str | None, steps: int | None
) -> tuple[str, int | None]:
    """Return the form of the inputs, and the number of steps if it is fixed."""
    if steps is not None:
        steps = integer(where, "steps", steps, 1, _MOST_STEPS)
    if form is None:
        form = "sequence" if steps is None and not hasattr(model, "steps") else "constant"
    choice(where, "form", form, *FORMS)
    layers = (model.graph[name].layer for name in model.neurons)
    fixed = {layer.steps for layer in layers if isinstance(layer, PredictiveNeuron)}
    if steps is None:
        steps = getattr(model, "steps", None) if form == "constant" else next(iter(fixed), None)
    if steps is None and form == "constant":
        rule = 'must be the number of steps T, or form be "sequence" or "spikes"'
        fail(where, "steps", steps, rule)
    for number in fixed:
        if steps != number:
            fail(where, "steps", steps, f"must be {number}, which the neurons were made for")
    coding = getattr(model, "coding", "direct")
    if coding != "direct" and form == "constant":
        rule = 'must be "direct"; code the input yourself, and pass form="spikes" or "signed"'
        fail(where, "coding", coding, rule)
    return form, steps


def delay_of(model: SpikingModel, steps: int | None) -> int:
    """Return the number of steps that means leave out: that of a converted model, as its `run` has it."""
    delay, made_for = int(getattr(model, "delay", 0)), getattr(model, "steps", None)
    return delay if None in (steps, made_for) or steps == made_for else delay * steps // made_for  # type: ignore[operator]  # both are numbers


def check_plan(where: str, plan: Plan, graph: Graph) -> None:
    """Refuse what a program could not compute, or not to the same bits."""
    for k, item in enumerate(plan.items):
        # A step that has no name of its own prepares the next that has.
        layer = next((name for later in plan.items[k:] for name in later.names if name), "")
        if item.kind not in _KINDS:
            kind = type(graph[layer].layer).__name__ if layer in graph else item.kind
            rule = (
                "cannot be exported: C has no form of it; export the model up to it, "
                "SpikingModel(model.graph.upto(...)), and compute it from the outputs"
            )
            fail(where, f"layer '{layer}'", kind, rule)
        if item.differential:
            rule = 'must be "binary" or "signed": sums of differential spikes, step by step, have other bits'
            fail(where, f"code of '{layer}'", "differential", rule)


def interface_of(
    name: str, dtype: str, graph: Graph, shapes: Shapes, form: str, steps: int | None, delay: int
) -> Interface:
    """Return how a program is called."""
    whole = graph.shapes(shapes)

    def arrays(names: Sequence[str], what: str) -> tuple[tuple[str, int, str], ...]:
        words = [re.sub(r"[^a-z0-9]+", "_", n.lower()).strip("_") for n in names]
        if len(names) == 1 or len(set(words)) < len(words):
            words = ["" if len(names) == 1 else f"number_{k}" for k in range(len(names))]
        return tuple(
            (f"{what}_{word}".rstrip("_"), math.prod(whole[n]), " x ".join(map(str, whole[n])))
            for word, n in zip(words, names, strict=True)
        )

    made_by = f"Made by spikelet {_core.__version__} ({dtype})"
    inputs, outputs = arrays(graph.inputs, "input"), arrays(graph.outputs, "output")
    return Interface(name, inputs, outputs, FORMS.get(form, form), steps, delay, made_by)
