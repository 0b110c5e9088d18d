#include "spikelet/core/poisson.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/thresholds.hpp"

namespace spikelet {
namespace {

double checked(double mean) {
  if (!(mean <= largest_mean)) {
    throw std::invalid_argument("a Poisson count must have a mean of at most 2^18");
  }
  return mean;
}

}  // namespace

PoissonTable::PoissonTable(double mean) {
  if (checked(mean) <= 0) {
    return;
  }
  repeats = static_cast<int>(std::ceil(mean / max_mean));
  const double m = mean / repeats;
  constexpr int n = 32;
  std::array<double, n>
      p{};  // probability of each column, times n; the tail beyond 31 (< 1e-9) joins the last
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
    bytes[0][k] = static_cast<std::uint8_t>(high[k]);
    bytes[1][k] = static_cast<std::uint8_t>(high[k] >> 8);
    bytes[2][k] = static_cast<std::uint8_t>(other[k]);
  }
}

PoissonCount::PoissonCount(double mean)
    : mean_(checked(mean)), p_zero_(std::exp(-std::fmod(mean, PoissonTable::max_mean))) {}

int PoissonCount::draw(const Stream& stream, std::uint32_t element, std::int64_t step) const {
  if (mean_ <= 0) {
    return 0;
  }
  const Words w = stream.at(element, step);
  return draw(uniform(w[0], w[1]), stream, element, step);
}

int PoissonCount::invert(double u, const Stream& stream, std::uint32_t element,
                         std::int64_t step) const {
  static const double p_zero_of_part = std::exp(-PoissonTable::max_mean);
  int count = 0;
  std::int64_t part = 0;
  // Each part has its own counters, those of steps far beyond any run.
  for (double left = mean_; left > 0; left -= PoissonTable::max_mean, ++part) {
    const bool full = left >= PoissonTable::max_mean;
    const double m = full ? PoissonTable::max_mean : left;
    if (part > 0) {
      const Words w = stream.at(element, step + (part << 48));
      u = uniform(w[0], w[1]);
    }
    double rest = u, p = full ? p_zero_of_part : p_zero_;
    for (int k = 0; rest > p && k < 1000; ++k) {
      rest -= p;
      p *= m / (k + 1);
      ++count;
    }
  }
  return count;
}

namespace {

// Conversions to signed integers are one instruction, those to unsigned ones are not.
inline Threshold threshold_of(double p) {
  const double scaled = std::clamp(p, 0.0, 1.0) * 0x1p48;
  const auto whole = static_cast<std::int64_t>(std::min(scaled, 0x1p48 - 1));
  return {static_cast<std::uint16_t>(whole >> 32), static_cast<std::uint32_t>(whole)};
}

}  // namespace

Threshold to_threshold(double p) { return threshold_of(p); }

void to_thresholds(const double* p, std::size_t n, std::uint16_t* high, std::uint32_t* low) {
  for (std::size_t i = 0; i < n; ++i) {
    const Threshold threshold = threshold_of(p[i]);
    high[i] = threshold.high;
    low[i] = threshold.low;
  }
}

}  // namespace spikelet
