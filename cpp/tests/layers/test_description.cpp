#include <doctest/doctest.h>

#include <cmath>

#include "spikelet/layers/description.hpp"
#include "spikelet/layers/engine.hpp"

namespace test_layers_description {

using namespace spikelet::layers;

namespace {

Neuron neuron(double threshold) {
  Neuron n{};
  n.threshold = {threshold};
  n.v_init = {threshold / 2};
  n.amplitude = {0.5};
  n.decay = n.gain = 1;
  n.levels = 1;
  return n;
}

// Two layers of neurons with a convolution before each, of 4 x 3 pixels.
Graph two_layers() {
  const Extent image{1, 4, 3}, hidden{3, 4, 3};
  Conv first{}, second{};
  first.kernel_height = first.kernel_width = 1;
  first.weights = {1, 2, 3};
  second.kernel_height = second.kernel_width = 3;
  second.top = second.left = 1;
  std::vector<double> ramp;
  for (int k = 0; k < 3 * 3 * 9; ++k) {
    ramp.push_back(0.01 * k - 0.3);
  }
  second.weights = ramp;
  second.bias = {0.1, 0.2, 0.3};
  return {{Input{}, {}, image},
          {first, {0}, hidden},
          {neuron(1), {1}, hidden},
          {second, {2}, hidden},
          {neuron(1), {3}, hidden}};
}

std::vector<NodeDescription> described(bool whole) {
  const std::vector<std::pair<std::size_t, What>> records{{4, What::mean}};
  return Engine<float>(two_layers(), whole, records).describe();
}

}  // namespace

TEST_CASE("a description has the form of each node and the numbers of the engine") {
  using Form = NodeDescription::Form;
  const auto nodes = described(false);
  CHECK(nodes[0].form == Form::constant);
  CHECK(nodes[2].form == Form::spikes);
  CHECK(nodes[3].form == Form::current);
  CHECK(nodes[4].mean);
  CHECK(nodes[2].amplitude == std::vector<double>(3, 0.5));
  CHECK(nodes[2].constants == std::vector<std::size_t>{1});
  const NodeDescription& last = nodes[4];
  REQUIRE(last.parts.size() == 1);
  CHECK(last.parts[0].kind == PartDescription::Kind::events);
  CHECK(last.parts[0].source == 2);
  CHECK(last.parts[0].walked);
  const Graph graph = two_layers();
  const auto& weights = std::get<Conv>(graph[3].kind).weights;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const float wanted = static_cast<float>(weights[k]) * 0.5f;
    CHECK(last.parts[0].conv.weights[k] == static_cast<double>(wanted));
  }
  CHECK(last.bias == std::vector<double>{0.1f, 0.2f, 0.3f});
}

TEST_CASE("weights of 16 bits are described as they were before rows were paired") {
  const NodeDescription last = described(true)[4];
  REQUIRE(last.whole);
  const Conv& conv = last.parts[0].conv;
  CHECK(conv.kernel_height == 3);
  CHECK(conv.stride_y == 1);
  const Graph graph = two_layers();
  const auto& weights = std::get<Conv>(graph[3].kind).weights;
  REQUIRE(conv.weights.size() == weights.size());
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double scale = last.scale[k / 27];
    CHECK(std::abs(conv.weights[k] - weights[k] * 0.5 * scale) <= 0.51);
    CHECK(conv.weights[k] == std::nearbyint(conv.weights[k]));
  }
  CHECK(last.threshold[0] == doctest::Approx(last.scale[0]));
}

}  // namespace test_layers_description
