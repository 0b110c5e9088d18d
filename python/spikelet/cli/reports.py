"""``spikelet report``: the HTML report of what a file holds."""

from __future__ import annotations

from pathlib import Path

import spikelet as sl
from spikelet._util.checks import fail
from spikelet.cli import images as inputs
from spikelet.conversion.converted import ConvertedModel
from spikelet.plot.report import page


def write(
    file: Path,
    out: Path | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    skip: int = 0,
    test: int = 1000,
    scale: float | None = None,
    mean: str | None = None,
    std: str | None = None,
) -> Path:
    """Write a report, and return its path.

    Parameters
    ----------
    file : Path
        A network saved by `Network.save` (.npz), a converted network (.spk), or the store of a sweep (a folder).
    out : Path, optional
        The report; by default beside the file, with its name.
    images, labels, scale, mean, std
        Of a converted network: inputs, which it needs, and how to read them; see `spikelet.cli.images.read`.
    skip : int
        Number of inputs to leave out, the first ones, such as those that calibrated the network.
    test : int
        Number of the following inputs to use, at most.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of another kind, the inputs are missing or do not fit, or the report cannot be written.
    """
    if not file.exists():
        raise FileNotFoundError(f"report: there is no file or folder {file}")
    named = file if file.name.strip(".") else file.resolve()  # "." and ".." have no name
    target = named.with_suffix(".html") if out is None else out
    of_inputs = {"images": images, "labels": labels, "scale": scale, "mean": mean, "std": std}
    given = next((name for name, value in of_inputs.items() if value is not None), None)
    if given is not None and (file.is_dir() or file.suffix == ".npz"):
        rule = "is only for a converted network (.spk), which is compared with its ANN"
        fail("report", f"--{given}", str(of_inputs[given]), rule)
    if file.is_dir():
        sl.load_sweep(file).report(target)
    elif file.suffix == ".npz":
        sl.Network.load(file).report(target)
    elif file.suffix == ".spk":
        snn = _converted(file)
        if images is None:
            rule = "must be given for a converted network: it is compared with its ANN"
            fail("report", "--images", None, rule)
        page.target("report", target)  # before any work
        found = inputs.read(images, labels, scale=scale, mean=mean, std=std, skip=skip, n=test)
        shape = snn.input_shapes[0] if snn.input_shapes else None
        compared = snn.report(inputs.shaped(found.images, shape), found.labels)
        compared.save(target, title="Converted network")
    else:
        rule = "must be a saved network (.npz), a converted network (.spk) or the store of a sweep (a folder)"
        fail("report", "FILE", str(file), rule)
    return target


def _converted(file: Path) -> ConvertedModel:
    snn = sl.SpikingModel.load(file)
    if not isinstance(snn, ConvertedModel):
        fail("report", "FILE", str(file), "must hold a network that was converted from an ANN")
    return snn
