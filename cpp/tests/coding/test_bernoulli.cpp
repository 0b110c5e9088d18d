#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/core/draws16.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/random.hpp"
#include "support/raster.hpp"

namespace test_coding_bernoulli {

namespace {

using namespace spikelet;
using test::Bytes;
using test::raster;

// Spike of element i at a step, one at a time from the definition of the 16-bit draws
// (core/draws16.hpp).
bool reference(double p, std::uint64_t seed, std::uint32_t i, Step step) {
  const Stream stream(seed, Purpose::encode, 0), tie(seed, Purpose::encode_tie, 0);
  const Words words = ars({i / 8, static_cast<std::uint32_t>(step),
                           static_cast<std::uint32_t>(step >> 32), stream.word()},
                          {stream.key0(), stream.key1(), 0, 0});
  const auto draw = static_cast<std::uint16_t>(words[i % 8 / 2] >> (16 * (i % 2)));
  const Threshold t = to_threshold(p);
  return p == 1.0 || draw < t.high || (draw == t.high && tie.at(i, step)[0] < t.low);
}

std::vector<double> ramp(std::size_t n) {
  std::vector<double> p(n);
  for (std::size_t i = 0; i < n; ++i) {
    p[i] = n == 1 ? 0.5 : static_cast<double>(i) / static_cast<double>(n - 1);  // 0 and 1 included
  }
  return p;
}

}  // namespace

TEST_CASE("bernoulli draws as defined, whatever the level and the number of elements") {
  constexpr Step steps = 40;
  for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 200u}) {
    CAPTURE(n);
    const auto p = ramp(n);
    const Bytes spikes =
        raster(n * steps, [&](auto& out) { coding::bernoulli(p, steps, 12345678901u, out); });
    Bytes expected;
    for (Step step = 0; step < steps; ++step) {
      for (std::size_t i = 0; i < n; ++i) {
        expected.push_back(reference(p[i], 12345678901u, static_cast<std::uint32_t>(i), step));
      }
    }
    CHECK(spikes == expected);
    const auto list = coding::bernoulli_list(p, steps, 12345678901u),
               same = coding::to_spike_list(spikes, n);
    CHECK(list.stamps == same.stamps);
    CHECK(list.ids == same.ids);
  }
}

TEST_CASE("bernoulli settles ties of the 16-bit draw") {
  // p = 1/2 + 2^-17: half of the ties at 2^15 are spikes; without the second word the rate would be
  // off.
  const std::vector<double> p(64, 0.5 + 0x1p-17);
  int ties = 0;
  const Bytes spikes = raster(64 * 20000, [&](auto& out) { coding::bernoulli(p, 20000, 3, out); });
  for (Step step = 0; step < 20000; ++step) {
    for (std::uint32_t i = 0; i < 64; ++i) {
      const bool expected = reference(p[i], 3, i, step);
      ties += expected != reference(0.5, 3, i, step);
      REQUIRE(spikes[static_cast<std::size_t>(step) * 64 + i] == expected);
    }
  }
  CHECK(ties > 0);
}

}  // namespace test_coding_bernoulli
