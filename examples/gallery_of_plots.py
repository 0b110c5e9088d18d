# %% [markdown]
"""Draw a picture with each function of spikelet.plot.

    python examples/gallery_of_plots.py --out docs/images/plots

Each picture takes a few lines. All simulations together take about ten seconds; the two pictures of a training need
PyTorch and scikit-learn and are left out without them.
"""

# %%
from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl

PICTURES: dict[str, Callable[[], Any]] = {}


def picture(function: Callable[[], Any]) -> Callable[[], Any]:
    """Add a function to the gallery; it returns the Axes or the Figure."""
    PICTURES[function.__name__] = function
    return function


# %% [markdown]
# ## Networks


# %%
def balanced() -> tuple[sl.Network, dict[str, Any], Any]:
    """Return the recurrent network of the tutorial after 500 ms, its spikes, and two potentials."""
    net = sl.Network(dt=0.1, seed=3)
    lif = sl.LIF(
        tau_m=20, C_m=200, E_L=-60, V_th=-50, V_reset=-60, t_ref=5, tau_syn_ex=5, tau_syn_in=10
    )
    E, I = net.population(800, lif, name="E"), net.population(200, lif, name="I")
    for target in (E, I):
        net.inject(target, sl.PoissonInput(rate=2000.0, weight=20.0))
        net.connect(
            E,
            target,
            sl.FixedProbability(0.1),
            weight=sl.Normal(16.0, 3.0),
            delay=sl.Uniform(0.5, 3.0),
        )
        net.connect(I, target, sl.FixedProbability(0.1), weight=-90.0, delay=1.5)
    E.V_m = sl.Uniform(-60.0, -50.0)
    spikes = {p.name: net.record(p, "spikes") for p in (E, I)}
    v_m = net.record(E[:2], "V_m")
    net.run(500.0)
    return net, spikes, v_m


NET, SPIKES, V_M = balanced()


@picture
def raster() -> Any:
    """Draw several populations, stacked."""
    ax = sl.plot.raster(SPIKES)
    ax.set_xlim(0.0, 200.0)
    return ax


@picture
def raster_and_rates() -> Any:
    """Draw a raster, with rates below it."""
    return sl.plot.raster_and_rates(SPIKES, 0.0, 300.0)


@picture
def activity() -> Any:
    """Draw a raster, with statistics beside it."""
    return sl.plot.activity(SPIKES, 100.0, window=200.0)


@picture
def rate_distribution() -> Any:
    """Draw the rates of neurons by population."""
    return sl.plot.rate_distribution(SPIKES, 100.0)


@picture
def correlation_distribution() -> Any:
    """Draw the correlations of pairs by population."""
    return sl.plot.correlation_distribution(SPIKES, 100.0, bin_size=5.0)


@picture
def trace() -> Any:
    """Draw a potential, with threshold and spikes."""
    ax = sl.plot.trace(V_M, spikes=SPIKES["E"], threshold=True)
    ax.set_xlim(0.0, 200.0)
    return ax


@picture
def network() -> Any:
    """Draw populations and projections."""
    return sl.plot.network(NET)


def layer() -> Any:
    """Return the projection between neurons of a ring that are near each other."""
    net = sl.Network(dt=0.1, seed=2)
    ring = net.population(
        400, sl.LIF(), positions=sl.Grid(400, extent=1.0, periodic=True), name="ring"
    )
    near = sl.DistanceDependent("gaussian", scale=0.05, factor=0.8)
    weight, delay = (
        sl.ByDistance("exponential", scale=0.05, factor=20.0),
        sl.ByDistance("0.2 + 10*d"),
    )
    return net.connect(ring, ring, near, weight=weight, delay=delay)


@picture
def connectivity() -> Any:
    """Draw the weights of a projection as a matrix."""
    return sl.plot.connectivity(layer(), cells=100)


@picture
def delays() -> Any:
    """Draw the delays of a projection as a histogram."""
    return sl.plot.synapse_distribution(layer(), what="delays")


