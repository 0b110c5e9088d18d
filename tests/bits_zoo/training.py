"""`spikelet.torch`: spikes, potentials and gradients of neurons, sparse layers and EventProp. Needs PyTorch.

All values come from numpy, and gradients enter as given weights: what is hashed is the core's work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

import spikelet as sl
import spikelet.torch as st

from .cases import Case, active

DTYPES = {"float32": torch.float32, "float64": torch.float64}
SURROGATES = (
    "atan", "sigmoid", "fast_sigmoid", "superspike", "triangle", "rectangle", "gaussian",
    st.Table(-1.0, 1.5, [0.0, 0.3, 1.0, 0.5, 0.1]),
)  # fmt: skip
RESETS = ("subtract", "zero", "none")
# Blocks of neurons end at 16384; the third shape is long enough to be computed again in segments.
SHAPES = ((9, 3, 11, 5, 7), (5, 1, 20_011), (1300, 2, 3))


def settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield parameters of every convention; a name in a list stands for a tensor to be learned."""
    for reset, detach in itertools.product(RESETS, (True, False)):
        given = {"reset": "value", "v_reset": 0.1} if reset == "zero" else {"reset": reset}
        yield (
            f"spikelet {reset} {'detached' if detach else 'attached'}",
            {"tau_m": 5.0, "detach_reset": detach, **given},
        )
    spikelet: dict[str, dict[str, Any]] = {
        "decay and gain": {"decay": 0.8, "gain": 0.7},
        "halves": {"decay": 0.5},
        "synapse": {"tau_m": 5.0, "tau_syn": 4.0, "gain": 0.3},
        "adaptive": {"tau_m": 5.0, "tau_adapt": 30.0, "boost": 0.2},
        "all states zero": {"tau_m": 5.0, "tau_syn": 4.0, "tau_adapt": 30.0, "reset": "zero"},
        "learned tau": {"tau_m": [5.0]},
        "learned decay": {"decay": [0.8]},
        "learned decay with gain": {"decay": [0.8], "gain": 0.6, "detach_reset": False},
        "learned threshold": {"tau_m": 5.0, "v_threshold": [0.8]},
        "all learned": {
            "tau_m": [5.0], "tau_syn": [4.0], "tau_adapt": [30.0], "boost": [0.2],
            "v_threshold": [0.8], "detach_reset": False,
        },
    }  # fmt: skip
    for name, given in spikelet.items():
        yield f"spikelet {name}", given
    for reset, delay, beta in itertools.product(RESETS, (True, False), (0.8, [0.8])):
        yield (
            f"snntorch {reset} {'next' if delay else 'both'}{' learned' * (beta == [0.8])}",
            {"convention": "snntorch", "beta": beta, "reset": reset, "reset_delay": delay},
        )
    for tau, v_reset, detach in itertools.product((None, 2.0, [3.0]), (0.0, None, 0.1), (0, 1)):
        for decays in (True, False) if tau is not None else (True,):
            yield (
                f"spikingjelly tau {tau} v_reset {v_reset} detach {detach} decay_input {decays}",
                {
                    "convention": "spikingjelly", "tau": tau, "v_reset": v_reset,
                    "detach_reset": bool(detach), "decay_input": decays,
                },
            )  # fmt: skip
    yield "norse", {"convention": "norse"}
    yield "norse leak", {"convention": "norse", "v_leak": 0.1, "v_reset": -0.1, "dt": 0.002}
    yield "norse learned", {"convention": "norse", "tau_mem_inv": [120.0], "tau_syn_inv": [150.0]}


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for dtype in DTYPES:
        for (name, given), surrogate in zip(settings(), itertools.cycle(SURROGATES), strict=False):
            yield Case(
                f"torch lif {name} {dtype}",
                lambda t, g=given, s=surrogate, d=dtype: neuron(t, d, surrogate=s, **g),
            )
        for surrogate in (*SURROGATES, None):
            what = "table" if isinstance(surrogate, st.Table) else surrogate
            yield Case(
                f"torch surrogate {what} {dtype}",
                lambda t, s=surrogate, d=dtype: _surrogate(t, d, s),
            )
        for name, made in {
            "layouts and forms of input": _forms,
            "checkpoints": _checkpoints,
            "shared parameters": _shared,
            "streams": _streams,
            "integrate": _integrate,
            "SpikeLinear": _linear,
            "SpikeConv2d": _conv,
            "losses": _losses,
            "training": _training,
            "deployment": _deployment,
            "conversion": _conversion,
        }.items():
            yield Case(f"torch {name} {dtype}", lambda t, m=made, d=dtype: m(t, d))
        for name, module in MODULES.items():
            yield Case(f"torch {name} {dtype}", lambda t, m=module, d=dtype: _module(t, d, m))
    for tau_mem, tau_syn in ((20.0, 5.0), (10.0, 10.0), (5.0, 20.0)):
        yield Case(
            f"torch EventProp tau_mem {tau_mem:g} tau_syn {tau_syn:g}",
            lambda t, m=tau_mem, s=tau_syn: _event_prop(t, m, s),
        )
    yield Case("torch EventProp float32 weights", lambda t: _event_prop(t, 20.0, 5.0, "float32"))
    yield Case("torch EventProp delays", lambda t: _event_prop(t, 20.0, 5.0, max_delay=6.0))
    recurrent = {"max_delay": 6.0, "recurrent": True, "spread": 0.1}
    yield Case("torch EventProp recurrent", lambda t: _event_prop(t, 20.0, 5.0, **recurrent))


