// A wave of spikes: for each cell the time bin in which it fires, its only spike.
#pragma once

#include <cstdint>

namespace spikelet::layers {

using Bin = std::uint8_t;
inline constexpr Bin silent = 255;

}  // namespace spikelet::layers
