#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "spikelet/network/synapse_access.hpp"
#include "support/recurrent_network.hpp"

namespace test_network_synapse_access {

using namespace recurrent_network;

TEST_CASE_TEMPLATE("weights that are set are the weights that are read", R, float, double) {
  TestNetwork<R> network;
  for (const Step piece : {0, 200, 1}) {
    network.sim.run(piece, {});
    for (const std::size_t k : {network.plastic, network.fixed}) {
      CAPTURE(k);
      CAPTURE(piece);
      auto weights = network.sim.weights(k);
      std::reverse(weights.begin(), weights.end());
      network.sim.set_weights(k, weights);
      CHECK(network.sim.weights(k) == weights);
      const auto read = network.sim.synapses(k).weight;
      CHECK(std::equal(read.begin(), read.end(), weights.begin(), weights.end()));
    }
  }
}

TEST_CASE("a static weight whose sign changes acts on the other receptor") {
  Simulator<double> sim(dt, 1, 1);
  const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), 2, lif(0), false);
  const std::size_t source = sim.brief()->network.add_events(1, {5, 20}, {0, 0});
  const std::size_t k = sim.brief()->network.connect(
      source, n, table<double>({0, 0}, {0, 1}, {10, -20}, {1, 3}, 1), Receptor::by_sign, {});
  sim.run(8, {});
  CHECK(sim.look()->network.neurons(n).state(1)[0] > 0);
  CHECK(sim.look()->network.neurons(n).state(2)[0] == 0);
  sim.set_weights(k, std::vector<double>{-30, 40});
  CHECK(sim.weights(k) == std::vector<double>{-30, 40});
  sim.run(13, {});
  CHECK(sim.look()->network.neurons(n).state(2)[0] == -30);
  sim.run(2, {});
  CHECK(sim.look()->network.neurons(n).state(1)[1] == 40);
}

TEST_CASE("synapses are read back in canonical order, multapses of mixed sign and delay included") {
  Simulator<double> sim(dt, 1, 3);
  const std::size_t n = sim.brief()->network.add_neurons(find_model("LIF"), 200, lif(0), false);
  const auto given = table<double>({0, 0, 0, 0, 1, 1, 1}, {150, 150, 3, 150, 7, 7, 199},
                                   {1, -2, 3, 4, 5, -6, 7}, {9, 2, 1, 2, 4, 4, 65535}, 200);
  const std::size_t k = sim.brief()->network.connect(n, n, given, Receptor::by_sign, {});
  for (const Step piece : {0, 1, 5}) {
    sim.run(piece, {});
    const auto read = sim.synapses(k);
    CHECK(read.row == given.row);
    CHECK(read.post == given.post);
    CHECK(read.weight == given.weight);
    CHECK(read.delay == given.delay);
  }
}

TEST_CASE("long rows are read back in canonical order, and written") {
  const std::uint32_t n = 300;
  std::vector<std::uint32_t> pre, post;
  std::vector<std::uint16_t> delay;
  std::vector<double> weight;
  for (std::uint32_t k = 0; k < 9000; ++k) {
    const std::uint32_t bits = k * 2654435761u;
    pre.push_back(k % 50 == 0 ? k / 50 : 7);  // one row has most of them
    post.push_back((bits >> 8) % n);
    delay.push_back(static_cast<std::uint16_t>(1 + (bits >> 20) % 30));
    weight.push_back((bits >> 3) % 5 == 0 ? -1.0 - k : 1.0 + k);
  }
  for (const int threads : {1, 3}) {
    Simulator<double> sim(dt, 1, threads);
    const std::size_t neurons =
        sim.brief()->network.add_neurons(find_model("LIF"), n, lif(0), false);
    const auto given = table<double>(pre, post, weight, delay, n);
    const std::size_t k =
        sim.brief()->network.connect(neurons, neurons, given, Receptor::by_sign, {});
    for (const Step piece : {0, 1, 50}) {
      sim.run(piece, {});
      const auto read = sim.synapses(k);
      CHECK(read.row == given.row);
      CHECK(read.post == given.post);
      CHECK(read.weight == given.weight);
      CHECK(read.delay == given.delay);
      const auto weights = sim.weights(k);
      CHECK(std::ranges::equal(weights, given.weight));
      std::vector<double> doubled = weights;
      std::ranges::transform(doubled, doubled.begin(), [](double w) { return 2 * w; });
      sim.set_weights(k, doubled);
      CHECK(sim.weights(k) == doubled);
      sim.set_weights(k, weights);
    }
  }
}

}  // namespace test_network_synapse_access
