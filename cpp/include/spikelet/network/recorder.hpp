// What was recorded. Each partition writes to its own log or its own columns; reading merges.
#pragma once

#include <span>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

struct SpikeRecorder {
  struct alignas(128) Log {  // no two partitions write to one cache line
    std::vector<Step> stamps;
    std::vector<std::uint32_t> elements;
  };
  std::size_t population = 0;
  std::vector<bool> wanted;  // empty: all elements
  std::vector<Log> logs;     // by partition

  void note(std::size_t partition, std::span<const Gid> gids, Gid first_gid, Step stamp);
  // All spikes in order of (stamp, element).
  Log merged() const;
};

template <class R>
struct StateRecorder {
  std::size_t population = 0, state = 0;
  std::vector<std::uint32_t> elements;  // columns
  Step every = 1;
  std::vector<Step> stamps;
  std::vector<R> values;  // [stamps, elements]
};

template <class R>
struct WeightRecorder {
  std::size_t projection = 0;
  Step every = 1;
  std::vector<Step> stamps;
  std::vector<R> values;  // [stamps, synapses]
};

}  // namespace spikelet
