// EventProp with delays and recurrence: the neurons of event_prop.hpp, whose synapses may have
// delays of their own, and which may reach each other. Gradients of spike times, weights and delays
// are exact (Wunderlich & Pehle 2021; Meszaros, Knight & Nowotny 2025).
//
// A spike at t of source k reaches neuron o at t + delays[o, k], and adds weights[o, k] to its
// current. Work is a few tens of nanoseconds for each arrival; memory grows with spikes. Results
// are the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "spikelet/train/event_prop.hpp"

namespace spikelet::train {

// Synapses from `sources` neurons to `targets`: [targets, sources] each.
struct EventSynapses {
  std::span<const double> weights;  // finite; empty if there are no such synapses
  std::span<const double> delays;   // finite, >= 0; empty if all are 0
};

struct EventNetwork {
  std::size_t n_in, n_out;
  EventSynapses input, recurrent;

  // Without delays and recurrence, neurons share the work of their inputs: see event_prop.hpp.
  bool is_plain() const { return input.delays.empty() && recurrent.weights.empty(); }
};

struct EventNetworkGradients {
  std::vector<double> weights, delays;                      // [n_out, n_in]
  std::vector<double> recurrent_weights, recurrent_delays;  // [n_out, n_out], or empty
  std::vector<double> times;  // [input spikes]; 0 for those that arrive after t_max only
};

// Both throw std::invalid_argument if a condition above is violated.
EventOutput event_forward(const EventLif& lif, const EventView& input, const EventNetwork& net,
                          int threads);

// output, currents: what event_forward returned; time_gradients: dL/dt of each output spike.
EventNetworkGradients event_backward(const EventLif& lif, const EventView& input,
                                     const EventNetwork& net, const EventView& output,
                                     std::span<const double> currents,
                                     std::span<const double> time_gradients, int threads);

}  // namespace spikelet::train
