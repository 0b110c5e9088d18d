// The loops of training that are compiled for each SIMD level.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::train {

// A grid of inputs [outer][inner]. The sums of an element's two keys and of its two places say in
// which bucket it goes, and where its weights (or outputs) begin.
template <class R>
struct Grid {
  const R* x;
  std::size_t outer;
  std::size_t inner;
  std::size_t pitch;  // from one outer index to the next
  const std::uint32_t* outer_key;
  const std::uint32_t* outer_at;
  const std::uint32_t* inner_key;
  const std::uint32_t* inner_at;
};

// Inputs that are not 0, in lists of a fixed capacity.
template <class R>
struct Buckets {
  std::size_t capacity;
  std::uint32_t* number;  // of each list
  std::uint32_t* at;      // [list][capacity]
  R* value;
};

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
  // Appends the inputs that are not 0 to their lists.
  void (*sort)(const Grid<R>& grid, std::uint32_t key, std::uint32_t at, const Buckets<R>& lists);
  // to = start + sum over the events of value * from[at]
  void (*gather)(const Events<R>& events, const Items& items, const R* from, const R* start, R* to);
  // to[at] += value * from for each of the events
  void (*scatter)(const Events<R>& events, const Items& items, const R* from, R* to);
  // sums[0 .. n) = sum over rows of x[rows][pitch]
  void (*sum_rows)(const R* x, std::size_t rows, std::size_t pitch, std::size_t n, R* sums);
};

}  // namespace spikelet::train