def values(seed: int, *shape: int, dtype: str, low: float = 0.0, high: float = 2.0) -> Any:
    """Return a tensor of uniform values."""
    array = np.random.default_rng(seed).uniform(low, high, shape)
    return torch.from_numpy(array).to(DTYPES[dtype])


def sparse(seed: int, *shape: int, dtype: str, share: float = 0.1) -> Any:
    """Return a tensor of a few spikes."""
    spikes = np.random.default_rng(seed).random(shape) < share
    return torch.from_numpy(spikes).to(DTYPES[dtype])


def backward(x: Any, leaves: list[Any], *outputs: Any) -> Iterator[Any]:
    """Yield outputs and gradients of x and other leaves, all sums weighted by given numbers."""
    total = sum(
        (
            (y * values(90 + k, *y.shape, dtype=str(y.dtype)[6:], low=-1.0, high=1.0)).sum()
            for k, y in enumerate(outputs)
        ),
        start=torch.zeros((), dtype=x.dtype),
    )
    gradients = torch.autograd.grad(total, [x, *leaves])
    for tensor in (*outputs, *gradients):
        yield tensor.detach().contiguous().numpy()


def neuron(threads: int, dtype: str, *, seed: int = 1, **given: Any) -> Iterator[Any]:
    """Run `lif` forward and backward in several shapes."""
    torch.set_num_threads(threads)
    for shape in SHAPES:
        x = values(seed, *shape, dtype=dtype, high=2.5).requires_grad_()
        leaves, parameters = [], {}
        for name, value in given.items():
            parameters[name] = value
            if isinstance(value, list):
                leaves.append(torch.tensor(value[0], dtype=DTYPES[dtype], requires_grad=True))
                parameters[name] = leaves[-1]
        s, v = st.lif(x, return_v=True, **parameters)
        active(s.detach().numpy())
        yield from backward(x, leaves, s, v)


def _surrogate(threads: int, dtype: str, surrogate: Any) -> Iterator[Any]:
    torch.set_num_threads(threads)
    for shape, alpha in itertools.product(SHAPES[:2], (None, 0.7)):
        options = {"surrogate": surrogate, "tau_m": 4.0, "v_threshold": 0.9}
        if alpha is not None and isinstance(surrogate, str):
            options["alpha"] = alpha
        x = values(2, *shape, dtype=dtype).requires_grad_(surrogate is not None)
        s = st.lif(x, **options)
        yield active(s.detach().numpy())
        if surrogate is not None:
            yield from backward(x, [], s)


def _forms(threads: int, dtype: str) -> Iterator[Any]:
    """Give inputs whose channels come last, that are the same at each step, and states to start from."""
    torch.set_num_threads(threads)
    x = values(3, 6, 4, 5, 9, 11, dtype=dtype)
    last = x.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, (6, 4))
    threshold = values(4, 5, 1, 1, dtype=dtype, low=0.5, high=1.0)
    for given in (x, last, x[..., ::2], x.transpose(-1, -2)):
        leaf, learned = given.detach().requires_grad_(), threshold.clone().requires_grad_()
        s, v = st.lif(leaf, v_threshold=learned, tau_syn=3.0, gain=0.2, return_v=True)
        yield from backward(leaf, [learned], s, v)
    for size in (33, 17_000):
        constant = values(5, 3, size, dtype=dtype, high=3.0).requires_grad_()
        first = values(6, 3, size, dtype=dtype, high=0.9).requires_grad_()
        s, v = st.lif(constant, steps=12, v=first, return_v=True, tau_m=6.0)
        yield active(s.detach().numpy())
        yield from backward(constant, [first], s, v)


