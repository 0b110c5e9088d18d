"""Write a layered model as a C program."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikelet import _core
from spikelet._util import files
from spikelet._util.checks import choice, fail, integer
from spikelet.io.c.layers import translated
from spikelet.io.c.plan import Plan
from spikelet.io.c.program import Program
from spikelet.io.c.project import cmake, main, readme
from spikelet.io.c.source import Interface, header, source
from spikelet.layers.graph import Graph
from spikelet.layers.linear import Linear
from spikelet.layers.neurons import PredictiveIF
from spikelet.layers.spiking_model import Operations, SpikingModel
from spikelet.layers.to_core import Source

__all__ = ["write_c"]

_WHERE = "write_c"
_MAX = 2**31 - 1
_MOST_STEPS = 2**15 - 1  # counts of spikes have 16 bits
_KINDS = frozenset(
    "input conv average maximum add concat upsample affine flatten relu neuron gather mix constant".split()
)
_WORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main".split()
)
_FORMS = {"constant": "constant", "sequence": "sequence", "spikes": "spikes", "signed": "spikes"}


def write_c(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    name: str = "network",
    input_shape: Any = None,
    steps: int | None = None,
    dtype: Literal["float32", "int16"] | None = None,
    form: Literal["constant", "sequence", "spikes", "signed"] | None = None,
    example: Any = None,
) -> None:
    """Write a model as a C program; see `SpikingModel.export`."""
    if not isinstance(model, SpikingModel):
        fail(_WHERE, "model", model, "must be a SpikingModel", error=TypeError)
    where = f"{type(model).__name__}.export"
    _check_name(where, name)
    dtype = model.dtype if dtype is None else dtype  # type: ignore[assignment]  # float64 is refused below
    if dtype == "float64":
        rule = 'must be "float32" or "int16"; pass one of them, the program then computes in that precision'
        fail(where, "dtype", dtype, rule)
    choice(where, "dtype", dtype, "float32", "int16")
    form, steps = _form(where, model, form, steps)
    shapes = _shapes(where, model, input_shape)
    made = getattr(model, "steps", steps)
    delay = int(getattr(model, "delay", 0))
    if steps is not None and made is not None and steps != made:
        delay = delay * steps // made  # as ConvertedModel.run does
    sources = [
        Source("spikes", is_signed=form == "signed") if _FORMS[form] == "spikes" else Source(form)
        for _ in model.graph.inputs
    ]
    plan = Plan(model.graph, shapes, sources, whole=dtype == "int16")
    _check(where, plan, model.graph)
    about = _interface(name, plan, model.graph, shapes, form, steps, delay, dtype)
    program = translated(plan)
    work, sample = _work(where, model, shapes, form, about.steps, example)
    _write(Path(folder), program, about, work, sample)


def _work(
    where: str,
    model: SpikingModel,
    shapes: Mapping[str, tuple[int, ...]],
    form: str,
    steps: int | None,
    example: Any,
) -> tuple[Mapping[str, Operations], str]:
    """Return the operations of a run by layer, and on what they were counted."""
    steps = steps or 1
    what = "the example"
    if example is None:
        rng = np.random.default_rng(0)
        ranges = getattr(model, "input_ranges", ()) or [(0.0, model.input_scale)] * len(shapes)
        what = (
            "inputs drawn evenly from the range of the calibration"
            if hasattr(model, "ann")
            else f"inputs drawn evenly from 0 to {model.input_scale:g}"
        )
        lead = (4,) if form == "constant" else (steps, 4)
        example = {
            name: rng.uniform(low, high, (*lead, *shape))
            for (name, shape), (low, high) in zip(shapes.items(), ranges, strict=True)
        }
        if _FORMS[form] == "spikes":
            what = "spikes at a tenth of the places"
            example = {
                name: (x < np.quantile(x, 0.1)).astype(np.int8) for name, x in example.items()
            }
    graph = SpikingModel(model.graph, threads=model.threads)
    result = graph.run(example, steps if form == "constant" else None)
    return result.operations, what


def _check_name(where: str, name: Any) -> None:
    if (
        not isinstance(name, str)
        or not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name)
        or name in _WORDS
    ):
        rule = "must be an identifier of C in small letters, of at most 41 characters"
        fail(where, "name", name, rule)


def _form(
    where: str, model: SpikingModel, form: str | None, steps: int | None
) -> tuple[str, int | None]:
    """Return the form of the inputs, and the number of steps if it is fixed."""
    fixed = {
        model.graph[name].layer.steps
        for name in model.neurons
        if isinstance(model.graph[name].layer, PredictiveIF)
    }  # type: ignore[attr-defined]  # checked
    if steps is not None:
        steps = integer(where, "steps", steps, 1, _MOST_STEPS)
    if form is None:
        form = "sequence" if steps is None and not hasattr(model, "steps") else "constant"
    choice(where, "form", form, *_FORMS)
    if steps is None:
        steps = getattr(model, "steps", None) if form == "constant" else next(iter(fixed), None)
    if steps is None and form == "constant":
        fail(
            where,
            "steps",
            steps,
            'must be the number of steps T, or form be "sequence" or "spikes"',
        )
    for number in fixed:
        if steps != number:
            fail(where, "steps", steps, f"must be {number}, which the neurons were made for")
    if getattr(model, "coding", "direct") != "direct" and form == "constant":
        rule = 'must be "direct"; code the input yourself, and pass form="spikes" or "signed"'
        fail(where, "coding", model.coding, rule)  # type: ignore[attr-defined]  # it has one
    return form, steps


def _shapes(where: str, model: SpikingModel, given: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input."""
    graph = model.graph
    shapes = given if given is not None else getattr(model, "input_shapes", None) or None
    if shapes is None:
        layer = graph.nodes[0].layer
        if len(graph.inputs) > 1 or not isinstance(layer, Linear):
            rule = "must be the shape of one sample, such as (3, 32, 32)"
            fail(where, "input_shape", None, rule)
        shapes = (layer.weight.shape[1],)
    if not isinstance(shapes, Mapping):
        several = (
            [shapes] if all(isinstance(n, (int, np.integer)) for n in shapes) else list(shapes)
        )
        if len(several) != len(graph.inputs):
            fail(
                where,
                "input_shape",
                given,
                f"must have a shape for each of {', '.join(graph.inputs)}",
            )
        shapes = dict(zip(graph.inputs, several, strict=True))
    found = {
        name: tuple(integer(where, "input_shape", n, 1, _MAX) for n in shapes[name])
        for name in graph.inputs
    }
    for name, shape in graph.shapes(found).items():
        if math.prod(shape) > _MAX:
            fail(
                where,
                "input_shape",
                given,
                f"must give layers of fewer than 2^31 values; '{name}' is too large",
            )
    return found


