#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "network/queued_weights.hpp"

namespace test_network_queued_weights {

using namespace spikelet;

TEST_CASE("floats are added to the input as they are") {
  std::vector<float> input(70'000, 1.0f);
  const FloatWeights<float> weights;
  weights.add(input.data(), [](auto&& adder) {
    adder(0)(0.5f, 7);
    adder(1)(-2.0f, 3);
  });
  CHECK(input[7] == 1.5f);
  CHECK(input[65'536 + 3] == -1.0f);
  CHECK(FloatWeights<float>::kept(-0.1f) == -0.1f);
}

TEST_CASE("magnitudes are added to sums, in their step, with the sign of the grid or of the list") {
  std::vector<std::uint32_t> sums(140'000);
  const SumsAt at{sums.data(), nullptr};
  const auto add = [](auto&& adder) {
    adder(0)(3, 7);
    adder(1)(5, 7);
  };
  IntegerWeights<double>({0.25, true, 2, &at}).add(nullptr, add);
  CHECK(static_cast<std::int32_t>(sums[7]) == -12);
  CHECK(static_cast<std::int32_t>(sums[65'536 + 7]) == -20);
  const IntegerWeights<double> both({0.25, false, 1, &at}, true);
  both.add(nullptr, add);
  CHECK(static_cast<std::int32_t>(sums[7]) == -12 + 6 - 10);
  CHECK(both.sign_of(-0.25) == 1);
  CHECK(both.sign_of(0.0) == 0);
  CHECK(both.kept(-16'383.75) == 65'535);
  std::array<unsigned char, 2> bytes{2, 1};
  const auto synapse = both.synapse(3, 9, 2, bytes.data(), 1);
  CHECK(synapse.value() == -0.25 * (256 + 2));
  synapse.set(-1.0);
  CHECK(bytes == std::array<unsigned char, 2>{4, 0});
}

}  // namespace test_network_queued_weights
