// Forward and backward passes of neurons over all time steps in one call, for backpropagation
// through time with surrogate gradients. Arrays are [steps][size], where `size` counts all neurons
// of all samples; Groups says which of them share a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spikelet::train {

// How the input x (or the synaptic current) charges the potential from v to h.
enum class Charge : std::uint8_t {
  decay,        // h = leak v + gain x
  relax_input,  // h = v + (gain x - (v - rest)) / leak
  relax,        // h = v - (v - rest) / leak + gain x
};
enum class Reset : std::uint8_t { subtract, value, none };
// When the reset happens. same: within the step of the spike. next: before the next charge. both:
// as snnTorch does without delay: a potential still above threshold is reset before the next
// charge, and that is subtracted from the reset of that step.
enum class When : std::uint8_t { same, next, both };
// Surrogate for the derivative of a spike by u = h - threshold.
enum class Surrogate : std::uint8_t {
  atan,
  sigmoid,
  fast_sigmoid,
  triangle,
  rectangle,
  gaussian,
  table
};

// Values shared by neurons: neuron m has value (m / inner) % count.
template <class R>
struct Groups {
  const R* values = nullptr;
  std::size_t count = 1;
  std::size_t inner = 1;

  std::size_t of(std::size_t m) const { return m / inner % count; }
};

// The one description of a cell: Cell, its bindings and Python's Cell follow these two lists.
// FIELD(type, name, default), where R is the type of the neurons.
#define SPIKELET_CELL_FIELDS(FIELD)                                                  \
  FIELD(Charge, charge, Charge::decay)                                               \
  FIELD(Reset, reset, Reset::subtract)                                               \
  FIELD(When, when, When::same)                                                      \
  FIELD(bool, strict, false)   /* spikes need h > threshold, not >= */               \
  FIELD(bool, detached, true)  /* no gradient through the spike in a reset */        \
  FIELD(bool, synapse, false)  /* i = syn_decay i + x, and i takes the place of x */ \
  FIELD(bool, adaptive, false) /* threshold + boost a, a = adapt_decay a + spike */  \
  FIELD(Surrogate, surrogate, Surrogate::atan)                                       \
  FIELD(R, alpha, 2) /* steepness of the surrogate */                                \
  FIELD(R, gain, 1)                                                                  \
  FIELD(R, rest, 0)                                                                  \
  FIELD(R, v_reset, 0)                                                               \
  FIELD(R, table_low, 0)  /* Surrogate::table: its values lie at table_low, */       \
  FIELD(R, table_step, 1) /* table_low + table_step, ..., on lines between; else 0 */

// PARAMETER(name, default): the quantities that may differ between neurons and may be learned.
#define SPIKELET_CELL_PARAMETERS(PARAMETER) \
  PARAMETER(leak, 1)                        \
  PARAMETER(threshold, 1)                   \
  PARAMETER(syn_decay, 0)                   \
  PARAMETER(adapt_decay, 0)                 \
  PARAMETER(boost, 0)

template <class R>
struct Cell {
#define SPIKELET_MEMBER(type, name, otherwise) type name = otherwise;
  SPIKELET_CELL_FIELDS(SPIKELET_MEMBER)
#undef SPIKELET_MEMBER
#define SPIKELET_MEMBER(name, otherwise) Groups<R> name;
  SPIKELET_CELL_PARAMETERS(SPIKELET_MEMBER)
#undef SPIKELET_MEMBER
  bool leak_inverted = false;  // leak holds 1 / tau: only where that is exact
  std::vector<R> table;        // of Surrogate::table
};

// State of all neurons: potential, synaptic current, adaptation; null if unused, or 0.
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

// Gradients of the parameters, one value per group; null if not wanted.
template <class R>
struct ParameterGradients {
#define SPIKELET_MEMBER(name, otherwise) R* name = nullptr;
  SPIKELET_CELL_PARAMETERS(SPIKELET_MEMBER)
#undef SPIKELET_MEMBER
};

template <class R>
struct Backward {
  std::size_t steps = 0, size = 0;
  // The input of forward, or where `needs_input` is false its output `charged`.
  const R* x = nullptr;
  const R* charged = nullptr;
  bool constant = false;  // x and by_x are [size]
  State<const R> first;
  // Gradients of the spikes and of v [steps][size], or [size] if those of all steps are alike, and
  // of the last state; null: 0.
  const R* by_spikes = nullptr;
  const R* by_v = nullptr;
  bool spikes_alike = false, v_alike = false;
  State<const R> by_last;
  // Gradients to compute.
  R* by_x = nullptr;
  State<R> by_first;
  ParameterGradients<R> by_parameters;
};

// Whether the backward pass needs the input, not only the charged potential.
template <class R>
bool needs_input(const Cell<R>& cell, const ParameterGradients<R>& wanted);

// Results have the same bits for any number of threads: shared parameters are summed in a fixed
// order.
template <class R>
void backward(const Cell<R>& cell, const Backward<R>& run, int threads);

}  // namespace spikelet::train