def _check(where: str, plan: Plan, graph: Graph) -> None:
    """Refuse what the program could not compute, or not to the same bits."""
    for item in plan.items:
        layer = item.names[0] if item.names else ""
        if item.kind not in _KINDS:
            kind = type(graph[layer].layer).__name__ if layer in graph else item.kind
            rule = (
                "cannot be exported: its values need a library of functions, and products at each step; end the model before "
                f"it, as with SpikingModel(model.graph.upto(...)), or compute it in the caller"
            )
            fail(where, f"layer '{layer}'", kind, rule)
        if item.differential:
            rule = 'must be "binary" or "signed": differential spikes cannot be summed step by step to the same bits'
            fail(where, f"code of layer '{layer}'", "differential", rule)
    for number in plan.outputs:
        if plan[number].kind == "input":
            fail(where, "outputs", graph.outputs, "must not be the input itself")


def _interface(
    name: str,
    plan: Plan,
    graph: Graph,
    shapes: Mapping[str, tuple[int, ...]],
    form: str,
    steps: int | None,
    delay: int,
    dtype: str,
) -> Interface:
    whole = graph.shapes(shapes)

    def arrays(names: Sequence[str], what: str) -> tuple[tuple[str, int, str], ...]:
        words = (
            [what]
            if len(names) == 1
            else [f"{what}_{re.sub(r'[^a-z0-9]+', '_', n.lower())}" for n in names]
        )
        if len(set(words)) < len(words):
            words = [f"{what}_{k}" for k in range(len(names))]
        return tuple(
            (f"{word}_array" if word.startswith(("input_", "output_")) and word[-1].isdigit() else word,
             math.prod(whole[n]), " x ".join(map(str, whole[n])))
            for word, n in zip(words, names, strict=True)
        )  # fmt: skip

    made_by = f"Made by spikelet {_core.__version__} ({dtype})"
    return Interface(
        name,
        arrays(graph.inputs, "input"),
        arrays(graph.outputs, "output"),
        _FORMS[form],
        steps,
        delay,
        made_by,
    )


def _write(
    folder: Path, program: Program, about: Interface, work: Mapping[str, Operations], sample: str
) -> None:
    name = about.name
    text = source(program, about)  # first: it decides what there is
    weights = (
        f"/* {about.made_by}: the constant numbers of {name}.c. */\n#ifndef {about.upper}_WEIGHTS_H\n"
        f"#define {about.upper}_WEIGHTS_H\n\n#include <stdint.h>\n\n{program.constants.arrays()}\n#endif\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in {
        f"{name}.c": text,
        f"{name}.h": header(about, stepwise=not program.plan.last_phase),
        f"{name}_weights.h": weights,
        "main.c": main(about),
        "CMakeLists.txt": cmake(about),
        "README.md": readme(program, about, work, sample),
    }.items():
        files.write(folder / file, content)
