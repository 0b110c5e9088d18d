#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "network/draws.hpp"

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

TEST_CASE("an engine gives the words of a row one after the other") {
  Engine engine(stream, row);
  for (std::uint32_t counter = 0; counter < 10; ++counter) {
    for (const std::uint32_t word : stream.words(row, counter)) {
      CHECK(engine() == word);
    }
  }
}
