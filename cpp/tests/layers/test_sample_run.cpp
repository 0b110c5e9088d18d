#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "layers/sample_run.hpp"
#include "spikelet/core/random.hpp"
#include "support/values.hpp"

namespace test_layers_sample_run {

using namespace spikelet;
using namespace spikelet::layers;

TEST_CASE("the planes of spikes have falling sizes, then the same with negative sign") {
  const auto gains = [](bool is_signed, int levels, double ratio) {
    const Input input{InputForm::spikes, {1.0}, is_signed, false, levels, ratio};
    return make_plan<double>({{input, {}, Extent{3, 1, 1}}}, false, {})->nodes[0].gains;
  };
  CHECK(std::ranges::equal(gains(false, 1, 0.5), std::vector{1.0}));
  CHECK(std::ranges::equal(gains(true, 1, 0.5), std::vector{1.0, -1.0}));
  CHECK(std::ranges::equal(gains(true, 3, 0.5), std::vector{1.0, 0.5, 0.25, -1.0, -0.5, -0.25}));
  // Every second power of sqrt(1 / 2) is exact.
  const auto fine = gains(true, 5, std::sqrt(0.5));
  CHECK(static_cast<float>(fine[2]) == 0.5f);
  CHECK(static_cast<float>(fine[4]) == 0.25f);
  CHECK_THROWS_AS(gains(true, 2, 1.0), std::invalid_argument);
}

TEST_CASE("input spikes are stored by step and pixel; their mean starts after the delay") {
  const Extent shape{19, 3, 5};
  constexpr std::size_t steps = 8, delay = 3;
  const std::vector<std::pair<std::size_t, What>> wanted{{0, What::mean}};
  const auto plan =
      make_plan<double>({{Input{InputForm::spikes, {2.0}, true}, {}, shape}}, false, wanted);
  SampleRun<double> sample(*plan, steps, delay);
  for (std::uint32_t run = 0; run < 2; ++run) {  // nothing is left from the run before
    std::vector<std::int8_t> spikes;
    for (const double x : test::values<double>(steps * shape.size(), -1.5, 1.5, run)) {
      spikes.push_back(static_cast<std::int8_t>(x < -0.5 ? -1 : x > 0.5 ? 1 : 0));
    }
    sample.set_input(0, spikes.data(), shape.size());
    std::vector<NodeCounts> counts(1);
    sample.restart();
    sample.advance(steps, {});
    sample.count(counts);
    std::uint64_t n = 0;
    const Layout& layout = plan->nodes[0].layout;
    for (std::size_t c = 0; c < shape.channels; ++c) {
      for (std::size_t y = 0; y < shape.height; ++y) {
        for (std::size_t x = 0; x < shape.width; ++x) {
          int late = 0;
          for (std::size_t t = 0; t < steps; ++t) {
            const int spike =
                spikes[((t * shape.channels + c) * shape.height + y) * shape.width + x];
            CHECK(sample.spike(0, t, y, x, c) == spike);
            n += spike != 0 ? 1 : 0;
            late += t >= delay ? spike : 0;
          }
          CHECK(sample.dense(0)[y * layout.row() + x * layout.pixel + c] ==
                doctest::Approx(2.0 * late / (steps - delay)));
        }
      }
    }
    CHECK(counts[0].spikes == n);
  }
}

TEST_CASE("operations count what a convolution uses, before pools and in lists") {
  // Spikes, their mean of windows, and a list of both kinds of channels, seen by 3 x 3.
  constexpr std::size_t steps = 4, high = 3, wide = 5;
  const Windows rows{{0, 2, 4}, {2, 4, 6}, {2, 2, 2}};
  const Windows columns{{0, 3, 6, 9, 12}, {3, 6, 9, 12, 15}, {3, 3, 3, 3, 3}};
  Conv conv;
  conv.kernel_height = conv.kernel_width = 3;
  conv.top = conv.left = 1;
  conv.weights = std::vector<double>(7 * 22 * 9, 1);
  for (const double x : test::values<double>(22 * high * wide, 0, 3.5, 9)) {
    conv.uses.push_back(static_cast<std::uint32_t>(x));
  }
  const layers::Neuron neuron{{1}, {0}, {1}, false, 0, 1, 1, false, false, 1, {}, {}, {}};
  for (const InputForm form : {InputForm::spikes, InputForm::sequence, InputForm::constant}) {
    const Input input{form, {1.0}, true};
    const Graph graph{{input, {}, {19, high, wide}},
                      {input, {}, {3, 6, 15}},
                      {AveragePool{rows, columns}, {1}, {3, high, wide}},
                      {Concat{}, {0, 2}, {22, high, wide}},
                      {conv, {3}, {7, high, wide}},
                      {neuron, {4}, {7, high, wide}}};
    const bool spikes = form == InputForm::spikes;
    const std::vector<std::pair<std::size_t, What>> wanted{{5, What::mean}};
    const auto plan = make_plan<double>(graph, false, wanted);
    SampleRun<double> sample(*plan, steps, 0);
    std::vector<std::vector<std::int8_t>> given;
    std::vector<double> analog[2];
    for (const std::uint32_t k : {0u, 1u}) {
      const std::size_t size = graph[k].shape.size();
      given.emplace_back();
      for (const double x : test::values<double>(steps * size, -1.5, 1.5, k)) {
        given[k].push_back(static_cast<std::int8_t>(x < -0.7 ? -1 : x > 0.7 ? 1 : 0));
        analog[k].push_back(given[k].back());
      }
      spikes ? sample.set_input(k, given[k].data(), size)
             : sample.set_input(k, analog[k].data(), size);
    }
    std::vector<NodeCounts> counts(graph.size());
    sample.advance(steps, {});
    sample.count(counts);
    // Spikes reach what the mean of their window reaches; values are averaged first.
    std::uint64_t expected = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      const std::size_t at = form == InputForm::constant ? 0 : t;
      const auto* direct = given[0].data() + at * 19 * high * wide;
      const auto* fine = given[1].data() + at * 3 * 6 * 15;
      for (std::size_t i = 0; i < 22 * high * wide; ++i) {
        const std::size_t x = i % wide, y = i / wide % high, c = i / wide / high;
        std::uint64_t active = 0;
        int sum = 0;
        for (std::size_t p = 0; c >= 19 && p < 6; ++p) {
          const int v = fine[((c - 19) * 6 + 2 * y + p / 3) * 15 + 3 * x + p % 3];
          active += v != 0 ? 1 : 0;
          sum += v;
        }
        if (c < 19) {
          active = direct[i] != 0 ? 1 : 0;
        } else if (!spikes) {
          active = sum != 0 ? 1 : 0;
        }
        const std::uint64_t outputs = (y == 1 ? 3 : 2) * (x == 0 || x == 4 ? 2 : 3) * 7;
        expected += active * outputs * conv.uses[i];
      }
    }
    CHECK((spikes ? counts[4].additions : counts[4].products) == expected);
    CHECK((spikes ? counts[4].products : counts[4].additions) == 0);
  }
  const Graph graph{{Input{}, {}, {22, high, wide}}, {conv, {0}, {7, high, wide}}};
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < conv.uses.size(); ++i) {
    all += conv.uses[i] * (i / wide % high == 1 ? 3u : 2u) * (i % wide % 4 == 0 ? 2u : 3u) * 7;
  }
  CHECK(dense_operations(graph, 1) == all);
  Conv wrong = conv;
  wrong.uses.pop_back();
  CHECK_THROWS_AS(check({graph[0]}, {wrong, {0}, {7, high, wide}}), std::invalid_argument);
}

TEST_CASE("a sample can be stopped before any node") {
  const std::vector<std::pair<std::size_t, What>> wanted{{1, What::mean}};
  const auto plan = make_plan<float>(
      {{Input{}, {}, {3, 1, 1}}, {Gather{{0, 1, 2}}, {0}, {3, 1, 1}}}, false, wanted);
  SampleRun<float> sample(*plan, 2, 0);
  const std::vector<float> image{1, 2, 3};
  sample.set_input(0, image.data(), 3);
  sample.advance(2, [] { return false; });
  CHECK(sample.dense(1)[2] == 0);
  int asked = 0;
  sample.restart();
  sample.advance(2, [&] { return ++asked <= 2; });
  CHECK(asked == 2);
  CHECK(sample.dense(1)[2] == 3);
}

}  // namespace test_layers_sample_run
