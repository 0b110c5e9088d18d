#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

#include "spikelet/core/weight_grid.hpp"

namespace test_core_weight_grid {

using namespace spikelet;

TEST_CASE("the grid is the finest that holds the largest weight") {
  for (const double largest :
       {1e-30, 0.3, 1.0, 87.8, 255.998, 255.9999, 256.0, 65535.0, 65536.0, 1e20}) {
    const double step = grid_step(largest);
    int exponent;
    CHECK(std::frexp(step, &exponent) == 0.5);  // a power of two
    CHECK(std::nearbyint(largest / step) <= most_grid_steps);
    CHECK(std::nearbyint(largest / (step / 2)) > most_grid_steps);
    CHECK(grid_step(most_grid_steps * step) == step);
  }
  CHECK(grid_step(0) == 1);
}

TEST_CASE("rounding goes to the nearest multiple, and to no negative zero") {
  CHECK(on_grid(1.3, 0.25) == 1.25);
  CHECK(on_grid(-1.4, 0.25) == -1.5);
  CHECK_FALSE(std::signbit(on_grid(-0.1, 0.25)));
  CHECK(on_grid(1.3, 0) == 1.3);
}

}  // namespace test_core_weight_grid
