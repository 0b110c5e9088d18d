// A network with every kind of projection, input and recorder.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "spikelet/network/simulator.hpp"
#include "support/inputs.hpp"

namespace mixed_network {

using namespace spikelet;

inline constexpr double dt = 0.1;
inline constexpr Step total = 600;

// E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, then the model's own.
inline ParameterValues lif(double I_e) {
  return {{-64.3}, {-50}, {-60}, {2}, {0}, {100}, {15}, {200}, {4}, {6}, {I_e}};
}
inline ParameterValues delta(double I_e) {
  return {{-65}, {-50}, {-60}, {1}, {0.2}, {50}, {15}, {200}, {I_e}};
}

inline ValueSpec constant(double x) {
  ValueSpec spec;
  spec.values = {x};
  return spec;
}
inline ValueSpec spread(double low, double high) {
  return {ValueSpec::Kind::uniform, {0.0}, low, high, ValueSpec::Limit::none, 0, 0};
}

template <class R>
struct TestNetwork {
  Simulator<R> sim;
  std::vector<std::size_t> projections, recorders;
  std::size_t excitatory, inhibitory, other;

  explicit TestNetwork(int threads, double shortest = 0.1, Step weights_every = 250)
      : sim(dt, 5, threads) {
    excitatory = sim.brief()->network.add_neurons(find_model("LIF"), 400, lif(150), false);
    inhibitory = sim.brief()->network.add_neurons(find_model("LIF"), 150, lif(120), true);
    other = sim.brief()->network.add_neurons(find_model("LIFDelta"), 100, delta(50), false);
    const double rate = 20;
    const std::size_t noise = sim.brief()->network.add_poisson(130, {&rate, 1});
    const std::size_t events =
        sim.brief()->network.add_events(3, {0, 5, 5, 40, 300}, {0, 1, 1, 2, 0});
    const auto delays = spread(shortest, shortest + 4);
    connect(excitatory, inhibitory, 0.05, spread(20, 80), delays);
    connect(inhibitory, excitatory, 0.1, spread(-200, -50), delays);
    connect(inhibitory, inhibitory, 0.1, constant(-100), constant(shortest));
    connect(noise, excitatory, 0.1, spread(-50, 300), delays);
    connect(excitatory, other, 0.02, spread(-0.5, 3), delays);
    connect(events, excitatory, 1, constant(400), delays);
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 4, 4.4, 0, 120}};
    connect(excitatory, other, 0.05, spread(0, 1), constant(shortest), rule);  // closed rows
    connect(noise, inhibitory, 1, spread(0, 20), constant(shortest), rule);    // a dense block
    connect(excitatory, excitatory, 0.06, spread(10, 100), delays, rule);      // history
    inputs::poisson(sim, inhibitory, 500, 60);
    inputs::noise(sim, excitatory, 20, 60, 3);
    for (const std::size_t population : {excitatory, inhibitory, other, events}) {
      recorders.push_back(sim.brief()->record_spikes(population, {}));
    }
    sim.brief()->record_state(excitatory, 0, {0, 77, 399}, 7);
    sim.brief()->record_state(inhibitory, 1, {3, 149}, 1);
    sim.brief()->record_weights(projections.back(), weights_every);
  }

  void connect(std::size_t pre, std::size_t post, double p, const ValueSpec& weight,
               const ValueSpec& delay, const std::optional<Plasticity>& plasticity = {}) {
    const ConnectionRule rule{ConnectionRule::Kind::fixed_probability, p, 0, false, true};
    const auto size = [&](std::size_t k) {
      return std::array<std::size_t, 5>{400, 150, 100, 130, 3}[k];
    };
    auto table = Drawing<R>(rule, {size(pre), {}, true}, {size(post), {}, true}, pre == post,
                            weight, delay, dt, 5, sim.look()->network.projections.size())
                     .table();
    projections.push_back(
        sim.brief()->network.connect(pre, post, std::move(table), Receptor::by_sign, plasticity));
  }

  // Everything that can be read afterwards, as bytes.
  std::vector<unsigned char> read() {
    std::vector<unsigned char> bytes;
    const auto add = [&](const auto& values) {
      const auto* data = reinterpret_cast<const unsigned char*>(values.data());
      bytes.insert(bytes.end(), data, data + values.size() * sizeof(values[0]));
    };
    for (const std::size_t k : recorders) {
      const auto log = *sim.look()->recorders.spikes[k].share();
      add(log.stamps);
      add(log.elements);
    }
    for (const std::size_t k : {excitatory, inhibitory, other}) {
      for (std::size_t s = 0; s < sim.look()->network.neurons(k).state_count(); ++s) {
        add(sim.look()->network.neurons(k).state(s));
      }
    }
    for (std::size_t k = 0; k < 2; ++k) {
      add(sim.look()->recorded_states(k).stamps);
      add(sim.look()->recorded_states(k).values);
    }
    for (const std::size_t k : projections) {
      add(sim.weights(k));
    }
    add(sim.look()->recorded_weights(0).stamps);
    add(sim.look()->recorded_weights(0).values);
    return bytes;
  }
  std::size_t spikes(std::size_t k) {
    return sim.look()->recorders.spikes[recorders[k]].share()->stamps.size();
  }
};

}  // namespace mixed_network
