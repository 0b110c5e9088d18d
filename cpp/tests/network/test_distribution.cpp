// Weights and delays: distributions, their limits, conversion to steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/network/connection_rules.hpp"

namespace test_network_distribution {

namespace {

using namespace spikelet;
using Kind = ValueSpec::Kind;
using Limit = ValueSpec::Limit;

ValueSpec distribution(Kind kind, double a, double b, Limit limit = Limit::none, double low = 0,
                       double high = 0) {
  return {kind, {0.0}, a, b, limit, low, high};
}
ValueSpec values(std::vector<double> list) {
  ValueSpec spec;
  spec.values = std::move(list);
  return spec;
}

double draw(const ValueSpec& spec, std::uint64_t key) {
  const Stream stream(3, Purpose::values, 0);
  return draw_value(spec, stream, key, 0);
}

struct Moments {
  double mean = 0, sd = 0, low = 1e300, high = -1e300;
};

Moments moments(const ValueSpec& spec) {
  constexpr int n = 100000;
  double sum = 0, squares = 0;
  Moments m;
  for (std::uint64_t k = 0; k < n; ++k) {
    const double x = draw(spec, k);
    sum += x;
    squares += x * x;
    m.low = std::min(m.low, x);
    m.high = std::max(m.high, x);
  }
  m.mean = sum / n;
  m.sd = std::sqrt(squares / n - m.mean * m.mean);
  return m;
}

void check_moments(const ValueSpec& spec, double mean, double sd) {
  const Moments m = moments(spec);
  CHECK(std::abs(m.mean - mean) < 0.015 * sd);
  CHECK(std::abs(m.sd - sd) < 0.03 * sd);
}

// Synapses from one source to the listed ones of ten targets.
SynapseTable<double> table(const ValueSpec& weight, const ValueSpec& delay, double dt = 0.1,
                           const Selection& post = {10, {}, true}) {
  const ConnectionRule rule;
  return Drawing<double>(rule, {1, {}, true}, post, false, weight, delay, dt, 1, 0).table();
}

}  // namespace

TEST_CASE("distributions have their mean and standard deviation") {
  check_moments(distribution(Kind::normal, 16.2, 1.6), 16.2, 1.6);
  check_moments(distribution(Kind::uniform, -1, 5), 2, 6 / std::sqrt(12.0));
  check_moments(distribution(Kind::exponential, 3, 0), 3, 3);
  const double s = 0.5;
  check_moments(distribution(Kind::lognormal, 1, s), std::exp(1 + s * s / 2),
                std::exp(1 + s * s / 2) * std::sqrt(std::expm1(s * s)));
}

TEST_CASE("clip moves values outside to the limit, redraw draws them again") {
  const Moments clipped = moments(distribution(Kind::normal, 0, 1, Limit::clip, -1, 1));
  CHECK(clipped.low == -1);
  CHECK(clipped.high == 1);
  const Moments redrawn = moments(distribution(Kind::normal, 0, 1, Limit::redraw, -1, 1));
  CHECK(redrawn.low > -1);
  CHECK(redrawn.high < 1);
  CHECK(std::abs(redrawn.sd - 0.5396) < 0.005);  // of a normal cut at one standard deviation
  CHECK_THROWS_AS(draw(distribution(Kind::normal, 0, 1, Limit::redraw, 50, 60), 0),
                  std::invalid_argument);
}

TEST_CASE("delays round to the nearest step, and are not below dt") {
  const auto steps = [](double ms, double dt) {
    return table(values({1}), values({ms}), dt).delay_of(0);
  };
  CHECK(steps(0.1, 0.1) == 1);
  CHECK(steps(0.3, 0.1) == 3);
  CHECK(steps(1.5, 0.1) == 15);
  CHECK(steps(1.54, 0.1) == 15);
  CHECK(steps(1.56, 0.1) == 16);
  CHECK(steps(6553.5, 0.1) == 65535);
  for (const double ms : {0.04, 0.09, 0.0, -1.0, 6553.6, std::nan("")}) {
    CHECK_THROWS_AS(steps(ms, 0.1), std::invalid_argument);
  }
}

TEST_CASE("given values are in canonical order, drawn ones go with their synapse") {
  std::vector<double> weights, delays;
  for (int k = 0; k < 10; ++k) {
    weights.push_back(k);
    delays.push_back(1 + 0.1 * k);
  }
  const auto given = table(values(weights), values(delays));
  for (std::size_t k = 0; k < 10; ++k) {
    CHECK(given.post[k] == k);
    CHECK(given.weight_of(k) == weights[k]);
    CHECK(given.delay_of(k) == 10 + k);
  }
}

TEST_CASE("drawn values go with their synapse, whichever others there are") {
  const ValueSpec normal = distribution(Kind::normal, 5, 1),
                  some = distribution(Kind::uniform, 1, 9);
  const auto whole = table(normal, some), part = table(normal, some, 0.1, {10, {3, 8}, false});
  REQUIRE(part.size() == 2);
  CHECK(part.weight_of(0) == whole.weight_of(3));
  CHECK(part.weight_of(1) == whole.weight_of(8));
  CHECK(part.delay_of(1) == whole.delay_of(8));
  // Weight and delay are drawn independently: how one is given does not change the other.
  CHECK(table(normal, values({1})).weight == whole.weight);
  CHECK(table(values({1}), some).delay == whole.delay);
}

TEST_CASE("drawn synapses of one pair come in order of delay") {
  const ConnectionRule rule{ConnectionRule::Kind::fixed_total_number, 1, 2000, true, true};
  const auto table = Drawing<float>(rule, {5, {}, true}, {20, {}, true}, false, values({1}),
                                    distribution(Kind::uniform, 1, 9), 0.1, 1, 0)
                         .table();
  int wrong = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t k = table.row[i] + 1; k < table.row[i + 1]; ++k) {
      wrong += std::pair(table.post[k - 1], table.delay_of(k - 1)) >
                       std::pair(table.post[k], table.delay_of(k))
                   ? 1
                   : 0;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("lists of another length are refused") {
  CHECK_THROWS_AS(table(values({1, 2, 3}), values({1})), std::invalid_argument);
  CHECK_THROWS_AS(table(values({1}), values({1, 2})), std::invalid_argument);
}

TEST_CASE("delays are drawn with the probabilities that rounding gives") {
  constexpr int n = 200000;
  constexpr double dt = 0.1;
  const ValueSpec specs[] = {distribution(Kind::normal, 1.5, 0.75, Limit::redraw, 0.1, 20),
                             distribution(Kind::normal, 0.4, 0.2, Limit::clip, 0.1, 0.8),
                             distribution(Kind::uniform, 0.1, 0.95),
                             distribution(Kind::exponential, 0.5, 0, Limit::redraw, 0.1, 3),
                             distribution(Kind::lognormal, 0.3, 0.4, Limit::redraw, 0.1, 30)};
  for (const ValueSpec& spec : specs) {
    CAPTURE(static_cast<int>(spec.kind));
    const DelayTable table(spec, dt);
    CHECK(!table.may_fail());
    std::vector<double> got(400), expected(400);
    for (std::uint64_t k = 0; k < n; ++k) {
      const Words w = Stream(9, Purpose::values, 0).words(k, 0);
      ++got[table.draw((std::uint64_t{w[0]} << 16) | (w[1] & 0xffffu))];
      expected[delay_steps(draw(spec, k), dt)] += 1;
    }
    double chi = 0, cells = 0;
    for (std::size_t d = 0; d < got.size(); ++d) {
      if (got[d] + expected[d] > 20) {
        chi += (got[d] - expected[d]) * (got[d] - expected[d]) / (got[d] + expected[d]);
        cells += 1;
      }
    }
    CHECK(cells > 4);
    CHECK(std::abs(chi - cells) < 5 * std::sqrt(2 * cells));
    const auto [shortest, longest] = table.range();
    CHECK(shortest == 1);
    CHECK(longest <= delay_steps(spec.range().second, dt));
  }
}

TEST_CASE("a distribution of delays that reaches below dt is refused when it does") {
  const ValueSpec wide = distribution(Kind::normal, 0.5, 0.4);
  CHECK(DelayTable(wide, 0.1).may_fail());
  CHECK(!DelayTable(distribution(Kind::normal, 5, 0.4), 0.1).may_fail());
  const ConnectionRule rule{ConnectionRule::Kind::fixed_outdegree, 1, 5000, true, true};
  CHECK_THROWS_AS(
      Drawing<float>(rule, {5, {}, true}, {20, {}, true}, false, values({1}), wide, 0.1, 1, 0)
          .table(),
      std::invalid_argument);
  // The message states the share of the distribution outside the limits, not a value that was never
  // drawn.
  CHECK_THROWS_WITH_AS(DelayTable(distribution(Kind::normal, 1, 1), 0.5).refuse(0.5),
                       doctest::Contains("of which 30.8537 % lie below dt = 0.5 ms"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(DelayTable(distribution(Kind::uniform, 6000, 10000), 0.1).refuse(0.1),
                       doctest::Contains("of which 86.1"), std::invalid_argument);
}

TEST_CASE("a pair's number depends on the pair alone") {
  const Stream stream(7, Purpose::connect, 3);
  std::vector<std::uint32_t> pre, post;
  for (std::uint32_t i = 0; i < 60; ++i) {
    for (std::uint32_t j = 0; j < 61; ++j) {
      pre.push_back(i);
      post.push_back(j);
    }
  }
  const std::vector<double> all = pair_uniforms(stream, pre, post);
  double sum = 0, square = 0;
  for (const double u : all) {
    CHECK((u > 0 && u < 1));
    sum += u;
    square += u * u;
  }
  const auto n = static_cast<double>(all.size());
  CHECK(sum / n == doctest::Approx(0.5).epsilon(0.03));
  CHECK(square / n == doctest::Approx(1.0 / 3).epsilon(0.04));
  const std::vector<std::uint32_t> some_pre{59, 0, 17}, some_post{60, 3, 18};
  const std::vector<double> some = pair_uniforms(stream, some_pre, some_post);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(some[k] == all[some_pre[k] * 61 + some_post[k]]);
  }
  for (std::size_t k = 0; k < all.size(); ++k) {  // in groups above, by itself here
    CHECK(all[k] == uniform(stream.words(pre[k], post[k] / 4)[post[k] % 4]));
  }
  CHECK(pair_uniforms(stream, {}, {}).empty());
}

}  // namespace test_network_distribution
