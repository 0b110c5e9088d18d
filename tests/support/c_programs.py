"""Export a model to C, build and run it, and compare all bits of outputs and spikes with those of the engine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import spikelet as sl
from spikelet.io.c.plan import Plan
from spikelet.layers.neurons import LI, Neuron
from spikelet.layers.to_core import Source

FLAGS = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Werror",
    "-ffp-contract=off",
]


def compiler(name: str = "gcc") -> str:
    """Return a compiler, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def built(
    folder: Path, cc: str = "gcc", options: tuple[str, ...] = ("-O0",), name: str = "network"
) -> Path:
    """Compile an exported program with all warnings as errors; it also writes its spikes."""
    program = folder / f"{name}_{Path(cc).name}"
    sources = [folder / f"{name}.c", folder / "main.c"]
    command = [
        compiler(cc), *FLAGS, *options, f"-D{name.upper()}_TRACE", f"-I{folder}", *map(str, sources), "-o", str(program), "-lm",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def ran(
    program: Path, samples: list[tuple[NDArray[Any], ...]], start: tuple[str, ...] = ()
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Run a program on samples; return outputs [samples, ...] and the bytes of its spikes [samples, ...]."""
    folder = program.parent
    given = b"".join(
        np.ascontiguousarray(array).tobytes() for arrays in samples for array in arrays
    )
    (folder / "in.bin").write_bytes(given)
    command = [*start, str(program), "in.bin", "out.bin", "spikes.bin"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count = len(samples)
    outputs = np.frombuffer((folder / "out.bin").read_bytes(), np.float32).reshape(count, -1)
    spikes = np.frombuffer((folder / "spikes.bin").read_bytes(), np.uint8).reshape(count, -1)
    return outputs, spikes


def _spikes(plan: Plan, steps: int, data: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return spikes [T, samples, values] by layer, in amplitudes, from what programs have written."""
    found: dict[str, list[Any]] = {}
    at = 0
    for phase in range(plan.last_phase + 1):
        for _ in range(steps):
            for item in plan.steps_of(phase):
                if item.form != "spikes":
                    continue
                size = item.planes * item.plane_bytes
                raw = data[:, at : at + size].reshape(
                    len(data), item.planes, item.pixels, item.bytes
                )
                at += size
                bits = np.unpackbits(raw, axis=-1, bitorder="little")[..., : item.channels]
                value = np.tensordot(item.gains, bits, (0, 1))  # [samples, pixels, channels]
                for name in item.names:
                    found.setdefault(name, []).append(
                        value.transpose(0, 2, 1).reshape(len(data), -1)
                    )
    assert at == data.shape[1]
    return {name: np.array(values[-steps:]) for name, values in found.items()}


def same_bits(
    folder: Path,
    model: sl.SpikingModel,
    x: Any,
    steps: int | None = None,
    *,
    form: str | None = None,
    compilers: tuple[str, ...] = ("gcc",),
    options: tuple[str, ...] = ("-O0",),
    start: tuple[str, ...] = (),
    silent: bool = False,
    **arguments: Any,
) -> None:
    """Check that an exported program gives the same outputs and spikes as the model, to the bit; all layers spike unless `silent`."""
    arrays = x if isinstance(x, tuple) else (x,)
    constant = steps is not None or hasattr(model, "steps")
    total = (steps or model.steps) if constant else len(arrays[0])
    form = form or ("constant" if constant else "sequence")
    shapes = [a.shape[1 if constant else 2 :] for a in arrays]
    arguments = {"input_shape": shapes, "steps": total, **arguments}
    model.export(folder, form=form, **arguments)
    neurons = [n.name for n in model.graph if isinstance(n.layer, Neuron)]
    result = model.run(x, steps, record=[f"{n}.spikes" for n in neurons])
    outputs = result.output if isinstance(result.output, tuple) else (result.output,)
    spikes = form in ("spikes", "signed")
    real = np.int8 if spikes else np.float32
    samples = list(range(arrays[0].shape[0 if constant else 1]))
    given = [tuple((a[k] if constant else a[:, k]).astype(real) for a in arrays) for k in samples]
    wanted = np.concatenate([o.reshape(len(samples), -1) for o in outputs], axis=1)
    assert silent or np.abs(wanted).max() > 0
    sources = [Source("spikes", is_signed=form == "signed") if spikes else Source(form)] * len(
        arrays
    )
    plan = Plan(
        model.graph,
        shapes if len(shapes) > 1 else shapes[0],
        sources,
        whole=model.dtype == "int16",
        sizes=model.sizes,
    )
    for cc in compilers:
        found, traced = ran(built(folder, cc, options), given, start)
        assert found.tobytes() == wanted.astype(np.float32).tobytes(), cc
        by_layer = _spikes(plan, total, traced)
        for name in neurons:
            recorded = result[f"{name}.spikes"].reshape(total, len(samples), -1)
            assert silent or recorded.any() != isinstance(model.graph[name].layer, LI), name
            np.testing.assert_array_equal(by_layer[name], recorded, err_msg=f"{cc}: {name}")
