// Linear layers whose synapses have delays, for backpropagation. A delay of `lag` whole steps and a
// fraction is two taps: an input acts with weight `early` after `lag` steps and with `late` one
// step later. The work does not depend on how long delays are. Results have the same bits for any
// number of threads and any SIMD level.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::train {

struct DelayShape {
  std::size_t steps;
  std::size_t samples;
  std::size_t inputs;
  std::size_t outputs;
  std::size_t longest;  // no lag is greater
};

// Weights of the two taps of each synapse and its lag, [outputs][inputs].
template <class R>
struct Taps {
  const R* early;
  const R* late;
  const std::int32_t* lag;
};

// y[t][b][o] = sum over i of early x[t - lag][b][i] + late x[t - lag - 1][b][i], where x is 0
// before its first step.
template <class R>
void delayed(const DelayShape& shape, const Taps<R>& taps, const R* x, R* y, int threads);

// The gradient of x, given that of y.
template <class R>
void delayed_input(const DelayShape& shape, const Taps<R>& taps, const R* by_y, R* by_x,
                   int threads);

// The gradients of the two weights of each tap, [outputs][inputs].
template <class R>
void delayed_weights(const DelayShape& shape, const std::int32_t* lag, const R* x, const R* by_y,
                     R* by_early, R* by_late, int threads);

}  // namespace spikelet::train
