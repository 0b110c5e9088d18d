#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "spikelet/layers/conv_stdp.hpp"
#include "support/values.hpp"

namespace test_layers_conv_stdp {

namespace {

using namespace spikelet::layers;

constexpr ConvShape shape{6, 7, 2, 3, 20};
constexpr std::size_t bins = 15;

std::vector<Bin> random_waves(std::size_t n) {
  std::vector<Bin> waves;
  for (const float x : test::values<float>(n * shape.inputs(), 0, 25, 1)) {
    waves.push_back(x < bins ? static_cast<Bin>(x) : silent);
  }
  return waves;
}

ConvStdp random_layer() {
  const auto weights = test::values<float>(shape.synapses() * shape.maps, 0, 1, 2);
  const auto thresholds = test::values<float>(shape.maps, 1, 8, 3);
  return {shape, bins, weights, thresholds};
}

// When each neuron fires: sums over the whole wave so far, bin by bin.
std::vector<Bin> plain(const ConvStdp& layer, const Bin* wave) {
  const auto weights = layer.weights(), thresholds = layer.thresholds();
  std::vector<Bin> fired;
  for (std::size_t y = 0; y < shape.out_height(); ++y) {
    for (std::size_t x = 0; x < shape.out_width(); ++x) {
      for (std::size_t map = 0; map < shape.maps; ++map) {
        Bin first = silent;
        for (std::size_t bin = bins; bin-- > 0;) {
          double sum = 0;
          for (std::size_t s = 0; s < shape.synapses(); ++s) {
            const std::size_t line = y + s / (shape.kernel * shape.channels);
            const std::size_t at = s % (shape.kernel * shape.channels);
            if (wave[(line * shape.width + x) * shape.channels + at] <= bin) {
              sum += static_cast<double>(weights[s * shape.maps + map]);
            }
          }
          first = sum >= static_cast<double>(thresholds[map]) ? static_cast<Bin>(bin) : first;
        }
        fired.push_back(first);
      }
    }
  }
  return fired;
}

}  // namespace

TEST_CASE("a window holds its earliest spike, or the sum of how early its spikes are") {
  const ConvStdp layer = random_layer();
  const auto waves = random_waves(40);
  for (const ConvPool pool : {ConvPool{1, 1}, {2, 2}, {3, 1}, {9, 1}}) {
    CAPTURE(pool.window);
    const std::size_t rows = pool.cells(shape.out_height()),
                      columns = pool.cells(shape.out_width());
    std::vector<Bin> bin(40 * rows * columns * shape.maps), expected;
    std::vector<float> sum(bin.size()), expected_sum;
    for (std::size_t image = 0; image < 40; ++image) {
      const auto fired = plain(layer, &waves[image * shape.inputs()]);
      for (std::size_t cell = 0; cell < rows * columns; ++cell) {
        for (std::size_t map = 0; map < shape.maps; ++map) {
          Bin earliest = silent;
          std::size_t leads = 0;
          for (std::size_t p = 0; p < shape.positions(); ++p) {
            const std::size_t dy = p / shape.out_width() - cell / columns * pool.stride,
                              dx = p % shape.out_width() - cell % columns * pool.stride;
            if (dy < pool.window && dx < pool.window) {  // wraps below 0
              const Bin b = fired[p * shape.maps + map];
              earliest = std::min(earliest, b);
              leads += b == silent ? 0 : bins - b;
            }
          }
          expected.push_back(earliest);
          expected_sum.push_back(static_cast<float>(leads) / static_cast<float>(bins));
        }
      }
    }
    for (const int threads : {1, 3}) {
      layer.respond(waves, pool, threads, bin);
      layer.features(waves, pool, threads, sum);
      CHECK(bin == expected);
      CHECK(sum == expected_sum);
    }
    CHECK(std::count(expected.begin(), expected.end(), silent) > 0);
    CHECK(std::count_if(expected.begin(), expected.end(), [](Bin b) { return b < bins; }) > 0);
  }
}

TEST_CASE("a winner's synapses grow where the input came in time and shrink elsewhere") {
  // One position, four inputs, two maps; the second map is nearer to its threshold.
  const ConvShape one{2, 2, 1, 2, 2};
  const std::vector<float> weights{0.3f, 0.6f, 0.4f, 0.8f, 0.5f, 0.5f, 0.2f, 0.4f};
  const std::vector<float> thresholds{1.0f, 1.0f};
  const std::vector<Bin> wave{0, 1, 4, silent};  // the second map fires in bin 1
  for (const bool multiplicative : {false, true}) {
    CAPTURE(multiplicative);
    ConvStdp layer(one, bins, weights, thresholds);
    const ConvRule rule{0.1f, 0.2f, multiplicative, 5, 0, 0.5f, 0.1f};
    CHECK(layer.learn(wave, rule) == std::vector<std::uint32_t>{0, 1});
    const auto learned = layer.weights();
    for (std::size_t s = 0; s < 4; ++s) {
      CAPTURE(s);
      CHECK(learned[2 * s] == weights[2 * s]);  // the loser's
      const float w = weights[2 * s + 1];
      const float change = s < 2 ? 0.1f * (multiplicative ? w * (1 - w) : 1 - w)
                                 : -0.2f * (multiplicative ? w * (1 - w) : w);
      CHECK(learned[2 * s + 1] == doctest::Approx(w + change));
    }
    // The winner's threshold rises, and the mean stays.
    CHECK(layer.thresholds() == std::vector<float>{0.75f, 1.25f});
  }
}

TEST_CASE("a winner inhibits its own map everywhere and the others nearby") {
  // Four positions in a row; all neurons of both maps fire at once.
  const ConvShape row{1, 4, 1, 1, 2};
  const std::vector<Bin> wave(4, 0);
  const auto wins = [&](std::size_t winners, std::size_t radius) {
    const std::vector<float> weights{1.0f, 0.9f}, thresholds{0.5f, 0.5f};
    ConvStdp layer(row, bins, weights, thresholds);
    return layer.learn(wave, {0.1f, 0.1f, true, winners, radius, 0.0f, 0.1f});
  };
  // The first map exceeds its threshold most at every position.
  CHECK(wins(4, 0) == std::vector<std::uint32_t>{1, 0});
  CHECK(wins(0, 0) == std::vector<std::uint32_t>{1, 0});
}

}  // namespace test_layers_conv_stdp
