// The convolution's hot loops for x86-64-v3.
#if defined(__x86_64__)
#include "layers/conv_kernels.hpp"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#endif

#define SPIKELET_LEVEL level_v3
#define SPIKELET_VECTOR_BYTES 32
#include "layers/conv_kernel.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace spikelet::layers {
const ConvKernels& conv_v3() { return level_v3::table; }
}  // namespace spikelet::layers
#endif
