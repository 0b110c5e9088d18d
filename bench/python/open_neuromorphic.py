r"""Open Neuromorphic's benchmark on a CPU: a linear layer and LIF neurons, forward and backward.

500 steps, batch 16, and the loss is the sum of the spikes, as in
https://open-neuromorphic.org/blog/spiking-neural-network-framework-benchmarking/. There the input
consists of normal numbers; ``--input spikes`` gives the layer what it gets in a network instead.
The last columns are CPU time and its ratio to the least (of wall time with several threads).
Each program runs in a process of its own, with its fastest form of those listed in FORMS; a number
that it cannot reach within ``--limit`` seconds is missing. First, the spikes and gradients of
spikelet and SpikingJelly, whose neurons are the same, must agree.

    python bench/python/open_neuromorphic.py --peers-python ENV/bin/python --spyx-python ...
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikelet.cli import bench_harness as harness

WORKER = Path(__file__).with_name("worker.py")

FORMS = {
    "spikelet": ("dense", "sparse", "sparse, bytes"),
    "spikingjelly": ("multi-step", "compiled step"),
    "snntorch": ("by step", "by layer"),
    "spyx": ("scan",),
}
"""Ways to run the layer. snnTorch's own script is "by step"; with "bytes", the spikes are uint8, as encoders return them."""

STEPS, BATCH, TAU = 500, 16, 5.0
Step = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    neurons: int
    program: str
    form: str


def given(args: argparse.Namespace) -> tuple[Any, Any]:
    """Return the input [T, B, N] and the weights [N, N] and biases of all programs."""
    rng = np.random.default_rng(1)
    shape = (args.steps, BATCH, args.neurons)
    if args.input == "spikes":
        x = (rng.random(shape, np.float32) < args.density).astype(np.float32)
    else:
        x = rng.standard_normal(shape, np.float32)
    bound = args.neurons**-0.5
    weight = rng.uniform(-bound, bound, (args.neurons + 1, args.neurons)).astype(np.float32)
    # PyTorch's first weights would leave the neurons silent. Sums of spikes get the spread of those
    # of normal numbers.
    scale = 4.0 if args.input == "normal" else 4.0 * args.density**-0.5
    return x, np.float32(scale) * weight


# ---- programs: each returns the forward pass; its result's .sum() is differentiated ----


def on_torch(args: argparse.Namespace) -> tuple[Step, Callable[[Any], None], Any]:
    """Return the forward pass, the backward pass and the layer with the weights."""
    import torch  # noqa: PLC0415  each program has an interpreter of its own

    torch.set_num_threads(args.threads)
    x, weights = (torch.from_numpy(a) for a in given(args))
    linear: Any = torch.nn.Linear(args.neurons, args.neurons)
    if args.program == "spikelet":
        import spikelet.torch as st  # noqa: PLC0415

        st.keep_freed_memory()
        if args.form != "dense":
            linear = st.SpikeLinear(args.neurons, args.neurons)
        if args.form == "sparse, bytes":
            x = x.to(torch.uint8)
        lif = st.LIF(convention="spikingjelly", tau=TAU)
        forward: Step = lambda: lif(linear(x))
    elif args.program == "spikingjelly":
        forward = _spikingjelly(args.form, linear, x)
    else:
        forward = _snntorch(args.form, linear, x)
    with torch.no_grad():
        linear.weight.copy_(weights[:-1])
        linear.bias.copy_(weights[-1])

    def backward(out: Any) -> None:
        linear.zero_grad()
        out.sum().backward()

    return forward, backward, linear


