"""The command line: ``spikelet info | demo | run | bench | convert | report | new``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import spikelet as sl
from spikelet.cli import output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments to use instead of those of the command line.

    Returns
    -------
    int
        Exit code: 0, 1 if something failed, 2 if an argument is wrong, 130 after Ctrl-C.
    """
    given = None if arguments is None else list(arguments)
    try:
        code = commands.main(given, prog_name="spikelet", standalone_mode=False)
    except click.ClickException as error:  # such as an option that there is not
        error.show()
        return error.exit_code
    except (OSError, ValueError) as error:
        return _complain(error, 2)
    except ImportError as error:
        return _complain(error, 1)
    except (click.Abort, KeyboardInterrupt):
        return _complain("stopped", 130)
    return int(code or 0)


def _complain(error: object, code: int) -> int:
    print(f"spikelet: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _file(**options: Any) -> click.Path:
    return click.Path(path_type=Path, **options)


_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text; progress goes to stderr."
)


def _preprocessing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how inputs are preprocessed: those of a conversion and of its report must be the same."""
    options = (
        click.option(
            "--scale", type=float, metavar="X",
            help="Factor of the inputs (default: 1/255 for bytes, 1 for others).",
        ),
        click.option("--mean", metavar="X,...", help="Means to subtract after that, of each channel."),
        click.option("--std", metavar="X,...", help="Deviations to divide by then, of each channel."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


_SHELLS = """
Shell completion, for bash (zsh and fish have the same, with their names):

\b
    eval "$(_SPIKELET_COMPLETE=bash_source spikelet)"
"""


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help if there are no arguments, as a mistake: click 8.1 would return 0."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)


@click.group(
    "spikelet",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_SHELLS,
)
@click.version_option(sl.__version__, prog_name="spikelet", message="%(prog)s %(version)s")
def commands() -> None:
    """Spiking neural networks on the CPU you have."""


@commands.command(
    epilog="""
\b
Examples:
    spikelet info                      for a bug report
    spikelet info --json | jq .simd
"""
)
@_JSON
def info(as_json: bool) -> None:
    """Show versions, SIMD level, threads, compiler and system.

    It is what a bug report should contain; in Python: spikelet.info().
    """
    about = sl.info()
    if as_json:
        output.print_json(about)
    else:
        click.echo(str(about))


@commands.command(
    epilog="""
\b
Examples:
    spikelet demo
    spikelet demo --data MNIST/raw --images 2000 --out digits.png
    spikelet demo --json | jq .accuracy
"""
)
@click.option(
    "--data", type=_file(), metavar="DIR",
    help="Folder with MNIST's IDX files (default: the 8x8 digits that come with spikelet).",
)  # fmt: skip
@click.option(
    "--out", type=_file(), metavar="FIGURE", default=Path("spikelet-demo.png"), show_default=True,
    help="Figure to write; needs matplotlib.",
)  # fmt: skip
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed.",
)
@click.option(
    "--neurons",
    type=click.IntRange(min=2),
    metavar="N",
    help="Number of neurons (default: 100; with --data 400).",
)
@click.option(
    "--images", type=click.IntRange(min=10), metavar="N",
    help="Number of training images (default: all; with --data 10000).",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", default=1, show_default=True,
    help="Number of threads; does not change the result, and does not speed up a small network.",
)  # fmt: skip
@_JSON
def demo(
    data: Path | None,
    out: Path,
    seed: int,
    neurons: int | None,
    images: int | None,
    threads: int,
    as_json: bool,
) -> None:
    """Train a network on handwritten digits.

    A spiking network learns to recognise handwritten digits without labels, by STDP. Takes a few seconds.
    """
    from spikelet.cli import demo as digits  # noqa: PLC0415  # only where it is used

    with output.instead_of_text(as_json) as answer:
        answer.update(
            digits.run(
                data=data, out=out, seed=seed, n_neurons=neurons, n_images=images, threads=threads
            ).to_dict()
        )


@commands.command(
    epilog="""
\b
Examples:
    spikelet run sweep.toml
    spikelet run sweep.toml --dry-run
    spikelet run sweep.toml --resume --retry-failed --workers 8
"""
)
@click.argument("file", type=_file(), metavar="FILE.toml")
@click.option("--resume", is_flag=True, help="Resume from an existing store.")
@click.option("--retry-failed", is_flag=True, help="With --resume: repeat failed runs.")
@click.option("--executor", metavar="NAME", help="joblib, dask or serial, instead of the file's.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes (default: all cores).",
)
@click.option("--dry-run", is_flag=True, help="List the runs without running them.")
@_JSON
def run(
    file: Path,
    resume: bool,
    retry_failed: bool,
    executor: str | None,
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run a sweep that a TOML file describes.

    Runs a function over a grid of parameters and seeds. Exit code 1: some runs failed.
    """
    from spikelet.cli import sweeps  # noqa: PLC0415  # only where it is used

    given = {"executor": executor, "workers": workers}
    with output.instead_of_text(as_json) as answer:
        answer.update(
            sweeps.run(file, given, resume=resume, retry_failed=retry_failed, dry_run=dry_run)
        )
    return 0 if answer["complete"] else 1


