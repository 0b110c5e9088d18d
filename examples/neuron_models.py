# %% [markdown]
"""Draw how each neuron model responds to a step of current, and to one synaptic event.

    python examples/neuron_models.py

Each response comes from a network of its own. The models that have a kernel in the core and those that are equations
are used in the same way.
"""

# %%
from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import spikelet as sl

ONSET = 20.0  # ms: the current begins, or the event is on its way

# Name, model, step of current [pA], and the event that is drawn: weight and receptor.
MODELS: list[tuple[str, Any, float, float, str | None]] = [
    ("LIF", sl.LIF(), 450.0, 50.0, None),
    ("LIFCond", sl.LIFCond(), 350.0, 5.0, None),
    ("LIFCondAlpha", sl.LIFCondAlpha(tau_syn_ex=2.0), 350.0, 1.0, None),
    ("LIFCondSFA", sl.LIFCondSFA(), 900.0, 2.0, None),
    ("LIFMultisynapse", sl.LIFMultisynapse(tau_syn={"slow": 20.0}), 450.0, 20.0, "slow"),
    ("LIFNMDA", sl.LIFNMDA(), 450.0, 5.0, "NMDA"),
    ("EIF", sl.EIF(tau_syn_ex=2.0), 700.0, 2.0, None),
    ("AdEx", sl.AdEx(tau_syn_ex=2.0), 900.0, 2.0, None),
    ("Izhikevich", sl.Izhikevich(), 10.0, 1.0, None),
    ("HodgkinHuxley, squid", sl.HodgkinHuxley(tau_syn_ex=1.0), 900.0, 50.0, None),
    ("HodgkinHuxley, Traub", sl.HodgkinHuxley(channels="traub", E_L=-65.0), 400.0, 1.0, None),
    (
        "GIF",
        sl.GIF(tau_stc=[15.0, 90.0], q_stc=[30.0, 6.0], tau_sfa=[15.0, 120.0], q_sfa=[6.0, 1.5]),
        260.0,
        20.0,
        None,
    ),
]


# %% [markdown]
# ## A response
#
# `I_e` is a parameter like any other, and changes between two runs.


# %%
def step_of_current(
    model: Any, current: float, duration: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times and V_m of a neuron, and the times of its spikes."""
    net = sl.Network(dt=0.02, seed=1, dtype="float64", threads=1)
    neuron = net.population(1, model)
    vm, spikes = net.record(neuron, "V_m"), net.record(neuron, "spikes")
    net.run(ONSET)
    neuron.I_e = current
    net.run(duration)
    return vm.times, vm.values[:, 0], spikes.times


def one_event(model: Any, weight: float, receptor: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return times after an event, and how far it has moved V_m from where it would be."""
    potentials = []
    for w in (weight, 0.0):
        net = sl.Network(dt=0.02, seed=1, dtype="float64", threads=1)
        neuron = net.population(1, model)
        event = net.population(1, sl.SpikeSource([ONSET], [0]))
        where = {} if receptor is None else {"receptor": receptor}
        net.connect(event, neuron, sl.AllToAll(), weight=w, delay=1.0, **where)
        vm = net.record(neuron, "V_m")
        net.run(ONSET + 61.0)
        potentials.append(vm.values[:, 0])
    after = vm.times >= ONSET + 1.0
    return vm.times[after] - ONSET - 1.0, (potentials[0] - potentials[1])[after]


# %%
def draw(duration: float, out: str) -> None:
    """Draw the responses of all models."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(len(MODELS) // 2, 4, figsize=(11, 11), width_ratios=[3, 1, 3, 1])
    print(f"{'model':22}{'spikes':>7}   highest V_m   PSP")
    for (name, model, current, weight, receptor), (left, right) in zip(
        MODELS, axes.reshape(-1, 2), strict=True
    ):
        times, potential, spikes = step_of_current(model, current, duration)
        left.plot(times, potential, linewidth=0.8)
        left.plot(spikes, np.full(len(spikes), potential.max() + 4.0), "k|", markersize=5)
        left.set_title(f"{name}, {current:g} pA" if name != "Izhikevich" else name, fontsize=9)
        since, psp = one_event(model, weight, receptor)
        right.plot(since, psp, color="tab:red", linewidth=0.8)
        unit = model.weight_unit
        right.set_title(f"{weight:g} {unit}" + (f", {receptor}" if receptor else ""), fontsize=9)
        for ax in (left, right):
            ax.tick_params(labelsize=7)
            ax.spines[["top", "right"]].set_visible(False)
        largest = psp[np.abs(psp).argmax()]
        print(f"{name:22}{len(spikes):7}   {potential.max():8.1f} mV   {largest:.2f} mV")
    for ax in axes[-1]:
        ax.set_xlabel("ms", fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("mV", fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=80)
    print(f"Figure: {out}")


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", default="neuron_models.png", help="file of the figure")
    parser.add_argument("--quick", action="store_true", help="a shorter current")
    args = parser.parse_args()
    draw(30.0 if args.quick else 100.0, args.out)


if __name__ == "__main__":
    main()
