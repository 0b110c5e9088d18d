// Recurrently connected neurons, whose input is x[t] + W spikes[t - 1].
#pragma once

#include <cstddef>

#include "spikelet/train/neuron.hpp"

namespace spikelet::train {

// As Forward, for samples of `neurons` neurons each; weights [neurons to][neurons from].
template <class R>
struct RecurrentForward {
  std::size_t samples = 0, neurons = 0;
  const R* weights = nullptr;
  const R* first_spikes = nullptr;  // [samples][neurons] before the first step; null: none
  R* input = nullptr;               // [steps][samples][neurons]: x + W spikes; may be null
};

template <class R>
void forward(const Cell<R>& cell, const RecurrentForward<R>& recurrent, const Forward<R>& run,
             int threads);

// run.x is the `input` that forward returned.
template <class R>
struct RecurrentBackward {
  std::size_t samples = 0, neurons = 0;
  const R* weights = nullptr;
  const R* first_spikes = nullptr;
  const R* spikes = nullptr;     // as returned by forward
  R* by_weights = nullptr;       // may be null
  R* by_first_spikes = nullptr;  // may be null
};

template <class R>
void backward(const Cell<R>& cell, const RecurrentBackward<R>& recurrent, const Backward<R>& run,
              int threads);

}  // namespace spikelet::train
