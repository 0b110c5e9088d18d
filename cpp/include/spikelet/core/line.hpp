// One cache line of static synapses: what they add, and to which places of a partition's buffer.
#pragma once

#include <cstdint>

namespace spikelet {

template <class R>
struct alignas(64) Line {
  static constexpr int size = 60 / (sizeof(R) + 2);
  R weight[size];
  std::uint16_t target[size];
};

// Lines that are fetched ahead; a list of lines goes on for as many numbers beyond its end, so that
// fetching needs no check.
inline constexpr std::size_t lines_ahead = 64;

}  // namespace spikelet
