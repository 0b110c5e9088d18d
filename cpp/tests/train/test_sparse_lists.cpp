#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "support/sparse_values.hpp"
#include "support/values.hpp"
#include "train/sparse_lists.hpp"

using namespace spikelet::train;

TEST_CASE("rows are padded to whole lines, and parts cover everything") {
  CHECK(padded<float>(0) == 0);
  CHECK(padded<float>(1) == 16);
  CHECK(padded<float>(16) == 16);
  CHECK(padded<double>(17) == 24);
  CHECK(parts_of(0, 10) == 0);
  CHECK(parts_of(10, 10) == 1);
  CHECK(parts_of(11, 10) == 2);
}

TEST_CASE_TEMPLATE("a finder gives the places of inputs that are not 0", R, float, double) {
  Finder<R> find(500);
  for (const std::size_t n : {500u, 3u, 0u}) {
    const auto x = test::sparse_values<R>(n, 0.2, 1);
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (x[i] != 0) {
        expected.push_back(i);
      }
    }
    const auto found = find(x.data(), n);
    CHECK(std::vector<std::uint32_t>(found.begin(), found.end()) == expected);
  }
}

TEST_CASE("lists keep the order of their events and can be refilled") {
  Lists<float> lists(3, 4);
  for (int round = 0; round < 2; ++round) {
    lists.append(0, 7, 0.5f);
    lists.append(2, 1, 1.5f);
    lists.append(0, 3, 2.5f);
    CHECK(lists[0].number == 2);
    CHECK(lists[1].number == 0);
    CHECK(lists[2].number == 1);
    CHECK(lists[0].at[0] == 7);
    CHECK(lists[0].at[1] == 3);
    CHECK(lists[0].value[1] == 2.5f);
    CHECK(lists[2].value[0] == 1.5f);
    lists.clear();
    CHECK(lists[0].number == 0);
  }
}

TEST_CASE("transpose leaves what lies beyond the rows") {
  constexpr std::size_t rows = 19, n = 35, x_pitch = 40, y_pitch = 24;
  const auto x = test::values<double>(rows * x_pitch, -1, 1, 4);
  std::vector<double> y(n * y_pitch, 7);
  transpose(x.data(), rows, n, x_pitch, y.data(), y_pitch);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t r = 0; r < y_pitch; ++r) {
      CHECK(y[i * y_pitch + r] == (r < rows ? x[r * x_pitch + i] : 7));
    }
  }
}

TEST_CASE("active bytes are found and counted as single ones are") {
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8},
                              std::size_t{64}, std::size_t{203}}) {
    for (const double density : {0.0, 0.1, 1.0}) {
      std::vector<std::uint8_t> x;
      std::vector<std::uint32_t> wanted;
      for (const double value : test::values<double>(n, 0, 1, 7)) {
        const bool active = value < density;
        // all values of a byte, also those with only the highest bit
        x.push_back(active ? static_cast<std::uint8_t>(x.size() % 3 == 0 ? 128 : 1 + x.size()) : 0);
        if (x.back() != 0) {
          wanted.push_back(static_cast<std::uint32_t>(x.size() - 1));
        }
      }
      CHECK(count_active(x.data(), n) == wanted.size());
      Finder<std::uint8_t> find(n);
      const auto found = find(x.data(), n);
      CHECK(std::vector<std::uint32_t>(found.begin(), found.end()) == wanted);
    }
  }
}
