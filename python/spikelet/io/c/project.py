"""The files beside a C program: a main function, a CMake file and a page about size and work."""

from __future__ import annotations

from collections.abc import Mapping

from spikelet.io.c.program import Program
from spikelet.io.c.source import Interface
from spikelet.layers.spiking_result import Operations

__all__ = ["cmake", "main", "readme"]

# Instructions of a Cortex-M4F (gcc -O2) for each addition, product, and neuron at a step, fitted to counts of an emulator.
_PER_ADDITION, _PER_PRODUCT, _PER_NEURON = 6.3, 4.0, 60.0


def main(about: Interface) -> str:
    """Return a program that runs the network on files, or measures how long it takes."""
    name, upper = about.name, about.upper
    many = about.form != "constant"
    steps = about.steps or 32
    inputs = [f"in_{k}" for k in range(len(about.inputs))]
    outputs = [f"out_{k}" for k in range(len(about.outputs))]
    times = f" * {steps}" if many else ""
    arrays = "".join(
        f"static {about.ctype} {array}[{upper}_{n.upper()}_SIZE{times}];\n"
        for array, (n, _, _) in zip(inputs, about.inputs, strict=True)
    ) + "".join(
        f"static float {array}[{upper}_{n.upper()}_SIZE];\n"
        for array, (n, _, _) in zip(outputs, about.outputs, strict=True)
    )
    reads = " && ".join(f"fread({a}, sizeof {a}, 1, from) == 1" for a in inputs)
    writes = " && ".join(f"fwrite({a}, sizeof {a}, 1, to) == 1" for a in outputs)
    run = f"{name}_run({f'{steps}, ' if many else ''}{', '.join([*inputs, *outputs])})"
    value = (
        "(signed char)(seed >> 31)" if about.form == "spikes" else "(float)(seed >> 16) / 65536.0f"
    )
    fill = "".join(
        f"""  for (k = 0; k < sizeof {a} / sizeof {a}[0]; ++k) {{
    seed = (seed * 1103515245u + 12345u) & 0xffffffffu;
    {a}[k] = {value};
  }}
"""
        for a in inputs
    )
    return f"""/* {about.made_by}. Runs the network on a file of inputs, sample after sample, as raw numbers of this machine:

     {name}_main inputs.bin outputs.bin

   or without arguments on numbers of its own, to measure the time. */
#include "{name}.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

{arrays}
#ifdef {upper}_TRACE
void {name}_trace(int layer, const uint8_t *spikes, int bytes);
static FILE *trace;
void {name}_trace(int layer, const uint8_t *spikes, int bytes) {{
  (void)layer;
  if (trace != NULL) {{
    fwrite(spikes, 1, (size_t)bytes, trace);
  }}
}}
#endif

static int run_file(const char *inputs, const char *outputs) {{
  FILE *from = fopen(inputs, "rb");
  FILE *to = fopen(outputs, "wb");
  int error = from == NULL || to == NULL ? -1 : {upper}_OK;
  while (error == {upper}_OK && {reads}) {{
    error = {run};
    if (error == {upper}_OK && !({writes})) {{
      error = -1;
    }}
  }}
  if (from != NULL) {{
    fclose(from);
  }}
  if (to != NULL && fclose(to) != 0) {{
    error = -1;
  }}
  return error;
}}

static int measure(void) {{
  uint32_t seed = 1u;
  int runs = 0, error = {upper}_OK;
  double sum = 0.0;
  size_t k;
  clock_t begin, now;
{fill}  begin = clock();
  do {{
    error = {run};
    ++runs;
    now = clock();
  }} while (error == {upper}_OK && now - begin < CLOCKS_PER_SEC);
  for (k = 0; k < sizeof out_0 / sizeof out_0[0]; ++k) {{
    sum += (double)out_0[k];
  }}
  printf("%d runs, %.3f ms each; outputs add up to %.9g\\n", runs,
         1e3 * (double)(now - begin) / (double)CLOCKS_PER_SEC / runs, sum);
  return error;
}}

int main(int count, char **arguments) {{
  int error;
#ifdef {upper}_TRACE
  trace = count == 4 ? fopen(arguments[3], "wb") : NULL;
#endif
  error = count >= 3 ? run_file(arguments[1], arguments[2]) : measure();
  if (error != {upper}_OK) {{
    fprintf(stderr, "error %d\\n", error);
  }}
#ifdef {upper}_TRACE
  if (trace != NULL) {{
    fclose(trace);
  }}
#endif
  return error == {upper}_OK ? 0 : 1;
}}
"""