def _checkpoints(threads: int, dtype: str) -> Iterator[Any]:
    torch.set_num_threads(threads)
    for size, checkpoint in itertools.product((1, 15, 64, 333, 20_000), (None, False, True)):
        x = values(7, 9, 1, size, dtype=dtype, high=2.5).requires_grad_()
        s = st.lif(x, tau_m=3.0, checkpoint=checkpoint, detach_reset=False)
        yield from backward(x, [], s)


def _shared(threads: int, dtype: str) -> Iterator[Any]:
    """Learn parameters of all neurons, of channels and of single neurons: sums of many sizes."""
    torch.set_num_threads(threads)
    x = values(8, 8, 16, 70, 9, 11, dtype=dtype).requires_grad_()
    for shape in ((), (70, 1, 1), (70, 9, 11), (9, 11), (1, 11)):
        tau = values(9, *shape, dtype=dtype, low=3.0, high=6.0).requires_grad_()
        threshold = values(10, *shape, dtype=dtype, low=0.6, high=0.9).requires_grad_()
        s = st.lif(x, tau_m=tau, v_threshold=threshold)
        yield from backward(x, [tau, threshold], s)


def _streams(threads: int, dtype: str) -> Iterator[Any]:
    """Make results so large that they are written past the caches."""
    torch.set_num_threads(threads)
    x = values(11, 4, 8, 52_000, dtype=dtype).requires_grad_()
    s, v = st.lif(x, tau_m=3.0, return_v=True)
    yield from backward(x, [], s, v)


def _integrate(threads: int, dtype: str) -> Iterator[Any]:
    torch.set_num_threads(threads)
    for shape in SHAPES:
        x = values(12, *shape, dtype=dtype).requires_grad_()
        tau = torch.tensor(7.0, dtype=DTYPES[dtype], requires_grad=True)
        yield from backward(x, [], st.integrate(x, tau_m=4.0))
        yield from backward(x, [tau], st.integrate(x, tau_m=tau))


MODULES: dict[str, Callable[[], Any]] = {
    "LIF": lambda: st.LIF(tau_m=5.0, return_v=True),
    "LIF learned": lambda: st.LIF(tau_m=5.0, learn_tau=True, learn_threshold=True, shape=(44,)),
    "LIF snntorch learned": lambda: st.LIF(convention="snntorch", beta=0.8, learn_tau=True),
    "LIF spikingjelly learned": lambda: st.LIF(convention="spikingjelly", learn_tau=True),
    "IF": st.IF,
    "IF spikingjelly": lambda: st.IF(convention="spikingjelly", v_reset=None),
    "CubaLIF": lambda: st.CubaLIF(tau_m=5.0, tau_syn=3.0, learn_tau=True),
    "ALIF": lambda: st.ALIF(tau_m=5.0, tau_adapt=20.0, boost=0.3),
    "LI": lambda: st.LI(tau_m=5.0, learn_tau=True),
    "RecurrentLIF": lambda: st.RecurrentLIF(44, tau_m=5.0),
    "RecurrentCubaLIF": lambda: st.RecurrentCubaLIF(44, tau_m=5.0, tau_syn=3.0),
    "RecurrentALIF": lambda: st.RecurrentALIF(44, learn_tau=True, learn_threshold=True),
}


def _module(threads: int, dtype: str, make: Callable[[], Any]) -> Iterator[Any]:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    module = make().to(DTYPES[dtype])
    if hasattr(module, "recurrent"):
        drawn = values(13, 44, 44, dtype=dtype, low=-0.2, high=0.3)
        module.recurrent = nn.Parameter(drawn)
    for batch in (1, 13):
        x = values(14, 20, batch, 44, dtype=dtype, high=3.0).requires_grad_()
        first = values(15, batch, 44, dtype=dtype, high=0.5).requires_grad_()
        found = module(x, v=first)
        outputs = found if isinstance(found, tuple) else (found,)
        active(outputs[0].detach().numpy())
        yield from backward(x, [first, *module.parameters()], *outputs)


def _binary(seed: int, *shape: int, dtype: str) -> Any:
    """Return numbers whose products and sums are exact, for what PyTorch's matrix products compute."""
    whole = np.random.default_rng(seed).integers(-8, 9, shape) / 8
    return torch.from_numpy(whole).to(DTYPES[dtype])


