"""The text of a C program and the files next to it: the templates in `templates/program` are filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

import numpy as np

from spikelet.io.c.program import Program
from spikelet.io.c.templates import text_of
from spikelet.layers.spiking_result import Operations

# Instructions of a Cortex-M4F (gcc -O2) per addition, per product, and per neuron and step, fitted to counts of an emulator.
_PER_ADDITION, _PER_PRODUCT, _PER_NEURON = 6.3, 4.0, 60.0


@dataclass(frozen=True)
class Interface:
    """How a program is called.

    Parameters
    ----------
    name : str
        Begins all its public names.
    inputs, outputs : tuple of (str, int, str)
        Name, number of values and shape, of each.
    form : "constant", "sequence", "spikes", "bytes" or "words"
        Of the inputs; the last two are integers, of networks that give integers.
    steps : int, optional
        Number of steps; None: the caller's.
    delay : int
        Steps that means leave out.
    made_by : str
        Who wrote it.
    """

    name: str
    inputs: tuple[tuple[str, int, str], ...]
    outputs: tuple[tuple[str, int, str], ...]
    form: str
    steps: int | None
    delay: int
    made_by: str

    @property
    def upper(self) -> str:
        """The name in capitals."""
        return self.name.upper()

    @property
    def ctype(self) -> str:
        """Type of the inputs."""
        types = {"spikes": "signed char", "bytes": "uint8_t", "words": "int16_t"}
        return types.get(self.form, "float")

    @property
    def result(self) -> str:
        """Type of the outputs."""
        return "int32_t" if self.form in ("bytes", "words") else "float"

    @property
    def is_constant(self) -> bool:
        """True if the inputs are the same at all steps."""
        return self.form in ("constant", "bytes", "words")

    def words(self) -> dict[str, str]:
        """Return what the templates of files need to know."""
        given = ", ".join(f"const {self.ctype} *{name}" for name, _, _ in self.inputs)
        return {
            "name": self.name,
            "upper": self.upper,
            "made_by": self.made_by,
            "given": given,
            "wanted": ", ".join(f"{self.result} *{name}" for name, _, _ in self.outputs),
            "many": "" if self.is_constant else "int steps, ",
            "once": given if self.is_constant else "void",
            "each": "void" if self.is_constant else given,
        }


def filled(file: str, about: Interface, **words: Any) -> str:
    """Return a file of `templates/program` with its words filled in."""
    return Template(text_of(f"program/{file}")).substitute(about.words(), **words)


def sizes(about: Interface) -> str:
    """Return the definitions of the sizes of all arrays, and of the number of steps."""
    text = "".join(
        f"#define {about.upper}_{name.upper()}_SIZE {size} /* {shape} */\n"
        for name, size, shape in (*about.inputs, *about.outputs)
    )
    return text + (f"#define {about.upper}_STEPS {about.steps}\n" if about.steps else "")


def header(about: Interface, *, stepwise: bool) -> str:
    """Return the header."""
    at_once = "one array after the other, step by step"
    return filled(
        "network.h.in",
        about,
        sizes=sizes(about),
        at_once="each held for all steps" if about.is_constant else at_once,
        stepwise=filled("stepwise.h.in", about) if stepwise else "",
    )


def source(program: Program, about: Interface) -> str:
    """Return the source."""
    if about.form != "spikes":
        program.templates.use("are_finite")
    functions, entry = _functions(program, about), _entry(program, about)
    work = "".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in program.buffers())
    window = "(float)((steps) - DELAY)"
    if program.plan.sizes is not None:
        sizes = program.plan.sizes.astype(np.float64)
        sums = np.cumsum([0.0, *np.where(np.arange(len(sizes)) < about.delay, 0.0, sizes)])
        window = f"{program.constants.add(sums, 'windows')}[steps]"
    return filled(
        "network.c",
        about,
        delay=about.delay,
        window=window,
        templates=program.templates.text(),
        tables=program.constants.tables(),
        arrays=work + program.memory.text(),
        functions=functions,
        entry=entry,
    )


def _functions(program: Program, about: Interface) -> str:
    """Return the functions that have statements."""
    texts = []
    for name in program.functions:
        body = "\n".join(f"  {s}" for s in program.functions[name])
        if not body:
            continue
        body = program.memory.placed(body)
        checks = "return BAD_SPIKE" in body
        given = ", ".join(f"{ctype}{word}" for word, ctype in _parameters(program, name, about))
        pixels = "  int y, x, p;\n" if "for (y" in body else ""
        last = "  return OK;\n" if checks else ""
        kind = "int" if checks else "void"
        texts.append(f"static {kind} {name}({given or 'void'}) {{\n{pixels}{body}\n{last}}}\n")
    return "\n".join(texts)


def _parameters(program: Program, name: str, about: Interface) -> list[tuple[str, str]]:
    """Return what the statements of a function use of what the caller has, and its types."""
    text = "\n".join(program.functions[name])
    inputs = [(f"input_{k}", f"const {about.ctype} *") for k in range(len(about.inputs))]
    outputs = [(f"output_{k}", "float *") for k in range(len(about.outputs))]
    known = [("t", "int "), ("window", "float "), *inputs, *outputs]
    return [(word, ctype) for word, ctype in known if re.search(rf"\b{word}\b", text)]


def _entry(program: Program, about: Interface) -> str:
    """Return the public functions."""
    public = {f"input_{k}": name for k, (name, _, _) in enumerate(about.inputs)}
    public |= {f"output_{k}": name for k, (name, _, _) in enumerate(about.outputs)}

    def call(function: str, **words: str) -> str:
        """Return a call of a function, with what the caller has; nothing if it has no statements."""
        if not program.functions.get(function):
            return ""
        words = {**public, **words}
        given = [words[word] for word, _ in _parameters(program, function, about)]
        text = f"{function}({', '.join(given)})"
        if function.startswith("step") and about.form == "spikes":
            return f"  if ({text} != OK) {{\n    error = BAD_SPIKE;\n  }}\n"
        return f"  {text};\n"

    return (_at_once if program.plan.last_phase else _stepwise)(program, about, call)


def arrays_given(names: Iterable[str]) -> str:
    """Return a check that no array is NULL."""
    tests = " || ".join(f"{name} == NULL" for name in names)
    return f"  if ({tests}) {{\n    return NO_ARRAY;\n  }}\n"


def _finite(about: Interface, count: str = "") -> str:
    """Return a check of the inputs' values."""
    if about.form == "spikes":
        return ""
    tests = " || ".join(f"!are_finite({count}{size}, {name})" for name, size, _ in about.inputs)
    return f"  if ({tests}) {{\n    return NOT_FINITE;\n  }}\n"


