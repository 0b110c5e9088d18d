#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "layers/sample_run.hpp"
#include "spikelet/core/random.hpp"
#include "support/values.hpp"

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

TEST_CASE("a sample can be stopped before any node") {
  const std::vector<std::pair<std::size_t, What>> wanted{{1, What::mean}};
  const auto plan =
      make_plan<float>({{Input{}, {}, {3, 1, 1}}, {Flatten{}, {0}, {3, 1, 1}}}, false, wanted);
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
