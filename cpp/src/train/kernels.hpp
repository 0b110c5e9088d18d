// The loops of training that are compiled for each SIMD level.
#pragma once

#include <cstddef>

namespace spikelet::train {

// Sums of rows of weights, for inputs of which few are not 0.
template <class R>
struct SparseKernels {
  // y[0 .. n) += value * row[0 .. n)
  void (*add_row)(R value, const R* row, R* y, std::size_t n);
};

}  // namespace spikelet::train
