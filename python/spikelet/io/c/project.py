"""The files next to a C program: its constants, a main function, a CMake file and a page about size and work."""

from __future__ import annotations

from collections.abc import Mapping

from spikelet.io.c.program import Program
from spikelet.io.c.source import Interface, filled
from spikelet.layers.spiking_result import Operations

__all__ = ["cmake", "main", "readme", "weights"]

# Instructions of a Cortex-M4F (gcc -O2) for each addition, product, and neuron at a step, fitted to counts of an emulator.
_PER_ADDITION, _PER_PRODUCT, _PER_NEURON = 6.3, 4.0, 60.0


def weights(program: Program, about: Interface) -> str:
    """Return the header of constant numbers."""
    return filled("weights.h.in", about, constants=program.constants.arrays())


def main(about: Interface) -> str:
    """Return a program that runs the network on files, or measures how long it takes."""
    steps = about.steps or 32
    inputs = [f"in_{k}" for k in range(len(about.inputs))]
    outputs = [f"out_{k}" for k in range(len(about.outputs))]
    many = ("", "") if about.is_constant else (f" * {steps}", f"{steps}, ")
    arrays = [
        (ctype, array, f"{about.upper}_{name.upper()}_SIZE{times}")
        for ctype, times, own, public in (
            (about.ctype, many[0], inputs, about.inputs),
            ("float", "", outputs, about.outputs),
        )
        for array, (name, _, _) in zip(own, public, strict=True)
    ]
    of_spikes, of_values = "(signed char)(seed >> 31)", "(float)(seed >> 16) / 65536.0f"
    value = of_spikes if about.form == "spikes" else of_values
    return filled(
        "main.c",
        about,
        arrays="".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in arrays),
        reads=" && ".join(f"fread({a}, sizeof {a}, 1, from) == 1" for a in inputs),
        writes=" && ".join(f"fwrite({a}, sizeof {a}, 1, to) == 1" for a in outputs),
        run=f"{about.name}_run({many[1]}{', '.join([*inputs, *outputs])})",
        fill="".join(filled("fill.c", about, array=a, value=value) for a in inputs),
    )


def cmake(program: Program, about: Interface) -> str:
    """Return the CMake file."""
    library = f"target_link_libraries({about.name} PUBLIC m)\n" if program.library else ""
    return filled("CMakeLists.txt", about, library=library)


def readme(program: Program, about: Interface, work: Mapping[str, Operations], sample: str) -> str:
    """Return the page about the program.

    Parameters
    ----------
    program : Program
    about : Interface
    work : mapping of str to Operations
        Operations of a run, by layer.
    sample : str
        On what they were counted.
    """
    steps = about.steps or 1
    additions = sum(o.additions for o in work.values())
    neurons = sum(i.size for i in program.plan.items if i.kind == "neuron")
    once = program.products["begin"] + program.products["end"] + steps * program.products["step"]
    instructions = _PER_ADDITION * additions + _PER_PRODUCT * once + _PER_NEURON * neurons * steps
    rows = "".join(
        f"| {layer} | {o.spikes:,.0f} | {o.additions:,.0f} | {o.dense / steps:,.0f} |\n"
        for layer, o in work.items()
        if o.spikes or o.dense
    )
    differ = "; those of <math.h> differ in their last bits between C libraries"
    return filled(
        "README.md",
        about,
        needs=", ".join(("memcpy", "memset", *program.library)),
        exact=differ if program.library else "",
        flash=f"{program.constants.bytes:,}",
        ram=f"{program.ram:,}",
        per=f"a run of {steps} steps" if about.steps else "a step",
        additions=f"{additions:,.0f}",
        products=f"{once:,.0f}",
        neurons=f"{neurons:,}",
        dense=f"{sum(o.dense for o in work.values()) / steps:,.0f}",
        instructions=f"{instructions:,.0f}",
        per_addition=f"{_PER_ADDITION:g}",
        per_product=f"{_PER_PRODUCT:g}",
        per_neuron=f"{_PER_NEURON:g}",
        sample=sample,
        rows=rows,
    )
