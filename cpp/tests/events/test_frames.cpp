#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "spikelet/events/frames.hpp"
#include "support/events.hpp"

namespace test_events_frames {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::random_events;
using spikelet::test::Recording;

const Sensor sensor{9, 5, 2};

}  // namespace

TEST_CASE("frames: slices are counted, with overlap, in any number of threads") {
  const auto list = random_events(3000, 9, 5);
  const Recording recording(list);
  const std::vector<std::int64_t> first{0, 500, 400, 2900, 7}, last{600, 500, 1900, 3000, 3};
  std::vector<std::int16_t> expected(first.size() * sensor.cells());
  for (std::size_t i = 0; i < first.size(); ++i) {
    for (auto k = first[i]; k < last[i]; ++k) {
      const Event& e = list[static_cast<std::size_t>(k)];
      ++expected[i * sensor.cells() + static_cast<std::size_t>((e.p * 5 + e.y) * 9 + e.x)];
    }
  }
  for (const int threads : {1, 2, 7}) {
    std::vector<std::int16_t> out(expected.size());
    count_frames(recording.events(), sensor, first, last, out.data(), threads);
    CHECK(out == expected);
  }
}

TEST_CASE("frames: integers stop at their greatest value") {
  const Recording recording(std::vector<Event>(70000, {5, 1, 1, 1}));
  const std::vector<std::int64_t> first{0}, last{70000};
  const auto most = [&]<class T>(T) {
    std::vector<T> out(sensor.cells());
    count_frames(recording.events(), sensor, first, last, out.data(), 1);
    return static_cast<double>(out[45 + 9 + 1]);
  };
  CHECK(most(std::uint8_t{}) == 255);
  CHECK(most(std::int16_t{}) == 32767);
  CHECK(most(std::int32_t{}) == 70000);
  CHECK(most(float{}) == 70000);
}

TEST_CASE("frames: bins take events in any order and leave out what lies beyond them") {
  const Recording recording(
      std::vector<Event>{{25, 1, 0, 0}, {10, 2, 0, 0}, {9, 3, 0, 0}, {30, 4, 0, 0}, {19, 2, 0, 0}});
  std::vector<std::uint8_t> out(2 * sensor.cells());
  count_bins(recording.events(), sensor, 10, 10, 2, out.data());
  std::vector<std::uint8_t> expected(out.size());
  expected[2] = 2;
  expected[sensor.cells() + 1] = 1;
  CHECK(out == expected);
}

}  // namespace test_events_frames
