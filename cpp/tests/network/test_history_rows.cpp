#include <doctest/doctest.h>

#include "network/history_rows.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_history_rows {

using namespace plastic_test;

TEST_CASE("a reward turns eligibility into weight") {
  const Trains trains = random_trains(0.03, 0.03);
  for (const bool tie : {true, false}) {
    Case what{PlasticLayout::history};
    what.rule = "RewardSTDP";
    what.parameters = {1.7, 3.4, 0.02, 0.012, -1000, 1000, infinity, 20, 0.2};
    what.tie = tie;
    what.axonal = tie ? 0 : 0.4;
    RewardSignal reward(dt, infinity, 20, 0.2);
    reward.set(0, 0.9);
    Driver<double> driver(what, trains, &reward);
    for (const Step now : {41, 680, 1400}) {
      driver.run(now);
      const auto [of_weights, of_input] = errors(driver, 0.7);
      CHECK(of_weights < 1e-11);
      CHECK(of_input < 1e-11);
    }
  }
}

}  // namespace test_network_history_rows
