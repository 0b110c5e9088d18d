// A cache line of static synapses: their weights and their targets in a partition's buffer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet {

template <class R>
union alignas(64) Line {
  struct Each {  // a weight for each synapse
    static constexpr int size = 60 / (sizeof(R) + 2);
    R weight[size];
    std::uint16_t target[size];
  } each;
  struct One {  // one weight for all
    static constexpr int size = (64 - sizeof(R)) / 2;
    R weight;
    std::uint16_t target[size];
  } one;
};

// How many lines are prefetched. A list of lines continues this far beyond its end, so that the
// prefetch needs no check.
inline constexpr std::size_t lines_ahead = 64;

// Consecutive lines that are due, in one word: the number of the first, and how many there are.
using DueLines = std::uint32_t;
inline constexpr int due_count_bits = 5;
inline constexpr DueLines most_due_lines = (DueLines{1} << due_count_bits) - 1;

}  // namespace spikelet
