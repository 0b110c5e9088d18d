#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "network/draws.hpp"

namespace test_network_draws {

namespace {

using namespace spikelet;

const Stream stream(21, Purpose::connect, 4), more(21, Purpose::connect_more, 4);
constexpr std::uint64_t row = (std::uint64_t{3} << 32) + 77;

}  // namespace

TEST_CASE("draw n of a row is Philox block n, whatever was expected and skipped") {
  for (const std::uint64_t expected : {0u, 1u, 100u, 1000u}) {
    CAPTURE(expected);
    Draws draws(stream, more, row, expected);
    for (std::uint32_t n = 0; n < 700; n += n % 50 == 0 ? 131 : 1) {
      const Draw draw = draws[n];
      const Words w = stream.words(row, n);
      CHECK(draw.choice() == w[0]);
      CHECK(draw.second() == w[1]);
      CHECK(draw.weight() == uniform(w[1], w[3] & 0xffff0000u));
      CHECK(draw.delay() == ((std::uint64_t{w[2]} << 16) | (w[3] & 0xffffu)));
    }
  }
}

TEST_CASE("numbers below a bound are unbiased even if it does not divide 2^32") {
  const Draws draws(stream, more, row, 0);
  constexpr std::uint64_t bound = 3u << 30;  // a quarter of all words is refused
  constexpr int n = 40000;
  int thirds[3]{};
  int redrawn = 0;
  for (std::uint32_t k = 0; k < n; ++k) {
    const std::uint32_t word = stream.words(9, k)[0];
    const std::uint64_t x = draws.below(word, bound, k);
    REQUIRE(x < bound);
    ++thirds[x >> 30];
    redrawn += x != (word * bound >> 32) ? 1 : 0;
  }
  for (const int count : thirds) {
    CHECK(std::abs(count - n / 3) < 5 * std::sqrt(n * 2.0 / 9));
  }
  CHECK(std::abs(redrawn - n / 4) < 5 * std::sqrt(n * 3.0 / 16));
  CHECK(draws.below(0xffffffffu, 1, 0) == 0);
}

TEST_CASE("choose draws with or without repeats and never draws the forbidden element") {
  for (const std::uint64_t n : {5u, 30u}) {
    for (const std::uint64_t forbidden : {std::uint64_t{0}, std::uint64_t{3}, n - 1, n}) {
      const std::uint64_t left = forbidden < n ? n - 1 : n;
      CAPTURE(n);
      CAPTURE(forbidden);
      for (const std::uint64_t k : {std::uint64_t{0}, std::uint64_t{2}, left}) {
        Draws draws(stream, more, row, k);
        std::set<std::uint64_t> chosen;
        std::uint32_t numbers = 0;
        choose(draws, n, k, false, forbidden, [&](std::uint32_t number, const Draw&, auto c) {
          CHECK(number == numbers++);
          chosen.insert(c);
        });
        CHECK(chosen.size() == k);
        CHECK((chosen.empty() || *chosen.rbegin() < n));
        CHECK(!chosen.contains(forbidden));
      }
      Draws draws(stream, more, row, 2000);
      std::vector<int> times(n);
      choose(draws, n, 2000, true, forbidden,
             [&](std::uint32_t, const Draw&, auto c) { ++times[c]; });
      for (std::uint64_t c = 0; c < n; ++c) {
        CHECK((times[c] > 0) == (c != forbidden));
      }
    }
  }
}

TEST_CASE("uniforms take two words of a row each, one after the other") {
  Uniforms draw(stream, row);
  for (std::uint32_t counter = 0; counter < 10; ++counter) {
    const Words words = stream.words(row, counter);
    CHECK(draw() == uniform(words[0], words[1]));
    CHECK(draw() == uniform(words[2], words[3]));
  }
}

namespace {

double log_binomial(double n, double p, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

}  // namespace

// Chi-square over bins of about equal probability; its mean is the number of degrees of freedom,
// its variance twice that.
TEST_CASE("binomial numbers have their distribution") {
  constexpr int repeats = 40000;
  std::uint64_t number = 0;
  for (const auto& [n, p] : {std::pair{1.0, 0.3},
                             {5.0, 0.9},
                             {20.0, 0.3},
                             {40.0, 0.5},
                             {1000.0, 0.009},
                             {1000.0, 0.011},
                             {700.0, 0.98},
                             {1e5, 0.37},
                             {1e9, 3e-9},
                             {1e9, 0.25},
                             {4e9, 0.999}}) {
    CAPTURE(n);
    CAPTURE(p);
    Uniforms draw(stream, ++number);
    std::map<std::uint64_t, int> drawn;
    for (int k = 0; k < repeats; ++k) {
      ++drawn[binomial(draw, static_cast<std::uint64_t>(n), p)];
    }
    CHECK(static_cast<double>(drawn.rbegin()->first) <= n);
    const double mean = n * p, sd = std::sqrt(n * p * (1 - p));
    const double low = std::max(0.0, std::floor(mean - 8 * sd - 40)),
                 high = std::min(n, std::ceil(mean + 8 * sd + 40));
    double chi = 0, expected = 0, found = 0, sum = 0;
    int bins = -1;
    auto at = drawn.begin();
    const auto close = [&] {
      chi += (found - expected) * (found - expected) / expected;
      found = expected = 0;
      ++bins;
    };
    for (double k = low; k <= high; ++k) {
      const double probability = std::exp(log_binomial(n, p, k));
      sum += probability;
      expected += repeats * probability;
      for (; at != drawn.end() && static_cast<double>(at->first) <= k; ++at) {
        found += at->second;
      }
      if (expected > repeats / 40.0 && repeats * (1 - sum) > repeats / 80.0) {
        close();
      }
    }
    close();
    CHECK(sum == doctest::Approx(1).epsilon(1e-4));
    CHECK(bins >= 1);
    CHECK(std::abs(chi - bins) < 4.5 * std::sqrt(2.0 * bins) + 4);
  }
}

TEST_CASE("binomial numbers at the ends, and known ones") {
  Uniforms draw(stream, row);
  CHECK(binomial(draw, 7, 0) == 0);
  CHECK(binomial(draw, 7, 1) == 7);
  CHECK(binomial(draw, 0, 0.5) == 0);
  CHECK(binomial(draw, 0, 1e-9) == 0);
  const Stream other(3, Purpose::connect, 5);
  Uniforms known(other, 1);
  CHECK(binomial(known, 100, 0.02) == 3);
  CHECK(binomial(known, 1000, 0.7) == 686);
  CHECK(binomial(known, 1000000000, 0.1) == 100014807);
}

TEST_CASE("a set of numbers knows what was inserted, up to its room and with any hashes") {
  for (const std::uint64_t most : {1u, 2u, 3u, 100u, 1000u}) {
    for (const std::uint64_t stride : {std::uint64_t{1}, std::uint64_t{1} << 20,
                                       std::uint64_t{1} << 40, std::uint64_t{0x9e3779b97f4a7c15}}) {
      CAPTURE(most);
      CAPTURE(stride);
      NumberSet set(most);
      for (std::uint64_t k = 0; k < most; ++k) {
        CHECK_FALSE(set.contains(k * stride));
        CHECK(set.insert(k * stride));
        CHECK_FALSE(set.insert(k * stride));
        CHECK(set.contains(k * stride));
      }
      CHECK(set.insert(most * stride + 7));  // there is room for some more
    }
  }
  CHECK_FALSE(NumberSet(0).contains(0));
}

}  // namespace test_network_draws
