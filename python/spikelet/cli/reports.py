"""``spikelet report``: the HTML report of what a file holds."""

from __future__ import annotations

from pathlib import Path

import spikelet as sl
from spikelet._util.checks import fail
from spikelet.cli import images as inputs
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.report import ConversionReport

__all__ = ["write"]


def write(
    file: Path,
    out: Path | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    test: int = 1000,
) -> Path:
    """Write a report, and return its path.

    Parameters
    ----------
    file : Path
        A network saved by `Network.save` (.npz), a converted network (.spk), or the store of a sweep (a folder).
    out : Path, optional
        The report; by default beside the file, with its name.
    images, labels : Path, optional
        Of a converted network: inputs, which it needs, and their classes.
    test : int
        Number of inputs to use, at most.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of another kind, or the inputs are missing.
    """
    if not file.exists():
        raise FileNotFoundError(f"report: there is no file or folder {file}")
    target = file.with_suffix(".html") if out is None else out
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"report: the folder of {target} does not exist")
    if file.is_dir():
        sl.load_sweep(file).report(target)
    elif file.suffix == ".npz":
        sl.Network.load(file).report(target)
    elif file.suffix == ".spk":
        _compared(file, images, labels, test).save(target)
    else:
        rule = "must be a saved network (.npz), a converted network (.spk) or the store of a sweep (a folder)"
        fail("report", "FILE", str(file), rule)
    return target


def _compared(file: Path, images: Path | None, labels: Path | None, test: int) -> ConversionReport:
    """Return the comparison of a converted network with its ANN."""
    snn = sl.SpikingModel.load(file)
    if not isinstance(snn, ConvertedModel):
        fail("report", "FILE", str(file), "must hold a network that was converted from an ANN")
    if images is None:
        fail(
            "report",
            "--images",
            None,
            "must be given for a converted network: it is compared with its ANN",
        )
    found = inputs.read(images, labels, n=test)
    shape = snn.input_shapes[0] if snn.input_shapes else None
    return snn.report(inputs.shaped(found.images, shape), found.labels)