def _sparse_layer(function: Callable[..., Any], x: Any, weight: Any, bias: Any) -> Iterator[Any]:
    """Yield outputs and gradients of weights for any numbers, and of the input for numbers without rounding."""
    leaves = [weight.requires_grad_(), bias.requires_grad_()]
    y = function(x, *leaves)
    dtype = str(x.dtype)[6:]
    gradients = torch.autograd.grad((y * values(1, *y.shape, dtype=dtype)).sum(), leaves)
    exact = x.clone(memory_format=torch.preserve_format).requires_grad_()
    z = function(exact, _binary(2, *weight.shape, dtype=dtype), bias.detach())
    (by_x,) = torch.autograd.grad((z * _binary(3, *z.shape, dtype=dtype)).sum(), exact)
    for tensor in (y, *gradients, by_x):
        yield active(tensor.detach().contiguous().numpy(), 1)


def _linear(threads: int, dtype: str) -> Iterator[Any]:
    torch.set_num_threads(threads)
    for rows, inputs, outputs in ((1200, 300, 170), (37, 61, 5), (2100, 33, 16)):
        x = sparse(16, rows, inputs, dtype=dtype)
        weight = values(17, outputs, inputs, dtype=dtype, low=-1.0, high=1.0)
        bias = values(18, outputs, dtype=dtype, low=-1.0, high=1.0)
        for given in (x, x * values(19, rows, inputs, dtype=dtype)):
            yield from _sparse_layer(
                lambda *t: st.spike_linear(*t, density_limit=1.0),
                given, weight.clone(), bias.clone(),
            )  # fmt: skip
    layer = st.SpikeLinear(40, 30, dtype=DTYPES[dtype], density_limit=1.0)
    with torch.no_grad():
        layer.weight.copy_(values(20, 30, 40, dtype=dtype))
        layer.bias.copy_(values(21, 30, dtype=dtype))
    yield layer(sparse(22, 6, 5, 40, dtype=dtype)).detach().numpy()


