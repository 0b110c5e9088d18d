// Exact Poisson counts from 16-bit draws: an alias table of 32 columns (Walker 1977; Vose 1991). 5
// bits choose the column, 11 bits are compared with its threshold, and a tie (1 in 2048) is settled
// with 32 more bits.
#pragma once

#include <array>
#include <cstdint>

#include "spikelet/core/random.hpp"

namespace spikelet {

struct PoissonTable {
  alignas(64) std::array<std::uint16_t, 32> high{};   // integer part of threshold * 2048
  alignas(64) std::array<std::uint16_t, 32> other{};  // the count taken at and above the threshold
  // The same as bytes, for levels that look up bytes: low and high half of `high`, and `other`.
  alignas(32) std::array<std::array<std::uint8_t, 32>, 3> bytes{};
  std::array<std::uint32_t, 32> low{};  // fraction of threshold * 2048, in units of 2^-32
  int repeats = 0;                      // the mean is split into this many equal draws; 0: mean 0

  PoissonTable() = default;
  // mean: events per draw, >= 0, up to largest_mean. Means above max_mean are split into several
  // draws.
  explicit PoissonTable(double mean);

  static constexpr double max_mean = 8.0;
};

// No draw may have a larger mean, as its parts would use the same random numbers twice: the table
// and the count throw std::invalid_argument.
inline constexpr double largest_mean = PoissonTable::max_mean * (1 << 15);

// An exact Poisson count by inversion in double precision, where each element has its own mean.
// Only the constructor calls libm.
class PoissonCount {
 public:
  explicit PoissonCount(double mean = 0);  // events per draw, >= 0, up to largest_mean
  double mean() const { return mean_; }
  int draw(const Stream& stream, std::uint32_t element, std::int64_t step) const;
  // The same, where u is the element's uniform number of that step (KernelTable::uniforms).
  int draw(double u, const Stream& stream, std::uint32_t element, std::int64_t step) const {
    return mean_ < PoissonTable::max_mean && u <= p_zero_ ? 0 : invert(u, stream, element, step);
  }

 private:
  int invert(double u, const Stream& stream, std::uint32_t element, std::int64_t step) const;

  double mean_,
      p_zero_;  // for the rest of the mean after parts of PoissonTable::max_mean
};

// A probability as the pair (high 16 bits, next 32 bits) that KernelTable::below takes; p = 1 is
// 65536/65536 - 2^-48.
struct Threshold {
  std::uint16_t high;
  std::uint32_t low;
};
Threshold to_threshold(double p);

}  // namespace spikelet
