#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "network/propagator.hpp"
#include "support/event_rules.hpp"

namespace test_network_propagator {

using namespace spikelet;

namespace {

constexpr double dt = 0.1, tau = 20, slow = 50;

// z decays and is driven by x, which decays; w goes to 3.
EventRule::Parts chain() {
  EventRule::Parts parts = event_rules::pair_parts(tau);
  for (auto& variable : parts.variables) {
    variable.keeper = EventRule::Keeper::synapse;
  }
  parts.rates = {
      {1, 1, -1 / tau}, {2, 2, -1 / slow}, {2, 1, 0.5}, {0, 0, -1 / slow}, {0, -1, 3 / slow}};
  return parts;
}

}  // namespace

TEST_CASE_TEMPLATE("variables move as their equations say, over any number of steps", R, float,
                   double) {
  const Propagator<R> propagator(EventRule(chain()), EventRule::Keeper::synapse, dt);
  const double limit = sizeof(R) == 4 ? 2e-6 : 4e-13;
  for (const Step steps : {0, 1, 2, 1023, 1024, 1025, 5000, 1 << 20, (1 << 20) + 1029}) {
    CAPTURE(steps);
    std::array<R, 6> value{R(1), R(0), R(2), R(0), R(0.25), R(0)};  // every second one
    propagator.advance(steps, value.data(), 2);
    const double t = static_cast<double>(steps) * dt, x = 2 * std::exp(-t / tau);
    const double gain = 0.5 / (1 / tau - 1 / slow);
    const double z = 0.25 * std::exp(-t / slow) + gain * (2 * std::exp(-t / slow) - x);
    CHECK(std::abs(static_cast<double>(value[0]) - (3 - 2 * std::exp(-t / slow))) < limit);
    CHECK(std::abs(static_cast<double>(value[2]) - x) < limit);
    CHECK(std::abs(static_cast<double>(value[4]) - z) < 40 * limit);
    CHECK(value[1] == 0);
  }
}

TEST_CASE("only variables of one keeper move") {
  const EventRule rule(event_rules::pair_parts(tau));
  const Propagator<double> none(rule, EventRule::Keeper::synapse, dt),
      source(rule, EventRule::Keeper::source, dt);
  CHECK_FALSE(none.moves());
  std::array<double, 3> value{1, 1, 1};
  none.advance(7, value.data(), 1);
  source.advance(7, value.data(), 1);
  CHECK(value[0] == 1);
  CHECK(value[1] == doctest::Approx(std::exp(-7 * dt / tau)).epsilon(1e-15));
  CHECK(value[2] == 1);
}

}  // namespace test_network_propagator