def _stepwise(_program: Program, about: Interface, call: Callable[..., str]) -> str:
    ins, outs = ([name for name, _, _ in arrays] for arrays in (about.inputs, about.outputs))
    constant, checks_spikes = about.is_constant, about.form == "spikes"
    check = arrays_given(ins) + _finite(about)
    to_step = ", ".join(f"{n} + (size_t)t * {size}" for n, size, _ in about.inputs)
    return filled(
        "stepwise.c",
        about,
        check_once=check if constant else "",
        check_each="" if constant else check,
        check_outputs=arrays_given(outs),
        check_arrays=arrays_given([*ins, *outs]),
        error="  int error = OK;\n" if checks_spikes else "",
        result="error" if checks_spikes else "OK",
        most=f" || done >= {about.steps}" if about.steps else "",
        steps=about.steps if constant else "steps",
        to_init=", ".join(ins) if constant else "",
        to_step="" if constant else to_step,
        to_output=", ".join(outs),
        begin=call("begin_0"),
        reset=call("reset_0"),
        step=call("step_0", t="done"),
        end=call("end_0", window="WINDOW(done)"),
        outputs=call("outputs"),
    )


def _at_once(program: Program, about: Interface, call: Callable[..., str]) -> str:
    constant, steps = about.is_constant, str(about.steps) if about.is_constant else "steps"
    offset = {
        f"input_{k}": f"{n} + (size_t)t * {size}" for k, (n, size, _) in enumerate(about.inputs)
    }
    wrong = f"steps != {about.steps}" if about.steps else "steps <= DELAY"
    body = ""
    for phase in range(program.plan.last_phase + 1):
        body += call(f"begin_{phase}") + call(f"reset_{phase}")
        step = call(f"step_{phase}", t="t", **({} if constant else offset))
        if step:
            body += f"  for (t = 0; t < {steps}; ++t) {{\n{step}  }}\n"
        body += call(f"end_{phase}", window=f"WINDOW({steps})")
    checks_spikes = about.form == "spikes"
    return filled(
        "at_once.c",
        about,
        error=", error = OK" if checks_spikes else "",
        result="error" if checks_spikes else "OK",
        check_arrays=arrays_given(name for name, _, _ in (*about.inputs, *about.outputs)),
        least="" if constant else f"  if ({wrong}) {{\n    return ORDER;\n  }}\n",
        check_values=_finite(about, "" if constant else "steps * "),
        body=body,
        outputs=call("outputs"),
    )


# --- the files next to it ---------------------------------------------------------------------------


def weights(program: Program, about: Interface) -> str:
    """Return the header of constant numbers."""
    include = "#include <math.h>\n"
    return filled("weights.h.in", about, include=include, constants=program.constants.arrays())


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
            (about.result, "", outputs, about.outputs),
        )
        for array, (name, _, _) in zip(own, public, strict=True)
    ]
    values = {
        "spikes": "(signed char)(seed >> 31)",
        "bytes": "(uint8_t)(seed >> 24)",
        "words": "(int16_t)(seed >> 17)",
    }
    value = values.get(about.form, "(float)(seed >> 16) / 65536.0f")
    return filled(
        "main.c",
        about,
        arrays="".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in arrays),
        reads=" && ".join(f"fread({a}, sizeof {a}, 1, from) == 1" for a in inputs),
        writes=" && ".join(f"fwrite({a}, sizeof {a}, 1, to) == 1" for a in outputs),
        run=f"{about.name}_run({many[1]}{', '.join([*inputs, *outputs])})",
        fill="".join(filled("fill.c", about, array=a, value=value) for a in inputs),
    )


def cmake(about: Interface, *, library: bool = False) -> str:
    """Return the CMake file; `library` links that of <math.h>."""
    options = "" if about.result == "int32_t" else filled("options.cmake", about)
    link = f"target_link_libraries({about.name} PUBLIC m)\n" if library else ""
    return filled("CMakeLists.txt", about, options=options, library=link)


def layer_rows(work: Mapping[str, Operations], steps: int) -> str:
    """Return the rows of a table of layers: spikes, additions, and the operations of a step if all inputs are active."""
    return "".join(
        f"| {layer} | {o.spikes:,.0f} | {o.additions:,.0f} | {o.dense / steps:,.0f} |\n"
        for layer, o in work.items()
        if o.spikes or o.dense
    )


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
        rows=layer_rows(work, steps),
    )
