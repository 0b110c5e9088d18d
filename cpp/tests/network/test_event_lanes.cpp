#include <doctest/doctest.h>

#include <array>

#include "network/event_lanes.hpp"
#include "support/event_rules.hpp"

namespace test_network_event_lanes {

using namespace spikelet;

TEST_CASE_TEMPLATE("a program runs on lanes, and a copy on its own", R, float, double) {
  const EventRule rule(event_rules::pair_parts(20));
  const std::array<double, 2> parameters{0.5, 0.25};
  EventLanes<R> lanes(rule, EventRule::on_post, parameters, {false});
  CHECK(lanes.reads(1));
  CHECK_FALSE(lanes.reads(2));
  EventLanes<R> other(lanes);
  for (std::size_t k = 0; k < lanes.room(); ++k) {
    lanes.state(0)[k] = R(1);
    lanes.state(1)[k] = static_cast<R>(k);
    other.state(0)[k] = other.state(1)[k] = R(2);
  }
  lanes.run(lanes.room());
  other.run(3);
  int wrong = 0;
  for (std::size_t k = 0; k < lanes.room(); ++k) {
    wrong += lanes.state(0)[k] == 1 + R(0.25) * static_cast<R>(k) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(other.state(0)[2] == R(2.5));
}

TEST_CASE("a coefficient may have a value for each lane") {
  const EventRule rule(event_rules::pair_parts(20));
  const std::array<double, 2> parameters{0.5, 0.25};
  EventLanes<double> lanes(rule, EventRule::on_pre, parameters, {true});
  for (std::size_t k = 0; k < 5; ++k) {
    lanes.state(2)[k] = 2;
    lanes.coefficient(0)[k] = static_cast<double>(k);
  }
  lanes.run(5);
  CHECK(lanes.state(0)[4] == -8);
  CHECK(lanes.state(0)[1] == -2);
}

}  // namespace test_network_event_lanes
