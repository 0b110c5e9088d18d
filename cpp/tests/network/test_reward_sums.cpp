#include <doctest/doctest.h>

#include <cmath>

#include "network/reward_sums.hpp"

namespace test_network_reward_sums {

using namespace spikelet;

TEST_CASE("running sums of a reward are its integrals, in any order of spans") {
  constexpr double dt = 0.1, tau_c = 50;
  RewardSignal signal(dt, 20, tau_c, 0.1);
  for (Step step = 5; step < 20000; step += 37) {
    signal.set(step, std::sin(static_cast<double>(step)));
  }
  RewardSums forwards(&signal, dt, tau_c), backwards(&signal, dt, tau_c);
  for (Step from = 0; from < 20000; from += 217) {
    for (const Step length : {1, 60, 1000, 2900, 9000}) {
      const Step other = 19999 - from;  // stretches are summed again
      forwards.passed(other, other + length);
      const auto a = forwards.passed(from, from + length),
                 b = backwards.passed(from, from + length);
      CHECK(a.integral == b.integral);
      CHECK(a.decay == b.decay);
      CHECK(std::abs(a.integral - signal.integral(from, from + length)) < 1e-12);
      CHECK(std::abs(a.decay - signal.decay(from, from + length)) < 1e-14);
    }
  }
}

}  // namespace test_network_reward_sums
