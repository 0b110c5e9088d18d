#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/layers/dog_wave.hpp"
#include "support/values.hpp"

namespace test_layers_dog_wave {

namespace {

using namespace spikelet::layers;

DogWave code_of(float cut, std::size_t bins) { return {9, 11, 1.0, 2.0, 3, cut, bins}; }
constexpr std::size_t pixels = 9 * 11;

std::vector<Bin> waves_of(const std::vector<float>& images, const DogWave& code, int threads = 1) {
  std::vector<Bin> waves(2 * images.size(), 3);
  dog_waves(images, code, threads, waves);
  return waves;
}

}  // namespace

TEST_CASE("a bright spot fires the on cell at its centre first, a dark one the off cell") {
  constexpr std::size_t centre = 4 * 11 + 5;
  for (const bool bright : {true, false}) {
    std::vector<float> image(pixels, 0.5f);
    image[centre] = bright ? 1.0f : 0.0f;
    const auto wave = waves_of(image, code_of(0.0f, 200));
    const std::size_t first = 2 * centre + (bright ? 0 : 1);
    CHECK(wave[first] == 0);
    CHECK(wave[first ^ 1] == silent);  // a cell is on or off, never both
    CHECK(std::count(wave.begin(), wave.end(), Bin{0}) <= 2);
    // The surround responds with the other sign, later.
    const std::size_t nearby = 2 * (centre + 3) + (bright ? 1 : 0);
    CHECK(wave[nearby] > 0);
    CHECK(wave[nearby] != silent);
  }
}

TEST_CASE("a uniform image is silent, whatever its grey level") {
  for (const float level : {0.0f, 0.3f, 1.0f}) {
    CHECK(waves_of(std::vector<float>(pixels, level), code_of(0.0f, 15)) ==
          std::vector<Bin>(2 * pixels, silent));
  }
}

TEST_CASE("bins have equally many spikes, and weak responses are cut off") {
  const auto image = test::values<float>(pixels, 0, 1, 1);
  const auto all = waves_of(image, code_of(0.0f, 10)), cut = waves_of(image, code_of(0.5f, 10));
  const auto spikes = [](const std::vector<Bin>& wave) {
    return static_cast<std::ptrdiff_t>(wave.size()) - std::count(wave.begin(), wave.end(), silent);
  };
  CHECK(spikes(all) > 90);
  for (Bin bin = 0; bin < 10; ++bin) {
    const auto n = std::count(all.begin(), all.end(), bin);
    CHECK(n >= spikes(all) / 10);
    CHECK(n <= spikes(all) / 10 + 1);
  }
  CHECK(spikes(cut) > 5);
  CHECK(spikes(cut) < spikes(all) / 2);
  for (std::size_t k = 0; k < cut.size(); ++k) {  // those that are left keep their order
    CHECK((cut[k] == silent || all[k] <= cut[k]));
  }
}

TEST_CASE("images depend neither on each other nor on threads") {
  const auto images = test::values<float>(150 * pixels, 0, 1, 2);
  const auto waves = waves_of(images, code_of(0.1f, 15));
  CHECK(waves_of(images, code_of(0.1f, 15), 3) == waves);
  const auto last = waves_of({images.end() - pixels, images.end()}, code_of(0.1f, 15));
  CHECK(std::equal(last.begin(), last.end(), waves.end() - 2 * pixels));
}

}  // namespace test_layers_dog_wave
