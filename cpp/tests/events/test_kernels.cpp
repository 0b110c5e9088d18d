#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "events/kernels.hpp"

namespace test_events_kernels {

namespace {

using namespace spikelet;

}  // namespace

TEST_CASE_TEMPLATE("event kernels: all levels give the same bits", T, float, double) {
  constexpr std::size_t n = 48;
  std::vector<std::int64_t> t(n);
  std::vector<std::int32_t> cell(n);
  std::vector<T> x(37);
  for (std::size_t k = 0; k < n; ++k) {
    t[k] = static_cast<std::int64_t>(k * k * k);
    cell[k] = static_cast<std::int32_t>(k * 31 % 80);
  }
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = static_cast<T>(k) / 7;
  }
  std::vector<std::vector<T>> results;
  for (const SimdLevel level : available_simd_levels()) {
    const auto& kernels = events::level_table(level).of<T>();
    std::vector<T> aged(n), scaled(x.size()), parts(2 * n);
    std::vector<std::int32_t> at(n);
    kernels.aged(t.data(), 50000, 1e-4, T{2}, aged.data(), n);
    kernels.scaled(x.data(), T{3}, scaled.data(), x.size());
    kernels.spread(t.data(), cell.data(), {0, 1e-3, 40, at.data(), parts.data()}, n);
    for (std::size_t k = 0; k < n; ++k) {
      const double age = std::max(50000 - static_cast<double>(t[k]), 0.0) * 1e-4;
      CHECK(aged[k] == doctest::Approx(2 * std::exp(-age)).epsilon(sizeof(T) == 4 ? 1e-6 : 1e-14));
      const double s = static_cast<double>(t[k]) * 1e-3;
      const auto bin = static_cast<std::int32_t>(s);
      const double sign = cell[k] >= 40 ? 1 : -1;
      const bool whole = s == bin && at[k] / 40 == bin - 1;
      CHECK((whole || at[k] == bin * 40 + cell[k] % 40));
      CHECK(parts[2 * k + 1] == doctest::Approx(sign * (whole ? 1 : s - bin)).epsilon(1e-4));
      CHECK(parts[2 * k] == doctest::Approx(sign * (whole ? 0 : 1 - (s - bin))).epsilon(1e-4));
    }
    CHECK(scaled[36] == 3 * x[36]);
    for (const auto& more : {scaled, parts}) {
      aged.insert(aged.end(), more.begin(), more.end());
    }
    results.push_back(aged);
  }
  for (const auto& result : results) {
    CHECK(result == results.front());
  }
}

TEST_CASE("event kernels: records are split at all levels") {
  const std::vector<events::RecordPlaces> orders{{0, 8, 10, 12},
                                                 {4, 0, 2, 12},
                                                 {0, 14, 12, 11},
                                                 {events::no_field, 3, 8, 0},
                                                 {5, 0, events::no_field, 4},
                                                 {8, 0, 2, events::no_field}};
  for (const SimdLevel level : available_simd_levels()) {
    for (const events::RecordPlaces& places : orders) {
      for (const std::size_t n : {1u, 2u, 7u}) {
        std::vector<std::byte> records(19 * n + 16);
        for (std::size_t k = 0; k < records.size(); ++k) {
          records[k] = static_cast<std::byte>(k * 37 + 200);
        }
        std::vector<std::int64_t> t(n);
        std::vector<std::uint64_t> words(n);
        events::level_table(level).split(records.data(), 19, n, places, t.data(), words.data());
        for (std::size_t k = 0; k < n; ++k) {
          const auto number = [&](std::uint8_t place, int bytes) {
            std::uint64_t value = 0;
            for (int i = 0; i < bytes && place != events::no_field; ++i) {
              value |= std::to_integer<std::uint64_t>(
                           records[19 * k + place + static_cast<std::size_t>(i)])
                       << 8 * i;
            }
            return value;
          };
          CHECK(t[k] == static_cast<std::int64_t>(number(places.t, 8)));
          CHECK(words[k] ==
                (number(places.x, 2) | number(places.y, 2) << 16 | number(places.p, 1) << 32));
        }
      }
    }
  }
}

TEST_CASE("event kernels: cells at all levels") {
  const events::CellPlaces places{30, 20, 2, 32, 700, 33};
  for (const SimdLevel level : available_simd_levels()) {
    const auto cells = events::level_table(level).cells;
    std::vector<std::uint64_t> words;
    std::vector<std::int32_t> expected;
    for (std::uint32_t k = 0; k < 61; ++k) {
      const std::uint32_t x = k * 7 % 30, y = k * 3 % 20, p = k % 2;
      words.push_back(x | y << 16 | std::uint64_t{p} << 32);
      expected.push_back(static_cast<std::int32_t>(p * 700 + y * 32 + x + 33));
    }
    std::vector<std::int32_t> out(words.size());
    CHECK(cells(words.data(), words.size(), places, out.data()));
    CHECK(out == expected);
    for (std::size_t k = 0; k < words.size(); k += 4) {
      for (const std::uint64_t bad :
           {std::uint64_t{30}, std::uint64_t{0xFFFF}, std::uint64_t{20} << 16,
            std::uint64_t{0x8000} << 16, std::uint64_t{2} << 32, std::uint64_t{0xFF} << 32}) {
        const std::uint64_t word = std::exchange(words[k], bad);
        CHECK_FALSE(cells(words.data(), words.size(), places, out.data()));
        words[k] = word;
      }
    }
  }
}

TEST_CASE("event kernels: the range at all levels") {
  for (const SimdLevel level : available_simd_levels()) {
    std::vector<std::int64_t> values(37, 5);
    std::int64_t low = INT64_MAX, high = INT64_MIN;
    events::level_table(level).extend(values.data(), values.size(), low, high);
    CHECK(low == 5);
    CHECK(high == 5);
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] = INT64_MIN + static_cast<std::int64_t>(k);
      values[36 - k] = INT64_MAX;
      low = high = 0;
      events::level_table(level).extend(values.data(), values.size(), low, high);
      CHECK(high == INT64_MAX);
      CHECK((low < 0) == (k != 18));
      values[k] = values[36 - k] = 5;
    }
  }
}

TEST_CASE("event kernels: order is checked at all levels") {
  for (const SimdLevel level : available_simd_levels()) {
    const auto ordered = events::level_table(level).ordered;
    std::vector<std::int64_t> t(37, 5);
    CHECK(ordered(t.data(), t.size(), 5, 5));
    CHECK_FALSE(ordered(t.data(), t.size(), 6, 9));
    CHECK_FALSE(ordered(t.data(), t.size(), 0, 4));
    for (std::size_t k = 1; k < t.size(); ++k) {
      for (const std::int64_t early : {std::int64_t{4}, INT64_MIN}) {
        t[k] = early;
        CHECK_FALSE(ordered(t.data(), t.size(), 0, 9));
      }
      t[k] = 5;
    }
    t = {INT64_MIN, -1, 5, INT64_MAX};
    CHECK(ordered(t.data(), t.size(), INT64_MIN, INT64_MAX));
  }
}

}  // namespace test_events_kernels
