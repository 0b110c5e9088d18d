// The reward signal against numerical integration.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "spikelet/network/reward.hpp"

namespace test_network_reward {

namespace {

using namespace spikelet;

constexpr double dt = 0.1, tau_c = 30, baseline = 0.3;
constexpr Step times[] = {-20, 0, 50, 51, 300, 700};
constexpr double levels[] = {0.5, 2, -1, 0, 0.7, 4};

// The level at a time between steps; u in steps.
double level(double u, double tau) {
  double value = 0;
  for (std::size_t k = 0; k < std::size(times); ++k) {
    if (static_cast<double>(times[k]) <= u) {
      value = levels[k] * std::exp(-(u - static_cast<double>(times[k])) * dt / tau);
    }
  }
  return value;
}

// By Simpson's rule in each step, where the level is smooth.
double integrate(Step from, Step to, double tau) {
  constexpr int pieces = 8;
  double sum = 0;
  for (Step step = from; step < to; ++step) {
    for (int k = 0; k < pieces; ++k) {
      const double h = 1.0 / pieces, begin = static_cast<double>(step) + k * h;
      const auto f = [&](double u) {
        return std::exp(-(u - static_cast<double>(from)) * dt / tau_c) * (level(u, tau) - baseline);
      };
      // The right end belongs to this step, not to a level that is set there.
      sum += h * dt / 6 * (f(begin) + 4 * f(begin + h / 2) + f(begin + h * (1 - 1e-12)));
    }
  }
  return sum;
}

RewardSignal make(double tau) {
  RewardSignal reward(dt, tau, tau_c, baseline);
  for (const std::size_t k : {4u, 0u, 2u, 1u, 5u, 3u}) {  // in any order
    reward.set(times[k], 99);
    reward.set(times[k], levels[k]);
  }
  return reward;
}

}  // namespace

TEST_CASE("level and integral of a reward match numerical integration") {
  for (const double tau : {5.0, 30.0, 400.0, std::numeric_limits<double>::infinity()}) {
    CAPTURE(tau);
    const RewardSignal reward = make(tau);
    CHECK(reward.times() == std::vector<Step>(std::begin(times), std::end(times)));
    CHECK(reward.levels() == std::vector<double>(std::begin(levels), std::end(levels)));
    for (const Step from : {-30, -20, -1, 0, 1, 49, 50, 51, 299, 300, 650, 700, 900}) {
      CAPTURE(from);
      CHECK(reward.level(from) == doctest::Approx(level(static_cast<double>(from), tau)));
      for (const Step length : {0, 1, 2, 60, 400, 1100}) {
        CAPTURE(length);
        CHECK(std::abs(reward.integral(from, from + length) - integrate(from, from + length, tau)) <
              1e-8);
      }
    }
  }
}

TEST_CASE("integrals over two spans add up to the one over both") {
  const RewardSignal reward = make(40);
  for (const Step middle : {0, 10, 50, 51, 320}) {
    const double parts =
        reward.integral(-25, middle) + reward.decay(-25, middle) * reward.integral(middle, 800);
    CHECK(reward.integral(-25, 800) == doctest::Approx(parts).epsilon(1e-12));
  }
}

TEST_CASE("without a reward only the baseline counts; clear restores that") {
  RewardSignal reward = make(40);
  reward.clear();
  CHECK(reward.level(100) == 0);
  CHECK(reward.times().empty());
  const double expected = -baseline * tau_c * (1 - std::exp(-100 * dt / tau_c));
  CHECK(reward.integral(5, 105) == doctest::Approx(expected).epsilon(1e-12));
}

}  // namespace test_network_reward
