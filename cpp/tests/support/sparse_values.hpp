// Inputs of sparse layers.
#pragma once

#include <cstdint>
#include <vector>

#include "spikelet/core/random.hpp"

namespace test {

// Values in -1 .. 1 of which a share is not 0.
template <class R>
std::vector<R> sparse_values(std::size_t n, double density, std::uint32_t object) {
  const spikelet::Stream stream(7, spikelet::Purpose::values, object);
  std::vector<R> v(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto words = stream.words(i, 0);
    v[i] = spikelet::uniform(words[1]) < density
               ? static_cast<R>(2 * spikelet::uniform(words[0]) - 1)
               : R(0);
  }
  return v;
}

}  // namespace test
