// What a user of a simulator sees: cut runs, resets, seeds, changes between runs.
#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "spikelet/network/simulator.hpp"
#include "support/inputs.hpp"
#include "support/mixed_network.hpp"
#include "support/recurrent_network.hpp"
#include "support/small_network.hpp"

using namespace spikelet;
using mixed_network::lif;
using mixed_network::TestNetwork;
using mixed_network::total;
using recurrent_network::table;
using small_network::delta;
using small_network::dt;
using small_network::model;

TEST_CASE_TEMPLATE(
    "a run cut into pieces gives the bits of the whole, also when weights are read in between", R,
    float, double) {
  for (const double shortest : {0.1, 0.8}) {
    TestNetwork<R> whole(2, shortest), cut(3, shortest);
    whole.sim.run(total, {});
    for (const Step piece : {1, 1, 7, 0, 64, 13, 250, 100, 164}) {
      CHECK(cut.sim.run(piece, {}) == piece);
      cut.sim.weights(cut.projections.back());
      cut.sim.synapses(cut.projections[0]);
    }
    CHECK(cut.sim.now() == total);
    CHECK(cut.read() == whole.read());
  }
}

TEST_CASE("another seed gives another run") {
  Simulator<float> a(dt, 1, 1), b(dt, 2, 1);
  for (Simulator<float>* sim : {&a, &b}) {
    const std::size_t n = sim->add_neurons(find_model("LIF"), 50, lif(100), false);
    inputs::poisson(*sim, n, 2000, 50);
    sim->record_spikes(n, {});
    sim->run(1000, {});
  }
  CHECK(a.recorded_spikes(0)->stamps.size() > 20);
  CHECK(a.recorded_spikes(0)->stamps != b.recorded_spikes(0)->stamps);
}

TEST_CASE_TEMPLATE("reset returns to the start, with the initial or the current weights", R, float,
                   double) {
  TestNetwork<R> first(2), again(2);
  first.sim.run(300, {});
  const auto expected = first.read();
  again.sim.run(500, {});
  again.sim.reset(false);
  CHECK(again.sim.now() == 0);
  again.sim.run(300, {});
  CHECK(again.read() == expected);
  const auto learned = again.sim.weights(again.projections.back());
  again.sim.reset(true);
  CHECK(again.sim.weights(again.projections.back()) == learned);
  CHECK(again.spikes(0) == 0);
}

TEST_CASE("a running network refuses to be run, changed or read") {
  Simulator<float> sim(dt, 1, 2);
  sim.add_neurons(model(), 100, delta(), false);
  sim.record_spikes(0, {});
  sim.record_state(0, 0, {0}, 1 << 20);
  bool asked = false;
  sim.run(1 << 24, [&](Step) {
    asked = true;
    CHECK(sim.busy());
    CHECK_THROWS_AS(sim.run(1, {}), std::logic_error);
    CHECK_THROWS_AS(sim.add_neurons(model(), 1, delta(), false), std::logic_error);
    CHECK_THROWS_AS(sim.state(0, 0), std::logic_error);
    CHECK_THROWS_AS(sim.recorded_spikes(0), std::logic_error);
    CHECK_THROWS_AS(sim.recorded_states(0), std::logic_error);
    CHECK_THROWS_AS(sim.reset(true), std::logic_error);
    return true;
  });
  CHECK(asked);
  CHECK(!sim.busy());
  CHECK(sim.run(1, {}) == 1);
}

TEST_CASE(
    "a later connection does not carry earlier spikes, and earlier ones keep theirs in flight") {
  Simulator<double> sim(dt, 1, 2);
  const std::size_t n = sim.add_neurons(find_model("LIF"), 1, lif(0), false);
  const std::size_t source = sim.add_events(1, {5}, {0});
  sim.connect(source, n, table<double>({0}, {0}, {10}, {10}, 1), Receptor::by_sign, {});
  sim.run(8, {});
  sim.connect(source, n, table<double>({0}, {0}, {-20}, {10}, 1), Receptor::by_sign, {});
  sim.add_neurons(find_model("LIF"), 100, lif(10), false);
  sim.run(7, {});
  CHECK(sim.state(n, 1)[0] == 10);
  CHECK(sim.state(n, 2)[0] == 0);
}

TEST_CASE("set_rates acts from the next step on") {
  Simulator<float> sim(dt, 1, 1);
  const double off = 0, on = 1000;
  const std::size_t k = sim.add_poisson(10, {&off, 1});
  sim.record_spikes(k, {});
  sim.run(100, {});
  CHECK(sim.recorded_spikes(0)->stamps.empty());
  sim.set_rates(k, {&on, 1});
  sim.run(100, {});
  CHECK(sim.recorded_spikes(0)->stamps.size() > 50);
  CHECK(sim.recorded_spikes(0)->stamps.front() > 100);
}
