// Neurons that are linear between their spikes, over all time steps in one call. Each neuron has
// coefficients of its own, so the same step serves exact integration and Euler's method:
//   v = leak v + pull i + gain x + drive
//   i = syn_decay i + syn_gain x         where there is a synapse
//   spike if v > threshold; then v is reset to v_reset, or reduced by the threshold
#pragma once

#include <cstddef>

#include "spikelet/train/neuron.hpp"

namespace spikelet::train {

// `count` values each; neuron m of a run has those of m % count.
template <class R>
struct LinearNeurons {
  std::size_t count = 0;
  const R* leak = nullptr;
  const R* gain = nullptr;
  const R* drive = nullptr;
  const R* pull = nullptr;  // this and the next two are null without a synapse
  const R* syn_decay = nullptr;
  const R* syn_gain = nullptr;
  const R* threshold = nullptr;  // null: no spikes
  const R* v_reset = nullptr;    // null: the threshold is subtracted
  R height = 1;                  // of a spike in the output
};

// Arrays are [steps][size], and `size` is a multiple of the number of neurons.
template <class R>
struct LinearRun {
  std::size_t steps = 0, size = 0;
  const R* x = nullptr;
  R* out = nullptr;  // spikes, or potentials where there are none
  R* v = nullptr;    // potentials after the reset; may be null
  R* i = nullptr;    // synaptic currents; may be null
  R* v_state = nullptr;
  R* i_state = nullptr;  // [size], updated in place; null without a synapse
};

template <class R>
void forward(const LinearNeurons<R>& neurons, const LinearRun<R>& run, int threads);

}  // namespace spikelet::train
