// A change to the weights of a plastic projection at each multiple of `every` steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

struct Regulation {
  enum class Kind : int { normalise, scale } kind = Kind::normalise;
  std::size_t projection = 0;
  Step every = 1;
  double total = 1;               // normalise: the sum of the magnitudes of each target's weights
  double rate = 1, strength = 0;  // scale: by 1 + strength (1 - r / rate), r in Hz
};

// What a scaling counts: the spikes of each target since the interval began, which is at a multiple
// of its `every`, or later if the scaling was added or the network reset in between. Counts run on
// and wrap; differences do not, below 2^32 spikes of one target in one interval.
struct SpikeInterval {
  Step begin = 0;
  std::vector<std::uint32_t> before;  // spikes of each target up to `begin`

  // The spikes since then; `counts` may be empty, for none.
  std::vector<std::uint32_t> spikes(const std::vector<std::uint32_t>& counts) const {
    std::vector<std::uint32_t> since(before.size());
    for (std::size_t j = 0; j < since.size(); ++j) {
      since[j] = (counts.empty() ? 0 : counts[j]) - before[j];
    }
    return since;
  }
};

}  // namespace spikelet
