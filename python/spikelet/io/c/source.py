"""The text of a C program's header and source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from spikelet.io.c.program import Program

__all__ = ["Interface", "header", "source"]


@dataclass(frozen=True)
class Interface:
    """How a program is called.

    Parameters
    ----------
    name : str
        Begins all its public names.
    inputs, outputs : tuple of (str, int, str)
        Name, number of values and shape, of each.
    form : "constant", "sequence" or "spikes"
        Of the inputs.
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
        return "signed char" if self.form == "spikes" else "float"

    def given(self) -> str:
        """Return the parameters that are the inputs."""
        return ", ".join(f"const {self.ctype} *{name}" for name, _, _ in self.inputs)

    def wanted(self) -> str:
        """Return the parameters that are the outputs."""
        return ", ".join(f"float *{name}" for name, _, _ in self.outputs)


def _runs(about: Interface, *, stepwise: bool) -> str:
    """Return the declarations of the functions."""
    name = about.name
    many = "" if about.form == "constant" else "int steps, "
    at_once = (
        "each held for all steps"
        if about.form == "constant"
        else "one array after the other, step by step"
    )
    text = f"""/* Runs the network on its inputs, {at_once}. Returns {about.upper}_OK or an error. */
int {name}_run({many}{about.given()}, {about.wanted()});
"""
    if stepwise:
        once = about.given() if about.form == "constant" else "void"
        each = "void" if about.form == "constant" else about.given()
        text += f"""
/* The same step by step: begin, then a step at a time; the outputs are means over the steps so far. */
int {name}_init({once});
int {name}_step({each});
int {name}_output({about.wanted()});
"""
    return text


def header(about: Interface, *, stepwise: bool) -> str:
    """Return the header."""
    upper = about.upper
    sizes = "".join(
        f"#define {upper}_{name.upper()}_SIZE {size} /* {shape} */\n"
        for name, size, shape in (*about.inputs, *about.outputs)
    )
    steps = f"#define {upper}_STEPS {about.steps}\n" if about.steps else ""
    return f"""/* {about.made_by}. Not reentrant: the state is static. */
#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

{sizes}{steps}
enum {about.name}_error {{
  {upper}_OK = 0,
  {upper}_NO_ARRAY = 1,   /* a pointer is NULL */
  {upper}_NOT_FINITE = 2, /* an input is infinite or NaN */
  {upper}_BAD_SPIKE = 3,  /* an input is not 0 or 1, or -1 where spikes are signed */
  {upper}_ORDER = 4       /* a step before init, too many steps, or an output before there is one */
}};

{_runs(about, stepwise=stepwise)}
#ifdef __cplusplus
}}
#endif

#endif
"""


_FLUSH = """/* The engine takes numbers below 1.2e-38 for 0, as processors do in this mode. */
#if defined(__SSE__)
#include <xmmintrin.h>
static unsigned long flush_begin(void) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  return before;
}
static void flush_end(unsigned long before) { _mm_setcsr((unsigned)before); }
#elif defined(__aarch64__)
static unsigned long flush_begin(void) {
  unsigned long before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ul << 24));
  return before;
}
static void flush_end(unsigned long before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#elif defined(__ARM_FP) && !defined(__SOFTFP__)
static unsigned long flush_begin(void) {
  unsigned long before;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(before));
  __asm__ volatile("vmsr fpscr, %0" : : "r"(before | 1ul << 24));
  return before;
}
static void flush_end(unsigned long before) { __asm__ volatile("vmsr fpscr, %0" : : "r"(before)); }
#else
static unsigned long flush_begin(void) { return 0; }
static void flush_end(unsigned long before) { (void)before; }
#endif
"""


def source(program: Program, about: Interface) -> str:
    """Return the source."""
    if about.form != "spikes":
        program.templates.use("are_finite")
    functions, entry = _functions(program, about), _entry(program, about)
    work = "".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in program.buffers())
    window = "(float)((steps) - DELAY)"
    if program.plan.sizes is not None:
        sums = np.cumsum(
            [
                0.0,
                *np.where(
                    np.arange(len(program.plan.sizes)) < about.delay,
                    0.0,
                    program.plan.sizes.astype(np.float64),
                ),
            ]
        )
        window = f"{program.constants.add(sums, 'windows')}[steps]"
    constants = program.constants
    return f"""/* {about.made_by}. Compile with -ffp-contract=off: sums and products are rounded one by one. */
#include "{about.name}.h"

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "{about.name}_weights.h"

#define DELAY {about.delay}
#define WINDOW(steps) {window} /* what the steps of means count */
enum {{ OK = {about.upper}_OK, NO_ARRAY = {about.upper}_NO_ARRAY, NOT_FINITE = {about.upper}_NOT_FINITE,
       BAD_SPIKE = {about.upper}_BAD_SPIKE, ORDER = {about.upper}_ORDER }};

typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

#ifdef {about.upper}_TRACE /* defines a function that gets the spikes of each layer and step, for tests */
extern void {about.name}_trace(int layer, const uint8_t *spikes, int bytes);
#define TRACE(layer, spikes, bytes) {about.name}_trace(layer, spikes, bytes)
#else
#define TRACE(layer, spikes, bytes)
#endif

{_FLUSH}
{program.templates.text()}
{constants.tables()}
{work}{program.memory.text()}
{functions}
{entry}"""


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
        texts.append(
            f"static {'int' if checks else 'void'} {name}({given or 'void'}) {{\n{pixels}{body}\n{last}}}\n"
        )
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

    if program.plan.last_phase:
        return _at_once(program, about, call)
    return _stepwise(about, call)


