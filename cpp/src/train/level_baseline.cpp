// The loops of training for every processor, and the choice between the levels.
#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
#include "train/level.hpp"

namespace spikelet::train {

const LevelTable& level_table_baseline() { return baseline::table; }

const LevelTable& level_table(SimdLevel level) {
#if defined(__x86_64__)
  switch (level) {
    case SimdLevel::v4:
      return level_table_v4();
    case SimdLevel::v3:
      return level_table_v3();
    default:
      break;
  }
#else
  (void)level;
#endif
  return level_table_baseline();
}

template <>
const FusedKernels<float>& fused_kernels<float>() {
  static const FusedKernels<float>& kernels = level_table(simd_level()).fused32;
  return kernels;
}

template <>
const FusedKernels<double>& fused_kernels<double>() {
  static const FusedKernels<double>& kernels = level_table(simd_level()).fused64;
  return kernels;
}

template <>
const SparseKernels<float>& sparse_kernels<float>() {
  static const SparseKernels<float>& kernels = level_table(simd_level()).sparse32;
  return kernels;
}

template <>
const SparseKernels<double>& sparse_kernels<double>() {
  static const SparseKernels<double>& kernels = level_table(simd_level()).sparse64;
  return kernels;
}

}  // namespace spikelet::train
