#include <doctest/doctest.h>

#include <vector>

#include "spikelet/layers/graph.hpp"
#include "spikelet/layers/weights.hpp"

namespace test_layers_weights {

using namespace spikelet::layers;

TEST_CASE("weights: copies share their numbers, and other numbers are a new object") {
  Conv conv{};
  CHECK(conv.weights.empty());
  conv.weights = {1, 2, 3};
  Conv copy = conv;
  CHECK(copy.weights.data() == conv.weights.data());
  copy.weights = std::vector<double>{4, 5};
  CHECK(copy.weights.size() == 2);
  CHECK(copy.weights[1] == 5);
  CHECK(std::vector<double>(conv.weights.begin(), conv.weights.end()) ==
        std::vector<double>{1, 2, 3});
}

}  // namespace test_layers_weights
