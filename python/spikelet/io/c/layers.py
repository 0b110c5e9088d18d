"""All statements of a program: nodes in their order, phase by phase."""

from __future__ import annotations

from spikelet.io.c.neurons import send
from spikelet.io.c.plan import Plan
from spikelet.io.c.program import Program
from spikelet.io.c.values import accumulate, at_each_step, expand, mean_of, once

__all__ = ["translated"]


def translated(plan: Plan) -> Program:
    """Return the program that computes a plan."""
    program = Program(plan)
    for phase in range(plan.last_phase + 1):
        for name in ("begin", "reset", "step", "end"):
            program.functions[f"{name}_{phase}"]  # there, if it says nothing
        stepped = {item.number for item in plan.steps_of(phase)}
        for item in plan.items:
            mine = plan.phases[item.number] == phase
            if item.form == "constant":
                if mine and (item.mean or item.kind == "input"):
                    once(program, item, phase)
                continue
            if item.number in stepped:
                if item.form == "spikes" or item.kind == "neuron":
                    send(program, item, phase)
                    if item.steps and item.form == "spikes":
                        expand(program, item, phase)
                elif item.summed:
                    accumulate(program, item, phase)
                else:
                    at_each_step(program, item, phase)
                for statement in program.later.pop(item.number, []):
                    program.say(f"step_{phase}", statement)
            if mine and item.mean:
                mean_of(program, item, phase)
    for k, number in enumerate(plan.outputs):
        item = plan[number]
        text = program.call(
            "to_channels_first", item.pixels, item.channels, program.mean(item), f"output_{k}"
        )
        program.say("outputs", text)
    program.memory.place()
    return program
