// The core's table of kernels, for the modules that know only its public header.
#include "core/kernels.hpp"

namespace spikelet {

const KernelTable& kernels(SimdLevel level) { return level_table(level); }
const KernelTable& kernels() { return level_table(); }

}  // namespace spikelet
