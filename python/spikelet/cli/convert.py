"""``spikelet convert``: from an ONNX file to a spiking network in a file, with a report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import spikelet as sl
from spikelet._util.checks import fail
from spikelet.cli import images as inputs
from spikelet.cli.output import shows_progress
from spikelet.conversion.onnx.model import loaded
from spikelet.plot.report.page import target

_MOST_CALIBRATION = 512


def run(
    *,
    model: Path,
    images: Path,
    labels: Path | None = None,
    steps: int = 32,
    method: str = "auto",
    neuron: str | None = None,
    dtype: Any = "float32",
    calibrate: int | None = None,
    test: int = 1000,
    scale: float | None = None,
    mean: str | None = None,
    std: str | None = None,
    threads: int | None = None,
    out: Path | None = None,
    report: Path | None = None,
) -> dict[str, Any]:
    """Convert, compare, and write the requested files; print what was found.

    Parameters
    ----------
    model : Path
        The ONNX file.
    images, labels, scale, mean, std
        See `spikelet.cli.images.read`.
    steps, method, neuron, dtype, threads
        See `spikelet.convert`.
    calibrate : int, optional
        Number of inputs to calibrate with, the first ones; by default half, at most 512.
    test : int
        Number of other inputs to test with, at most.
    out, report : Path, optional
        Files to write: the network and an HTML report.

    Returns
    -------
    dict
        What was found, for JSON.

    Raises
    ------
    ValueError
        If the model cannot be converted, the inputs do not fit, `out` is one of the files that are read, or the report
        cannot be written.
    FileNotFoundError
        If a file, or the folder of `out`, does not exist.
    ImportError
        If onnx is missing, or for a report plotly or matplotlib.
    """
    if not model.is_file():
        raise FileNotFoundError(f"convert: there is no file {model}")
    if out is not None:
        _require_place(out, {"MODEL": model, "--images": images, "--labels": labels})
    if report is not None:
        target("convert --report", report)  # before any work
    shape = input_shape(model)
    found = inputs.read(images, labels, scale=scale, mean=mean, std=std)
    x, classes = inputs.shaped(found.images, shape), found.labels
    if calibrate is not None and calibrate > len(x):
        raise ValueError(
            f"convert: --calibrate must be at most the number of inputs, {len(x)}, got {calibrate}"
        )
    used = calibrate or max(1, min(_MOST_CALIBRATION, len(x) // 2))
    rest = slice(used, used + test) if used < len(x) else slice(0, test)
    print(
        f"{model.name}: {used} of {len(x)} inputs {x.shape[1:]} calibrate, in [{x.min():.4g}, {x.max():.4g}]; "
        + (
            f"{len(x[rest])} others test"
            if used < len(x)
            else "the same inputs are used to test, as there are no others"
        ),
        flush=True,
    )
    start = time.perf_counter()
    try:
        snn = sl.convert(
            str(model), x[:used], steps=steps, method=method, neuron=neuron, dtype=dtype, threads=threads,
            progress=shows_progress(),
        )  # fmt: skip
    except TypeError as error:  # a wrong value of an option
        raise ValueError(str(error)) from None
    seconds = time.perf_counter() - start
    print(f"Converted in {seconds:.1f} s by {snn.method}, with {snn.neuron} neurons.")
    if out is not None:  # before anything else can fail
        snn.save(out)
        print(
            f"Network: {out} ({out.stat().st_size / 1e6:.2f} MB); in Python: sl.SpikingModel.load({str(out)!r})"
        )
    tested = None if classes is None else classes[rest]
    compared = snn.report(x[rest], tested)
    print(f"\n{compared}\n")
    answer: dict[str, Any] = {
        "model": str(model), "steps": snn.steps, "method": snn.method, "neuron": snn.neuron, "dtype": snn.dtype,
        "calibrated": used, "tested": compared.facts["samples"], "held_out": used < len(x), "seconds": seconds,
        **{name: compared.facts[name] for name in ("agreement", "accuracy", "ann_accuracy")},
        "layers": compared.to_dict()["rows"], "out": None if out is None else str(out),
        "report": None,
    }  # fmt: skip
    if report is not None:
        compared.save(report, title=f"{model.name}, converted")
        answer["report"] = str(report)
        print(f"Report: {report}")
    return answer


def _require_place(out: Path, read: Mapping[str, Path | None]) -> None:
    """Check that a network can be written, and not over a file that is read."""
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"convert: the folder of {out} does not exist")
    for name, path in read.items():
        if path is not None and out.exists() and path.exists() and out.samefile(path):
            fail(
                "convert",
                "--out",
                str(out),
                f"must not be the file of {name}, which it would replace",
            )


def input_shape(model: Path) -> tuple[int, ...] | None:
    """Return the shape of one sample of an ONNX file's first input, or None if the file leaves it open.

    Parameters
    ----------
    model : Path
    """
    graph = loaded(model).graph
    weights = {tensor.name for tensor in graph.initializer}
    first = next((i for i in graph.input if i.name not in weights), None)
    if first is None:
        raise ValueError(f"convert: {model} has no input")
    sides = first.type.tensor_type.shape.dim
    known = [d.dim_value for d in sides[1:] if d.HasField("dim_value") and d.dim_value > 0]
    return tuple(map(int, known)) if len(known) == len(sides) - 1 and known else None
