// Spikes that some synapse may still have to deliver. They are kept so that stores can be rebuilt
// at any time and a saved network can go on.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

struct SpikesInFlight {
  std::vector<Step> stamps;  // in order of (stamp, gid)
  std::vector<Gid> gids;

  void add(std::span<const Gid> spikes, Step stamp) {
    stamps.insert(stamps.end(), spikes.size(), stamp);
    gids.insert(gids.end(), spikes.begin(), spikes.end());
  }
  // Puts those of each stamp in order; stamps ascend.
  void sort() {
    for (std::size_t begin = 0, end = 0; begin < gids.size(); begin = end) {
      while (end < gids.size() && stamps[end] == stamps[begin]) {
        ++end;
      }
      std::sort(gids.data() + begin, gids.data() + end);
    }
  }
  // Those with a later stamp than `oldest`.
  SpikesInFlight after(Step oldest) const {
    const auto first = first_after(oldest);
    return {{stamps.begin() + first, stamps.end()}, {gids.begin() + first, gids.end()}};
  }
  // Leaves only those.
  void forget(Step oldest) {
    const auto first = first_after(oldest);
    stamps.erase(stamps.begin(), stamps.begin() + first);
    gids.erase(gids.begin(), gids.begin() + first);
  }

 private:
  std::ptrdiff_t first_after(Step oldest) const {
    return std::upper_bound(stamps.begin(), stamps.end(), oldest) - stamps.begin();
  }
};

}  // namespace spikelet
