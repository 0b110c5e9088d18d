"""Write a layered model as a C program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from spikelet._util import files
from spikelet._util.checks import fail, integer
from spikelet._util.spelling import spelled
from spikelet.conversion.first_spike_model import FirstSpikeModel
from spikelet.io.c import first_spike
from spikelet.io.c.arguments import (
    FORMS,
    check_dtype,
    check_name,
    check_plan,
    delay_of,
    form_of,
    interface_of,
)
from spikelet.io.c.neurons import send
from spikelet.io.c.plan import Plan
from spikelet.io.c.program import Node, Program
from spikelet.io.c.source import cmake, header, main, readme, source, weights
from spikelet.io.c.values import accumulate, at_each_step, expand, mean_of, once
from spikelet.io.sample_shapes import sample_shapes
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.inputs import Inputs
from spikelet.layers.neurons import leaves_mean
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import Operations
from spikelet.layers.to_core import Source


@spelled
def write_c(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    name: str = "network",
    input_shape: Any = None,
    steps: int | None = None,
    dtype: Literal["float32", "int16"] | None = None,
    form: Literal["constant", "sequence", "spikes", "signed"] | None = None,
    example: Inputs | None = None,
) -> None:
    """Write a `SpikingModel` as a C program; see `SpikingModel.export`, which has the same arguments.

    Raises
    ------
    TypeError
        If `model` is not a SpikingModel.
    ValueError
        If a layer cannot be exported, or an argument breaks its rule.
    OSError
        If a file cannot be written.
    """
    if not isinstance(model, SpikingModel):
        fail("write_c", "model", model, "must be a SpikingModel", error=TypeError)
    where = f"{type(model).__name__}.export"
    target = files.path_of(where, folder, "folder")
    check_name(where, name)
    if isinstance(model, FirstSpikeModel):
        written = _first_spike(where, model, name, input_shape, steps, dtype, form, example)
    else:
        written = _by_steps(where, model, name, input_shape, steps, dtype, form, example)
    target.mkdir(parents=True, exist_ok=True)
    for file, text in written.items():
        files.write(target / file, text)


def _by_steps(
    where: str,
    model: SpikingModel,
    name: str,
    input_shape: Any,
    steps: int | None,
    dtype: Any,
    form: Any,
    example: Any,
) -> dict[str, str]:
    """Return the files of a program that runs step by step."""
    precision = model.dtype if dtype is None else dtype
    check_dtype(where, precision)
    kind, steps = form_of(where, model, form, steps)
    shapes = sample_shapes(where, model.graph, input_shape, getattr(model, "input_shapes", None))
    spikes = FORMS[kind] == "spikes"
    sources = [
        Source("spikes", is_signed=kind == "signed") if spikes else Source(kind)
        for _ in model.graph.inputs
    ]
    delay, whole = delay_of(model, steps), precision == "int16"
    plan = Plan(model.graph, shapes, sources, whole=whole, sizes=model.sizes, delay=delay)
    check_plan(where, plan, model.graph)
    if not leaves_mean(model.sizes, delay):
        fail(where, "delay", delay, "must leave steps whose sizes do not add up to 0")
    about = interface_of(name, precision, model.graph, shapes, kind, steps, delay)
    program = translated(plan)
    work, sample = _work(model, precision, shapes, kind, steps or 1, example)
    written = {f"{name}.c": source(program, about)}  # first: it decides which templates are used
    written[f"{name}.h"] = header(about, stepwise=not plan.last_phase)
    written[f"{name}_weights.h"] = weights(program, about)
    written["main.c"] = main(about)
    written["CMakeLists.txt"] = cmake(about, library=bool(program.library))
    written["README.md"] = readme(program, about, work, sample)
    return written


def _first_spike(
    where: str,
    model: FirstSpikeModel,
    name: str,
    input_shape: Any,
    steps: int | None,
    dtype: Any,
    form: Any,
    example: Any,
) -> dict[str, str]:
    """Return the files of a program of neurons that fire at most once."""
    if dtype not in (None, model.dtype):
        rule = f"must be {model.dtype!r}, that of the model; convert with dtype= for another"
        fail(where, "dtype", dtype, rule)
    if form not in (None, "constant"):
        rule = "must be 'constant': neurons that fire once take an input for their whole window"
        fail(where, "form", form, rule)
    steps = integer(where, "steps", model.steps if steps is None else steps, 2, 256)
    shapes = sample_shapes(where, model.graph, input_shape, model.input_shapes)
    graph, left = first_spike.scores(model.graph)
    bits = 8 if model.dtype == "int8" else 16  # type: ignore[comparison-overlap]
    builder = first_spike.CBuilder()
    whole = graph.shapes(shapes)
    program = FirstSpikeProgram(where, graph, whole, model.input_ranges, steps, bits, builder)
    about = interface_of(name, model.dtype, graph, shapes, builder.input_form, steps, 0)
    what = "the given example"
    if example is None:
        example, what = _random(model, shapes, "constant", steps)
    shortened = FirstSpikeModel(
        graph, model.ann, method=model.method, neuron=model.neuron, steps=steps, input_shapes=model.input_shapes,
        input_ranges=model.input_ranges, dtype=model.dtype, threads=model.threads,
    )  # fmt: skip
    work = shortened.run(example).operations
    return first_spike.written(program, builder, graph, whole, about, work, what, left)


def translated(plan: Plan) -> Program:
    """Return the program that computes a plan: nodes in their order, phase by phase."""
    program = Program(plan)
    for phase in range(plan.last_phase + 1):
        for name in ("begin", "reset", "step", "end"):
            program.functions[f"{name}_{phase}"]  # there, if it says nothing
        stepped = {item.number for item in plan.steps_of(phase)}
        for item in plan.items:
            node, mine = Node(program, item, phase), plan.phases[item.number] == phase
            if item.form == "constant":
                if mine and (item.mean or item.kind == "input"):
                    once(node)
                continue
            if item.number in stepped:
                if item.form == "spikes" or item.kind == "neuron":
                    send(node)
                    if item.steps and item.form == "spikes":
                        expand(node)
                elif item.summed:
                    accumulate(node)
                else:
                    at_each_step(node)
                for statement in program.later.pop(item.number, []):
                    node.say(statement)
            if mine and item.mean:
                mean_of(node)
    for k, number in enumerate(plan.outputs):
        node = Node(program, plan[number], plan.last_phase)
        sizes = node.item.pixels, node.item.channels
        program.say("outputs", node.call("to_channels_first", *sizes, node.mean, f"output_{k}"))
    program.memory.place()
    return program


def _work(
    model: SpikingModel,
    dtype: Any,
    shapes: Mapping[str, tuple[int, ...]],
    form: str,
    steps: int,
    example: Inputs | None,
) -> tuple[Mapping[str, Operations], str]:
    """Return the operations of a run by layer, and on what they were counted."""
    what = "the given example"
    if example is None:
        example, what = _random(model, shapes, form, steps)
    result = SpikingModel(model.graph, dtype=dtype, threads=model.threads).run(
        example, steps if form == "constant" else None
    )
    return result.operations, what


def _random(
    model: SpikingModel, shapes: Mapping[str, tuple[int, ...]], form: str, steps: int
) -> tuple[dict[str, Any], str]:
    """Return four random samples, and what they are."""
    rng = np.random.default_rng(0)
    lead = (4,) if form == "constant" else (steps, 4)
    if FORMS[form] == "spikes":
        spikes = {n: (rng.random((*lead, *s)) < 0.1).astype(np.int8) for n, s in shapes.items()}
        return spikes, "random spikes at a tenth of all places"
    ranges = getattr(model, "input_ranges", ()) or [(0.0, model.input_scale)] * len(shapes)
    arrays = {
        name: rng.uniform(low, high, (*lead, *shape))
        for (name, shape), (low, high) in zip(shapes.items(), ranges, strict=True)
    }
    return arrays, "random inputs of " + " and ".join(f"{a:g} to {b:g}" for a, b in ranges)
