#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "layers/plan.hpp"
#include "support/convolutions.hpp"

namespace test_layers_plan {

using namespace spikelet;
using namespace spikelet::layers;
using test::Case;
using test::cases;
using test::kernel_of;

TEST_CASE("two output rows at once are the two rows") {
  for (const Case& given : {cases[0], cases[6], cases[10]}) {
    const Kernel one = kernel_of(given), two = paired(one);
    CHECK(two.out.height == (one.out.height + 1) / 2);
    for (std::size_t o = 0; o < one.out.channels; ++o) {
      for (std::size_t y = 0; y < one.out.height; ++y) {
        // Each weight is met at the same input row.
        for (std::size_t ky = 0; ky < one.conv.kernel_height; ++ky) {
          const std::size_t row = y * one.conv.stride_y + ky * one.conv.dilation_y;
          const std::size_t at = row - y / 2 * two.conv.stride_y;
          for (std::size_t i = 0; i < one.in.channels; ++i) {
            for (std::size_t kx = 0; kx < one.conv.kernel_width; ++kx) {
              const std::size_t out = y % 2 * channel_unit + o;
              CHECK(two.conv.weights[((out * one.in.channels + i) * two.conv.kernel_height + at) *
                                         one.conv.kernel_width +
                                     kx] ==
                    one.conv.weights[((o * one.in.channels + i) * one.conv.kernel_height + ky) *
                                         one.conv.kernel_width +
                                     kx]);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("the fan-out of an input is the number of outputs that see it") {
  for (const Case& given : cases) {
    const Kernel k = kernel_of(given);
    const FanOut fan = fan_out(k);
    std::vector<std::uint32_t> rows(k.in.height), columns(k.in.width);
    const auto see = [](std::vector<std::uint32_t>& seen, std::size_t outputs, std::size_t kernel,
                        std::size_t stride, std::size_t dilation, std::size_t pad) {
      for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t i = 0; i < kernel; ++i) {
          const std::size_t at = o * stride + i * dilation - pad;  // wraps below 0
          if (at < seen.size()) {
            ++seen[at];
          }
        }
      }
    };
    see(rows, k.out.height, given.kernel_height, given.stride_y, given.dilation, given.top);
    see(columns, k.out.width, given.kernel_width, given.stride_x, given.dilation, given.left);
    CHECK(fan.rows == rows);
    CHECK(fan.columns == columns);
    CHECK(fan.outputs == given.out / given.groups);
  }
}

TEST_CASE("the fan-out of an input is times its uses") {
  for (const Case& given : cases) {
    Kernel k = kernel_of(given);
    for (std::size_t i = 0; i < k.in.size(); ++i) {
      k.conv.uses.push_back(static_cast<std::uint32_t>(6 * test::draw(i, 2)));
    }
    const FanOut fan = fan_out(k);
    const Layout l(k.in);
    std::vector<std::uint64_t> each(l.size()), sums(l.size());
    for (std::size_t i = 0; i < k.in.size(); ++i) {
      const std::size_t x = i % l.width, y = i / l.width % l.height, c = i / l.width / l.height;
      each[y * l.row() + x * l.pixel + c] =
          std::uint64_t{fan.rows[y]} * fan.columns[x] * k.conv.uses[i];
    }
    CHECK(fan.each == each);
    for (std::size_t bit = 0; bit < fan.bits.size(); ++bit) {
      REQUIRE(fan.bits[bit].size() == l.height * l.row_bytes());
      for (std::size_t i = 0; i < l.size(); ++i) {
        sums[i] += std::uint64_t{fan.bits[bit][i / 8]} >> i % 8 & 1 ? 1ULL << bit : 0;
      }
    }
    CHECK(sums == each);
    k.conv.uses.assign(k.in.size(), 0);
    CHECK(fan_out(k).each == std::vector<std::uint64_t>(l.size()));
    CHECK(fan_out(k).bits.empty());
  }
}

TEST_CASE("values take the simplest form that can represent them") {
  Conv conv;
  conv.kernel_height = conv.kernel_width = 1;
  conv.weights = {1, 2, 3, 4};
  layers::Neuron neuron{};
  neuron.threshold = neuron.amplitude = {1};
  neuron.v_init = {0};
  neuron.decay = neuron.gain = 1;
  neuron.levels = 1;
  Graph graph{{Input{}, {}, {2, 1, 1}},        {conv, {0}, {2, 1, 1}},     {neuron, {1}, {2, 1, 1}},
              {conv, {2}, {2, 1, 1}},          {Add{}, {1, 3}, {2, 1, 1}}, {neuron, {4}, {2, 1, 1}},
              {Gather{{1, 0}}, {5}, {2, 1, 1}}};
  const auto forms = [&](InputForm form) {
    graph[0].kind = Input{form};
    const auto plan = make_plan<float>(graph, false, {});
    std::vector<Form> all;
    for (const auto& node : plan->nodes) {
      all.push_back(node.form);
    }
    return all;
  };
  using enum Form;
  CHECK(forms(InputForm::constant) ==
        std::vector<Form>{constant, constant, spikes, current, current, spikes, spikes});
  CHECK(forms(InputForm::sequence) ==
        std::vector<Form>{Form::sequence, current, spikes, current, current, spikes, spikes});
  CHECK(forms(InputForm::spikes) ==
        std::vector<Form>{spikes, current, spikes, current, current, spikes, spikes});
  // Nothing is kept as an array that nobody asks for.
  const std::vector<std::pair<std::size_t, What>> wanted{{6, What::mean}};
  const auto plan = make_plan<float>(graph, false, wanted);
  CHECK(std::none_of(plan->nodes.begin(), plan->nodes.begin() + 5,
                     [](const auto& node) { return node.sequence || node.potential; }));
  CHECK(plan->nodes[6].dense);
}

}  // namespace test_layers_plan
