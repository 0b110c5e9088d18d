#include "spikelet/coding/spike_list.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace spikelet::coding {

SpikeList to_spike_list(std::span<const std::uint8_t> raster, std::size_t n) {
  if (!raster.empty() && n == 0) {
    throw std::invalid_argument("a raster must be [steps, n]");
  }
  SpikeList list;
  list.reserve(static_cast<std::size_t>(
      std::ranges::count_if(raster, [](std::uint8_t byte) { return byte != 0; })));
  // Rasters are mostly empty: eight bytes at a time, and a division only where there is a spike.
  for (std::size_t k = 0; k < raster.size(); k += sizeof(std::uint64_t)) {
    const std::size_t end = std::min(k + sizeof(std::uint64_t), raster.size());
    std::uint64_t word = 0;
    std::memcpy(&word, &raster[k], end - k);
    if (word == 0) {
      continue;
    }
    for (std::size_t i = k; i < end; ++i) {
      if (raster[i] != 0) {
        list.add(static_cast<Step>(i / n), i % n);
      }
    }
  }
  return list;
}

}  // namespace spikelet::coding
