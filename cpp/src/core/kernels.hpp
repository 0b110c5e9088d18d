// The core's kernels at each level; spikelet/core/kernels.hpp has the table.
#pragma once

#include "core/levels.hpp"
#include "spikelet/core/kernels.hpp"

namespace spikelet {
SPIKELET_LEVEL_TABLE(KernelTable)
}
