"""An estimate of the energy that a layered network would need: operations counted exactly, times what one costs.

Counts are NeuroBench's (Yik et al., Nature Communications 2025), per sample, over all steps:

* **Effective ACs**: one weight added for one spike. Borders, strides, dilation and groups are exact: a spike counts as many
  additions as there are outputs that see it. **Effective MACs**: one weight multiplied with one analog input that is not 0.
  **Dense** is what they would be if every input were active at every step. Biases, pools, sums of branches, `Affine` and the
  neurons themselves are not counted. Unlike in NeuroBench, weights that are 0 count as others do, and a mean pool of spikes
  that a layer follows costs no multiplication: each spike goes through the pool as one AC for each output.
* An **analog first layer** (``coding="direct"``) counts its MACs at each step, as in NeuroBench. Its current is the same at
  each step, so that hardware that keeps it computes it once: ``first_layer_once=True`` counts that. The same holds for
  layers between a `ReLU` and spiking neurons of a hybrid network. ANN segments of a hybrid (from a `ReLU` to a `ReLU` or the
  output) run once, whatever T, and are always counted so.
* **Activation sparsity**: 1 - spikes / (neurons x steps); of a `ReLU`, the share of zeros.
* **Footprint**: bytes of parameters (weights, biases, thresholds, ...; zeros included) and of neurons' states.
* **Membrane updates**: potentials written. The engine writes each at each step; ``count_changes=True`` counts only those
  that change (which keeps all potentials for a while).

Energy = ACs x add + MACs x MAC of a `Technology`; by default 45 nm, float32: 0.9 and 4.6 pJ (Horowitz, ISSCC 2014). It is an
**estimate**: of arithmetic alone, without memory, control, clock, network and leakage. With ``memory=True`` traffic is added:
an AC reads a weight, and reads and writes a potential; a MAC reads a weight and an activation; a membrane update reads and
writes a potential; an analog activation is written once; a spike is written and read once, as an address of 4 bytes. A byte
costs what it costs in the smallest memory that holds all weights and states of the layer. No cache, no reuse in registers:
a simple upper bound, the same for both networks.
"""

from __future__ import annotations

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
