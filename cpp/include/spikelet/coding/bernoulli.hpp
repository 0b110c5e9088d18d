// Random codes: element i spikes at each step with probability p[i], independently of all other
// spikes. The draw of element i at step t is a pure function of (seed, i, t): the first steps of a
// long train are the short train, and all SIMD levels give the same spikes. p = 0 never spikes, p =
// 1 always does. The caller guarantees 0 <= p <= 1, steps >= 0 and fewer than 2^32 elements.
// Serial, O(steps * n).
#pragma once

#include <cstdint>
#include <span>

#include "spikelet/coding/spike_list.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet::coding {

// Fills raster [steps, n] with 0 and 1.
void bernoulli(std::span<const double> p, Step steps, std::uint64_t seed,
               std::span<std::uint8_t> raster);

// The same spikes as a list; no raster is stored.
SpikeList bernoulli_list(std::span<const double> p, Step steps, std::uint64_t seed);

}  // namespace spikelet::coding
