// The loops of training at each SIMD level, and those of the level in use.
#pragma once

#include "spikelet/core/cpu.hpp"
#include "train/kernels.hpp"

namespace spikelet::train {

struct LevelTable {
  FusedKernels<float> fused32;
  FusedKernels<double> fused64;
  SparseKernels<float> sparse32;
  SparseKernels<double> sparse64;
};

const LevelTable& level_table_baseline();
const LevelTable& level_table_v3();
const LevelTable& level_table_v4();

// The level must be available.
const LevelTable& level_table(SimdLevel level);

template <class R>
const FusedKernels<R>& fused_kernels();
template <class R>
const SparseKernels<R>& sparse_kernels();

}  // namespace spikelet::train
