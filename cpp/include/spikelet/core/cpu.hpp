// The SIMD level of the kernels, detected at first use; SPIKELET_SIMD=baseline|v3|v4 forces one.
// All levels give the same bits and differ only in speed.
#pragma once

#include <string_view>
#include <vector>

namespace spikelet {

enum class SimdLevel { baseline, v3, v4 };

std::string_view to_string(SimdLevel level);

// Levels that this processor and this build support, lowest first.
std::vector<SimdLevel> available_simd_levels();

// The level in use. Throws std::invalid_argument if SPIKELET_SIMD names an unknown or unavailable
// one.
SimdLevel simd_level();

// While it exists, this thread treats denormal numbers as zero. Decaying states would reach them
// and run ten times slower.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long saved_;
};

}  // namespace spikelet