def cmake(program: Program, about: Interface) -> str:
    """Return the CMake file."""
    name = about.name
    library = f"target_link_libraries({name} PUBLIC m)\n" if program.templates.library else ""
    return f"""# {about.made_by}.
cmake_minimum_required(VERSION 3.13)
project({name} C)

option({about.upper}_MAIN "Build {name}_main, which runs the network on files and measures it" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library({name} STATIC {name}.c)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({name} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
# Each sum and product must be rounded by itself, or the results have other bits than those of spikelet.
target_compile_options({name} PRIVATE $<IF:$<C_COMPILER_ID:MSVC>,/fp:precise,-ffp-contract=off>)
{library}
if({about.upper}_MAIN)
  add_executable({name}_main main.c)
  target_link_libraries({name}_main PRIVATE {name})
endif()
"""


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
    name = about.name
    steps = about.steps or 1
    additions = sum(o.additions for o in work.values())
    dense = sum(o.dense for o in work.values()) / steps
    neurons = sum(i.size for i in program.plan.items if i.kind == "neuron")
    once = program.products["begin"] + program.products["end"] + steps * program.products["step"]
    estimate = _PER_ADDITION * additions + _PER_PRODUCT * once + _PER_NEURON * neurons * steps
    rows = "".join(
        f"| {layer} | {o.spikes:,.0f} | {o.additions:,.0f} | {o.dense / steps:,.0f} |\n"
        for layer, o in work.items()
        if o.spikes or o.dense
    )
    per = f"a run of {steps} steps" if about.steps else "a step"
    library = program.templates.library
    needs = f"of the C library, it needs memcpy, memset{''.join(f', {name}' for name in library)}"
    exact = (
        "; those functions of <math.h> differ in their last bits from one C library to another" if library else ""
    )
    return f"""# {name}

{about.made_by}: a spiking network in C99, without Python, an operating system or a heap
({needs}). `{name}.h` says how to call it; `{name}.c` and `{name}_weights.h` are all there is to compile:

    cc -std=c99 -O2 -ffp-contract=off -c {name}.c

or with CMake: `cmake -B build && cmake --build build`. With `-ffp-contract=off`, the outputs have the same bits as those of
spikelet, on any processor with IEEE arithmetic{exact}. (Processors without a floating-point unit do not flush numbers below
1.2e-38 to 0 as spikelet does.) The state is static: one network at a time. Export it twice under two names to have two.

`{name}_main inputs.bin outputs.bin` runs it on raw numbers; without arguments it measures the time of a run.

| | |
|---|---|
| Constants (flash) | {program.constants.bytes:,} bytes, and the code: see `size {name}.o` |
| State and buffers (RAM) | {program.ram:,} bytes, and the stack: less than 1 KB |
| Additions of weights, {per} | {additions:,.0f} |
| Products | {once:,.0f} (of constants and means, once a run) |
| Neurons | {neurons:,} |
| Operations of one pass of the analog network | {dense:,.0f} |
| Instructions of a Cortex-M4F, estimated | {estimate:,.0f} |

Additions were counted on {sample}; a network that spikes less adds less. Instructions are estimated as {_PER_ADDITION:g} for
each addition, {_PER_PRODUCT:g} for each product and {_PER_NEURON:g} for each neuron and step, which came within a tenth of what an
emulator counted for small networks; one takes 1 to 1.5 cycles if the weights are in memory without wait states.

| Layer | Spikes | Additions | Operations if dense |
|---|---|---|---|
{rows}"""
