#include "spikelet/network/population.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/kernels.hpp"

namespace spikelet {
namespace {

constexpr Step longest_base = 1 << 28;  // with a run and a hold of the longest, it fits 32 bits

}  // namespace

template <class R>
Population<R>::Population(std::shared_ptr<const Program> program, std::size_t model,
                          std::size_t states, const Receptors& receptors, std::size_t n, Range own,
                          Gid first_gid, double dt)
    : program_(std::move(program)),
      model_(model),
      receptors_(receptors),
      n_(n),
      owned_(std::min<std::size_t>(own.end, n) - std::min<std::size_t>(own.begin, n)),
      padded_(own.size()),
      own_(own),
      first_gid_(first_gid),
      dt_(dt) {
  E_L_.assign(1, 0.0);
  for (std::size_t k = 0; k < states; ++k) {
    state_.emplace_back(padded_);
  }
  held_until_.resize(padded_);
  hold_.resize(padded_);
}

template <class R>
Population<R>::Population(std::size_t model, std::size_t n, Range own, Gid first_gid, double dt,
                          const ParameterValues& parameters, bool subtract)
    : Population(nullptr, model, models()[model].states.size(), models()[model], n, own, first_gid,
                 dt) {
  set_parameters(parameters, subtract);
  std::fill(state_[0].begin(), state_[0].end(), R(0));  // at rest
}

template <class R>
Population<R>::Population(std::shared_ptr<const Program> program, std::size_t n, Range own,
                          Gid first_gid, double dt, const ProgramValues& values)
    : Population(program, 0, program->parts().states.size(), program->receptors(), n, own,
                 first_gid, dt) {
  set_coefficients(values);
}

template <class R>
std::vector<R> Population<R>::raw_state(std::size_t k) const {
  if (k == state_.size()) {  // theta
    return state(k);
  }
  return {state_[k].begin(), state_[k].begin() + static_cast<std::ptrdiff_t>(owned_)};
}

template <class R>
void Population<R>::require_size(std::size_t size) const {
  if (size != n_ && size != owned_) {
    throw std::invalid_argument("values must have one entry for each neuron, that is " +
                                std::to_string(n_) + ", got " + std::to_string(size));
  }
}

template <class R>
void Population<R>::set_raw_state(std::size_t k, const std::vector<R>& values) {
  require_size(values.size());
  if (k == state_.size()) {  // theta
    set_state(k, values);
  } else {
    std::copy_n(own_part(values), owned_, state_[k].begin());
  }
}

template <class R>
void Population<R>::make_absolute(std::size_t element, std::size_t n, const R* v, R* out) const {
  if (E_L_.size() == 1) {
    const double rest = E_L_[0];
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = static_cast<R>(static_cast<double>(v[i]) + rest);
    }
    return;
  }
  const double* rest = E_L_.data() + (element - own_.begin);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<R>(static_cast<double>(v[i]) + rest[i]);
  }
}

template <class R>
void Population<R>::sample(std::size_t k, std::size_t element, std::size_t n, const R* state,
                           R* out) const {
  if (k == state_.size()) {  // theta
    if (theta_.empty()) {
      std::fill_n(out, n, R(0));
      return;
    }
    state = from_0(theta_.data());
  }
  if (k == 0 && !stored_as_read(0)) {
    make_absolute(element, n, state + element, out);
  } else {
    std::copy_n(state + element, n, out);
  }
}

template <class R>
void Population<R>::sample_before_reset(std::size_t element, std::size_t n, const R* state,
                                        R* out) const {
  if (peak_.empty()) {
    std::copy_n(state + element, n, out);
  } else {
    const R* peak = from_0(peak_.data()) + element;
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = peak[i] == peak[i] ? peak[i] : state[element + i];  // NaN: no spike
    }
  }
  if (!stored_as_read(0)) {
    make_absolute(element, n, out, out);
  }
}

template <class R>
std::vector<R> Population<R>::state(std::size_t k) const {
  std::vector<R> values(owned_);
  const R* state = k < state_.size() ? from_0(state_[k].data()) : nullptr;
  sample(k, own_.begin, owned_, state, values.data());
  return values;
}

