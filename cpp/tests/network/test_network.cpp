// Networks at the limits: nothing, one of each, very many; bad weights.
#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "spikelet/network/network.hpp"
#include "support/inputs.hpp"
#include "support/small_network.hpp"

namespace test_network_network {

using namespace small_network;

TEST_CASE("an empty network runs") {
  for (const int threads : {1, 3}) {
    Simulator<float> sim(dt, 1, threads);
    CHECK(sim.run(0, {}) == 0);
    CHECK(sim.run(1000, {}) == 1000);
    CHECK(sim.now() == 1000);
    sim.reset(true);
    CHECK(sim.now() == 0);
    CHECK(sim.look()->in_flight().stamps.empty());
  }
}

TEST_CASE("populations of 0, of 1, and projections without synapses") {
  for (const int threads : {1, 3}) {
    Simulator<double> sim(dt, 1, threads);
    const std::size_t none = sim.brief()->network.add_neurons(model(), 0, delta(), false);
    const std::size_t one = sim.brief()->network.add_neurons(model(), 1, delta(), false);
    const std::size_t source = sim.brief()->network.add_events(1, {3}, {0}),
                      silent = sim.brief()->network.add_events(0, {}, {});
    const double rate = 10;
    sim.brief()->network.add_poisson(0, {&rate, 1});
    sim.brief()->network.connect(none, one, table<double>(0, {}, {}, {}), Receptor::by_sign, {});
    sim.brief()->network.connect(one, none, table<double>(1, {}, {}, {}), Receptor::by_sign, {});
    sim.brief()->network.connect(silent, one, table<double>(0, {}, {}, {}), Receptor::by_sign,
                                 additive(1));
    const std::size_t k = sim.brief()->network.connect(source, one, table<double>(1, {0}, {0}, {2}),
                                                       Receptor::by_sign, {});
    sim.brief()->record_spikes(one, {});
    sim.brief()->record_spikes(none, {});
    sim.brief()->record_state(none, 0, {}, 1);
    inputs::poisson(sim, none, 10, 1);
    CHECK_THROWS_AS(inputs::poisson(sim, source, 10, 1), std::invalid_argument);
    sim.run(20, {});
    CHECK(sim.look()->recorders.spikes[0].share()->stamps == std::vector<Step>{5});
    CHECK(sim.look()->recorders.spikes[1].share()->stamps.empty());
    CHECK(sim.weights(0).empty());
    CHECK(sim.synapses(k).size() == 1);
    CHECK(sim.brief()->access.plastic_state(2).synapse[0].empty());
  }
}

TEST_CASE("a million neurons without synapses") {
  Simulator<float> sim(dt, 1, 2);
  const std::size_t n = 1000000;
  sim.brief()->network.add_neurons(model(), n, delta(20), false);
  sim.brief()->record_spikes(0, {});
  sim.run(3, {});
  CHECK(sim.look()->network.neurons(0).state(0).back() > 0.02f);
  const std::vector<float> potentials = sim.look()->network.neurons(0).state(0);
  CHECK(potentials.front() == potentials.back());
}

TEST_CASE("bad weights are refused, and leave the network as it was") {
  Simulator<double> sim(dt, 1, 1);
  sim.brief()->network.add_neurons(model(), 1, delta(), false);
  const std::size_t cond = sim.brief()->network.add_neurons(
      find_model("LIFCond"), 1,
      {{0}, {1}, {0}, {0}, {0}, {9}, {200}, {10}, {70}, {-10}, {3}, {3}, {0}}, false);
  const auto connect = [&](std::size_t post, double w, Receptor receptor,
                           const std::optional<Plasticity>& rule) {
    const std::vector<std::uint32_t> zero{0};
    const std::vector<double> weight{w};
    const std::vector<std::uint16_t> delay{1};
    sim.brief()->network.connect(
        0, post, SynapseTable<double>::from_lists(1, zero, zero, weight, delay), receptor, rule);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(connect(0, nan, Receptor::by_sign, {}), std::invalid_argument);
  CHECK_THROWS_AS(connect(cond, -1, Receptor::inhibitory, {}), std::invalid_argument);
  CHECK_THROWS_AS(connect(0, 3, Receptor::by_sign, additive(1)),
                  std::invalid_argument);  // above w_max
  CHECK(sim.look()->network.projections.size() == 0);
  CHECK(sim.run(5, {}) == 5);
}

}  // namespace test_network_network
