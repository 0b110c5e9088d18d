// EventProp (Wunderlich & Pehle 2021): a layer of LIF neurons solved exactly in continuous time,
// and the exact gradients of its spike times. Synapses may have delays of their own, and neurons
// may reach each other (Meszaros, Knight & Nowotny 2025). Work and memory grow with spikes; there
// are no time steps.
//
//   tau_mem V' = -V + I,   tau_syn I' = -I,   I jumps by a weight when a spike arrives;
//   V reaching v_threshold from below: a spike, V -> 0, I goes on.
//
// A potential that only touches the threshold (V' = 0 there, to 12 digits) does not spike, so that
// every spike time has a gradient. An output spike at the time of an arrival comes before it.
// Results are the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace spikelet::train {

struct EventLif {
  double tau_mem, tau_syn;  // > 0, equal ones allowed
  double v_threshold;       // > 0
  double t_max;             // spikes up to here, > 0; infinity: until the layer is silent
};

// A neuron that spikes more often than this in one sample is refused: its weights have exploded.
inline constexpr std::size_t most_spikes = 1 << 16;

// Synapses onto n_out neurons from n_in inputs, and from the neurons themselves if they are
// recurrent: then sources n_in .. n_in + n_out - 1.
struct EventLayer {
  std::size_t n_in, n_out;
  bool recurrent;
  std::span<const double> weights;  // [n_out, sources()], finite
  std::span<const double> delays;   // the same, finite, >= 0; empty if all are 0

  std::size_t sources() const { return n_in + (recurrent ? n_out : 0); }
};

// Spikes of a batch: sample b owns offsets[b] .. offsets[b + 1], in the order of their times.
struct EventView {
  std::span<const std::int64_t> offsets;  // [samples + 1]
  std::span<const double> times;          // [spikes], finite, >= 0
  std::span<const std::int64_t> ids;      // [spikes]
};

struct Events {
  std::vector<std::int64_t> offsets;
  std::vector<double> times;
  std::vector<std::int64_t> ids;  // ascending where times are equal

  EventView view() const { return {offsets, times, ids}; }
};

struct EventOutput {
  Events spikes;
  std::vector<double> currents;  // [spikes], I at the spike: all that the backward pass needs
};

struct EventGradients {
  std::vector<double> weights;  // [n_out, sources()]
  std::vector<double> delays;   // the same, or empty if there are none
  std::vector<double> times;    // [input spikes]; 0 for those that arrive after t_max only
};

// Throws std::invalid_argument if the spikes are not as EventView requires or an id is not in
// 0 .. n - 1.
void check(const EventView& spikes, std::size_t n);

// Both throw std::invalid_argument if a condition above is violated.
EventOutput event_forward(const EventLif& lif, const EventView& input, const EventLayer& layer,
                          int threads);

// output, currents: what event_forward returned; time_gradients: dL/dt of each output spike.
EventGradients event_backward(const EventLif& lif, const EventView& input, const EventLayer& layer,
                              const EventView& output, std::span<const double> currents,
                              std::span<const double> time_gradients, int threads);

}  // namespace spikelet::train