template <class R>
void Population<R>::set_state(std::size_t k, const std::vector<R>& values) {
  require_size(values.size());
  const R* given = own_part(values);
  if (k == state_.size()) {  // theta
    theta_.assign(padded_, R(0));
    std::copy_n(given, owned_, theta_.begin());
    return;
  }
  for (std::size_t i = 0; i < owned_; ++i) {
    state_[k][i] =
        stored_as_read(k) ? given[i] : static_cast<R>(static_cast<double>(given[i]) - E_L(i));
  }
}

template <class R>
std::vector<std::int32_t> Population<R>::held(Step now) const {
  std::vector<std::int32_t> steps(owned_);
  for (std::size_t i = 0; i < owned_; ++i) {
    steps[i] = static_cast<std::int32_t>(std::max<Step>(held_until_[i] + base_ - now, 0));
  }
  return steps;
}

template <class R>
void Population<R>::set_held(const std::vector<std::int32_t>& steps, Step now) {
  require_size(steps.size());
  const auto fits = [](std::int32_t k) { return k >= 0 && k <= longest_hold; };
  if (!std::all_of(steps.begin(), steps.end(), fits)) {
    throw std::invalid_argument("refractory steps must lie in 0 .. 2^30");
  }
  hold(steps, now);
}

template <class R>
void Population<R>::hold(const std::vector<std::int32_t>& steps, Step now) {
  base_ = now;
  left_at_ = -1;
  std::copy_n(own_part(steps), owned_, held_until_.begin());
}

// A kernel that goes on where it stopped finds `hold` as it left it. A program begins anew.
template <class R>
bool Population<R>::goes_on(Step now) const {
  return now == left_at_ && now - base_ <= longest_base && !program_;
}

template <class R>
void Population<R>::rebase(Step base) {
  if (goes_on(base)) {
    return;
  }
  for (std::size_t i = 0; i < owned_; ++i) {
    held_until_[i] = static_cast<std::int32_t>(std::max<Step>(held_until_[i] + base_ - base, 0));
  }
  base_ = base;
  std::fill(held_until_.begin() + static_cast<std::ptrdiff_t>(owned_), held_until_.end(), 0);
}

template <class R>
std::vector<R*> Population<R>::state_arrays() const {
  std::vector<R*> arrays;
  for (Buffer<R>& state : state_) {
    arrays.push_back(from_0(state.data()));
  }
  return arrays;
}

template <class R>
ProgramArrays<R> Population<R>::program_arrays() const {
  ProgramArrays<R> arrays;
  arrays.state = state_arrays();
  for (std::size_t k = 0; k < coefficient_.size(); ++k) {
    arrays.coefficient.push_back(varies_[k] ? from_0(coefficient_[k].data())
                                            : coefficient_[k].data());
  }
  arrays.varies = varies_;
  return arrays;
}

template <class R>
void Population<R>::fetch() const {
  fetch_values(state_);
  fetch_values(coefficient_);
}

template <class R>
StepArgs<R> Population<R>::step_args(Step now) const {
  StepArgs<R> args;
  for (std::size_t k = 0; !program_ && k < state_.size(); ++k) {
    args.state[k] = from_0(state_[k].data());
  }
  for (std::size_t k = 0; !program_ && k < coefficient_.size(); ++k) {
    args.coefficient[k] = varies_[k] ? from_0(coefficient_[k].data()) : coefficient_[k].data();
    args.index_mask[k] = varies_[k] ? ~std::size_t{0} : 0;
  }
  args.theta = theta_.empty() ? nullptr : from_0(theta_.data());
  args.peak = peak_.empty() ? nullptr : from_0(peak_.data());
  args.held_until = from_0(held_until_.data());
  args.hold = from_0(hold_.data());
  args.now = static_cast<std::int32_t>(now - base_);
  args.t_ref = t_ref_varies_ ? from_0(t_ref_.data()) : t_ref_.data();
  args.t_ref_mask = t_ref_varies_ ? ~std::size_t{0} : 0;
  args.subtract = subtract_;
  args.n = n_;
  args.first_gid = first_gid_;
  return args;
}

template <class R>
StepFunction<R> Population<R>::step_function(bool external) const {
  if (program_) {
    return kernels().program<R>().step;
  }
  const StepFunctions<R>& functions = kernels().step<R>(model_);
  return uniform_ && !external ? functions.uniform : functions.general;
}

template class Population<float>;
template class Population<double>;

}  // namespace spikelet
