// The loops of layers at each SIMD level, and those of the level in use.
#pragma once

#include "layers/kernels.hpp"
#include "layers/wave_kernels.hpp"
#include "spikelet/core/cpu.hpp"

namespace spikelet::layers {

struct LevelTable {
  WaveKernels waves;
  LayerKernels<float> layers32;
  LayerKernels<double> layers64;
};

const LevelTable& level_table_baseline();
const LevelTable& level_table_v3();
const LevelTable& level_table_v4();

// The level must be available.
const LevelTable& level_table(SimdLevel level);

}  // namespace spikelet::layers
