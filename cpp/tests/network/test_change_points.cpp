#include <doctest/doctest.h>

#include <stdexcept>

#include "spikelet/network/change_points.hpp"

namespace test_network_change_points {

using namespace spikelet;

TEST_CASE("a row holds until the next, and the last holds on") {
  const ChangePoints changes({5, 8, 20}, {true, true, true});
  CHECK(changes.row(5) == 0);
  CHECK(changes.row(7) == 0);
  CHECK(changes.row(8) == 1);
  CHECK(changes.row(1000) == 2);
}

TEST_CASE("neighbouring rows that act are one window; those that do not are none") {
  const ChangePoints changes({5, 8, 20, 30, 40}, {true, true, false, true, false});
  for (const Step step : {-3, 0, 5, 19}) {
    CHECK(changes.window(step).begin == 5);
    CHECK(changes.window(step).end == 20);
  }
  CHECK(changes.window(20).begin == 30);
  CHECK(changes.window(39).end == 40);
  CHECK(changes.window(40).end <= 40);
  CHECK(ChangePoints({}, {}).window(0).end <= 0);
  CHECK(ChangePoints({3}, {true}).window(100).end == Window{}.end);
}

TEST_CASE("active rows hold something else than 0") {
  CHECK(active_rows(std::vector<double>{0, 0, 0, 1, 0, 0}, 3) ==
        std::vector<bool>{false, true, false});
  CHECK(active_rows(std::vector<float>{}, 2) == std::vector<bool>{false, false});
}

TEST_CASE("rows need ascending starts") {
  CHECK_THROWS_AS(ChangePoints({5, 5}, {true, true}), std::invalid_argument);
  CHECK_THROWS_AS(ChangePoints({5}, {true, true}), std::invalid_argument);
}

}  // namespace test_network_change_points
