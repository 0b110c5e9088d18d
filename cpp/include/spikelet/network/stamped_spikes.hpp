// The spikes of successive steps in one list, so that an interval is handled as a whole: most steps
// of a small network have none or one.
#pragma once

#include <algorithm>
#include <span>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

struct StampedSpikes {
  std::span<const Step> stamps;  // ascending
  std::span<const Gid> gids;

  std::size_t size() const { return gids.size(); }
};

// ends: where the spikes of each step end; the first of these has the stamp `first`.
inline void make_stamps(std::span<const std::size_t> ends, Step first, RawBuffer<Step>& stamps) {
  constexpr std::size_t few = 4;  // are written without a branch
  const std::size_t n = ends.empty() ? 0 : ends.back();
  stamps.resize(n + few);
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    Step* to = stamps.data() + begin;
    for (std::size_t k = 0; k < few; ++k) {
      to[k] = first;
    }
    if (end - begin > few) [[unlikely]] {
      std::fill(to + few, stamps.data() + end, first);
    }
    begin = end;
    ++first;
  }
  stamps.resize(n);
}

}  // namespace spikelet
