"""C programs of neurons that fire at most once: the same integers as the engine, without floating point."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.layers.test_first_spike_program import NETWORKS
from tests.support.c_programs import FLAGS, built, compiler, ran
from tests.support.first_spike_networks import images, network

import spikelet as sl
from spikelet import layers as L
from spikelet.io.c.first_spike import CBuilder
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.graph import Graph

LOW, HIGH = -1.0, 1.5


def model(graph: Graph, shapes: Any, steps: int = 16, dtype: str = "int8") -> Any:
    """Return a model whose inputs lie between LOW and HIGH."""
    return sl.conversion.FirstSpikeModel(
        graph, sl.SpikingModel(graph), method="fitted", neuron="first_spike", steps=steps,
        input_shapes=shapes, input_ranges=[(LOW, HIGH)] * len(shapes), dtype=dtype, threads=1,
    )  # fmt: skip


def whole(x: Any, bytes_: bool) -> Any:
    """Return what a program takes for real inputs."""
    scale = np.float32(255 / (HIGH - LOW) if bytes_ else 32767 / HIGH)
    k = np.floor(x * scale + np.float32(0.5))
    return np.clip(k + 102, 0, 255).astype(np.uint8) if bytes_ else np.clip(k, -32767, 32767).astype(np.int16)  # fmt: skip


def same_integers(
    folder: Path,
    snn: Any,
    cc: str = "gcc",
    options: tuple[str, ...] = ("-O1",),
    start: tuple[str, ...] = (),
) -> None:
    """Check that a program gives the integers of the engine."""
    compiler(cc)
    rng = np.random.default_rng(snn.steps)
    xs = [rng.uniform(LOW - 0.1, HIGH + 0.1, (3, *s)).astype(np.float32) for s in snn.input_shapes]
    snn.export(folder)
    bits = 8 if snn.dtype == "int8" else 16
    shapes = snn.graph.shapes(snn.input_shapes)
    program = FirstSpikeProgram("test", snn.graph, shapes, snn.input_ranges, snn.steps, bits)
    found, _ = program.run(xs, snn.graph.outputs, 1)
    wanted = np.concatenate([k.reshape(3, -1) for k, _ in found], axis=1)
    assert wanted.any()
    bytes_ = "uint8_t" in (folder / "network.h").read_text()
    given = [tuple(whole(x[k], bytes_) for x in xs) for k in range(3)]
    outputs, _ = ran(built(folder, cc, options), given, start)
    np.testing.assert_array_equal(outputs.view(np.int32), wanted)


@pytest.mark.parametrize(("steps", "dtype"), [(16, "int8"), (64, "int16"), (256, "int8")])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_gives_the_integers_of_the_engine(
    name: str, steps: int, dtype: str, tmp_path: Path
) -> None:
    graph, shape = NETWORKS[name]
    same_integers(tmp_path, model(graph, [shape], steps, dtype))


def joined() -> Any:
    """Return a network with two inputs and two outputs, one of spikes, that moves an input."""
    rng = np.random.default_rng(3)
    return model(Graph([
        ("joined", L.Concat(0), ("image", "image2")),
        ("a", L.Conv2d(rng.normal(0, 0.3, (6, 4, 3, 3)), padding=1), ("joined",)),
        ("fa", FirstSpike(rng.uniform(0.4, 1.0, 6)), ("a",)), ("kept", L.MaxPool2d(2), ("fa",)),
        ("b", L.Conv2d(rng.normal(0, 0.3, (6, 6, 3, 3)), padding=1), ("fa",)),
        ("add", L.Add(), ("b", "fa")), ("sums", L.AvgPool2d(2), ("add",)),
    ], inputs=["image", "image2"], outputs=["sums", "kept"]), [(3, 6, 6), (1, 6, 6)])  # fmt: skip


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_several_inputs_and_outputs(cc: str, tmp_path: Path) -> None:
    same_integers(tmp_path, joined(), cc, ("-O2",))


@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m4"])
def test_a_microcontroller_without_floats_gives_the_same_integers(cpu: str, tmp_path: Path) -> None:
    emulator = shutil.which("qemu-arm")
    if emulator is None:
        pytest.skip("needs qemu-arm")
    options = (f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=soft", "-O2", "--specs=nano.specs", "--specs=rdimon.specs")  # fmt: skip
    graph, shape = NETWORKS["residual"]
    cc = "arm-none-eabi-gcc"
    same_integers(tmp_path, model(graph, [shape], 64), cc, options, (emulator, "-cpu", cpu))
    command = [cc, *FLAGS, *options[:4], "-c", "network.c", "-o", "network.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    names = subprocess.run(
        ["nm", "-u", "network.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    needs = set(names.stdout.split()) - {"U"}
    assert needs <= {"memcpy", "memset", "__aeabi_idiv", "__aeabi_lmul"}  # none of floats


CALLER = """#include "network.h"
#include <stdio.h>
int main(void) {
  static const float scales[] = NETWORK_OUTPUT_SCALES, biases[] = NETWORK_OUTPUT_BIASES;
  static float x[NETWORK_INPUT_SIZE];
  static int16_t input[NETWORK_INPUT_SIZE];
  int32_t output[NETWORK_OUTPUT_SIZE];
  int k;
  while (fread(x, sizeof x, 1, stdin) == 1) {
    for (k = 0; k < NETWORK_INPUT_SIZE; ++k) {
      input[k] = network_input_of(x[k]);
    }
    if (network_run(input, output) != NETWORK_OK || network_run(NULL, output) != NETWORK_NO_ARRAY) {
      return 1;
    }
    printf("%d", network_best(output));
    for (k = 0; k < NETWORK_OUTPUT_SIZE; ++k) {
      printf(" %.9g", (double)((float)output[k] * scales[k] + biases[k]));
    }
    printf("\\n");
  }
  return 0;
}
"""


def test_a_caller_with_floats_gets_the_values_of_the_engine(tmp_path: Path) -> None:
    snn, x = sl.convert(network(), images(200), steps=64, neuron="first_spike"), images(60, 2)
    snn.export(tmp_path)
    (tmp_path / "caller.c").write_text(CALLER)
    command = [compiler(), *FLAGS, "caller.c", "network.c", "-o", "caller"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "caller"], input=x.tobytes(), capture_output=True, check=True)
    table = np.array([row.split() for row in done.stdout.decode().splitlines()], float)
    wanted = snn.run(x).output
    np.testing.assert_allclose(table[:, 1:], wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
    np.testing.assert_array_equal(table[:, 0], wanted.argmax(1))


def test_the_page_states_size_and_work(tmp_path: Path) -> None:
    snn, x = sl.convert(network(), images(200), steps=64, neuron="first_spike"), images(20)
    snn.export(tmp_path, example=x)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    done = snn.run(x).operations
    assert f"| {sum(o.additions for o in done.values()):,.0f} |" in text
    assert "| 256 steps: 4 windows of 64 |" in text
    flash, ram = (int(n.replace(",", "")) for n in re.findall(r"\| ([\d,]+) bytes", text))
    subprocess.run([compiler(), "-O2", "-c", "network.c"], cwd=tmp_path, check=True)
    sizes = subprocess.run(
        ["size", "network.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    code, data, bss = map(int, sizes.stdout.splitlines()[1].split()[:3])
    assert abs(data + bss - ram) < 64  # alignment
    weights = sum(n.layer.weight.size for n in snn.graph if hasattr(n.layer, "weight"))
    assert weights < flash < code
    assert flash < weights + 2000


def test_a_sum_takes_the_place_of_a_map_that_it_reads_last(tmp_path: Path) -> None:
    """Two maps are in memory, not three: the shortcut gives its place to the sum."""
    rng = np.random.default_rng(0)
    graph = Graph([
        ("a", L.Conv2d(rng.normal(0, 1, (16, 1, 3, 3)), padding=1), ("input",)), ("fa", FirstSpike(2.0), ("a",)),
        ("b", L.Conv2d(rng.normal(0, 1, (16, 16, 3, 3)), padding=1), ("fa",)), ("fb", FirstSpike(9.0), ("b",)),
        ("c", L.Conv2d(rng.normal(0, 1, (16, 16, 3, 3)), padding=1), ("fb",)), ("add", L.Add(), ("c", "fa")),
        ("fc", FirstSpike(9.0), ("add",)), ("pool", L.MaxPool2d(2), ("fc",)),
    ])  # fmt: skip
    same_integers(tmp_path, model(graph, [(1, 8, 8)]))
    ram = re.findall(r"\(RAM\) \| ([\d,]+)", (tmp_path / "README.md").read_text())
    assert int(ram[0].replace(",", "")) == 2 * 16 * 64 + 2 * 64 + 4 * 16  # maps, input, sums


def test_functions_at_the_end_that_keep_the_order_are_left_out(tmp_path: Path) -> None:
    graph, shape = NETWORKS["dense"]
    nodes = [*graph, ("soft", L.Softmax(0), graph.outputs), ("log", L.Activation("logsigmoid"), ("soft",))]  # fmt: skip
    longer = Graph(nodes)
    plain, soft = tmp_path / "plain", tmp_path / "soft"
    model(graph, [shape]).export(plain)
    model(longer, [shape]).export(soft)
    assert (plain / "network_weights.h").read_text() == (soft / "network_weights.h").read_text()
    assert "log is left out: it keeps the order of the scores" in (soft / "network.h").read_text()


def test_what_has_no_form_in_c_is_named(tmp_path: Path) -> None:
    graph, shape = NETWORKS["dense"]
    bad = {
        "dtype": ({"dtype": "int16"}, "dtype must be 'int8', that of the model; convert with dtype="),
        "form": ({"form": "spikes"}, "form must be 'constant'"),
        "steps": ({"steps": 257}, "steps must be >= 2 and <= 256"),
        "name": ({"name": "int"}, "name must be a C identifier"),
    }  # fmt: skip
    for arguments, message in bad.values():
        with pytest.raises(ValueError, match=message):
            model(graph, [shape]).export(tmp_path / "no", **arguments)

    class Other(CBuilder):
        def convolve(self, *call: Any) -> None:
            self.look_up(*call)

    with pytest.raises(ValueError, match=r"layer '.*', .*, cannot be exported: C has no 'look_up'"):
        FirstSpikeProgram("export", graph, graph.shapes(shape), [(0.0, 1.0)], 8, 8, Other())
    assert not (tmp_path / "no").exists()


def test_the_code_of_the_page_compiles(tmp_path: Path) -> None:
    page = Path(__file__).parents[3].joinpath("docs", "microcontroller.md").read_text("utf-8")
    (code,) = re.findall(r"^```c\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "caller.c").write_text(code)
    graph, shape = NETWORKS["dense"]
    model(graph, [shape]).export(tmp_path, name="digits")
    subprocess.run([compiler(), *FLAGS, "-c", "caller.c"], cwd=tmp_path, check=True)
