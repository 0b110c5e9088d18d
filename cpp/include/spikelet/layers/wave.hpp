// A wave of spikes: each cell fires at most once, in the given time bin.
#pragma once

#include <cstdint>

namespace spikelet::layers {

using Bin = std::uint8_t;
inline constexpr Bin silent = 255;

}  // namespace spikelet::layers