@commands.command(
    epilog="""
\b
Examples:
    spikelet bench
    spikelet bench --quick --networks cuba brunel --threads 2
    spikelet bench --json result.json
"""
)
@click.option("--quick", is_flag=True, help="A tenth of the simulated time; results are rough.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads of multi-threaded runs (default: all).",
)
@click.option(
    "--networks", multiple=True, metavar="NAME...",
    help="Run only these of cuba, coba, brunel, plastic_brunel, microcircuit.",
)  # fmt: skip
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--json", "json_file", type=_file(allow_dash=True), metavar="FILE",
    help="Write the results to this file; - prints them instead of the table.",
)  # fmt: skip
@click.option(
    "--update-reference", is_flag=True,
    help="For maintainers: replace the stored reference by the results.",
)  # fmt: skip
def bench(
    quick: bool,
    threads: int | None,
    networks: tuple[str, ...],
    more: tuple[str, ...],
    json_file: Path | None,
    update_reference: bool,
) -> int:
    """Measure the speed of this machine.

    Runs known networks and compares them with a reference; takes about 20 seconds. Exit code 1: results differ from the
    reference's.
    """
    from spikelet.cli import bench as measuring  # noqa: PLC0415  # only where it is used

    if more and not networks:  # what follows --networks NAME
        raise click.UsageError(
            f"Got unexpected extra argument ({more[0]}); name networks with --networks"
        )
    printed = json_file is not None and str(json_file) == "-"
    with output.instead_of_text(printed) as answer:
        right, record = measuring.run(
            quick=quick,
            threads=threads,
            networks=[*networks, *more] or None,
            json_file=None if printed else json_file,
            update_reference=update_reference,
        )
        answer.update(record)
    return 0 if right else 1


@commands.command(
    epilog="""
\b
Examples:
    spikelet convert model.onnx --images test.npy --steps 32 --out net.spk
    spikelet convert model.onnx --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz
    spikelet convert model.onnx --images photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --report out.html
"""
)
@click.argument("model", type=_file(), metavar="MODEL.onnx")
@click.option(
    "--images", type=_file(), required=True, metavar="FILE",
    help="Inputs: .npy, .npz, IDX (MNIST's, also gzipped) or a folder of pictures.",
)  # fmt: skip
@click.option(
    "--labels", type=_file(), metavar="FILE",
    help="Classes of the inputs, .npy or IDX, for accuracies. An .npz of --images may hold them as 'labels' or 'y'.",
)  # fmt: skip
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    default=32,
    show_default=True,
    help="Number of steps T.",
)
@click.option("--method", default="auto", show_default=True, help="Method of spikelet.convert.")
@click.option("--neuron", help="Kind of neurons of spikelet.convert (default: the method's).")
@click.option(
    "--dtype", type=click.Choice(["float32", "float64", "int16"]), default="float32", show_default=True,
    help="Precision; int16 is the fastest.",
)  # fmt: skip
@click.option(
    "--calibrate", type=click.IntRange(min=1), metavar="N",
    help="Number of inputs to calibrate with, the first ones (default: half, at most 512). The others test.",
)  # fmt: skip
@click.option("--test", type=click.IntRange(min=1), metavar="N", default=1000, show_default=True,
              help="Number of other inputs to test with, at most.")  # fmt: skip
@_preprocessing
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of threads (default: all cores).",
)
@click.option(
    "--out", type=_file(), metavar="NET.spk", help="Write the spiking network to this file."
)
@click.option("--report", type=_file(), metavar="REPORT.html", help="Write a report to this file.")
@_JSON
def convert(as_json: bool, **options: Any) -> None:
    """Convert an ONNX file to a spiking network.

    The inputs must be preprocessed as for the network: see --scale, --mean and --std. Prints how well the spiking network
    agrees with the original, layer by layer, on inputs that it was not calibrated with.
    """
    from spikelet.cli import convert as converting  # noqa: PLC0415  # only where it is used

    with output.instead_of_text(as_json) as answer:
        answer.update(converting.run(**options))


@commands.command(
    epilog="""
\b
Examples:
    spikelet report run.npz                                a network saved with its recorders
    spikelet report net.spk --images test.npz --skip 512 --out net.html
    spikelet report sweep_store/                           the store of a sweep
"""
)
@click.argument("file", type=_file(), metavar="FILE")
@click.option(
    "--out", type=_file(), metavar="REPORT.html",
    help="File to write (default: the name of FILE with .html).",
)  # fmt: skip
@click.option(
    "--images", type=_file(), metavar="FILE", help="For a .spk file: inputs, see spikelet convert."
)
@click.option(
    "--labels", type=_file(), metavar="FILE", help="For a .spk file: classes of the inputs."
)
@click.option(
    "--skip", type=click.IntRange(min=0), metavar="N", default=0, show_default=True,
    help="For a .spk file: number of inputs to leave out, the first ones. Skip those that calibrated the network, if "
    "they are in the same file: spikelet convert prints how many.",
)  # fmt: skip
@click.option("--test", type=click.IntRange(min=1), metavar="N", default=1000, show_default=True,
              help="For a .spk file: number of the following inputs to test with, at most.")  # fmt: skip
@_preprocessing
def report(file: Path, out: Path | None, **options: Any) -> None:
    """Write an HTML report of a saved network, a converted network or a sweep.

    A converted network is compared with its ANN: give --scale, --mean and --std as spikelet convert got them.
    """
    from spikelet.cli import reports  # noqa: PLC0415  # only where it is used

    written = reports.write(file, out, **options)
    click.echo(f"Report: {written}")


@commands.command(
    epilog="""
\b
Examples:
    spikelet new my_network
    cd my_network && python my_network.py && python -m pytest
"""
)
@click.argument("folder", type=_file(), metavar="NAME")
def new(folder: Path) -> None:
    """Write a starter project: a network, a test, a README and a pyproject.toml."""
    from spikelet.cli import starter  # noqa: PLC0415  # only where it is used

    for path in starter.write(folder):
        click.echo(path)
    click.echo(f"Next: cd {folder} && python {starter.script_of(folder)} && python -m pytest")
