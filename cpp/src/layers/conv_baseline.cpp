// The convolution's hot loops for every processor, and the choice between the levels.
#include "layers/conv_kernels.hpp"
#include "spikelet/core/cpu.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
#include "layers/conv_kernel.hpp"

namespace spikelet::layers {

const ConvKernels& conv_baseline() { return baseline::table; }

const ConvKernels& conv_kernels() {
#if defined(__x86_64__)
  static const SimdLevel level = simd_level();
  switch (level) {
    case SimdLevel::v4:
      return conv_v4();
    case SimdLevel::v3:
      return conv_v3();
    default:
      break;
  }
#endif
  return conv_baseline();
}

}  // namespace spikelet::layers
