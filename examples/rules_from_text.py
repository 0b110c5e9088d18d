# %% [markdown]
"""Published rules of plasticity, as texts, and a figure that each of their papers shows.

    python examples/rules_from_text.py

Each rule is `sl.SynapseEquations`, in a few lines. Nothing is compiled.
"""

# %%
from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import spikelet as sl

DT = 0.5  # ms

# %% [markdown]
# ## The rules

# %%
# Pfister & Gerstner, J. Neurosci. 26, 2006: the minimal all-to-all model of visual cortex.
TRIPLET = sl.SynapseEquations(
    "dx/dt = -x/tau_plus; dy/dt = -y/tau_minus; dz/dt = -z/tau_y",
    on_pre="w -= A_minus*y; x += 1",
    on_post="w += A_triplet*x*z; y += 1; z += 1",
    parameters={
        "tau_plus": (16.8, "ms"), "tau_minus": (33.7, "ms"), "tau_y": (114.0, "ms"),
        "A_minus": 7.1e-3, "A_triplet": 6.5e-3,
    },
    name="Triplet",
)  # fmt: skip

# Vogels, Sprekeler, Zenke, Clopath & Gerstner, Science 334, 2011: inhibition brings a target to a rate [Hz].
INHIBITION = sl.SynapseEquations(
    "dx/dt = -x/tau; dy/dt = -y/tau",
    on_pre="w = min(w - eta*(y - 2*rate*tau), 0); x += 1",
    on_post="w = min(w - eta*x, 0); y += 1",
    parameters={"tau": (20.0, "ms"), "eta": 1.0, "rate": (5.0, "Hz")},
    name="Inhibition",
)

# Graupner & Brunel, PNAS 109, 2012: calcium above two thresholds, with noise. Parameters "DP". w is their efficacy rho;
# its slow drift to 0 or 1 between protocols is left out. The times above the thresholds follow from the last spike.
CALCIUM = sl.SynapseEquations(
    """
    dpeak/dt = 0  # calcium after the last spike
    da/dt = -a/tau_Ca  # 1 then
    since = -tau_Ca*log(max(a, 1e-30))
    above_p = min(since, tau_Ca*log(max(peak/theta_p, 1)))
    above_d = min(since, tau_Ca*log(max(peak/theta_d, 1))) - above_p
    both = exp(-above_p*(gamma_p + gamma_d)/tau)
    one = exp(-above_d*gamma_d/tau)
    high = gamma_p/(gamma_p + gamma_d)
    mean = (high + (w - high)*both)*one
    variance = sigma**2*((1 - both**2)*one**2/(gamma_p + gamma_d) + (1 - one**2)/(2*gamma_d))
    """,
    on_pre="w = mean + sqrt(variance)*randn(); peak = peak*a + C_pre; a = 1",
    on_post="w = mean + sqrt(variance)*randn(); peak = peak*a + C_post; a = 1",
    parameters={
        "tau_Ca": (20.0, "ms"), "tau": (150000.0, "ms"), "C_pre": 1.0, "C_post": 2.0, "theta_d": 1.0, "theta_p": 1.3,
        "gamma_d": 200.0, "gamma_p": 321.808, "sigma": 2.8284,
    },
    initial={"a": 1.0}, axonal_fraction=1.0, name="Calcium",
)  # fmt: skip

# Tsodyks & Markram, PNAS 94, 1997; with facilitation: Tsodyks, Pawelzik & Markram, Neural Comput. 10, 1998.
SHORT_TERM = sl.SynapseEquations(
    "du/dt = -u/tau_fac; dr/dt = (1 - r)/tau_rec",
    on_pre="u += U*(1 - u); transmit = w*u*r; r -= u*r",
    parameters={"tau_fac": (1.0, "ms"), "tau_rec": (800.0, "ms"), "U": 0.5},
    initial={"r": 1.0}, name="ShortTerm",
)  # fmt: skip

