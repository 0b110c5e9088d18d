#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "spikelet/events/voxels.hpp"
#include "support/events.hpp"

namespace test_events_voxels {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::random_events;
using spikelet::test::Recording;

const Sensor sensor{9, 5, 2};

std::vector<double> reference(const std::vector<Event>& list, std::int64_t bins) {
  std::vector<double> out(static_cast<std::size_t>((bins + 2) * 45));
  const auto first = static_cast<double>(list.front().t), last = static_cast<double>(list.back().t);
  for (const Event& e : list) {
    const double s = last > first ? static_cast<double>(bins) * (static_cast<double>(e.t) - first) /
                                        (last - first)
                                  : 0;
    const double floor = std::floor(s), sign = e.p ? 1 : -1;
    const auto at = static_cast<std::size_t>(static_cast<int>(floor) * 45 + e.y * 9 + e.x);
    out[at] += sign * (1 - (s - floor));
    out[at + 45] += sign * (s - floor);
  }
  out.resize(static_cast<std::size_t>(bins * 45));
  return out;
}

template <class T>
std::vector<T> grid(const std::vector<Event>& list, std::int64_t bins, int threads) {
  std::vector<T> out(static_cast<std::size_t>(bins * 45));
  voxel_grid(Recording(list).events(), sensor, bins, out.data(), threads);
  return out;
}

}  // namespace

TEST_CASE("voxels: each event reaches two bins") {
  for (const std::int64_t bins : {1, 2, 10, 28, 400}) {
    const auto list = random_events(5000, 9, 5);
    const auto expected = reference(list, bins);
    const auto found = grid<double>(list, bins, 1);
    const auto single = grid<float>(list, bins, 1);
    for (std::size_t k = 0; k < expected.size(); ++k) {
      CHECK(found[k] == doctest::Approx(expected[k]).epsilon(1e-12));
      CHECK(single[k] == doctest::Approx(expected[k]).epsilon(1e-4));
    }
    for (const int threads : {2, 3, 16}) {
      CHECK(grid<double>(list, bins, threads) == found);
      CHECK(grid<float>(list, bins, threads) == single);
    }
  }
}

TEST_CASE("voxels: few events, and events at one time") {
  CHECK(grid<float>({}, 3, 1) == std::vector<float>(3 * 45));
  const std::vector<Event> once(3, {7, 2, 1, 1});
  CHECK(grid<double>(once, 3, 2) == reference(once, 3));
}

TEST_CASE("voxels: events that are not sorted are refused, in any number of threads") {
  const auto list = random_events(3000, 9, 5);
  for (const std::size_t place : {1, 511, 512, 700, 1500, 2998, 2999}) {
    for (const std::int64_t t : {std::int64_t{0}, INT64_MAX / 2}) {
      auto bad = list;
      bad[place].t = t;
      // The last one late is sorted, but beyond 2^52.
      for (const int threads : {1, 2, 5}) {
        CHECK_THROWS_AS(grid<float>(bad, 10, threads), std::invalid_argument);
      }
    }
  }
}

}  // namespace test_events_voxels
