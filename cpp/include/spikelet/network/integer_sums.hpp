// What weights of 16 bits are added to: whole numbers for the neurons of a partition. They become a
// part of the channel, in its unit, before anything reads that: exact sums, rounded once.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

struct IntegerSums {
  Buffer<std::uint32_t> value;      // by local target; signed numbers; empty: there are none
  double step = 0;                  // of all of them
  std::vector<std::uint64_t> most;  // that a sum can be, by local target, while stores are built

  static constexpr std::uint64_t limit = std::numeric_limits<std::int32_t>::max();
};

}  // namespace spikelet
