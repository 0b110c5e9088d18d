// Where the values of maps lie, and how weights are packed.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "first_spike/plan.hpp"

namespace spikelet::first_spike::test_plan {

TEST_CASE("first-spike plan: borders of zeros as wide as windows need, and blocks of 16 channels") {
  const std::vector<Map> maps{{{3, 4, 5}, Form::bytes, {7, 8, 9}},
                              {{20, 4, 5}, Form::bytes, std::vector<std::uint8_t>(20)}};
  const Kernel kernel{3, 3, {1, 1}, {1, 1}, {1, 1}, 1, std::vector<std::int16_t>(20 * 3 * 9, -5)};
  const Neurons neurons{Sums(20, 1), Sums(20, 4), 8, Sums(20), {}};
  const std::vector<Operation> operations{{1, Sum{{{0, kernel}}, neurons}}};
  check(maps, {{0, {1.0F, 1.0F, 1.0F}, 0, 255}}, operations);
  const auto plans = plans_of(maps, operations);
  const Place& in = plans[0].places[0];
  CHECK(in.before == std::array<std::size_t, 2>{1, 1});
  CHECK(in.after == std::array<std::size_t, 2>{1, 1});
  CHECK(in.pixel == 16);
  CHECK(in.row == 16 * 7);
  for (std::size_t c = 0; c < 3; ++c) {  // the first pixel of the border
    CHECK(plans[0].initial[in.begin - in.row - in.pixel + c] == 7 + c);
  }
  CHECK(plans[0].places[1].pixel == 32);

  const Packed& packed = plans[0].sum.packed[0];
  CHECK(packed.lanes == std::vector<std::size_t>{1, 1});
  const auto used = [](const auto& weights) { return std::ranges::count(weights, 256 - 5); };
  CHECK(used(packed.weights[0]) == 16 * 3 * 9);
  CHECK(used(packed.weights[1]) == 4 * 3 * 9);
  CHECK(plans[0].sum.unit.size() == 32);
}

}  // namespace spikelet::first_spike::test_plan
