// A neuron model as the engine sees it: names, sizes, coefficients, compiled steps. The equations
// are in the headers of src/core/neurons/, which src/core/models.hpp lists.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "spikelet/core/poisson.hpp"
#include "spikelet/core/receptors.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

inline constexpr int max_states = 6;
inline constexpr int max_coefficients = 24;

// Coefficients that every model has, before its own.
enum CommonCoefficient : int { k_threshold, k_reset, k_theta_plus, k_theta_decay };
inline constexpr int k_first = 4;  // a model's own coefficients start here

// Parameters that every model has, before its own [mV, mV, mV, ms, mV, ms].
enum CommonParameter : int { p_E_L, p_V_th, p_V_reset, p_t_ref, p_theta_plus, p_tau_theta };
inline constexpr int p_first = 6;
inline constexpr std::array<std::string_view, p_first> common_parameters{
    "E_L", "V_th", "V_reset", "t_ref", "theta_plus", "tau_theta"};

// Parameters by their bits, in the order of a model's: the common ones first.
using ParameterSet = std::uint32_t;
inline constexpr int max_parameters = 32;
inline constexpr ParameterSet all_parameters = ~ParameterSet{0};
constexpr ParameterSet bit_of(int parameter) { return ParameterSet{1} << parameter; }

// An independent Poisson train of events for each element, all at one rate: drawn and added within
// the step, block by block, while the states are in cache.
template <class R>
struct PoissonDrive {
  const PoissonTable* table;
  const Stream *stream, *tie;
  const R* weight;  // 64 copies of one value, or one per element
  std::size_t weight_mask;
  int channel;
};

// Elements [begin, end), whole blocks, of what is driven so; `input` is where their element 0 is.
template <class R>
struct PoissonPart {
  const PoissonDrive<R>* drive;
  std::size_t begin, end;
  R* input;
};

// A signed number for each element, in units of `step`, that a state takes in before a step; then
// it is 0 again.
template <class R>
struct StateSums {
  int state;
  std::uint32_t* at;  // of element 0
  R step;
};

template <class R>
struct ProgramRun;

// One step of one population, for elements in whole blocks. Potentials are relative to E_L.
template <class R>
struct StepArgs {
  std::array<R*, max_states> state{};  // state 0 is V_m
  std::span<const StateSums<R>> sums;  // of different states
  R* early = nullptr;                  // summed events of the early channel; read, then cleared
  std::array<const R*, max_coefficients> coefficient{};
  std::array<std::size_t, max_coefficients>
      index_mask{};                    // 0: one value (64 copies); ~0: one per element
  const R* external = nullptr;         // current added to I_e, or none
  R* theta = nullptr;                  // adaptive part of the threshold, or none
  std::int32_t* held_until = nullptr;  // V_m is held while now < held_until
  // What each step reads: the low byte of held_until, or of now + 64 if that is earlier. Steps
  // whose `now` is a multiple of 64 refresh it, so the first step after a change must be one of
  // them.
  std::int8_t* hold = nullptr;
  std::int32_t now = 0;
  Step step = 0;                            // the same, counted from time 0
  std::span<const PoissonDrive<R>> drives;  // added at the end of the step, or before it to `early`
  const std::int32_t* t_ref = nullptr;      // in steps
  std::size_t t_ref_mask = 0;
  bool subtract = false;  // reset by subtraction
  R* peak = nullptr;      // V_m of those that spike in this step, before the reset, or none
  std::size_t n = 0;      // real elements; blocks are padded beyond
  Gid first_gid = 0;
  ProgramRun<R>* program = nullptr;  // instead of states, `early` and coefficients
  // Where it is known, a bit for each block that early events reached; that of element i is at
  // (i + reached_shift) / block_size.
  const std::uint64_t* reached = nullptr;
  std::ptrdiff_t reached_shift = 0;
};

// Integrates elements [begin, end), both multiples of block_size, and writes the gids that spiked
// to `out`; returns the end of that list.
template <class R>
using StepFunction = Gid* (*)(const StepArgs<R>&, std::size_t begin, std::size_t end, Gid* out);

// `uniform` needs one value for each coefficient and no external current.
template <class R>
struct StepFunctions {
  StepFunction<R> uniform, general;
};

struct ModelInfo {
  std::string_view name;
  std::span<const std::string_view> parameters;  // after the common ones
  std::span<const std::string_view> states;      // state 0 is V_m
  int coefficients;                              // with the common ones
  std::span<const int>
      input_states;  // excitatory and inhibitory events add to these; empty: the early channel
  bool conductance;  // events count by their magnitude, also inhibitory ones
  // One element's coefficients after the common ones, from its parameters (common ones first, of
  // which it reads E_L only).
  void (*lower)(double dt, const double* parameters, double* coefficients);
  bool reads_E_L;  // whether lower() does

  // Coefficients that take no exponential, and the parameters that only these are of: they change
  // often. drive() writes them for n elements, one array for each; it is given the values of the
  // driving parameters, by parameter, and the coefficients that lower() left if it `follows` it.
  ParameterSet driving;
  std::span<const int> driven;
  void (*drive)(const double* const* parameters, const double* coefficients, std::size_t n,
                double* const* values);
  bool follows;

  bool early() const { return input_states.empty(); }
};

// All models, in the order of the kernel table.
std::span<const ModelInfo> models();

// Index of the model of that name; throws std::invalid_argument with the known names.
std::size_t find_model(std::string_view name);

}  // namespace spikelet
