"""Estimate the energy of a layered network: exact counts of operations times the energy of each.

The counts are those of NeuroBench (Yik et al., Nature Communications 2025), per sample and over all steps:

* **Effective ACs** add one weight for one spike. Borders, strides, dilation and groups are exact: a spike costs one
  addition for each output that it reaches. **Effective MACs** multiply one weight by one non-zero analog input. **Dense**
  counts assume that every input is active at every step. Biases and max pools are not counted, in either network. Of
  `Graded` units, each multiplication, division and evaluation of a function is a MAC.
  Unlike in NeuroBench, zero weights count, and a mean pool of spikes whose windows tile its input costs no
  multiplication before a convolution: each spike passes through the pool as one AC for each output. Values of other
  pools, and of pixels that were shuffled or interpolated, are analog inputs.
* An **analog first layer** (``coding="direct"``) counts its MACs at each step, as in NeuroBench. Its current is the same at
  each step, so hardware that stores it computes it once, which is what ``first_layer_once=True`` counts. The same holds
  for layers between a `ReLU` and spiking neurons of a hybrid network. ANN segments of a hybrid network (from a `ReLU` to a
  `ReLU` or the output) run once for any T, and are always counted once.
* **Spikes of several sizes** are products, MACs, unless each size is a power of two: then a shift and an AC.
* **Membrane updates and comparisons**: neurons that spike more than once update and compare each potential at each step;
  leaks, and sizes that depend on the step, add products. ``count_changes=True`` counts only updates that change a
  potential. A neuron that fires once adds its slope at each step from its first input spike to the end of that window, and
  compares at each step of its own window until it fires; a shortcut is counted as if it arrived in the window of the other
  branch. A `ReLU` compares once and, in 8 bits, multiplies once to round its value. A branch without weights is an addition
  to a sum.
* **Activation sparsity** is 1 - spikes / (neurons x steps); for a `ReLU`, the fraction of zeros.
* **Footprint** is the number of bytes of parameters (weights, biases, thresholds, ...; zeros included) and of states.

Energy = operations x prices of a `Technology`, at 45 nm (Horowitz, ISSCC 2014): in float32 0.9 pJ an addition and 3.7 a
product; in 8 bits 0.2 pJ a product and 0.1 an addition or comparison of 32-bit potentials and accumulators, the same for both
networks. It is an **estimate** without control, clock, network and leakage. **Memory accesses** are apart: an AC reads a
weight, and reads and writes a potential; a MAC reads a weight and an activation, and adds in a register; an update reads and
writes a potential (that of a neuron that fires once reads its slope, too, and its comparison the potential); an analog
activation is written once; a spike is written and read once, as an address. The price of a byte is that of the smallest
memory that holds all weights, potentials, activations or spikes of the layer. There is no cache and no reuse, so this is an
upper bound, above all for potentials; `EnergyReport.ratios` gives it with and without these.

The ANN in 8 bits is simulated by rounding weights, inputs and activations, and its decisions are counted (`EnergyReport.decisions`).
"""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.energy.measure import measure
from spikelet.energy.report import BreakEven, EnergyReport, LayerEnergy, NetworkEnergy
from spikelet.energy.technology import TECHNOLOGIES, Technology

__all__ = [
    "TECHNOLOGIES",
    "BreakEven",
    "EnergyReport",
    "LayerEnergy",
    "NetworkEnergy",
    "Technology",
    "measure",
]

offer(__name__, __all__)
