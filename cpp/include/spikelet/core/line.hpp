// Lines of static synapses: weights and their targets in a partition's buffer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet {

// Targets of a wide partition have more than 16 bits; these are the others.
inline constexpr int high_target_bits = 3;
inline constexpr std::uint32_t most_targets = std::uint32_t{1} << (16 + high_target_bits);

// Half a cache line, so that short segments waste little: a weight and a target for each synapse.
template <class R>
struct alignas(32) Line {
  static constexpr int size = 30 / (sizeof(R) + 2);
  R weight[size];
  std::uint16_t target[size];  // the low bits
  std::uint16_t high;          // of each target; 0 unless the partition is wide

  std::uint32_t target_of(int l) const {
    constexpr std::uint32_t mask = (1u << high_target_bits) - 1;
    return target[l] | (std::uint32_t{high} >> (high_target_bits * l) & mask) << 16;
  }
  void set_target(int l, std::uint32_t to) {
    target[l] = static_cast<std::uint16_t>(to);
    high = static_cast<std::uint16_t>(high | (to >> 16) << (high_target_bits * l));
  }
};

// A cache line of synapses that share a weight; not for wide partitions.
template <class R>
struct alignas(64) SharedLine {
  static constexpr int size = (64 - sizeof(R)) / 2;
  R weight;
  std::uint16_t target[size];
};

// A cache line of synapses whose weights are whole numbers of up to 16 bits; not for wide
// partitions.
struct alignas(64) IntegerLine {
  static constexpr int size = 16;
  std::uint32_t synapse[size];  // low half: target; high half: magnitude of the weight

  std::uint32_t target_of(int l) const { return synapse[l] & 0xffff; }
  // Its two bytes.
  unsigned char* magnitude_at(int l) { return reinterpret_cast<unsigned char*>(synapse + l) + 2; }
};

// How many lines are prefetched. Memory takes as long as adding 30 to 60 cache lines; twice that
// covers what other cores take.
template <class L>
inline constexpr std::size_t lines_ahead = 8192 / sizeof(L);

// A list of lines has so many valid numbers beyond its end, so that some can be read at a time.
inline constexpr std::size_t list_slack = 32;

// Into the second-level cache: so many lines ahead would fill the buffers of first-level misses.
inline void fetch_line(const void* line) { __builtin_prefetch(line, 0, 2); }

// Prefetches all of some memory, if it is at most 32 KB.
inline void fetch_if_small(const void* from, std::size_t bytes) {
  constexpr std::size_t most = 32768, line = 64;
  if (bytes <= most) {
    for (std::size_t k = 0; k < bytes; k += line) {
      fetch_line(static_cast<const char*>(from) + k);
    }
  }
}

// Consecutive lines that are due, in one word: the number of the first, and how many there are.
using DueLines = std::uint32_t;
inline constexpr int due_count_bits = 5;
inline constexpr DueLines most_due_lines = (DueLines{1} << due_count_bits) - 1;

// Where sums do not depend on the order, lines are listed in parts: of each range the first share,
// then of each the second one, and so on. Targets ascend within a range, so that a part adds to a
// share of the buffer, which fits the first-level cache.
inline constexpr int line_parts = 4;
inline constexpr std::size_t most_part_lines = (most_due_lines + line_parts - 1) / line_parts;

}  // namespace spikelet
