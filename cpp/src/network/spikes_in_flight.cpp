#include "spikelet/network/spikes_in_flight.hpp"

#include <algorithm>

namespace spikelet {

void SpikesInFlight::add(std::span<const Gid> spikes, Step stamp) {
  stamps.insert(stamps.end(), spikes.size(), stamp);
  gids.insert(gids.end(), spikes.begin(), spikes.end());
}

SpikesInFlight SpikesInFlight::after(Step oldest) const {
  const auto first = std::upper_bound(stamps.begin(), stamps.end(), oldest) - stamps.begin();
  return {{stamps.begin() + first, stamps.end()}, {gids.begin() + first, gids.end()}};
}

}  // namespace spikelet