def _conv(threads: int, dtype: str) -> Iterator[Any]:
    torch.set_num_threads(threads)
    for c, n, kernel, options in (
        (3, 5, 1, {}),
        (16, 32, 3, {"padding": 1}),
        (7, 20, 3, {"stride": 2, "padding": "valid"}),
        (16, 48, 3, {"padding": "same", "dilation": 2}),
        (12, 24, 3, {"groups": 3, "padding": (0, 2)}),
        (6, 17, 5, {"padding": 2, "stride": (1, 2)}),
        (4, 16, 7, {"padding": 3}),
    ):
        weight = values(23, n, c // options.get("groups", 1), kernel, kernel, dtype=dtype, low=-1.0)
        bias = values(24, n, dtype=dtype, low=-1.0)
        x = sparse(25, 18, c, 13, 11, dtype=dtype)
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            yield from _sparse_layer(
                lambda *t, o=options: st.spike_conv2d(*t, **o, density_limit=1.0),
                given, weight.clone(), bias.clone(),
            )  # fmt: skip
    layer = st.SpikeConv2d(2, 9, 3, padding=1, padding_mode="reflect", density_limit=1.0)
    layer = layer.to(DTYPES[dtype])
    with torch.no_grad():
        layer.weight.copy_(values(26, 9, 2, 3, 3, dtype=dtype))
        layer.bias.copy_(values(27, 9, dtype=dtype))
    yield layer(sparse(28, 5, 3, 2, 8, 8, dtype=dtype)).detach().contiguous().numpy()


def _losses(threads: int, dtype: str) -> Iterator[Any]:
    torch.set_num_threads(threads)
    spikes = sparse(29, 15, 6, 5, dtype=dtype, share=0.2)
    labels = torch.arange(6) % 5
    losses = st.losses
    functions: tuple[Callable[[Any], Any], ...] = (
        losses.rate,
        losses.first_spike_time,
        lambda x: losses.rate_cross_entropy(x, labels),
        lambda x: losses.rate_mse(x, labels),
        lambda x: losses.latency_cross_entropy(x, labels, tau=2.0),
        lambda x: losses.rate_bounds(x, 0.1, 0.15),
        lambda x: losses.rate_bounds(x, 0.1, 0.15, norm="l1"),
        *(lambda x, h=how: losses.membrane(x * 0.7, h) for how in ("max", "mean", "last")),
        lambda x: losses.membrane_cross_entropy(x * 0.7, labels),
        lambda x: st.first_spike_cross_entropy(losses.first_spike_time(x), labels),
    )
    for function in functions:
        x = spikes.clone().requires_grad_()
        yield from backward(x, [], function(x))


def _chain(dtype: str) -> Any:
    model = nn.Sequential(
        st.SpikeLinear(30, 44), st.LIF(tau_m=5.0, learn_tau=True),
        st.SpikeLinear(44, 10), st.LIF(tau_m=8.0),
    ).to(DTYPES[dtype])  # fmt: skip
    for k, p in enumerate(model.parameters()):
        if p.ndim:
            with torch.no_grad():
                p.copy_(values(30 + k, *p.shape, dtype=dtype, low=-0.5, high=1.0))
    return model


def _training(threads: int, dtype: str) -> Iterator[Any]:
    """Train a small network for a few steps of an optimiser."""
    torch.set_num_threads(threads)
    model = _chain(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, labels = sparse(41, 12, 8, 30, dtype=dtype, share=0.3), torch.arange(8)
    for _ in range(4):
        optimizer.zero_grad()
        spikes = model(x)
        loss = st.losses.rate_cross_entropy(spikes, labels)
        loss.backward()
        optimizer.step()
        yield active(spikes.detach().numpy())
        yield loss.detach().numpy()
        for p in model.parameters():
            yield p.grad.numpy()
            yield p.detach().numpy()


def _deployment(threads: int, dtype: str) -> Iterator[Any]:
    """Hand a network of PyTorch to the engines, and one of layers to PyTorch."""
    torch.set_num_threads(threads)
    model = _chain(dtype)
    x = sparse(42, 12, 3, 30, dtype=dtype, share=0.3).numpy()
    layered = st.to_spiking_model(model, (30,), dtype=dtype, threads=threads)
    found = layered.run(x, record=True)
    yield from (active(found.spikes), found.v, found.output)
    network = st.to_network(model, 30, dtype=dtype, threads=threads)
    yield from (active(s, 1) for s in network.run(x[:, 0]))
    L = sl.layers
    weight = values(43, 12, 30, dtype=dtype, low=-0.5, high=1.0).numpy()
    back = st.from_spiking_model(
        sl.SpikingModel([L.Linear(weight), L.IF(0.8), L.Linear(weight[:, :12])], dtype=dtype)
    )
    given = torch.from_numpy(x).requires_grad_()
    yield from backward(given, list(back.parameters()), back(given))


def _conversion(threads: int, dtype: str) -> Iterator[Any]:
    """Convert an ANN of PyTorch."""
    torch.set_num_threads(threads)
    ann = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(108, 5),
    )  # fmt: skip
    ann[1].running_mean.fill_(0.1)
    for k, p in enumerate(ann.parameters()):
        with torch.no_grad():
            p.copy_(values(50 + k, *p.shape, dtype="float32", low=-0.3, high=0.5))
    x = values(60, 30, 2, 6, 6, dtype="float32", high=1.0).numpy()
    model = sl.convert(ann.eval(), x, steps=12, dtype=dtype, threads=threads)
    found = model.run(x, record=True)
    yield from (active(found.output), found.v, *model.thresholds.values())


def _event_prop(
    threads: int, tau_mem: float, tau_syn: float, dtype: str = "float64", **options: Any
) -> Iterator[Any]:
    torch.set_num_threads(threads)
    options |= {"tau_mem": tau_mem, "tau_syn": tau_syn, "t_max": 40.0, "dtype": DTYPES[dtype]}
    generator = torch.Generator().manual_seed(45)
    rng = np.random.default_rng(44)
    for batch, n, hidden in ((3, 5, 7), (40, 30, 70)):
        times = torch.from_numpy(rng.uniform(0, 20, (batch, n)))
        times[:, ::4] = torch.inf
        times.requires_grad_()
        layers = [
            st.EventProp(a, b, generator=generator, **options)
            for a, b in ((n, hidden), (hidden, 6))
        ]
        for layer in layers:
            unit = 1 / (layer.peak * layer.in_features)
            drawn = rng.normal(3 * unit, 2 * unit, tuple(layer.weight.shape))
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(drawn))
        spikes = st.EventSpikes.from_first(times)
        for layer in layers:
            spikes = layer(spikes)
            yield from (active(spikes.times.detach().numpy(), 3), spikes.ids.numpy())
            yield from (spikes.offsets.numpy(), spikes.counts().numpy())
        first = spikes.first(silent=40.0)
        yield from backward(times, [p for layer in layers for p in layer.parameters()], first)
        yield layers[1].revive(spikes, 0.1, least=0.5)
        yield layers[1].weight.detach().numpy()
