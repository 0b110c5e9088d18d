// The kernels for x86-64-v4.
#if defined(__x86_64__)
#include "core/level_prelude.hpp"

#define SPIKELET_LEVEL level_v4
#define SPIKELET_VECTOR_BYTES 64
// clang-format off: in this order
#include "core/target_push.hpp"
#include "core/level.hpp"

#include "core/target_pop.hpp"
// clang-format on

namespace spikelet {
const KernelTable& table_v4() { return level_v4::table; }
}  // namespace spikelet
#endif
