// The hot loops of layers that learn from waves: every SIMD level gives the bits of plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "layers/kernels.hpp"
#include "spikelet/core/cpu.hpp"
#include "support/values.hpp"

namespace test_layers_wave_kernels {

using namespace spikelet;
using namespace spikelet::layers;

namespace {

const WaveKernels& at(SimdLevel level) { return level_table(level).waves; }

}  // namespace

TEST_CASE("convolution kernels: every level gives the same bits") {
  constexpr std::uint32_t synapses = 50, spikes = 23;
  constexpr std::int32_t bins = 15;
  for (const std::size_t maps : {16u, 32u, 64u, 80u, 144u, 208u}) {
    const auto weights = test::values<float>(synapses * maps, 0, 1, 1);
    auto threshold = test::values<float>(maps, 0, 1, 2);
    std::ranges::for_each(threshold, [](float& x) { x *= 14.0f; });
    std::vector<std::uint32_t> rows;
    std::vector<Volley> volleys;
    for (std::uint32_t i = 0; i < spikes; ++i) {
      const std::uint32_t bin = i / 2;
      rows.push_back(bin << bin_shift | (7 * i + 3) % synapses);
      if (i % 2 == 1 || i + 1 == spikes) {
        volleys.push_back({i + 1, i + 1 == spikes ? bins - static_cast<std::int32_t>(bin) : 1});
      }
    }
    std::vector<float> sums(maps);
    std::vector<std::int32_t> lead(maps);
    bool crossed = false;
    for (std::size_t c = 0; c < maps; ++c) {
      for (std::uint32_t i = 0; i < spikes; ++i) {
        sums[c] += weights[(rows[i] & row_mask) * maps + c];
        if (lead[c] == 0 && (i % 2 == 1 || i + 1 == spikes) && sums[c] >= threshold[c]) {
          lead[c] = bins - static_cast<std::int32_t>(rows[i] >> bin_shift);
        }
      }
      crossed |= sums[c] >= threshold[c];
    }
    CHECK(crossed);
    for (const SimdLevel level : available_simd_levels()) {
      CAPTURE(to_string(level));
      CAPTURE(maps);
      std::vector<float> v(maps);
      const std::vector<float> high(maps, 1e6f);
      CHECK(at(level).integrate(v.data(), maps, weights.data(), rows.data(), spikes,
                                threshold.data()));
      CHECK(v == sums);
      CHECK_FALSE(at(level).integrate(v.data(), maps, weights.data(), rows.data(), 0, high.data()));
      std::vector<std::int32_t> got(maps, -1);
      at(level).respond(maps, weights.data(), rows.data(), volleys.data(), volleys.size(),
                        threshold.data(), got.data());
      CHECK(got == lead);
    }
  }
}

}  // namespace test_layers_wave_kernels