# Fuhrmann, Segev, Markram & Tsodyks, J. Neurophysiol. 87, 2002: the same with one vesicle, which is released or not.
RELEASE = sl.SynapseEquations(
    """
    du/dt = -u/tau_fac
    da/dt = -a/tau_rec  # 1 after each spike
    dfull/dt = 0
    dsent/dt = 0
    """,
    on_pre="""
    full = max(full, int(rand() > a)); u += U*(1 - u); sent = full*int(rand() < u)
    transmit = w*sent; full -= sent; a = 1
    """,
    parameters={"tau_fac": (1.0, "ms"), "tau_rec": (800.0, "ms"), "U": 0.5},
    initial={"full": 1.0}, name="Release",
)  # fmt: skip

# Turrigiano, Leslie, Desai, Rutherford & Nelson, Nature 391, 1998: weights scale until the target has a rate [Hz].
SCALING = sl.SynapseEquations(
    "da/dt = -a/tau",
    on_post="a += 1/tau",
    on_signal="w *= 1 + signal*(1 - a/rate)",
    parameters={"tau": (3000.0, "ms"), "rate": (10.0, "Hz")},
    name="Scaling",
)

# Izhikevich, Cereb. Cortex 17, 2007: pairs mark a synapse (c), and dopamine (d) turns the mark into weight: dw/dt = c*d.
# c*d is a variable, m, so that all is linear between spikes. A signal is a spike of a dopamine neuron.
DOPAMINE = sl.SynapseEquations(
    """
    dx/dt = -x/tau_plus; dy/dt = -y/tau_minus
    dc/dt = -c/tau_c; dd/dt = -d/tau_d
    dm/dt = -m*(1/tau_c + 1/tau_d)
    dw/dt = m/second
    """,
    on_pre="c -= A_minus*y; m -= A_minus*y*d; x += 1",
    on_post="c += A_plus*x; m += A_plus*x*d; y += 1",
    on_signal="d += signal; m += signal*c",
    parameters={
        "tau_plus": (20.0, "ms"), "tau_minus": (20.0, "ms"), "tau_c": (1000.0, "ms"), "tau_d": (200.0, "ms"),
        "A_plus": 1.0, "A_minus": 1.5, "second": (1000.0, "ms"),
    },
    name="Dopamine",
)  # fmt: skip


# %% [markdown]
# ## Trains of spikes, synapse by synapse


# %%
def source(net: sl.Network, trains: Any) -> Any:
    """Return a population whose elements spike at given times."""
    times = np.concatenate(trains)
    ids = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    order = np.argsort(times, kind="stable")
    return net.population(len(trains), sl.SpikeSource(times[order], ids[order], snap=True))


def synapses(rule: Any, pre: Any, post: Any, weight: Any, delay: float = DT) -> Any:
    """Return a network and its synapses: spikes of the targets are forced, and at the synapse at the times `post`."""
    net = sl.Network(dt=DT, seed=1, dtype="float64", threads=1)
    targets = net.population(len(post), sl.LIFDelta(t_ref=DT))
    back = 2 * DT if rule.equations.axonal_fraction == 0 else DT
    net.connect(source(net, [t - back for t in post]), targets, sl.OneToOne(), weight=1e3, delay=DT)
    made = net.connect(
        source(net, pre), targets, sl.OneToOne(), weight=weight, delay=delay, plasticity=rule
    )
    return net, made


# %% [markdown]
# ## What the papers show


# %%
FREQUENCIES = np.array(
    [1.0, 10.0, 20.0, 40.0, 50.0]
)  # Hz; Sjöström, Turrigiano & Nelson (2001) have 0.1 for 1
MEASURED = {10.0: [-0.04, 0.14, 0.29, 0.53, 0.56], -10.0: [-0.29, -0.41, -0.34, 0.56, 0.75]}


