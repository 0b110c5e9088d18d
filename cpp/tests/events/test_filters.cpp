#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "spikelet/events/filters.hpp"
#include "support/events.hpp"

namespace test_events_filters {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::random_events;
using spikelet::test::Recording;
using Flags = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("filters: denoise looks at the four neighbours") {
  const auto list = random_events(4000, 9, 5);
  Flags expected;
  for (std::size_t k = 0; k < list.size(); ++k) {
    bool near = false;
    for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
      const int x = list[k].x + dx, y = list[k].y + dy;
      std::int64_t last = 0;  // where each pixel starts
      for (std::size_t j = 0; j < k; ++j) {
        last = list[j].x == x && list[j].y == y ? list[j].t : last;
      }
      near |= x >= 0 && x < 9 && y >= 0 && y < 5 && list[k].t - last < 30;
    }
    expected.push_back(near);
  }
  Flags keep(list.size());
  denoise(Recording(list).events(), 9, 5, 30, keep);
  CHECK(keep == expected);
}

TEST_CASE("filters: a refractory period counts from the last event, kept or not") {
  const Recording recording(std::vector<Event>{
      {0, 1, 1, 0}, {10, 1, 1, 1}, {15, 1, 1, 0}, {19, 1, 1, 0}, {24, 2, 1, 0}, {25, 1, 1, 0}});
  Flags keep(recording.size());
  refractory_filter(recording.events(), 3, 2, 5, keep);
  CHECK(keep == Flags{0, 1, 0, 0, 1, 1});
}

TEST_CASE("filters: one of n events of a pixel stays") {
  const Recording recording(
      std::vector<Event>{{0, 1, 1, 0}, {1, 1, 1, 1}, {2, 0, 1, 0}, {3, 1, 1, 0}, {4, 1, 1, 0}});
  Flags keep(recording.size());
  decimate(recording.events(), 3, 2, 2, keep);
  CHECK(keep == Flags{0, 1, 0, 0, 1});
  decimate(recording.events(), 3, 2, 1, keep);
  CHECK(keep == Flags{1, 1, 1, 1, 1});
}

TEST_CASE("filters: events of pixels are dropped") {
  const Recording recording(std::vector<Event>{{0, 1, 1, 0}, {1, 2, 0, 1}, {2, 0, 1, 0}});
  const Flags dropped{0, 0, 1, 0, 1, 0};
  Flags keep(recording.size());
  drop_pixels(recording.events(), 3, 2, dropped, keep);
  CHECK(keep == Flags{0, 0, 1});
}

TEST_CASE("filters: values within limits, or outside them") {
  const Recording recording(std::vector<Event>{{0, 1, 1, 0}, {1, 2, 0, 1}, {2, 0, 1, 0}});
  Flags keep(recording.size());
  within(recording.events().t, 0.5, 2, true, keep);
  CHECK(keep == Flags{0, 1, 1});
  within(recording.events().t, 0.5, 2, false, keep);
  CHECK(keep == Flags{1, 0, 0});
}

TEST_CASE("filters: a large sensor costs what is touched of it") {
  const Recording recording(std::vector<Event>{{0, 32000, 32000, 0}, {1, 32001, 32000, 1}});
  Flags keep(recording.size());
  denoise(recording.events(), 32002, 32001, 5, keep);
  CHECK(keep == Flags{1, 1});
}

}  // namespace test_events_filters
