#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "support/sparse_values.hpp"
#include "support/values.hpp"
#include "train/sparse_lists.hpp"

namespace test_train_sparse_lists {

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

TEST_CASE_TEMPLATE("active inputs are listed by row and by input", R, float, double) {
  constexpr std::size_t rows = 37, inputs = 90, pitch = 100;
  for (const bool ones : {false, true}) {
    auto x = test::sparse_values<R>(rows * pitch, 0.2, 1);
    for (R& value : x) {
      value = ones && value != 0 ? R(1) : value;
    }
    const ActiveRows<R> found = active_rows<R>(x.data(), rows, inputs, pitch);
    const ActiveRows<R> turned = by_input(found, inputs);
    CHECK(found.value.empty() == ones);
    CHECK(turned.value.empty() == ones);
    REQUIRE(found.rows() == rows);
    REQUIRE(turned.rows() == inputs);
    const auto check = [&](const ActiveRows<R>& lists, std::size_t other, auto&& value) {
      std::size_t number = 0;
      for (std::size_t k = 0; k < lists.rows(); ++k) {
        const ActiveInputs<R> events = lists.events(lists.ends[k], lists.ends[k + 1]);
        std::size_t e = 0;
        for (std::uint32_t i = 0; i < other; ++i) {
          if (value(k, i) != 0) {
            REQUIRE(e < events.number);
            CHECK(events.at[e] == i);
            CHECK((events.value == nullptr ? R(1) : events.value[e]) == value(k, i));
            ++e;
          }
        }
        CHECK(e == events.number);
        number += e;
      }
      CHECK(number == lists.number());
    };
    check(found, inputs, [&](std::size_t r, std::size_t i) { return x[r * pitch + i]; });
    check(turned, rows, [&](std::size_t i, std::size_t r) { return x[r * pitch + i]; });
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

TEST_CASE("rows without active inputs have empty lists") {
  const std::vector<std::uint8_t> x(3 * 10);
  const auto found = active_rows<float>(x.data(), 3, 10, 10);
  CHECK(found.ends == std::vector<std::uint32_t>{0, 0, 0, 0});
  CHECK(by_input(found, 10).ends == std::vector<std::uint32_t>(11));
  CHECK(active_rows<float>(x.data(), 0, 10, 10).rows() == 0);
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

}  // namespace test_train_sparse_lists