def triplets(lag: float) -> np.ndarray:
    """Return the relative change of the weight by 60 pairs, for each frequency."""
    starts = [100.0 + np.round(1000 / f / DT) * DT * np.arange(60) for f in FREQUENCIES]
    net, made = synapses(TRIPLET(), starts, [t + lag for t in starts], 1.0)
    net.run(61500.0)
    return np.asarray(made.weights) - 1


def inhibition(rate: float, seconds: int) -> np.ndarray:
    """Return the mean rate of 50 neurons in each second [Hz]."""
    net = sl.Network(dt=DT, seed=2, threads=1)
    cells = net.population(50, sl.LIF(I_e=200.0))
    net.inject(cells, sl.PoissonInput(rate=3000.0, weight=60.0))
    inhibitory = net.population(300, sl.PoissonSource(rate=10.0))
    net.connect(
        inhibitory, cells, sl.AllToAll(), weight=-1.0, delay=1.0, plasticity=INHIBITION(rate=rate)
    )
    spikes = net.record(cells, "spikes")
    net.run(1000.0 * seconds)
    return np.histogram(spikes.times, np.arange(seconds + 1) * 1000.0)[0] / 50.0


LAGS = np.arange(-80.0, 81.0, 4.0)  # ms


def calcium(n: int) -> np.ndarray:
    """Return the relative strength after 60 pairs at 1 Hz, for each lag, of n synapses, half of which were strong."""
    pairs = 500.0 + 1000.0 * np.arange(60)
    pre, post = [pairs] * (len(LAGS) * n), [pairs + lag for lag in LAGS for _ in range(n)]
    net, made = synapses(CALCIUM(), pre, post, np.arange(len(pre)) % 2, delay=13.5)
    net.run(61000.0)
    strong = (np.asarray(made.weights) > 0.5).reshape(len(LAGS), n).mean(axis=1)
    return (1 + 4 * strong) / 3  # a strong synapse is 5 times as strong as a weak one


TRAIN = np.append(np.arange(8) * 50.0, 900.0) + 50.0  # ms


def sent(rule: Any, train: np.ndarray, n: int = 1) -> np.ndarray:
    """Return what n synapses of weight 1 transmit at each spike of a train, on average."""
    net = sl.Network(dt=DT, seed=3, dtype="float64", threads=1)
    targets = net.population(n, sl.LIF(tau_syn_ex=0.1))  # a current lasts for one step
    net.connect(source(net, [train]), targets, sl.AllToAll(), weight=1.0, delay=DT, plasticity=rule)
    current = net.record(targets, "I_syn_ex")
    net.run(train[-1] + 10.0)
    return current.values[np.rint(train / DT).astype(int)].mean(axis=1)


RATES = np.array([2.0, 5.0, 10.0, 20.0, 40.0])  # Hz


def stationary() -> np.ndarray:
    """Return what a depressing synapse transmits at the 20th spike of a regular train, for each rate."""
    trains = [50.0 + np.arange(20) * 1000.0 / rate for rate in RATES]
    return np.array([sent(SHORT_TERM(), train)[-1] for train in trains])


