// Spikes as pairs (stamp, element), sorted by stamp, then element. A spike of row k has the stamp k
// + 1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet::coding {

struct SpikeList {
  std::vector<Step> stamps;
  std::vector<std::int64_t> ids;

  void reserve(std::size_t n) {
    stamps.reserve(n);
    ids.reserve(n);
  }
  void add(Step row, std::size_t element) {
    stamps.push_back(row + 1);
    ids.push_back(static_cast<std::int64_t>(element));
  }
};

// The non-zero bytes of a raster [steps, n].
SpikeList to_spike_list(std::span<const std::uint8_t> raster, std::size_t n);

}  // namespace spikelet::coding
