// The grid of 16-bit weights: magnitudes are whole multiples, up to 65535, of a power of two.
// Floats of either precision represent all of them exactly, and also sums of a few thousand. Adding
// them as integers is exact and does not depend on the order.
#pragma once

#include <cmath>
#include <cstdint>

namespace spikelet {

inline constexpr double most_grid_steps = 65535;

// Sums of weights of several grids are multiples of the finest step. With shifts up to this one the
// magnitude of a weight has 31 bits, and 2^32 of them have room in 64.
inline constexpr int most_sum_shift = 15;

// Where such sums are, by target: signed numbers of 32 bits, or of 64.
struct SumsAt {
  std::uint32_t* narrow = nullptr;
  std::uint64_t* wide = nullptr;
};

// The finest step with which `largest` is on the grid.
inline double grid_step(double largest) {
  if (!(largest > 0)) {
    return 1;
  }
  double step = std::exp2(std::ceil(std::log2(largest)) - 16);
  while (std::nearbyint(largest / step) > most_grid_steps) {
    step *= 2;
  }
  return step;
}

// x, rounded to the grid; step 0: there is none.
inline double on_grid(double x, double step) {
  return step > 0 ? std::nearbyint(x / step) * step + 0.0 : x;  // + 0.0: no negative zero
}

}  // namespace spikelet
