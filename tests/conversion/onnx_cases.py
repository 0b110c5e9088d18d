"""The onnx package's own test cases, as cases of the reader: ``python -m tests.conversion.onnx_cases [kind] [name ...]``.

Kinds are "pytorch-converted", "pytorch-operator", "simple", "light" and "node". A case passes if the model is read, and
its layers give the stored outputs in float32.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from spikelet.conversion.onnx.operators import OPERATORS
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

DATA = Path(onnx.__file__).parent / "backend/test/data"
# Operators whose inputs but the first are parameters.
PARAMETRIC = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "Clip", "PRelu", "Pad", "Resize", "Slice", "Dropout",
              "LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization", "Upsample"}  # fmt: skip
CONSTANT = {"Shape", "Size", "Constant", "ConstantOfShape", "Range"}
KINDS = ("pytorch-converted", "pytorch-operator", "simple", "light", "node")


@dataclass(frozen=True)
class Case:
    """A model with inputs and outputs."""

    name: str
    model: onnx.ModelProto
    inputs: list[Any]
    outputs: list[Any]


def cases(kind: str) -> Iterator[Case]:
    """Yield the cases of one kind."""
    if kind == "light":
        yield from _light()
    elif kind == "node":
        yield from _nodes()
    else:
        for folder in sorted((DATA / kind).iterdir()):
            found = [
                [_loaded(p) for p in sorted((folder / "test_data_set_0").glob(f"{what}_*.pb"))]
                for what in ("input", "output")
            ]
            yield Case(folder.name, onnx.load(folder / "model.onnx"), *found)


def _loaded(path: Path) -> Any:
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def _light() -> Iterator[Case]:
    """The networks whose weights are made by ConstantOfShape; the input is a ramp, as in onnx.backend.test.runner."""
    for path in sorted((DATA / "light").glob("*.onnx")):
        model = onnx.load(path)
        known = {i.name for i in model.graph.initializer}
        given = [i for i in model.graph.input if i.name not in known]
        shapes = [[d.dim_value for d in i.type.tensor_type.shape.dim] for i in given]
        ramps = [np.arange(np.prod(s)).reshape(s) / np.prod(s) for s in shapes]
        output = _loaded(path.with_name(f"{path.stem}_output_0.pb"))
        yield Case(path.stem, model, [r.astype(np.float32) for r in ramps], [output])


def _nodes() -> Iterator[Case]:
    from onnx.backend.test.loader import load_model_tests  # noqa: PLC0415  # runs all operators

    with warnings.catch_warnings():  # the cases overflow on purpose
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    for case in found:
        inputs, outputs = case.data_sets[0]
        if all(isinstance(v, np.ndarray | np.generic) for v in (*inputs, *outputs)):
            arrays = [[np.asarray(v) for v in values] for values in (inputs, outputs)]
            yield Case(case.name, case.model, *arrays)


def judged(case: Case, *, whole: bool = False) -> str:
    """Return "" if a case passes, else what is wrong; `whole` takes inputs as one sample, without a batch."""
    try:
        y = outputs_of(case, whole=whole)
    except ValueError as error:
        return str(error)
    for found, expected in zip(y, case.outputs, strict=True):
        if found.squeeze().shape != expected.squeeze().shape:
            return f"gives shape {found.shape} instead of {expected.shape}"
        error = np.abs(found.squeeze() - expected.squeeze()).max(initial=0)
        precision = 1e-3 if expected.dtype == np.float16 else 1e-4
        if not error <= precision * np.abs(expected).max(initial=0) + 1e-7:
            return f"differs by {error:.2g}"
    return ""


def outputs_of(case: Case, *, whole: bool = False) -> list[Any]:
    """Return what the layers of a case give, batch by batch or as one sample."""
    known = {i.name for i in case.model.graph.initializer}
    names = [i.name for i in case.model.graph.input if i.name not in known]
    x = dict(zip(names, case.inputs, strict=False))
    kinds = {n.op_type for n in case.model.graph.node}
    first = 3 if "Attention" in kinds else 1 if kinds & PARAMETRIC else len(names)
    data = {n: v for n, v in list(x.items())[:first] if v.dtype.kind == "f" and v.ndim}
    fixed = {n: v for n, v in x.items() if n not in data}
    shapes = {n: v.shape for n, v in data.items()} if whole else None
    graph, _ = read_onnx(case.model, shapes, fixed=fixed)
    values = [v[None] if whole else v for v in data.values()]
    result = SpikingModel(graph, threads=1).run(values if len(values) > 1 else values[0], steps=1)
    return list(result.outputs.values())


def within(case: Case) -> bool:
    """Return whether all operators of a case are in the table, and its input is of floating-point numbers."""
    kinds = {n.op_type for n in case.model.graph.node if n.op_type not in CONSTANT}
    return kinds <= set(OPERATORS) and bool(case.inputs) and case.inputs[0].dtype.kind == "f"


def main(kinds: list[str], names: list[str]) -> None:
    """Print the cases that do not pass, and how many do."""
    for kind in kinds:
        count: Counter[bool] = Counter()
        for case in cases(kind):
            if names and case.name not in names:
                continue
            if kind == "node" and not names and not within(case):
                continue
            start = time.perf_counter()
            wrong = judged(case)
            if wrong:
                alone = judged(case, whole=True)
                wrong = f"{wrong}  AS ONE SAMPLE: {alone}" if alone else ""
            count[not wrong] += 1
            used = time.perf_counter() - start
            operators = ",".join(sorted({n.op_type for n in case.model.graph.node})[:3])
            if wrong or names or used > 1:
                print(f"{case.name} [{operators}] {used:.1f} s: {wrong or 'passes'}", flush=True)
        print(f"{kind}: {count[True]} of {count.total()} pass", flush=True)


if __name__ == "__main__":
    wanted = [k for k in sys.argv[1:] if k in KINDS]
    main(wanted or list(KINDS), [k for k in sys.argv[1:] if k not in KINDS])
