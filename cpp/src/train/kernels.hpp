// The loops of training that are compiled for each SIMD level.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::train {

// Inputs that are not 0: where the weights (or outputs) of each begin, and its value.
template <class R>
struct Events {
  std::size_t number;
  const std::uint32_t* at;
  const R* value;
};

// The vectors that belong to an event: from[k] counts from its source, to[k] from its target.
struct Items {
  std::size_t number;
  const std::ptrdiff_t* from;
  const std::ptrdiff_t* to;
};

// Layers over inputs of which few are not 0. An element of a sum is a chain of additions in the
// order of the events: the width of the vectors does not matter.
template <class R>
struct SparseKernels {
  std::size_t lanes;
  // How many of n inputs are not 0; adds 0 to `finite` while they are finite, else NaN.
  std::size_t (*count)(const R* x, std::size_t n, R& finite);
  // Writes the indices of the inputs that are not 0, and returns their number; there must be room
  // for n + 64.
  std::size_t (*find)(const R* x, std::size_t n, std::uint32_t* index);
  // to = start + sum over the events of value * from[at]
  void (*gather)(const Events<R>& events, const Items& items, const R* from, const R* start, R* to);
  // to[at] += value * from for each of the events
  void (*scatter)(const Events<R>& events, const Items& items, const R* from, R* to);
  // sums[0 .. n) = sum over rows of x[rows][pitch]
  void (*sum_rows)(const R* x, std::size_t rows, std::size_t pitch, std::size_t n, R* sums);
};

}  // namespace spikelet::train
