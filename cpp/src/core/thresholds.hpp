// Probabilities as the arrays of thresholds that KernelTable::below takes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet {

// high[i], low[i] = to_threshold(p[i])
void to_thresholds(const double* p, std::size_t n, std::uint16_t* high, std::uint32_t* low);

}  // namespace spikelet
