// The neurons of one model: state as structure of arrays, parameters lowered once into
// coefficients. Arrays are padded to whole blocks, so kernels need no tail.
#pragma once

#include <string>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/model.hpp"

namespace spikelet {

// One list of values for each parameter, the common ones first: one value for all, or one an
// element.
using ParameterValues = std::vector<std::vector<double>>;

// Steps of a refractory period: ceil(t_ref / dt), counted in tics of 0.001 ms; at most 2^30.
std::int32_t refractory_steps(double t_ref, double dt);

template <class R>
class Population {
 public:
  Population(std::size_t model, std::size_t n, Gid first_gid, double dt,
             const ParameterValues& parameters, bool subtract);

  std::size_t size() const { return n_; }
  std::size_t padded() const { return padded_; }
  std::size_t model_index() const { return model_; }
  const ModelInfo& model() const { return models()[model_]; }
  Gid first_gid() const { return first_gid_; }

  // Lowers new parameter values; states are kept (potentials in absolute units).
  void set_parameters(const ParameterValues& parameters, bool subtract);

  // States by the model's order, then theta. Potentials are in absolute units here, relative to E_L
  // inside.
  std::size_t state_count() const { return state_.size() + 1; }
  std::vector<R> state(std::size_t k) const;
  void set_state(std::size_t k, const std::vector<R>& values);
  R state_of(std::size_t k, std::size_t element) const;
  // The same as they are kept, for an exact copy: converting potentials would cost their last bits.
  std::vector<R> raw_state(std::size_t k) const;
  void set_raw_state(std::size_t k, const std::vector<R>& values);

  // Steps that each neuron is still refractory, and back.
  std::vector<std::int32_t> held(Step now) const;
  void set_held(const std::vector<std::int32_t>& steps, Step now);
  // The step that held_until counts from; moved forward before it could overflow.
  void rebase(Step base);

  // Everything that a step of this population needs but the early buffer.
  StepArgs<R> step_args(Step now) const;
  StepFunction<R> step_function(bool external) const;

  Buffer<R>& external() { return external_; }

 private:
  double E_L(std::size_t element) const { return E_L_[E_L_.size() == 1 ? 0 : element]; }

  std::size_t model_, n_, padded_;
  Gid first_gid_;
  double dt_;
  bool subtract_ = false, uniform_ = true;
  std::vector<double> E_L_;
  mutable std::vector<Buffer<R>> state_;  // handed out as pointers by step_args
  mutable Buffer<R> theta_, external_;    // empty: not in use
  mutable Buffer<std::int32_t> held_until_;
  mutable Buffer<std::int8_t> hold_;
  std::vector<Buffer<R>> coefficient_;  // 64 copies of one value, or one an element
  Buffer<std::int32_t> t_ref_;
  Step base_ = 0;
};

}  // namespace spikelet