def _spikingjelly(form: str, linear: Any, x: Any) -> Step:
    """Return LIFNode, or SimpleLIFNode with a compiled step; compiling 500 steps takes minutes."""
    import torch  # noqa: PLC0415
    from spikingjelly.activation_based import functional, neuron, surrogate  # noqa: PLC0415

    options: dict[str, Any] = {"tau": TAU, "surrogate_function": surrogate.ATan()}
    if form == "multi-step":
        node: Any = neuron.LIFNode(step_mode="m", **options)
    else:
        node = neuron.SimpleLIFNode(step_mode="s", decay_input=True, **options)
        step = torch.compile(node, dynamic=False)

    def forward() -> Any:
        functional.reset_net(node)
        if form == "multi-step":
            return node(linear(x))
        node.v = torch.zeros_like(x[0])
        return torch.stack([step(part) for part in linear(x)])

    return forward


def _snntorch(form: str, linear: Any, x: Any) -> Step:
    import snntorch  # noqa: PLC0415
    import torch  # noqa: PLC0415

    leaky = snntorch.Leaky(beta=0.95)

    def forward() -> Any:
        mem, found = torch.zeros_like(x[0]), []
        for part in x if form == "by step" else linear(x):
            spikes, mem = leaky(linear(part) if form == "by step" else part, mem)
            found.append(spikes)
        return torch.stack(found)

    return forward


def on_jax(args: argparse.Namespace) -> tuple[Step, Callable[[Any], None], Any]:
    """Spyx: the whole pass is compiled by XLA."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415
    import spyx  # noqa: PLC0415
    from flax import nnx  # noqa: PLC0415

    x, weights = (jnp.asarray(a) for a in given(args))
    lif = spyx.nn.LIF((args.neurons,), activation=spyx.axn.arctan(), rngs=nnx.Rngs(0))
    initial = lif.initial_state(BATCH)

    def total(w: Any) -> Any:
        current = x @ w[:-1].T + w[-1]

        def step(v: Any, now: Any) -> tuple[Any, Any]:
            spikes, v = lif(now, v)
            return v, spikes

        return jax.lax.scan(step, initial, current)[1].sum()

    forward, both = jax.jit(total), jax.jit(jax.grad(total))
    args.both = True
    return (
        (lambda: forward(weights).block_until_ready()),
        (lambda _: both(weights).block_until_ready()),
        None,
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the shortest times of a forward and of a backward pass [s]."""
    args.both = False  # whether the backward pass includes a forward one
    forward, backward, linear = (on_jax if args.program == "spyx" else on_torch)(args)
    begin = time.perf_counter()
    out = forward()
    backward(out)  # compiles, and fills caches
    if args.save:
        arrays = {"spikes": out.detach().numpy(), "by_weight": linear.weight.grad.numpy()}
        np.savez(args.save, **arrays)
    first = time.perf_counter() - begin
    times, cpu = [], []
    while not times or (sum(map(sum, times)) < args.seconds and len(times) < 100):
        start, began = time.perf_counter(), time.process_time()
        out = forward()
        middle, ahead_cpu = time.perf_counter(), time.process_time() - began
        backward(out)
        end = time.perf_counter()
        cpu.append(time.process_time() - began - (ahead_cpu if args.both else 0.0))
        times.append((middle - start, end - middle - (middle - start if args.both else 0.0)))
    ahead, back = (float(np.min([t[k] for t in times])) for k in (0, 1))
    return {
        "forward": ahead, "backward": back, "total": min(map(sum, times)), "cpu": min(cpu),
        "first": first,
    }  # fmt: skip


def run(**settings: Any) -> dict[str, Any]:
    """Return the record of a program."""
    return measure(argparse.Namespace(**settings))


def worker(args: argparse.Namespace, program: str, form: str, **change: Any) -> dict[str, Any]:
    """Run a program in its interpreter."""
    same = {key: getattr(args, key) for key in ("input", "density", "threads", "seconds", "steps")}
    settings = {"program": program, "form": form, "save": None, **same, **change}
    # The C library keeps freed memory for the next pass, as spikelet has it.
    kept = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}
    return harness.call(
        getattr(args, f"{program}_python"), WORKER, "open_neuromorphic.run", settings,
        threads=args.threads, limit=args.limit, environment=kept,
    )  # fmt: skip