def scaling(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates of five groups with weights of their own [second, group] and by how much weights are scaled."""
    net = sl.Network(dt=DT, seed=4, dtype="float64", threads=1)
    sources, cells = net.population(200, sl.PoissonSource(rate=20.0)), net.population(50, sl.LIF())
    start = np.repeat(np.linspace(35.0, 75.0, 5), 10) * np.linspace(0.8, 1.2, 200)[:, None]
    made = net.connect(sources, cells, sl.AllToAll(), weight=start, delay=1.0, plasticity=SCALING())
    made.signal(0.02, times=np.arange(1, seconds) * 1000.0)
    spikes = net.record(cells, "spikes")
    net.run(1000.0 * seconds)
    edges = np.arange(seconds + 1) * 1000.0, np.arange(0, 51, 10)
    rates = np.histogram2d(spikes.times, spikes.ids, edges)[0] / 10
    return rates, np.asarray(made.weights).reshape(200, 50) / start


DELAYS = np.array([-400.0, -200.0, -50.0, 50.0, 500.0, 1000.0, 2000.0, 3000.0])  # ms


def dopamine(delay: float) -> float:
    """Return the change of a weight by one pair and one spike of a dopamine neuron, `delay` after it."""
    net, made = synapses(DOPAMINE(), [np.array([990.0])], [np.array([1000.0])], 1.0)
    made.signal(1.0, spikes=source(net, [np.array([1000.0 + delay - DT])]), delay=DT)
    net.run(12000.0)
    return float(made.weights[0]) - 1


# %%
def draw(n: int, seconds: int, out: str) -> None:
    """Draw the figures of all rules."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(2, 4, figsize=(13, 6))
    panels = iter(axes.flat)

    def panel(title: str, x: str, y: str) -> Any:
        ax = next(panels)
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(x, fontsize=8)
        ax.set_ylabel(y, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
        return ax

    ax = panel(
        "Triplets (Pfister & Gerstner 2006)", "frequency of pairs [Hz]", "change of the weight"
    )
    for color, (lag, data) in zip(("C0", "C3"), MEASURED.items(), strict=True):
        ax.plot(FREQUENCIES, triplets(lag), color=color, label=f"{lag:+g} ms")
        ax.plot(FREQUENCIES, data, "o", color=color, markersize=4)
    ax.legend(fontsize=7, title="lines: rule, dots: cortex", title_fontsize=7, frameon=False)

    ax = panel("Inhibition (Vogels et al. 2011)", "time [s]", "rate [Hz]")
    for k, rate in enumerate((5.0, 10.0)):
        ax.plot(np.arange(seconds) + 0.5, inhibition(rate, seconds), color=f"C{k}")
        ax.axhline(rate, color=f"C{k}", linestyle=":", linewidth=0.8)

    ax = panel(
        "Calcium (Graupner & Brunel 2012)",
        "lag of the target's spike [ms]",
        "strength after 60 pairs",
    )
    ax.plot(LAGS, calcium(5 * n), ".-")
    ax.axhline(1.0, color="k", linestyle=":", linewidth=0.8)

    ax = panel("Depression (Tsodyks & Markram 1997)", "rate [Hz]", "stationary response")
    ax.loglog(RATES, stationary(), ".-", label="rule")
    ax.loglog(RATES[2:], 1.0 / (0.8 * RATES[2:]), "k:", label="1/(rate tau_rec)")
    ax.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
    ax.set_yticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
    ax.minorticks_off()
    ax.legend(fontsize=7, frameon=False)

    ax = panel("One vesicle (Fuhrmann et al. 2002)", "time [ms]", "mean response")
    for color, more in (("C0", {}), ("C3", {"U": 0.1, "tau_rec": 100.0, "tau_fac": 500.0})):
        ax.plot(TRAIN, sent(SHORT_TERM(**more), TRAIN), "_", color=color, markersize=10)
        ax.plot(TRAIN, sent(RELEASE(**more), TRAIN, 20 * n), ".", color=color)

    ax = panel("Scaling (Turrigiano et al. 1998)", "time [s]", "rate [Hz]")
    ax.plot(np.arange(4 * seconds) + 0.5, scaling(4 * seconds)[0], linewidth=0.8)
    ax.axhline(10.0, color="k", linestyle=":", linewidth=0.8)

    ax = panel("Dopamine (Izhikevich 2007)", "delay of the reward [ms]", "change of the weight")
    ax.plot(DELAYS, [dopamine(delay) for delay in DELAYS], ".-")
    ax.set_ylim(bottom=0.0)
    next(panels).remove()
    figure.tight_layout()
    figure.savefig(out, dpi=80)
    print(f"Figure: {out}")


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", default="rules_from_text.png", help="file of the figure")
    parser.add_argument("--quick", action="store_true", help="fewer synapses and seconds")
    args = parser.parse_args()
    draw(*((20, 8) if args.quick else (200, 20)), args.out)


if __name__ == "__main__":
    main()
