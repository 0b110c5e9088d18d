// The neurons of one model, which a kernel or a program advances: states as a structure of arrays,
// parameters lowered once into coefficients. Arrays are padded to whole blocks, so kernels need no
// tail. They hold the elements that this process owns; kernels address them as if they began at
// element 0.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/program_run.hpp"
#include "spikelet/network/ranks.hpp"

namespace spikelet {

// One list of values for each parameter, the common ones first: one value for all, or one for each
// element.
using ParameterValues = std::vector<std::vector<double>>;
// The same where they lie.
struct ParameterViews : std::vector<std::span<const double>> {
  ParameterViews() = default;
  ParameterViews(const ParameterValues& values) : vector(values.begin(), values.end()) {}  // NOLINT
};

// What a program's neurons have instead: a list of values for each coefficient, and t_ref [ms], one
// for all or one for each element.
struct ProgramValues {
  std::vector<std::vector<double>> coefficients;
  std::vector<double> t_ref;
};
struct ProgramViews {
  ProgramViews() = default;
  ProgramViews(const ProgramValues& values)  // NOLINT: what has values has views
      : coefficients(values.coefficients), t_ref(values.t_ref) {}
  ParameterViews coefficients;
  std::span<const double> t_ref;
};

inline constexpr std::int32_t longest_hold = 1 << 30;  // steps

class ParameterRows;

// Steps of a refractory period: ceil(t_ref / dt), counted in tics of 0.001 ms; at most 2^30.
std::int32_t refractory_steps(double t_ref, double dt);

template <class R>
class Population {
 public:
  Population(std::size_t model, std::size_t n, Range own, Gid first_gid, double dt,
             const ParameterValues& parameters, bool subtract);
  // A population that this process owns whole.
  Population(std::size_t model, std::size_t n, Gid first_gid, double dt,
             const ParameterValues& parameters, bool subtract)
      : Population(model, n, own_range(0, n, 0, 1), first_gid, dt, parameters, subtract) {}

  // Throws std::invalid_argument if the values do not fit the program.
  Population(std::shared_ptr<const Program> program, std::size_t n, Range own, Gid first_gid,
             double dt, const ProgramValues& values);

  // Whether both can be parts of one population, as networks that run as one need it.
  bool joins(const Population& other) const;
  // That population: each part, which this process owns whole, begins at a block. What pads them
  // never spikes.
  static std::unique_ptr<Population> joined(std::span<const Population* const> parts, Gid first_gid,
                                            Step now);
  // Takes back the states of the part that begins at element `first`.
  void take(const Population& from, std::size_t first, Step now);

  std::size_t size() const { return n_; }  // of the whole population
  std::size_t padded() const { return padded_; }
  const Receptors& receptors() const { return receptors_; }
  Gid first_gid() const { return first_gid_; }
  const std::shared_ptr<const Program>& program() const { return program_; }  // null: a kernel

  // Lowers new parameter values, of which all but `changed` are as they were; states are kept
  // (potentials in absolute units), and so are `potentials` that lie elsewhere, as stored.
  void set_parameters(const ParameterViews& parameters, bool subtract, std::span<R> potentials = {},
                      ParameterSet changed = all_parameters);

  // The same for a program: states are kept. Throws std::invalid_argument if they do not fit.
  void set_coefficients(const ProgramViews& values);

  // States in the model's order, then theta if a kernel moves them. Potentials are in absolute
  // units here, relative to E_L inside a kernel. Reading returns the elements that are owned;
  // writing takes these, or all.
  std::size_t state_count() const { return state_.size() + (program_ ? 0 : 1); }
  // Whether what users read is what state_arrays() holds.
  bool stored_as_read(std::size_t k) const { return program_ || (k != 0 && k < state_.size()); }
  std::vector<R> state(std::size_t k) const;
  void set_state(std::size_t k, const std::vector<R>& values);
  // State k of n elements, as users read it. state: as stored, indexed from element 0 on.
  void sample(std::size_t k, std::size_t element, std::size_t n, const R* state, R* out) const;
  // V_m at the end of the last step; of those that spiked then, before the reset. From keep_peaks()
  // on, steps keep what this needs: they fill `peak` of step_args, which starts as no_peak.
  static constexpr R no_peak = std::numeric_limits<R>::quiet_NaN();
  void keep_peaks() { peak_.assign(padded_, no_peak); }
  void sample_before_reset(std::size_t element, std::size_t n, const R* state, R* out) const;
  // The same as stored, for an exact copy: converting potentials would cost their last bits.
  std::vector<R> raw_state(std::size_t k) const;
  void set_raw_state(std::size_t k, const std::vector<R>& values);

