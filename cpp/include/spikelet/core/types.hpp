// Plain types shared by every part of the core.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet {

using Step = std::int64_t;  // a time on the grid; a spike of step n carries the stamp n + 1
using Gid = std::uint32_t;  // a neuron or source element, numbered through the whole network

// Neurons are updated, drawn for and split over partitions in blocks of this many.
inline constexpr std::size_t block_size = 64;

inline constexpr Step max_delay = 65535;  // in steps

constexpr std::size_t round_up(std::size_t n, std::size_t unit) {
  return (n + unit - 1) / unit * unit;
}

}  // namespace spikelet
