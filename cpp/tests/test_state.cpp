// Reading and writing between runs: weights, later connections, an exact copy.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

ParameterValues lif(double I_e) {  // no binary fractions: every step rounds
  return {{-64.3}, {-50}, {-60}, {2}, {0.1}, {100}, {15}, {200}, {4}, {6}, {I_e}};
}

template <class R>
SynapseTable<R> table(std::vector<std::uint32_t> pre, std::vector<std::uint32_t> post,
                      std::vector<R> weight, std::vector<std::uint16_t> delay, std::size_t n_pre) {
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

// Events, noise and neurons with plastic and static recurrent synapses.
template <class R>
struct TestNetwork {
  Simulator<R> sim{dt, 3, 2};
  std::size_t neurons, plastic, fixed;

  TestNetwork() {
    neurons = sim.add_neurons(find_model("LIF"), 130, lif(90), false);
    sim.record_spikes(neurons, {});
    sim.inject_poisson(neurons, {800}, {90}, excitatory_channel);
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 6, 5, 0, 150}};
    plastic = sim.connect(neurons, neurons, random(1, 0, 150), Receptor::by_sign, rule, -1);
    fixed = sim.connect(neurons, neurons, random(2, -120, 60), Receptor::by_sign, {}, -1);
  }
  static SynapseTable<R> random(std::uint32_t object, double low, double high) {
    ValueSpec weight, delay;
    weight.kind = delay.kind = ValueSpec::Kind::uniform;
    weight.a = low;
    weight.b = high;
    delay.a = 0.1;
    delay.b = 6;
    const ConnectionRule rule{ConnectionRule::Kind::fixed_indegree, 1, 12, true, true};
    return connect_by_rule<R>(rule, {130, {}, true}, {130, {}, true}, true, weight, delay, dt, 3,
                              object);
  }
  SpikeRecorder::Log spikes() { return sim.spike_recorder(0).merged(); }
};

// Carries over everything that a saved network holds.
template <class R>
void copy(TestNetwork<R>& from, TestNetwork<R>& to) {
  const std::size_t n = from.neurons;
  to.sim.set_plastic_state(to.plastic, from.sim.plastic_state(from.plastic));
  to.sim.set_weights(to.fixed, from.sim.weights(from.fixed));
  to.sim.set_clock(from.sim.now(), from.sim.in_flight());
  for (std::size_t s = 0; s < from.sim.neurons(n).state_count(); ++s) {
    to.sim.neurons(n).set_raw_state(s, from.sim.neurons(n).raw_state(s));
    to.sim.set_initial_state(n, s, from.sim.initial_state(n, s));
  }
  to.sim.neurons(n).set_held(from.sim.neurons(n).held(from.sim.now()), from.sim.now());
}

}  // namespace

TEST_CASE_TEMPLATE("a copy of all state goes on with the same bits", R, float, double) {
  for (const Step cut : {0, 1, 77, 400}) {
    CAPTURE(cut);
    TestNetwork<R> original, loaded;
    original.sim.run(cut, {});
    copy(original, loaded);
    CHECK(loaded.sim.weights(loaded.plastic) == original.sim.weights(original.plastic));
    const std::size_t before = original.spikes().stamps.size();
    const auto same_states = [&] {
      for (std::size_t s = 0; s < original.sim.neurons(0).state_count(); ++s) {
        CAPTURE(s);
        CHECK(loaded.sim.neurons(0).state(s) == original.sim.neurons(0).state(s));
      }
      // As the kernels see it: without the rounding that adding E_L brings.
      const auto a = loaded.sim.neurons(0).step_args(0), b = original.sim.neurons(0).step_args(0);
      CHECK(std::equal(a.state[0], a.state[0] + 130, b.state[0]));
    };
    same_states();
    original.sim.run(1, {});
    loaded.sim.run(1, {});
    same_states();
    original.sim.run(600, {});
    loaded.sim.run(600, {});
    same_states();
    auto expected = original.spikes();
    expected.stamps.erase(expected.stamps.begin(),
                          expected.stamps.begin() + static_cast<long>(before));
    CHECK(expected.stamps.size() > 300);
    CHECK(loaded.spikes().stamps == expected.stamps);
    CHECK(loaded.sim.weights(loaded.plastic) == original.sim.weights(original.plastic));
  }
}

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
  const std::size_t n = sim.add_neurons(find_model("LIF"), 2, lif(0), false);
  const std::size_t source = sim.add_events(1, {5, 20}, {0, 0});
  const std::size_t k = sim.connect(source, n, table<double>({0, 0}, {0, 1}, {10, -20}, {1, 3}, 1),
                                    Receptor::by_sign, {});
  sim.run(8, {});
  CHECK(sim.neurons(n).state(1)[0] > 0);
  CHECK(sim.neurons(n).state(2)[0] == 0);
  sim.set_weights(k, std::vector<double>{-30, 40});
  CHECK(sim.weights(k) == std::vector<double>{-30, 40});
  sim.run(13, {});
  CHECK(sim.neurons(n).state(2)[0] == -30);
  sim.run(2, {});
  CHECK(sim.neurons(n).state(1)[1] == 40);
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
  CHECK(sim.neurons(n).state(1)[0] == 10);
  CHECK(sim.neurons(n).state(2)[0] == 0);
}

TEST_CASE("synapses are read back in canonical order, multapses of mixed sign and delay included") {
  Simulator<double> sim(dt, 1, 3);
  const std::size_t n = sim.add_neurons(find_model("LIF"), 200, lif(0), false);
  const auto given = table<double>({0, 0, 0, 0, 1, 1, 1}, {150, 150, 3, 150, 7, 7, 199},
                                   {1, -2, 3, 4, 5, -6, 7}, {9, 2, 1, 2, 4, 4, 65535}, 200);
  const std::size_t k = sim.connect(n, n, given, Receptor::by_sign, {});
  for (const Step piece : {0, 1, 5}) {
    sim.run(piece, {});
    const auto read = sim.synapses(k);
    CHECK(read.row == given.row);
    CHECK(read.post == given.post);
    CHECK(read.weight == given.weight);
    CHECK(read.delay == given.delay);
  }
}

TEST_CASE("set_rates acts from the next step on") {
  Simulator<float> sim(dt, 1, 1);
  const double off = 0, on = 1000;
  const std::size_t k = sim.add_poisson(10, {&off, 1});
  sim.record_spikes(k, {});
  sim.run(100, {});
  CHECK(sim.spike_recorder(0).merged().stamps.empty());
  sim.set_rates(k, {&on, 1});
  sim.run(100, {});
  CHECK(sim.spike_recorder(0).merged().stamps.size() > 50);
  CHECK(sim.spike_recorder(0).merged().stamps.front() > 100);
}
