// The loops of training for x86-64-v3.
#if defined(__x86_64__)
#define SPIKELET_LEVEL level_v3
#define SPIKELET_VECTOR_BYTES 32
#include "train/level.hpp"

namespace spikelet::train {
const LevelTable& level_table_v3() { return level_v3::table; }
}  // namespace spikelet::train
#endif
