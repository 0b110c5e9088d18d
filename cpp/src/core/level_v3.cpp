// The kernels for x86-64-v3.
#if defined(__x86_64__)
#include "core/level_prelude.hpp"

#define SPIKELET_LEVEL level_v3
#define SPIKELET_VECTOR_BYTES 32
// clang-format off: in this order
#include "core/target_push.hpp"
#include "core/level.hpp"

#include "core/target_pop.hpp"
// clang-format on

namespace spikelet {
const KernelTable& table_v3() { return level_v3::table; }
}  // namespace spikelet
#endif