def check(args: argparse.Namespace) -> None:
    """Compare spikes and gradients of spikelet and SpikingJelly."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        ours = [f for f in FORMS["spikelet"] if args.input == "spikes" or "bytes" not in f]
        for program, forms in (("spikelet", ours), ("spikingjelly", ("multi-step",))):
            for form in forms:
                file = Path(folder) / f"{program}-{form.replace(', ', '-')}.npz"
                record = worker(args, program, form, neurons=200, steps=50, seconds=0, save=file)
                if "total" not in record:
                    print(f"not checked against {program}: {record}")
                    return
                found[program, form] = np.load(file)
        theirs = found["spikingjelly", "multi-step"]
        for form in ours:
            own = found["spikelet", form]
            same = np.mean(own["spikes"] == theirs["spikes"])
            scale = np.abs(theirs["by_weight"]).max()
            error = np.abs(own["by_weight"] - theirs["by_weight"]).max() / scale
            print(f"{form}: {same:.6%} of spikes as SpikingJelly's, gradients within {error:.1e}")
            # Sums in another order move a potential next to the threshold across it.
            if same < 0.9999 or error > 1e-3:
                raise SystemExit("spikelet and SpikingJelly do not agree")


def main() -> None:
    parser = harness.parser(__doc__, *FORMS)
    parser.set_defaults(**{f"{name}_python": None for name in FORMS})
    add = parser.add_argument
    add("--input", choices=("normal", "spikes"), default="normal")
    add("--density", type=float, default=0.05, help="of the spikes (default: 0.05)")
    add("--sizes", type=int, nargs="+", default=[512, 4096, 16384])
    add("--programs", nargs="+", choices=FORMS, default=list(FORMS))
    add("--steps", type=int, default=STEPS)
    add("--threads", type=int, default=1)
    add("--seconds", type=float, default=2.0, help="timed at least (default: 2)")
    add("--limit", type=float, default=900.0, help="longest time of a run [s] (default: 900)")
    add("--peers-python", metavar="PATH", help="interpreter of the other programs")
    args, origin = parser.parse_args(), harness.about()
    harness.share_interpreter(args, "spikelet")
    harness.share_interpreter(args, *FORMS, given=args.peers_python)
    check(args)
    cases = [
        Case(neurons, program, form)
        for neurons in args.sizes
        for program in args.programs
        for form in FORMS[program]
        if program != "spikelet" or form == "dense" or args.input == "spikes"  # normal numbers are not sparse
    ]  # fmt: skip

    def once(case: Case, _: int) -> dict[str, Any]:
        return worker(args, case.program, case.form, neurons=case.neurons)

    found = harness.take_turns(cases, [1], once, "{total:.4f} s", good="total")
    # One thread's time is its own, whoever else uses the machine.
    key = "cpu" if args.threads == 1 else "total"
    least = {
        n: min((r[key] for c, (r,) in found.items() if c.neurons == n and key in r), default=1.0)
        for n in args.sizes
    }
    columns: dict[str, harness.Column] = {}
    for title, what in (
        ("forward", "forward"),
        ("backward", "backward"),
        ("both", "total"),
        ("CPU", "cpu"),
    ):
        columns[f"{title} [ms]"] = lambda _, runs, what=what: f"{1e3 * runs[0][what]:.4g}"  # type: ignore[misc]  # mypy infers no default of a lambda
    columns["/ the least"] = lambda case, runs: f"{runs[0][key] / least[case.neurons]:.1f}"
    rows = dict(
        sorted(found.items(), key=lambda item: (item[0].neurons, item[1][0].get(key, np.inf)))
    )
    harness.show(
        args,
        origin,
        found,
        [harness.table(rows, ["neurons", "program", "form"], columns, good="total")],
    )


if __name__ == "__main__":
    main()
