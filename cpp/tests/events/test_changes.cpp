#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "spikelet/events/changes.hpp"
#include "support/events.hpp"

namespace test_events_changes {

namespace {

using namespace spikelet::events;
using spikelet::test::Recording;

template <class T>
Column of(const std::vector<T>& values, Kind kind) {
  return {reinterpret_cast<const std::byte*>(values.data()), sizeof(T), kind};
}

std::byte* bytes(auto& values) { return reinterpret_cast<std::byte*>(values.data()); }

}  // namespace

TEST_CASE("changes: an affine map cuts towards 0 and stays within the type") {
  const std::vector<std::int16_t> values{0, 3, 5, -3, 32767};
  std::vector<std::int16_t> out(values.size());
  affine("x", of(values, Kind::i16), values.size(), 0.5, 0, bytes(out), 2);
  CHECK(out == std::vector<std::int16_t>{0, 1, 2, -1, 16383});
  CHECK_THROWS_WITH_AS(affine("x", of(values, Kind::i16), values.size(), 2, 0, bytes(out), 2),
                       "the field x cannot hold 65534.000000 of event 4", std::range_error);
  const std::vector<std::int64_t> times{0, INT64_MAX};
  std::vector<std::int64_t> later(2);
  CHECK_THROWS_AS(affine("t", of(times, Kind::i64), 2, 1, 0, bytes(later), 8), std::range_error);
  const std::vector<std::uint8_t> small{0, 255};
  std::vector<std::uint8_t> flipped(2);
  affine("p", of(small, Kind::u8), 2, -1, 255, bytes(flipped), 1);
  CHECK(flipped == std::vector<std::uint8_t>{255, 0});
  CHECK_THROWS_AS(affine("p", of(small, Kind::u8), 2, 1, -1, bytes(flipped), 1), std::range_error);
}

TEST_CASE("changes: what a double would round is mapped as one, also in place") {
  std::vector<std::uint64_t> large{5, (std::uint64_t{1} << 60) + 1, UINT64_MAX - 4095, 7};
  affine("t", of(large, Kind::u64), 4, 1, 3, bytes(large), 8);
  CHECK(large == std::vector<std::uint64_t>{8, std::uint64_t{1} << 60, UINT64_MAX - 4095, 10});
  std::vector<std::int16_t> mirrored{0, 3, 9};
  affine("x", of(mirrored, Kind::i16), 3, -1, 9, bytes(mirrored), 2);
  CHECK(mirrored == std::vector<std::int16_t>{9, 6, 0});
  CHECK_THROWS_WITH_AS(affine("x", of(mirrored, Kind::i16), 3, 1, 32760, bytes(mirrored), 2),
                       "the field x cannot hold 32769.000000 of event 0", std::range_error);
}

TEST_CASE("changes: items are taken backwards") {
  const std::vector<std::uint8_t> keep{1, 1, 0, 1};
  const std::size_t size = 13;
  std::vector<std::byte> items(4 * size), out(3 * size);
  for (std::size_t k = 0; k < items.size(); ++k) {
    items[k] = static_cast<std::byte>(k);
  }
  CHECK(take(items.data() + 3 * size, -13, size, keep, out.data(), 3) == 3);
  for (std::size_t k = 0; k < size; ++k) {
    CHECK(out[k] == items[3 * size + k]);
    CHECK(out[size + k] == items[2 * size + k]);
    CHECK(out[2 * size + k] == items[k]);
  }
}

TEST_CASE("changes: flags are counted, however many there are") {
  for (const std::size_t n : {0u, 1u, 255u, 256u, 1000u}) {
    std::vector<std::uint8_t> keep(n, 1);
    CHECK(number_kept(keep) == n);
    if (n > 0) {
      keep[n / 2] = 0;
      keep[n - 1] = 2;
      CHECK(number_kept(keep) == (n == 1 ? 1 : n - 1));
    }
  }
}

TEST_CASE("changes: shifts are rounded, and what leaves the limits is marked") {
  const std::vector<std::int16_t> values{0, 3, 9, 5};
  const std::vector<double> shifts{-0.4, 0.6, 1.2, -6};
  std::vector<std::int16_t> out = values;
  std::vector<std::uint8_t> keep(4, 1);
  shift("x", shifts, 0, 10, of(values, Kind::i16), bytes(out), 2, keep);
  CHECK(keep == std::vector<std::uint8_t>{1, 1, 0, 0});
  CHECK(out == std::vector<std::int16_t>{0, 4, 9, 5});
}

TEST_CASE("changes: items of any size are taken, and no more than there is room for") {
  const std::vector<std::uint8_t> keep{1, 0, 0, 1, 1};
  CHECK(number_kept(keep) == 3);
  for (const std::size_t size : {3u, 13u, 16u}) {
    std::vector<std::byte> items(5 * 20);
    for (std::size_t k = 0; k < items.size(); ++k) {
      items[k] = static_cast<std::byte>(k / 20);
    }
    for (const std::size_t room : {3u, 2u}) {
      std::vector<std::byte> out(3 * size, std::byte{99});
      CHECK(take(items.data(), 20, size, keep, out.data(), room) == room);
      const std::byte expected[]{std::byte{0}, std::byte{3},
                                 room == 3 ? std::byte{4} : std::byte{99}};
      for (std::size_t k = 0; k < out.size(); ++k) {
        CHECK(out[k] == expected[k / size]);
      }
    }
  }
}

}  // namespace test_events_changes
