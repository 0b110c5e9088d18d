#include <doctest/doctest.h>

#include <vector>

#include "spikelet/events/downsampling.hpp"
#include "support/events.hpp"

namespace test_events_downsampling {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::Recording;
using Ints = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("downsampling: pixels add up ON minus OFF, and start again when they fire") {
  // 4 x 2 pixels become 2 x 1: columns 0 and 1 are pixel 0.
  const Recording recording(std::vector<Event>{{0, 0, 0, 1},
                                               {1, 1, 1, 1},
                                               {2, 3, 0, 0},  // sums 2, -1
                                               {3, 0, 0, 0},
                                               {4, 2, 1, 0},    // then -1 and -2
                                               {5, 3, 0, 1}});  // then -1 and 1
  const Emitted out =
      integrate(recording.events(), {4, 2, 2}, 2, 1, Ints{0, 3, 5}, Ints{3, 5, 6}, 2);
  CHECK(out.frame == Ints{0, 1});
  CHECK(out.pixel == std::vector<std::int32_t>{0, 1});
  CHECK(out.p == std::vector<std::uint8_t>{1, 0});
}

TEST_CASE("downsampling: at threshold 0, a sum of 0 fires both ways") {
  const Recording recording(std::vector<Event>{{0, 0, 0, 1}});
  const Emitted out = integrate(recording.events(), {2, 1, 2}, 2, 1, Ints{0}, Ints{1}, 0);
  CHECK(out.pixel == std::vector<std::int32_t>{0, 1, 1});
  CHECK(out.p == std::vector<std::uint8_t>{1, 1, 0});
}

}  // namespace test_events_downsampling
