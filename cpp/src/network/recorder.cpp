#include "spikelet/network/recorder.hpp"

#include <algorithm>
#include <numeric>

namespace spikelet {

void SpikeRecorder::note(std::size_t partition, std::span<const Gid> gids, Gid first_gid,
                         Step stamp) {
  Log& log = logs[partition];
  for (const Gid gid : gids) {
    const std::uint32_t element = gid - first_gid;
    if (wanted.empty() || wanted[element]) {
      log.stamps.push_back(stamp);
      log.elements.push_back(element);
    }
  }
}

SpikeRecorder::Log SpikeRecorder::merged() const {
  Log all;
  for (const Log& log : logs) {
    all.stamps.insert(all.stamps.end(), log.stamps.begin(), log.stamps.end());
    all.elements.insert(all.elements.end(), log.elements.begin(), log.elements.end());
  }
  std::vector<std::size_t> order(all.stamps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return all.stamps[a] != all.stamps[b] ? all.stamps[a] < all.stamps[b]
                                          : all.elements[a] < all.elements[b];
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::stable_sort(order.begin(), order.end(), before);
  }
  Log sorted;
  sorted.stamps.reserve(order.size());
  sorted.elements.reserve(order.size());
  for (const std::size_t k : order) {
    sorted.stamps.push_back(all.stamps[k]);
    sorted.elements.push_back(all.elements[k]);
  }
  return sorted;
}

}  // namespace spikelet
