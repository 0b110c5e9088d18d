#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "spikelet/core/weight_grid.hpp"
#include "spikelet/network/weight_bits.hpp"

namespace test_network_weight_bits {

using namespace spikelet;

namespace {

constexpr WeightBits sixteen{true, 0};
constexpr Ends ends{excitatory_channel, inhibitory_channel};
constexpr Weighed plain{-2, 4, 1, ends, true, true};

double grid_of(const WeightBits& bits, const Weighed& projection) {
  return spikelet::grid_of(bits, projection, SumSteps());
}

}  // namespace

TEST_CASE(
    "the grid of weights is that of the largest one, in either direction, or of a given one") {
  CHECK(grid_of({}, plain) == 0);
  CHECK(grid_of(sixteen, plain) == grid_step(4));
  CHECK(grid_of(sixteen, {-8, 4, 1, ends, true, true}) == grid_step(8));
  CHECK(grid_of({true, 100}, plain) == grid_step(100));
  CHECK(grid_of(sixteen, {0, 0, 1, ends, true, true}) == 0);
  CHECK(grid_of({true, 3}, {0, 0, 1, ends, true, true}) == grid_step(3));
}

TEST_CASE("projections whose weights cannot have 16 bits are refused") {
  CHECK_THROWS_AS(grid_of(sixteen, {-2, 4, 1, ends, false, true}), std::invalid_argument);
  CHECK_THROWS_AS(grid_of(sixteen, {-2, 4, 1, ends, true, false}), std::invalid_argument);
  CHECK_THROWS_AS(grid_of({true, 1}, plain), std::invalid_argument);
  for (const double largest : {-1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    CHECK_THROWS_WITH_AS(grid_of({true, largest}, plain),
                         doctest::Contains("must be finite and > 0"), std::invalid_argument);
  }
}

TEST_CASE("grids of one receptor must not be too far apart, in either order") {
  const double far = std::exp2(most_sum_shift + 1);
  for (const double other : {4 * far, 4 / far}) {
    SumSteps steps;
    steps.add(1, ends, grid_step(other));
    CHECK_THROWS_AS(spikelet::grid_of(sixteen, plain, steps), std::invalid_argument);
    CHECK(spikelet::grid_of(sixteen, {-2, 4, 2, ends, true, true}, steps) == grid_step(4));
  }
}

}  // namespace test_network_weight_bits