  // For how many more steps each neuron is refractory.
  std::vector<std::int32_t> held(Step now) const;
  void set_held(const std::vector<std::int32_t>& steps, Step now);
  // Sets the step that held_until counts from; it moves forward before the count could overflow.
  // It stays if the next run goes on at the step where the last one left.
  void rebase(Step base);
  void leave(Step now) { left_at_ = now; }
  // Whether a kernel goes on where it left, as rebase() would let it.
  bool goes_on(Step now) const;

  // The states as stored, by number, of the elements that are owned; the last one is theta, if a
  // kernel moves it.
  std::size_t stored_count() const { return state_.size() + (theta_.empty() ? 0 : 1); }
  std::span<const R> stored(std::size_t k) const {
    return {(k < state_.size() ? state_[k] : theta_).data(), owned_};
  }
  // The states, by number, indexed from element 0 on.
  std::vector<R*> state_arrays() const;
  // Prefetches what the arrays of a step are found by, not these.
  void fetch() const;
  // Everything that a step of this population needs, except the early buffer and inputs; and for a
  // program, its coefficients.
  StepArgs<R> step_args(Step now) const;
  ProgramArrays<R> program_arrays() const;
  StepFunction<R> step_function(bool external) const;

 private:
  Population(std::shared_ptr<const Program> program, std::size_t model, std::size_t states,
             const Receptors& receptors, std::size_t n, Range own, Gid first_gid, double dt);
  void require_size(std::size_t size) const;
  // value(i): of element i, or of all elements if it does not vary. Returns whether they differ.
  template <class T, class Value>
  bool fill(Buffer<T>& to, bool varies, Value&& value) const;
  // One value for all becomes a block of copies; returns whether it is one.
  template <class T>
  bool shrink(Buffer<T>& values) const;
  void lower(const ParameterRows& parameters, ParameterSet changed);
  void drive(const ParameterRows& parameters, const double* lowered);
  void rest_at(std::span<const double> E_L, std::span<R> potentials);
  void hold(const std::vector<std::int32_t>& steps, Step now);
  double E_L(std::size_t k) const { return E_L_[E_L_.size() == 1 ? 0 : k]; }
  // Potentials as stored become those that users read.
  void make_absolute(std::size_t element, std::size_t n, const R* v, R* out) const;
  template <class T>
  T* from_0(T* first_owned) const {  // may lie before the array: it is indexed by owned elements
    return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(first_owned) -
                                std::uintptr_t{own_.begin} * sizeof(T));
  }
  template <class T>
  const T* own_part(const std::vector<T>& values) const {
    return values.data() + (values.size() == n_ ? std::min<std::size_t>(own_.begin, n_) : 0);
  }

  std::shared_ptr<const Program> program_;
  std::size_t model_;
  Receptors receptors_;
  std::size_t n_, owned_, padded_;
  Range own_;
  Gid first_gid_;
  double dt_;
  bool subtract_ = false, uniform_ = true;
  std::vector<double> E_L_;
  mutable std::vector<Buffer<R>> state_;  // handed out as pointers by step_args
  mutable Buffer<R> theta_;               // empty: not in use
  mutable Buffer<R> peak_;                // empty: not in use
  mutable Buffer<std::int32_t> held_until_;
  mutable Buffer<std::int8_t> hold_;
  std::vector<Buffer<R>> coefficient_;  // 64 copies of one value, or one value for each element
  Buffer<std::int32_t> t_ref_;
  std::vector<bool> varies_;  // by coefficient: whether each element has a value
  bool t_ref_varies_ = false;
  Step base_ = 0, left_at_ = -1;
};

}  // namespace spikelet
