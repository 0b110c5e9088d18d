#include "spikelet/core/poisson.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace spikelet {

PoissonTable::PoissonTable(double mean) {
  if (mean <= 0) {
    return;
  }
  repeats = static_cast<int>(std::ceil(mean / max_mean));
  const double m = mean / repeats;
  constexpr int n = 32;
  std::array<double, n> p{};  // probability of each column, times n; the tail beyond 31 (< 1e-9) joins the last
  double term = std::exp(-m), rest = 1.0;
  for (int k = 0; k < n - 1; ++k) {
    p[k] = n * term;
    rest -= term;
    term *= m / (k + 1);
  }
  p[n - 1] = n * std::max(rest, 0.0);
  std::array<double, n> threshold{};
  std::vector<int> small, large;
  for (int k = 0; k < n; ++k) {
    (p[k] < 1 ? small : large).push_back(k);
    threshold[k] = 1.0;
    other[k] = static_cast<std::uint16_t>(k);
  }
  while (!small.empty() && !large.empty()) {
    const int s = small.back(), l = large.back();
    small.pop_back();
    threshold[s] = p[s];
    other[s] = static_cast<std::uint16_t>(l);
    p[l] -= 1 - p[s];
    if (p[l] < 1) {
      large.pop_back();
      small.push_back(l);
    }
  }
  for (int k = 0; k < n; ++k) {
    const double scaled = threshold[k] * 2048;
    const double whole = std::min(std::floor(scaled), 2048.0);
    high[k] = static_cast<std::uint16_t>(whole);
    low[k] = static_cast<std::uint32_t>((scaled - whole) * 0x1p32);
  }
}

Threshold to_threshold(double p) {
  const double scaled = std::clamp(p, 0.0, 1.0) * 0x1p48;
  const auto whole = static_cast<std::uint64_t>(std::min(scaled, 0x1p48 - 1));
  return {static_cast<std::uint16_t>(whole >> 32), static_cast<std::uint32_t>(whole)};
}

}  // namespace spikelet
