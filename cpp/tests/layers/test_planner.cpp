#include <doctest/doctest.h>

#include <vector>

#include "layers/planner.hpp"

namespace test_layers_planner {

using namespace spikelet;
using namespace spikelet::layers;

TEST_CASE("values of channels and of neurons are laid out in the order of samples, and padded") {
  const Layout layout({3, 2, 2});
  bool everywhere = true;
  CHECK(laid_out<float>({5}, layout, -1, everywhere)[2] == 5);
  CHECK_FALSE(everywhere);
  const auto channels = laid_out<float>({5, 6, 7}, layout, -1, everywhere);
  CHECK_FALSE(everywhere);
  REQUIRE(channels.size() == layout.pixel);
  CHECK(channels[2] == 7);
  CHECK(channels[3] == -1);
  std::vector<double> each(12);
  for (std::size_t k = 0; k < each.size(); ++k) {
    each[k] = static_cast<double>(k);
  }
  const auto neurons = laid_out<float>(each, layout, -1, everywhere);
  CHECK(everywhere);
  REQUIRE(neurons.size() == layout.size());
  // Channel 1 at row 1, column 0.
  CHECK(neurons[layout.row() + 1] == 6);
  CHECK(neurons[layout.row() + 3] == -1);
}

TEST_CASE("a mean pool and the convolution after it become one kernel") {
  Conv conv;
  conv.kernel_height = conv.kernel_width = 1;
  conv.weights = {1, 2};
  const AveragePool pool{{{0, 2}, {2, 4}, {2, 2}}, {{0, 2}, {2, 4}, {2, 2}}};
  layers::Neuron neuron{};
  neuron.threshold = neuron.amplitude = {1};
  neuron.v_init = {0};
  neuron.decay = neuron.gain = 1;
  neuron.levels = 1;
  const Graph graph{{Input{InputForm::spikes}, {}, {2, 4, 4}},
                    {pool, {0}, {2, 2, 2}},
                    {conv, {1}, {1, 2, 2}},
                    {neuron, {2}, {1, 2, 2}}};
  const auto plan = make_plan<float>(graph, false, {});
  const Sum<float>& sum = *plan->nodes[3].sum;
  REQUIRE(sum.terms.size() == 1);
  CHECK(sum.terms[0].source == 0);
  const Kernel& kernel = sum.terms[0].conv->kernel;
  CHECK(kernel.conv.kernel_height == 2);
  CHECK(kernel.conv.stride_x == 2);
  CHECK(kernel.conv.weights == std::vector<double>{0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5});
}

}  // namespace test_layers_planner
