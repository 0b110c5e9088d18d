#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "spikelet/network/signals.hpp"

namespace test_network_signals {

using namespace spikelet;

namespace {

// (step, value) of what comes by stops until `end`.
std::vector<std::pair<Step, double>> heard(Signals& signals, const SpikesInFlight& flight, Step now,
                                           Step end) {
  std::vector<std::pair<Step, double>> heard;
  while (now < end) {
    now = signals.next(now, flight, end);
    for (const Signal& signal : signals.take(now, flight)) {
      heard.emplace_back(signal.step, signal.value);
    }
  }
  return heard;
}

using Heard = std::vector<std::pair<Step, double>>;

}  // namespace

TEST_CASE("signals that are given come at their steps, in order") {
  Signals signals;
  CHECK(signals.next(3, {}, 50) == 50);
  signals.add({0, 20, 1});
  signals.add({0, 10, 2});
  signals.add({0, 20, 3});
  CHECK(signals.next(0, {}, 50) == 10);
  CHECK(heard(signals, {}, 0, 30) == Heard{{10, 2}, {20, 1}, {20, 3}});
  CHECK(signals.given().empty());
  signals.add({0, 40, 1});
  signals.restart(-1);
  CHECK(signals.next(0, {}, 50) == 50);
}

TEST_CASE("spikes of some elements signal after a delay, those of one step together") {
  SpikesInFlight flight;
  const std::vector<Gid> others{1, 9}, two{3, 4, 5}, one{4};
  flight.add(one, 0);
  flight.add(others, 2);
  flight.add(two, 4);
  flight.add(one, 6);
  Signals signals;
  SpikeSignal signal{.projection = 0,
                     .population = 0,
                     .first = 3,
                     .size = 2,
                     .value = 0.5,
                     .delay = 5,
                     .since = 0};
  signals.follow(signal);
  CHECK(signals.longest() == 6);
  CHECK(signals.next(0, {}, 50) == 5);  // spikes to come act later
  CHECK(signals.next(6, flight, 50) == 9);
  CHECK(signals.next(9, flight, 50) == 11);
  CHECK(heard(signals, flight, 6, 30) == Heard{{9, 1}, {11, 0.5}});
  signals.restart(-1);
  CHECK(heard(signals, flight, 0, 30) == Heard{{5, 0.5}, {9, 1}, {11, 0.5}});
  signal.value = 2;
  signals.follow(signal);
  CHECK(signals.followed().size() == 1);
  signals.add({0, 11, 7});
  CHECK(heard(signals, flight, 6, 30) == Heard{{9, 4}, {11, 7}, {11, 2}});
  signals.add({0, 40, 7});
  signals.add({1, 40, 3});
  signals.forget(0);
  CHECK(heard(signals, flight, 6, 50) == Heard{{40, 3}});
  CHECK(signals.longest() == 0);
  signal.value = 0;
  signals.follow(signal);
  CHECK(signals.longest() == 0);
  CHECK(signals.next(6, flight, 50) == 50);
}

}  // namespace test_network_signals
