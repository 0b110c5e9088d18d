#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "spikelet/events/draws.hpp"

namespace test_events_draws {

namespace {

using namespace spikelet::events;

}  // namespace

TEST_CASE("draws: a number depends on its place, not on how many there are") {
  std::vector<double> few(100), many(1000), other(100);
  for (const auto draw : {&uniforms, &normals}) {
    draw(7, 1, few);
    draw(7, 1, many);
    draw(7, 2, other);
    CHECK(std::equal(few.begin(), few.end(), many.begin()));
    CHECK(few != other);
  }
  normals(3, 1, many);
  const double mean = std::accumulate(many.begin(), many.end(), 0.0) / 1000;
  CHECK(std::abs(mean) < 0.15);
}

TEST_CASE("draws: so many are dropped, and any of them") {
  std::vector<std::uint8_t> keep(50);
  std::vector<int> dropped(50);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    drop(seed, 10, keep);
    CHECK(std::ranges::count(keep, 0) == 10);
    for (std::size_t k = 0; k < keep.size(); ++k) {
      dropped[k] += keep[k] == 0;
    }
  }
  // 400 are expected; 18 is the standard deviation.
  CHECK(std::ranges::min(dropped) > 310);
  CHECK(std::ranges::max(dropped) < 490);
  std::vector<double> number(5000);
  uniforms(4, 0, number);
  std::vector<double> sorted = number;
  std::ranges::sort(sorted);
  std::vector<std::uint8_t> many(number.size());
  for (const std::size_t some : {1, 2, 2500, 4999}) {
    drop(4, some, many);
    for (std::size_t k = 0; k < many.size(); ++k) {
      CHECK((many[k] == 0) == (number[k] <= sorted[some - 1]));
    }
  }
  drop(1, 0, keep);
  CHECK(std::ranges::count(keep, 1) == 50);
  drop(1, 50, keep);
  CHECK(std::ranges::count(keep, 0) == 50);
}

}  // namespace test_events_draws