def _arrays(names: Iterable[str]) -> str:
    """Return a check of pointers."""
    return f"  if ({' || '.join(f'{name} == NULL' for name in names)}) {{\n    return NO_ARRAY;\n  }}\n"


def _finite(about: Interface, count: str = "") -> str:
    """Return a check of the inputs' values."""
    if about.form == "spikes":
        return ""
    tests = " || ".join(f"!are_finite({count}{size}, {name})" for name, size, _ in about.inputs)
    return f"  if ({tests}) {{\n    return NOT_FINITE;\n  }}\n"


def _stepwise(about: Interface, call: Callable[..., str]) -> str:
    name, constant = about.name, about.form == "constant"
    ins, outs = [n for n, _, _ in about.inputs], [n for n, _, _ in about.outputs]
    check = _arrays(ins) + _finite(about)
    most = f" || done >= {about.steps}" if about.steps else ""
    error = "  int error = OK;\n" if about.form == "spikes" else ""
    result = "error" if error else "OK"
    offset = [f"{n} + (size_t)t * {size}" for n, size, _ in about.inputs]
    steps = str(about.steps) if constant else "steps"
    each = "" if constant else ", ".join(offset)
    return f"""static int done = -1; /* steps; -1: not begun */

int {name}_init({about.given() if constant else "void"}) {{
  unsigned long before;
{check if constant else ""}  before = flush_begin();
{call("begin_0")}{call("reset_0")}  flush_end(before);
  done = 0;
  return OK;
}}

int {name}_step({"void" if constant else about.given()}) {{
  unsigned long before;
{error}  if (done < 0{most}) {{
    return ORDER;
  }}
{"" if constant else check}  before = flush_begin();
{call("step_0", t="done")}  flush_end(before);
  ++done;
  return {result};
}}

int {name}_output({about.wanted()}) {{
  unsigned long before;
{_arrays(outs)}  if (done <= DELAY || WINDOW(done) <= 0.0f) {{
    return ORDER;
  }}
  before = flush_begin();
{call("end_0", window="WINDOW(done)")}{call("outputs")}  flush_end(before);
  return OK;
}}

int {name}_run({"" if constant else "int steps, "}{about.given()}, {about.wanted()}) {{
  int t, error;
{_arrays([*ins, *outs])}  error = {name}_init({", ".join(ins) if constant else ""});
  for (t = 0; error == OK && t < {steps}; ++t) {{
    error = {name}_step({each});
  }}
  return error == OK ? {name}_output({", ".join(outs)}) : error;
}}
"""


def _at_once(program: Program, about: Interface, call: Callable[..., str]) -> str:
    name, constant = about.name, about.form == "constant"
    arrays = [n for n, _, _ in (*about.inputs, *about.outputs)]
    steps = str(about.steps) if constant else "steps"
    offset = {
        f"input_{k}": f"{n} + (size_t)t * {size}" for k, (n, size, _) in enumerate(about.inputs)
    }
    least = "" if constant else "  if (steps <= DELAY) {\n    return ORDER;\n  }\n"
    if about.steps and not constant:
        least = f"  if (steps != {about.steps}) {{\n    return ORDER;\n  }}\n"
    body = ""
    for phase in range(program.plan.last_phase + 1):
        body += call(f"begin_{phase}") + call(f"reset_{phase}")
        step = call(f"step_{phase}", t="t", **({} if constant else offset))
        if step:
            body += f"  for (t = 0; t < {steps}; ++t) {{\n{step}  }}\n"
        body += call(f"end_{phase}", window=f"WINDOW({steps})")
    many = "" if constant else "steps * "
    spikes = about.form == "spikes"
    return f"""int {name}_run({"" if constant else "int steps, "}{about.given()}, {about.wanted()}) {{
  unsigned long before;
  int t{", error = OK" if spikes else ""};
{_arrays(arrays)}{least}{_finite(about, many)}  before = flush_begin();
{body}{call("outputs")}  flush_end(before);
  return {"error" if spikes else "OK"};
}}
"""
