"""Time and memory of a training step of a layer with delays, of the same layer without, and of a DCLS convolution.

    python bench/python/delays.py --threads 1

The convolution is that of Hammouamri et al. (ICLR 2024, version "gauss" of DCLS): a kernel [out, in, delays] of Gaussians,
normalised for each synapse, and `conv1d` over time. Each program has its own process. First, the layer's outputs and
gradients must equal those of its own backend="torch", a convolution too. Time: the least of several steps (forward pass,
backward pass, gradients of input, weights and delays). Memory: the peak of the process above what it had before.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from measure import peak_above
from torch import Tensor, nn
from torch.nn import functional as F
from training_on_torch import trim

import spikelet.torch as st
from spikelet.cli import bench_harness as harness

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Case:
    """A layer."""

    program: str


PROGRAMS = [Case(program) for program in ("Linear", "Delay", "DCLS convolution")]


class Gauss(nn.Module):
    """A linear layer with delays, as DCLS makes it."""

    def __init__(self, inputs: int, outputs: int, longest: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(outputs, inputs)))
        self.delay = nn.Parameter(torch.rand(outputs, inputs) * longest)
        self.longest, self.width = longest, longest / 2

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs [T, B, outputs] of inputs [T, B, inputs]."""
        at = torch.arange(self.longest + 1).flip(0)
        bells = torch.exp(-(((at - self.delay[..., None]) / self.width) ** 2) / 2)
        kernel = self.weight[..., None] * bells / (bells.sum(-1, keepdim=True) + 1e-7)
        return F.conv1d(F.pad(x.permute(1, 2, 0), (self.longest, 0)), kernel).permute(2, 0, 1)


def made(program: str, args: argparse.Namespace) -> nn.Module:
    """Return the layer of a program."""
    if program == "Linear":
        return nn.Linear(args.units, args.units)
    if program == "Delay":
        return st.Delay(args.units, args.units, args.delays, width=args.width)
    return Gauss(args.units, args.units, args.delays)


def check() -> None:
    """Compare both backends of the layer."""
    torch.manual_seed(0)
    core = st.Delay(7, 9, 5).double()
    dense = st.Delay(7, 9, 5, backend="torch").double()
    dense.load_state_dict(core.state_dict())
    x = torch.rand(20, 3, 7, dtype=torch.float64, requires_grad=True)
    found = [torch.autograd.grad(m(x).pow(2).sum(), [x, *m.parameters()]) for m in (core, dense)]
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def step_of(module: nn.Module, args: argparse.Namespace) -> Callable[[], None]:
    """Return a training step; its input has a gradient too, as in all layers but the first."""
    torch.manual_seed(0)
    x = torch.empty(args.steps, args.batch, args.units).bernoulli_(args.density).requires_grad_()
    by = torch.randn(args.steps, args.batch, args.units)

    def step() -> None:
        module(x).backward(by)
        x.grad = None
        module.zero_grad()

    return step


def run(program: str, **settings: Any) -> dict[str, Any]:
    """Return the time [ms] and memory [MB] of one program."""
    args = argparse.Namespace(**settings)
    torch.set_num_threads(args.threads)
    step = step_of(made(program, args), args)
    limit = st.pool_limit()
    st.set_pool_limit(0)
    step()  # what libraries keep is not counted
    trim()
    memory = peak_above(step)
    st.set_pool_limit(limit)
    step()
    times = []
    for _ in range(args.runs):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return {"ms": 1e3 * min(times), "mb": memory, "versions": {"torch": torch.__version__}}


def main() -> None:
    """Run each program in a process of its own."""
    parser = harness.parser(__doc__, runs=7, zero=["width"])
    sizes = {"steps": 100, "batch": 128, "units": 256, "delays": 25, "threads": 1}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    parser.add_argument("--density", type=float, default=0.1, help="of the input's spikes")
    parser.add_argument("--width", type=float, default=0.0, help="of the Gaussian of Delay [steps]")
    args, origin = parser.parse_args(), harness.about()
    check()
    settings = {key: value for key, value in vars(args).items() if key != "json"}

    def once(case: Case, _: int) -> dict[str, Any]:
        return harness.call(
            sys.executable, WORKER, "delays.run", settings | vars(case), threads=args.threads
        )

    results = harness.take_turns(PROGRAMS, [1], once, "{ms:.1f} ms", good="ms")
    table = harness.table(results, ["program"], {"ms a step": "ms .1f", "MB": "mb .0f"}, good="ms")
    harness.show(args, origin, results, [table])


if __name__ == "__main__":
    main()
