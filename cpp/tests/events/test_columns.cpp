#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "spikelet/events/columns.hpp"
#include "support/events.hpp"

namespace test_events_columns {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::Recording;

void cells(const Events& events, const Sensor& sensor, std::vector<std::int32_t>& out) {
  for_cells(events, sensor, 0, events.n,
            [&](std::size_t first, std::size_t n, const std::int32_t* cell) {
              std::copy_n(cell, n, out.begin() + static_cast<std::ptrdiff_t>(first));
            });
}

}  // namespace

TEST_CASE("columns: values of every type are read where they lie") {
  const std::vector<std::int64_t> expected{1, 2, 3, 100, 127};
  const auto reads = [&]<class T>(T, Kind kind) {
    std::vector<std::byte> bytes(1 + expected.size() * 11);  // packed and not aligned
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const auto value = static_cast<T>(expected[k]);
      std::memcpy(bytes.data() + 1 + k * 11, &value, sizeof value);
    }
    std::vector<std::int64_t> found(3);
    load({bytes.data() + 1, 11, kind}, 2, found);
    return found == std::vector<std::int64_t>(expected.begin() + 2, expected.end());
  };
  CHECK(reads(std::int8_t{}, Kind::i8));
  CHECK(reads(std::int16_t{}, Kind::i16));
  CHECK(reads(std::int32_t{}, Kind::i32));
  CHECK(reads(std::int64_t{}, Kind::i64));
  CHECK(reads(std::uint8_t{}, Kind::u8));
  CHECK(reads(std::uint16_t{}, Kind::u16));
  CHECK(reads(std::uint32_t{}, Kind::u32));
  CHECK(reads(std::uint64_t{}, Kind::u64));
}

TEST_CASE("columns: a missing field holds zeros") {
  std::vector<std::int64_t> found(3, 7);
  load({}, 0, found);
  CHECK(found == std::vector<std::int64_t>{0, 0, 0});
}

TEST_CASE("columns: cells count polarities, rows and columns, in short types and long ones") {
  Recording shorts(std::vector<Event>{{1, 3, 2, 1}, {2, 0, 0, 0}, {3, 6, 4, 1}});
  const Sensor sensor{7, 5, 2};
  std::vector<std::int32_t> found(3);
  cells(shorts.events(), sensor, found);
  const std::vector<std::int32_t> expected{35 + 2 * 7 + 3, 0, 35 + 4 * 7 + 6};
  CHECK(found == expected);
  Events wide = shorts.events();
  const std::vector<std::int64_t> x{3, 0, 6};
  wide.x = {reinterpret_cast<const std::byte*>(x.data()), 8, Kind::i64};
  cells(wide, sensor, found);
  CHECK(found == expected);
}

TEST_CASE("columns: times and cells of packed events and of separate columns are the same") {
  std::vector<Event> list;
  for (std::int16_t k = 0; k < 1100; ++k) {
    list.push_back({k * 11, static_cast<std::int16_t>(k % 7), static_cast<std::int16_t>(k % 5),
                    static_cast<std::int8_t>(k % 2)});
  }
  const Recording recording(list);
  const Sensor sensor{7, 5, 2};
  std::vector<std::int64_t> x, y, p;
  Events apart = recording.events();
  for (const Event& e : list) {
    x.push_back(e.x);
    y.push_back(e.y);
    p.push_back(e.p);
  }
  const auto column = [](const std::vector<std::int64_t>& values) {
    return Column{reinterpret_cast<const std::byte*>(values.data()), 8, Kind::i64};
  };
  apart.x = column(x);
  apart.y = column(y);
  apart.p = column(p);
  Events reversed = recording.events();  // not read as records
  for (Column* const c : {&reversed.t, &reversed.x, &reversed.y, &reversed.p}) {
    c->data += c->stride * (static_cast<std::ptrdiff_t>(list.size()) - 1);
    c->stride = -c->stride;
  }
  const auto all = [&](const Events& events) {
    std::vector<std::int64_t> found;
    for_events(events, sensor, 3, events.n - 3,
               [&](std::size_t, std::size_t n, const std::int64_t* t, const std::int32_t* cell) {
                 for (std::size_t k = 0; k < n; ++k) {
                   found.push_back(t[k] * 100 + cell[k]);
                 }
               });
    return found;
  };
  const auto found = all(recording.events());
  REQUIRE(found.size() == list.size() - 6);
  CHECK(found.back() == 1096 * 1100 + 1096 % 2 * 35 + 1096 % 5 * 7 + 1096 % 7);
  CHECK(all(apart) == found);
  auto backwards = all(reversed);
  std::ranges::reverse(backwards);
  CHECK(backwards == found);
}

TEST_CASE("columns: an event outside the sensor is named") {
  const auto message = [](const std::vector<Event>& list) -> std::string {
    const Recording recording(list);
    std::vector<std::int32_t> out(recording.size());
    try {
      cells(recording.events(), {7, 5, 2}, out);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message(std::vector<Event>{{1, 0, 0, 0}, {1, 7, 0, 0}}) ==
        "events: x must lie in 0 .. 6 (sensor_size), got 7 at event 1");
  CHECK(message(std::vector<Event>{{1, -1, 0, 0}}).find("got -1 at event 0") != std::string::npos);
  CHECK(message(std::vector<Event>{{1, 0, 5, 0}}).find("y must lie in 0 .. 4") !=
        std::string::npos);
  CHECK(message(std::vector<Event>{{1, 0, 0, 2}}).find("p must lie in 0 .. 1") !=
        std::string::npos);
  CHECK(message(std::vector<Event>{{1, 0, 0, -1}}).find("p must lie in 0 .. 1") !=
        std::string::npos);
  CHECK(message(std::vector<Event>{{1, 6, 4, 1}}).empty());
}

TEST_CASE("columns: order, range and search, across blocks") {
  std::vector<Event> many;
  for (std::int64_t k = 0; k < 3 * static_cast<std::int64_t>(block); ++k) {
    many.push_back({k / 2, 0, 0, 0});
  }
  Recording recording(many);
  CHECK(first_unsorted(recording.events()) == recording.size());
  CHECK(range(recording.events().t, recording.size()).high == 767);
  const std::vector<double> times{-1, 0, 0.5, 10, 1e9};
  std::vector<std::int64_t> found(times.size());
  search(recording.events(), times, found);
  CHECK(found == std::vector<std::int64_t>{0, 0, 2, 20, static_cast<std::int64_t>(many.size())});
  for (const std::size_t place : {std::size_t{1}, block, 2 * block + 5}) {
    auto bad = many;
    bad[place].t = -1;
    CHECK(first_unsorted(Recording(bad).events()) == place);
  }
}

}  // namespace test_events_columns
