// Weights and delays: distributions, their limits, conversion to steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/network/rules.hpp"

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

struct Moments {
  double mean = 0, sd = 0, low = 1e300, high = -1e300;
};

Moments moments(const ValueSpec& spec) {
  constexpr int n = 100000;
  const Stream stream(3, Purpose::weight, 0);
  double sum = 0, squares = 0;
  Moments m;
  for (std::uint64_t k = 0; k < n; ++k) {
    const double x = draw_value(spec, stream, k);
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

// Ten synapses of one source, in order of creation from the last target to the first.
PairLists ten_pairs() {
  PairLists pairs;
  for (std::uint32_t k = 0; k < 10; ++k) {
    pairs.pre.push_back(0);
    pairs.post.push_back(9 - k);
    pairs.key.push_back(k);
  }
  return pairs;
}

SynapseTable<double> table(const ValueSpec& weight, const ValueSpec& delay, double dt = 0.1) {
  return make_table<double>(1, ten_pairs(), weight, delay, dt, 1, 0);
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

TEST_CASE("clip moves what is outside to the limit, redraw draws again") {
  const Moments clipped = moments(distribution(Kind::normal, 0, 1, Limit::clip, -1, 1));
  CHECK(clipped.low == -1);
  CHECK(clipped.high == 1);
  const Moments redrawn = moments(distribution(Kind::normal, 0, 1, Limit::redraw, -1, 1));
  CHECK(redrawn.low > -1);
  CHECK(redrawn.high < 1);
  CHECK(std::abs(redrawn.sd - 0.5396) < 0.005);  // of a normal cut at one standard deviation
  const Stream stream(3, Purpose::weight, 0);
  CHECK_THROWS_AS(draw_value(distribution(Kind::normal, 0, 1, Limit::redraw, 50, 60), stream, 0),
                  std::invalid_argument);
}

TEST_CASE("delays round to the nearest step, and are at least one") {
  const auto steps = [](double ms, double dt) {
    return table(values({1}), values({ms}), dt).delay_of(0);
  };
  CHECK(steps(0.1, 0.1) == 1);
  CHECK(steps(0.3, 0.1) == 3);
  CHECK(steps(1.5, 0.1) == 15);
  CHECK(steps(1.54, 0.1) == 15);
  CHECK(steps(1.56, 0.1) == 16);
  CHECK(steps(6553.5, 0.1) == 65535);
  for (const double ms : {0.04, 0.0, -1.0, 6553.6, std::nan("")}) {
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
  const ValueSpec normal = distribution(Kind::normal, 5, 1);
  const auto drawn = table(normal, values({1}));
  const Stream stream(1, Purpose::weight, 0);
  for (std::size_t k = 0; k < 10; ++k) {
    CHECK(drawn.weight_of(k) == draw_value(normal, stream, 9 - k));
  }
}

TEST_CASE("lists of another length are refused") {
  CHECK_THROWS_AS(table(values({1, 2, 3}), values({1})), std::invalid_argument);
  CHECK_THROWS_AS(table(values({1}), values({1, 2})), std::invalid_argument);
}
