// Random values and comparisons that many tests need.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "spikelet/core/random.hpp"

namespace test {

// n values, uniform in (low, high); another `object` gives other values.
template <class R>
std::vector<R> values(std::size_t n, double low, double high, std::uint32_t object) {
  const spikelet::Stream stream(99, spikelet::Purpose::values, object);
  std::vector<R> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    all[i] = static_cast<R>(low + (high - low) * spikelet::uniform(stream.words(i, 0)[0]));
  }
  return all;
}

// Unlike ==, distinguishes 0 from -0 and treats identical NaNs as equal.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace test
