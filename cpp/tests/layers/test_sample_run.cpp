#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "layers/sample_run.hpp"
#include "spikelet/core/random.hpp"
#include "support/values.hpp"

using namespace spikelet;
using namespace spikelet::layers;

TEST_CASE("each plane of spikes is worth half the one before, then the same with negative sign") {
  CHECK(plane_gain<float>(0, 1) == 1.0f);
  const std::vector<double> expected{1, 0.5, 0.25, -1, -0.5, -0.25};
  for (std::size_t plane = 0; plane < 6; ++plane) {
    CHECK(plane_gain<double>(plane, 6) == expected[plane]);
  }
  CHECK(plane_gain<double>(0, 2) == 1);
  CHECK(plane_gain<double>(1, 2) == -1);
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
