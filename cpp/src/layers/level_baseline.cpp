// The loops of layers for every processor, and the choice between the levels.
#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
#include "layers/level.hpp"

namespace spikelet::layers {

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

const WaveKernels& wave_kernels() {
  static const WaveKernels& kernels = level_table(simd_level()).waves;
  return kernels;
}

template <>
const LayerKernels<float>& layer_kernels<float>() {
  static const LayerKernels<float>& kernels = level_table(simd_level()).layers32;
  return kernels;
}

template <>
const LayerKernels<double>& layer_kernels<double>() {
  static const LayerKernels<double>& kernels = level_table(simd_level()).layers64;
  return kernels;
}

}  // namespace spikelet::layers
