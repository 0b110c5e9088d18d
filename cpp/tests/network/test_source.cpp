#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "spikelet/network/source.hpp"

namespace test_network_source {

using namespace spikelet;

TEST_CASE("given spikes are emitted at their stamp, by element, and twice if given twice") {
  const EventSource source({5, 3, 5, 5, 5}, {9, 1, 2, 9, 70});
  CHECK(source.stamps().front() == 3);
  std::vector<Gid> out;
  source.emit(3, 0, 128, 100, out);
  source.emit(4, 0, 128, 100, out);
  source.emit(5, 0, 64, 100, out);
  source.emit(5, 64, 128, 100, out);
  CHECK(out == std::vector<Gid>{101, 102, 109, 109, 170});
}

TEST_CASE("given spikes are ordered by step and element, in whatever order they come") {
  std::mt19937 random(4);
  std::vector<std::pair<Step, std::uint32_t>> spikes;
  for (int k = 0; k < 3000; ++k) {
    spikes.emplace_back(random() % 50, random() % 20);  // some of them several times
  }
  const auto check = [&] {
    std::vector<Step> stamps;
    std::vector<std::uint32_t> elements;
    for (const auto& [stamp, element] : spikes) {
      stamps.push_back(stamp);
      elements.push_back(element);
    }
    const EventSource source(stamps, elements);
    auto expected = spikes;
    std::ranges::sort(expected);
    REQUIRE(source.stamps().size() == expected.size());
    for (std::size_t k = 0; k < expected.size(); ++k) {
      REQUIRE(source.stamps()[k] == expected[k].first);
      REQUIRE(source.elements()[k] == expected[k].second);
    }
  };
  check();
  std::ranges::stable_sort(spikes, {}, [](const auto& spike) { return spike.first; });
  check();
  std::ranges::sort(spikes);
  check();
  spikes.clear();
  check();
}

TEST_CASE("a Poisson source has Poisson counts at its rates") {
  constexpr std::size_t n = 200;
  constexpr Step steps = 5000;
  PoissonSource source(n, 7, 1);
  for (const double mean : {0.0, 0.002, 0.3, 2.0}) {  // events per step
    CAPTURE(mean);
    const double rate = mean * 1e4;
    source.set_rates({&rate, 1}, 0.1);
    double sum = 0, squares = 0;
    std::vector<Gid> out;
    for (Step stamp = 1; stamp <= steps; ++stamp) {
      out.clear();
      source.emit(stamp, 0, 256, 50, out);
      CHECK(std::is_sorted(out.begin(), out.end()));
      std::vector<int> counts(n);
      for (const Gid gid : out) {
        ++counts.at(gid - 50);
      }
      for (const int count : counts) {
        sum += count;
        squares += count * count;
      }
    }
    const double draws = static_cast<double>(n * steps), got = sum / draws;
    const double variance = squares / draws - got * got;
    CHECK(std::abs(got - mean) <= 4 * std::sqrt(mean / draws));
    // The variance of a sample variance of Poisson counts.
    CHECK(std::abs(variance - mean) <= 4 * std::sqrt((mean + 2 * mean * mean) / draws));
  }
}

TEST_CASE("each element has its own rate, and its draws do not depend on the others'") {
  std::vector<double> rates(100);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    rates[i] = i % 2 == 0 ? 0.0 : 20.0 * static_cast<double>(i);
  }
  PoissonSource each(100, 3, 2), other(100, 3, 2);
  each.set_rates(rates, 0.1);
  rates[1] = 5000;
  other.set_rates(rates, 0.1);
  std::vector<double> counts(100);
  for (Step stamp = 1; stamp <= 4000; ++stamp) {
    std::vector<Gid> a, b;
    each.emit(stamp, 0, 128, 0, a);
    other.emit(stamp, 0, 128, 0, b);
    a.erase(std::remove(a.begin(), a.end(), Gid{1}), a.end());
    b.erase(std::remove(b.begin(), b.end(), Gid{1}), b.end());
    REQUIRE(a == b);
    for (const Gid gid : a) {
      counts[gid] += 1;
    }
  }
  for (std::size_t i = 2; i < 100; ++i) {
    const double expected = i % 2 == 0 ? 0 : 0.4 * 20 * static_cast<double>(i);
    CHECK(std::abs(counts[i] - expected) <= 4.5 * std::sqrt(expected));
  }
}

TEST_CASE("blocks can be drawn independently") {
  PoissonSource source(130, 3, 2);
  const double rate = 900;
  source.set_rates({&rate, 1}, 0.1);
  for (Step stamp = 1; stamp < 50; ++stamp) {
    std::vector<Gid> whole, parts;
    source.emit(stamp, 0, 192, 10, whole);
    source.emit(stamp, 0, 64, 10, parts);
    source.emit(stamp, 64, 192, 10, parts);
    CHECK(whole == parts);
  }
}

}  // namespace test_network_source
