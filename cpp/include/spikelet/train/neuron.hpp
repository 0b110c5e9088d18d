// Neurons whose steps are run forward and backward over time at once, for spike-based
// backpropagation. Arrays are [steps][size], `size` all the neurons of all samples; which of them
// share a parameter is told by Groups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spikelet::train {

// How the input charges the potential v to h, with x the input, or the synaptic current.
enum class Charge : std::uint8_t {
  decay,        // h = leak v + gain x
  relax_input,  // h = v + (gain x - (v - rest)) / leak
  relax,        // h = v - (v - rest) / leak + gain x
};
enum class Reset : std::uint8_t { subtract, value, none };
// same: within the step of the spike. next: before the charge of the next one. both: as snnTorch
// does without delay: what still lies above threshold is reset before the next charge, and counted
// off the reset of that step.
enum class When : std::uint8_t { same, next, both };
// What stands for the derivative of a spike by u = h - threshold.
enum class Surrogate : std::uint8_t {
  atan,
  sigmoid,
  fast_sigmoid,
  triangle,
  rectangle,
  gaussian,
  table
};

// Values that neurons share: neuron m has value (m / inner) % count.
template <class R>
struct Groups {
  const R* values = nullptr;
  std::size_t count = 1;
  std::size_t inner = 1;

  std::size_t of(std::size_t m) const { return m / inner % count; }
};

template <class R>
struct Cell {
  Charge charge = Charge::decay;
  Reset reset = Reset::subtract;
  When when = When::same;
  bool strict = false;    // spikes need h > threshold, not >=
  bool detached = true;   // no gradient through the spike in a reset
  bool synapse = false;   // i = syn_decay i + x, and i takes the place of x
  bool adaptive = false;  // threshold + boost a, a = adapt_decay a + spike
  Surrogate surrogate = Surrogate::atan;
  R alpha = 2;  // steepness of the surrogate
  R gain = 1;
  R rest = 0;
  R v_reset = 0;
  Groups<R> leak, threshold, syn_decay, adapt_decay, boost;
  bool leak_inverted = false;  // leak holds 1 / tau: only where that is exact
  // Of Surrogate::table: values at low, low + step, ..., between them on a line; 0 outside.
  std::vector<R> table;
  R table_low = 0;
  R table_step = 1;
};

// State of all neurons: potential, synaptic current, adaptation; null where it is not wanted, or 0.
template <class R>
struct State {
  R* v = nullptr;
  R* i = nullptr;
  R* a = nullptr;
};

template <class R>
struct Forward {
  std::size_t steps = 0, size = 0;
  const R* x = nullptr;
  bool constant = false;  // x is [size], the input of every step
  State<const R> first;
  R* spikes = nullptr;   // may be null
  R* charged = nullptr;  // h; may be null
  R* v = nullptr;        // after the reset of each step; may be null
  State<R> last;
};

template <class R>
void forward(const Cell<R>& cell, const Forward<R>& run, int threads);

// Gradients of the parameters, one value a group; null where not wanted.
template <class R>
struct ParameterGradients {
  R* leak = nullptr;
  R* threshold = nullptr;
  R* syn_decay = nullptr;
  R* adapt_decay = nullptr;
  R* boost = nullptr;
};

template <class R>
struct Backward {
  std::size_t steps = 0, size = 0;
  // What forward took; or `charged`, what it gave, where `needs_input` is false.
  const R* x = nullptr;
  const R* charged = nullptr;
  bool constant = false;  // x and by_x are [size]
  State<const R> first;
  // Gradients by spikes and v [steps][size], and by the last state; null: 0.
  const R* by_spikes = nullptr;
  const R* by_v = nullptr;
  State<const R> by_last;
  // Gradients asked for.
  R* by_x = nullptr;
  State<R> by_first;
  ParameterGradients<R> by_parameters;
};

// Whether the charged potential alone is not enough for the way back.
template <class R>
bool needs_input(const Cell<R>& cell, const ParameterGradients<R>& wanted);

// Every result has the same bits for any number of threads: what neurons share is summed by a fixed
// tree.
template <class R>
void backward(const Cell<R>& cell, const Backward<R>& run, int threads);

}  // namespace spikelet::train
