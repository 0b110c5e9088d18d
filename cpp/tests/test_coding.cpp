#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/coding/codes.hpp"
#include "spikelet/coding/spike_list.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/random.hpp"

namespace {

using namespace spikelet;
using Bytes = std::vector<std::uint8_t>;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Spike of element i at a step, one at a time from the definition of the 16-bit draws
// (core/random16.hpp).
bool reference(double p, std::uint64_t seed, std::uint32_t i, Step step) {
  const Stream stream(seed, Purpose::encode, 0), tie(seed, Purpose::encode_tie, 0);
  const std::uint32_t n = i % 64, pair = n / 32;
  const Words words = stream.at(8 * (i / 64) + (n % 32) / 4, step);
  const std::uint64_t bits = words[2 * pair] | (std::uint64_t{words[2 * pair + 1]} << 32);
  const auto draw = static_cast<std::uint16_t>(bits >> (16 * (n % 4)));
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

// What a code writes into a raster that held something else.
template <class Code>
Bytes raster(std::size_t size, Code code) {
  Bytes bytes(size, 7);
  code(bytes);
  return bytes;
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

TEST_CASE("to_spike_list finds every spike, in order") {
  for (const std::size_t n : {1u, 7u, 8u, 13u}) {
    Bytes bytes(n * 5);
    bytes.front() = bytes.back() = 1;
    bytes[n] = 2;  // any non-zero byte is one spike
    const auto list = coding::to_spike_list(bytes, n);
    CHECK(list.stamps == std::vector<Step>{1, 2, 5});
    CHECK(list.ids == std::vector<std::int64_t>{0, 0, static_cast<std::int64_t>(n - 1)});
  }
}

TEST_CASE("latency: one spike, earlier for more") {
  const std::vector<double> x{0.0, 0.2, 0.25, 0.5, 1.0};
  const auto row = [&](const Bytes& spikes, std::size_t i) {
    int first = -1, count = 0;
    for (int t = 8; t >= 0; --t) {
      if (spikes[static_cast<std::size_t>(t) * x.size() + i]) {
        first = t;
        ++count;
      }
    }
    return count > 1 ? -2 : first;
  };
  const Bytes linear = raster(45, [&](auto& out) { coding::latency(x, 9, infinity, 0.2, out); });
  const Bytes log = raster(45, [&](auto& out) { coding::latency(x, 9, 2.0, 0.0, out); });
  const int expected_linear[] = {-1, -1, 6, 4, 0}, expected_log[] = {-1, 3, 3, 1, 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(row(linear, i) == expected_linear[i]);
    CHECK(row(log, i) == expected_log[i]);
  }
}

TEST_CASE("phase writes the bits, most significant first, again and again") {
  const std::vector<double> x{0.0, 0.625, 1.0};
  CHECK(raster(12, [&](auto& out) { coding::phase(x, 4, 3, out); }) ==
        Bytes{0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1});
  const std::vector<double> largest{std::nextafter(1.0, 0.0)};
  CHECK(raster(32, [&](auto& out) { coding::phase(largest, 32, 32, out); }) == Bytes(32, 1));
}

TEST_CASE("burst: more spikes, closer together") {
  const std::vector<double> x{0.0, 0.3, 0.5, 1.0};  // intervals -, -, 2, 1
  CHECK(raster(20, [&](auto& out) { coding::burst(x, 3, 1, 2, out); }) ==
        Bytes{0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("delta follows the series in steps of the threshold") {
  const std::vector<double> x{0.0, 0.1, 0.2, 0.5,
                              0.5, 0.5, 0.3};  // exact multiples are not binary fractions
  CHECK(raster(14, [&](auto& out) { coding::delta(x, 7, 0.1, out); }) ==
        Bytes{0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1});
}
