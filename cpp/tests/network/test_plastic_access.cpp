#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "spikelet/network/plastic_access.hpp"
#include "support/recurrent_network.hpp"

namespace test_network_plastic_access {

using namespace recurrent_network;

TEST_CASE_TEMPLATE("reading plastic weights and states changes no bit of what follows", R, float,
                   double) {
  TestNetwork<R> plain, read;
  plain.sim.run(500, {});
  for (const Step piece : {1, 99, 200, 200}) {
    read.sim.run(piece, {});
    const auto state = read.sim.brief()->access.plastic_state(read.plastic);
    CHECK(state.synapse[0].size() == read.sim.weights(read.plastic).size());
  }
  CHECK(plain.spikes().stamps.size() > 100);
  CHECK(read.spikes().stamps == plain.spikes().stamps);
  CHECK(read.sim.weights(read.plastic) == plain.sim.weights(plain.plastic));
}

TEST_CASE_TEMPLATE("new amplitudes apply only to later spikes", R, float, double) {
  TestNetwork<R> network;
  const auto start = network.sim.weights(network.plastic);
  network.sim.run(300, {});
  const auto learned = network.sim.weights(network.plastic);
  CHECK(learned != start);
  network.sim.set_amplitudes(network.plastic, {20, 20, 0, 0, 0, 150});  // spikes so far count
  CHECK(network.sim.weights(network.plastic) == learned);
  network.sim.run(300, {});
  CHECK(network.sim.weights(network.plastic) == learned);
  network.sim.set_amplitudes(network.plastic, {20, 20, 6, 5, 0, 150});
  network.sim.run(300, {});
  CHECK(network.sim.weights(network.plastic) != learned);
}

TEST_CASE("a plastic state of another layout is refused") {
  TestNetwork<double> network, other;
  network.sim.run(50, {});
  other.sim.run(50, {});
  PlasticState<double> state = network.sim.brief()->access.plastic_state(network.plastic);
  CHECK_NOTHROW(other.sim.set_plastic_state(other.plastic, state));
  state.row.clear();
  CHECK_THROWS_AS(other.sim.set_plastic_state(other.plastic, state), std::invalid_argument);
}

}  // namespace test_network_plastic_access
