// The loops of training for x86-64-v4.
#if defined(__x86_64__)
#define SPIKELET_LEVEL level_v4
#define SPIKELET_VECTOR_BYTES 64
#include "train/level.hpp"

namespace spikelet::train {
const LevelTable& level_table_v4() { return level_v4::table; }
}  // namespace spikelet::train
#endif
