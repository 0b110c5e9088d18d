#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "spikelet/network/regulation.hpp"
#include "spikelet/network/simulator.hpp"
#include "support/small_network.hpp"

namespace test_network_regulation {

namespace {

using namespace small_network;

// Three neurons, the first of which is made to fire twice in the first 100 steps; a silent source
// has plastic synapses onto all of them.
struct Regulated {
  Simulator<double> sim{dt, 1, 2};
  std::size_t plastic;
  const std::vector<double> weights{0.2, 0.3, 0.95, 0.1, 0.3, 0.05};

  Regulated() {
    sim.brief()->network.add_neurons(model(), 3, delta(), false);
    const std::size_t silent = sim.brief()->network.add_events(2, {}, {});
    const std::size_t events = sim.brief()->network.add_events(1, {5, 50}, {0, 0});
    const std::vector<std::uint32_t> pre{0, 0, 0, 1, 1, 1}, post{0, 1, 2, 0, 1, 2};
    const std::vector<std::uint16_t> delay{1};
    plastic = sim.brief()->network.connect(
        silent, 0, SynapseTable<double>::from_lists(2, pre, post, weights, delay),
        Receptor::by_sign, additive(1));
    sim.brief()->network.connect(events, 0, table<double>(1, {0}, {0}, {1}), Receptor::by_sign, {});
  }
  void check(const std::vector<double>& factors) {
    const std::vector<double> now = sim.weights(plastic);
    for (std::size_t k = 0; k < weights.size(); ++k) {
      CAPTURE(k);
      CHECK(now[k] == doctest::Approx(std::min(weights[k] * factors[k % 3], 1.0)).epsilon(1e-12));
    }
  }
};

}  // namespace

TEST_CASE("normalise gives each target the same sum, at each multiple of its interval") {
  Regulated network;
  Regulation how;
  how.projection = network.plastic;
  how.every = 40;
  how.total = 0.9;
  network.sim.brief()->regulate(how);
  network.sim.run(39, {});
  network.check({1, 1, 1});
  network.sim.run(1, {});
  network.check({0.9 / 0.3, 0.9 / 0.6, 0.9 / 1.0});
  network.sim.set_weights(network.plastic, network.weights);
  network.sim.run(39, {});
  network.check({1, 1, 1});
  network.sim.run(1, {});
  network.check({0.9 / 0.3, 0.9 / 0.6, 0.9 / 1.0});
}

TEST_CASE("scale raises weights below the rate and lowers them above it, within the bounds") {
  Regulated network;
  Regulation how;
  how.kind = Regulation::Kind::scale;
  how.projection = network.plastic;
  how.every = 100;  // 10 ms, in which the first neuron fires at 200 Hz
  how.rate = 100;
  how.strength = 0.1;
  network.sim.brief()->regulate(how);
  network.sim.run(100, {});
  network.check({0.9, 1.1, 1.1});
  network.sim.run(100, {});  // spikes count once: all are silent by now
  network.check({0.9 * 1.1, 1.1 * 1.1, 1.1 * 1.1});
}

TEST_CASE("a target whose weights are all 0 stays as it is") {
  Regulated network;
  network.sim.set_weights(network.plastic, std::vector<double>(6, 0.0));
  network.sim.normalise(network.plastic, 2);
  CHECK(network.sim.weights(network.plastic) == std::vector<double>(6, 0.0));
}

TEST_CASE("counts may wrap within an interval") {
  const SpikeInterval interval{0, {0xfffffffeu, 7u, 0u}};
  CHECK(interval.spikes({3, 7, 1}) == std::vector<std::uint32_t>{5, 0, 1});
}

TEST_CASE("an interval that is set goes on, before the first run and after it") {
  for (const bool ran : {false, true}) {
    Regulated network;
    Regulation how;
    how.kind = Regulation::Kind::scale;
    how.projection = network.plastic;
    how.every = 100;
    how.rate = 100;
    how.strength = 0.1;
    if (ran) {
      network.sim.run(40, {});
    }
    network.sim.brief()->regulate(how);
    CHECK(network.sim.look()->intervals[0].begin == (ran ? 40 : 0));
    CHECK(network.sim.brief()->interval_spikes(0) == std::vector<std::uint32_t>{0, 0, 0});
    network.sim.brief()->set_interval(0, 0, std::vector<std::uint32_t>{ran ? 1u : 0u, 3, 0});
    network.sim.run(ran ? 60 : 100, {});  // the first neuron fires at 5 and 50, in steps
    network.check({0.9, 0.8, 1.1});
    CHECK(network.sim.look()->intervals[0].begin == 100);
    CHECK(network.sim.brief()->interval_spikes(0) == std::vector<std::uint32_t>{0, 0, 0});
  }
}

}  // namespace test_network_regulation
