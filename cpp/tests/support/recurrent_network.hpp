// Neurons with plastic and static recurrent synapses.
#pragma once

#include <cstdint>
#include <vector>

#include "spikelet/network/simulator.hpp"
#include "support/inputs.hpp"

namespace recurrent_network {

using namespace spikelet;

inline constexpr double dt = 0.1;

inline ParameterValues lif(double I_e) {  // no binary fractions: every step rounds
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
    neurons = sim.brief()->network.add_neurons(find_model("LIF"), 130, lif(90), false);
    sim.brief()->record_spikes(neurons, {});
    inputs::poisson(sim, neurons, 800, 90);
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 6, 5, 0, 150}};
    plastic = sim.brief()->network.connect(neurons, neurons, random(1, 0, 150), Receptor::by_sign,
                                           rule, -1);
    fixed = sim.brief()->network.connect(neurons, neurons, random(2, -120, 60), Receptor::by_sign,
                                         {}, -1);
  }
  static SynapseTable<R> random(std::uint32_t object, double low, double high) {
    ValueSpec weight, delay;
    weight.kind = delay.kind = ValueSpec::Kind::uniform;
    weight.a = low;
    weight.b = high;
    delay.a = 0.1;
    delay.b = 6;
    const ConnectionRule rule{ConnectionRule::Kind::fixed_indegree, 1, 12, true, true};
    return Drawing<R>(rule, {130, {}, true}, {130, {}, true}, true, weight, delay, dt, 3, object)
        .table();
  }
  SpikeRecorder::Log spikes() { return *sim.look()->recorders.spikes[0].share(); }
};

// Carries over everything that a saved network holds.
template <class R>
void copy(TestNetwork<R>& from, TestNetwork<R>& to) {
  const std::size_t n = from.neurons;
  to.sim.set_clock(from.sim.now(), from.sim.look()->in_flight());
  to.sim.set_plastic_state(to.plastic, from.sim.brief()->access.plastic_state(from.plastic));
  to.sim.set_weights(to.fixed, from.sim.weights(from.fixed));
  for (std::size_t s = 0; s < from.sim.look()->network.neurons(n).state_count(); ++s) {
    to.sim.brief()->network.neurons(n).set_raw_state(
        s, from.sim.look()->network.neurons(n).raw_state(s));
    to.sim.set_initial_state(n, s, from.sim.look()->network.initial_state(n, s));
  }
  to.sim.brief()->network.neurons(n).set_held(
      from.sim.look()->network.neurons(n).held(from.sim.now()), to.sim.now());
}

}  // namespace recurrent_network