@picture
def inputs() -> Any:
    """Draw what four inputs do to a potential."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    what = {
        "StepCurrent": sl.StepCurrent([20.0, 120.0], [450.0, 0.0]),
        "SineCurrent": sl.SineCurrent(amplitude=400.0, offset=250.0, frequency=20.0),
        "NoiseInput": sl.NoiseInput(mean=200.0, std=400.0, every=1.0),
        "PoissonInput": sl.PoissonInput(rate=1500.0, weight=130.0),
    }
    figure, axes = plt.subplots(
        4, 1, sharex=True, sharey=True, figsize=(6.4, 5.4), layout="constrained"
    )
    for (name, one), ax in zip(what.items(), axes, strict=True):
        net = sl.Network(dt=0.1, seed=1)
        cell = net.population(1, sl.LIF())
        net.inject(cell, one)
        v_m, spikes = net.record(cell, "V_m"), net.record(cell, "spikes")
        net.run(200.0)
        sl.plot.trace(v_m, spikes=spikes, threshold=True, ax=ax)
        ax.set_title(name, fontsize="medium", loc="left")
        ax.label_outer()
    return figure


# %% [markdown]
# ## Plasticity


# %%
@picture
def stdp_window() -> Any:
    """Draw the windows of four rules."""
    rules = {
        "STDP": sl.STDP(),
        "multiplicative": sl.STDP(dependence="multiplicative", A_plus=0.02, A_minus=0.008),
        "InhibitorySTDP": sl.InhibitorySTDP(eta=0.01),
        "RewardSTDP": sl.RewardSTDP(A_plus=0.005, A_minus=0.006, tau_minus=40.0),
    }
    ax = None
    for k, (name, rule) in enumerate(rules.items()):
        ax = sl.plot.stdp_window(rule, ax=ax, color=f"C{k}", label=name)
    assert ax is not None
    ax.legend(frameon=False)
    return ax


def learning() -> tuple[Any, Any]:
    """Return the recorded weights of a neuron that learns which of its sources fire together, and the projection."""
    rng = np.random.default_rng(0)
    background = [(t, i) for i in range(100) for t in rng.uniform(1.0, 19_999.0, 100)]
    together = [(t, i) for t in np.arange(50.0, 20_000.0, 100.0) for i in range(10)]
    times, ids = zip(*sorted(background + together), strict=True)
    net = sl.Network(dt=0.1, seed=1)
    source = net.population(100, sl.SpikeSource(times, ids, snap=True))
    neuron = net.population(1, sl.LIF())
    stdp = sl.STDP(A_plus=1.0, A_minus=1.05, w_max=300.0)
    synapses = net.connect(source, neuron, sl.AllToAll(), weight=150.0, plasticity=stdp)
    weights = net.record(synapses, "weights", every=100.0)
    net.run(20_000.0)
    return weights, synapses


@picture
def weight_history() -> Any:
    """Draw how weights change."""
    return sl.plot.weight_history(learning()[0])


@picture
def receptive_fields() -> Any:
    """Draw the weights onto each neuron as an image."""
    images, _ = sl.datasets.digits("train")
    images = images[:1000].reshape(-1, 8, 8)
    return sl.plot.receptive_fields(
        sl.models.WinnerTakeAll(25, 64, seed=1).fit(images).weights, (8, 8)
    )


# %% [markdown]
# ## Neuron models


# %%
@picture
def psp() -> Any:
    """Draw the response to one event."""
    return sl.plot.psp(sl.LIF(tau_syn_ex=2.0, tau_syn_in=10.0), weight=100.0)


@picture
def fi_curve() -> Any:
    """Draw rates against currents of three models."""
    ax = None
    for k, model in enumerate((sl.LIF(), sl.AdEx(), sl.HodgkinHuxley())):
        ax = sl.plot.fi_curve(model, ax=ax, color=f"C{k}", label=type(model).__name__)
    assert ax is not None
    ax.legend(frameon=False)
    return ax


@picture
def phase_plane() -> Any:
    """Draw the phase plane of a model from text."""
    fitzhugh_nagumo = sl.Equations(
        "dv/dt = v - v**3/3 - w + I_e; tau*dw/dt = v + a - b*w",
        parameters={"I_e": 0.5, "tau": (12.5, "ms"), "a": 0.7, "b": 0.8},
        initial={"v": -1.0, "w": 1.0},
        name="FitzHughNagumo",
    )
    return sl.plot.phase_plane(fitzhugh_nagumo, xlim=(-2.5, 2.5), ylim=(-0.7, 1.7))


@picture
def fit() -> Any:
    """Draw a fit of two sweeps."""
    current = np.outer(np.repeat([0.0, 1.0], [200, 800]), [300.0, 500.0])
    net = sl.Network(dt=0.1, dtype="float64")
    cells = net.population(2, sl.LIF(tau_m=15.0))
    net.inject(cells, sl.CurrentInput(current))
    spikes, V_m = net.record(cells, "spikes"), net.record(cells, "V_m")
    net.run(100.0)
    data = sl.fitting.Recording(current, V_m.values, spikes, dt=0.1)
    vary = {"tau_m": (5.0, 50.0), "C_m": (100.0, 500.0)}
    return sl.plot.fit(sl.fit(sl.LIF(), vary=vary, data=data, candidates=100))


# %% [markdown]
# ## Layered models and trainings


# %%
@picture
def layer_rates() -> Any:
    """Draw the spikes of each layer of a deep network whose weights are too small."""
    rng, layers = np.random.default_rng(0), []
    for depth in range(8):
        layers.append((f"fc{depth}", sl.layers.Linear(rng.normal(0.0, 0.1, (100, 100))), None))
        layers.append((f"if{depth}", sl.layers.IF(1.0), None))
    chain, before = [], "input"
    for name, layer, _ in layers:
        chain.append((name, layer, [before]))
        before = name
    return sl.plot.layer_rates(sl.SpikingModel(chain), rng.random((20, 100)), steps=50)


def trained() -> tuple[Any, Any, Any]:
    """Return an ANN for digits, and test images and labels."""
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    (x, y), (test_x, test_y) = (sl.datasets.digits(part) for part in ("train", "test"))
    x, test_x = (
        torch.tensor(a.reshape(-1, 64) / a.max(), dtype=torch.float32) for a in (x, test_x)
    )
    ann = torch.nn.Sequential(
        torch.nn.Linear(64, 128), torch.nn.ReLU(),
        torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(ann.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(ann(x), torch.tensor(y, dtype=torch.int64)).backward()
        optimizer.step()
    return ann, test_x.numpy(), test_y


def bars() -> Any:
    """Draw what each layer of a converted network loses."""
    ann, x, y = trained()
    return sl.plot.bars(sl.convert(ann, x[:200], steps=8).report(x, y))


def results() -> Any:
    """Draw accuracy against the number of steps."""
    ann, x, y = trained()
    snn = sl.convert(ann, x[:200], steps=32, method="percentile")
    return sl.plot.results(sl.conversion.evaluate(snn, ann, x, y, [1, 2, 4, 8, 16, 32]))


def training_curves() -> Any:
    """Draw the curves of a training."""
    import torch  # noqa: PLC0415

    from spikelet.torch import LIF, fit, losses  # noqa: PLC0415

    torch.manual_seed(0)
    (x, y), (test_x, test_y) = (sl.datasets.digits(part) for part in ("train", "test"))
    sets = [
        torch.utils.data.TensorDataset(torch.tensor(a.reshape(-1, 64) / a.max(), dtype=torch.float32), torch.tensor(b, dtype=torch.int64))
        for a, b in ((x, y), (test_x, test_y))
    ]  # fmt: skip
    train, test = (torch.utils.data.DataLoader(s, 64, shuffle=s is sets[0]) for s in sets)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 100), LIF(tau_m=2.0, steps=5), torch.nn.Linear(100, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    history = fit(
        model, train, test=test, loss=losses.rate_cross_entropy, epochs=10, optimizer=optimizer
    )
    return sl.plot.training_curves(history)


if all(importlib.util.find_spec(name) for name in ("torch", "sklearn")):
    for function in (bars, results, training_curves):
        picture(function)


# %%
def main() -> None:
    """Draw all pictures, or some."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", default=".", help="folder of the pictures; by default this one")
    parser.add_argument("--only", nargs="+", choices=sorted(PICTURES), help="draw only these")
    parser.add_argument("--dark", action="store_true", help="on a dark background")
    parser.add_argument("--quick", action="store_true", help="only a few")
    args = parser.parse_args()
    quick = ("raster", "trace", "network", "stdp_window", "psp", "layer_rates")
    names = args.only or (quick if args.quick else PICTURES)
    if args.dark:
        plt.style.use("dark_background")
    plt.rcParams.update({"figure.figsize": (6.4, 3.6), "savefig.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        drawn = PICTURES[name]()
        getattr(drawn, "figure", drawn).savefig(folder / f"{name}.png")
        plt.close("all")
        print(
            f"{folder / name}.png, {(folder / name).with_suffix('.png').stat().st_size / 1e3:.0f} kB"
        )


if __name__ == "__main__":
    main()
