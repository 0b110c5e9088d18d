// Spikes of pulse packets: each element fires several spikes around the time of each packet.
#pragma once

#include <cstdint>
#include <vector>

namespace spikelet {

// Standard normal numbers [elements, packets, spikes]. That of an element, packet and spike does
// not depend on how many of them there are.
std::vector<double> pulse_jitter(std::uint64_t seed, std::uint32_t object, std::uint32_t elements,
                                 std::uint32_t packets, std::uint32_t spikes);

}  // namespace spikelet
