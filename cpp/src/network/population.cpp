#include "spikelet/network/population.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/kernels.hpp"

namespace spikelet {
namespace {

constexpr Step longest_base = 1 << 28;  // with a run and a hold of the longest, it fits 32 bits

}  // namespace

std::int32_t refractory_steps(double t_ref, double dt) {
  const double tics = std::floor(t_ref * 1000 + 0.5), tics_a_step = std::floor(dt * 1000 + 0.5);
  const bool on_tics = tics_a_step >= 1 && std::abs(dt * 1000 - tics_a_step) < 1e-6;
  const double steps = on_tics ? std::ceil(tics / tics_a_step) : std::ceil(t_ref / dt - 1e-9);
  return static_cast<std::int32_t>(std::min<double>(steps, longest_hold));
}

template <class R>
template <class T>
Buffer<T> Population<R>::buffer_for(std::size_t values) const {
  Buffer<T> buffer;
  buffer.reserve(values == 1 ? block_size : padded_);
  buffer.resize(values);
  return buffer;
}

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
template <class T>
bool Population<R>::shrink(Buffer<T>& values) const {
  const bool same =
      std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
  const T fill = values.empty() ? T{} : values[0];
  if (same) {
    values.assign(block_size, fill);
  } else {
    values.resize(padded_, fill);
  }
  return same;
}

template <class R>
void Population<R>::set_t_ref(Buffer<std::int32_t>&& steps) {
  t_ref_varies_ = !shrink(steps);
  t_ref_ = std::move(steps);
}

template <class R>
void Population<R>::set_coefficients(const ProgramValues& given) {
  if (!program_) {
    throw std::invalid_argument(
        "these neurons are run by a kernel: give parameters, not coefficients of a program");
  }
  const std::size_t count = program_->parts().coefficients;
  if (given.coefficients.size() != count) {
    throw std::invalid_argument("coefficients must be as many as the program has, " +
                                std::to_string(count) + ", got " +
                                std::to_string(given.coefficients.size()));
  }
  const auto check = [&](const std::string& what, const std::vector<double>& values) {
    if (values.size() != 1 && values.size() != n_) {
      throw std::invalid_argument(what + " must be one value, or one for each of the " +
                                  std::to_string(n_) + " neurons, got " +
                                  std::to_string(values.size()));
    }
  };
  // From one value, or from those of the elements owned here.
  const auto own = [&](const std::vector<double>& values, auto convert) {
    auto to = buffer_for<decltype(convert(0.0))>(values.size() == 1 ? 1 : owned_);
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i] = convert(values[values.size() == 1 ? 0 : own_.begin + i]);
    }
    return to;
  };
  check("t_ref", given.t_ref);
  if (std::ranges::any_of(given.t_ref, [](double t) { return !(t >= 0); })) {
    throw std::invalid_argument("t_ref must be >= 0 ms");
  }
  std::vector<Buffer<R>> coefficient;
  std::vector<bool> varies;
  for (std::size_t k = 0; k < count; ++k) {
    check("coefficient " + std::to_string(k), given.coefficients[k]);
    coefficient.push_back(own(given.coefficients[k], [](double x) { return static_cast<R>(x); }));
    varies.push_back(!shrink(coefficient.back()));
  }
  set_t_ref(own(given.t_ref, [&](double t) { return refractory_steps(t, dt_); }));
  coefficient_ = std::move(coefficient);
  varies_ = std::move(varies);
}

template <class R>
void Population<R>::set_parameters(const ParameterValues& parameters, bool subtract,
                                   std::span<R> potentials) {
  const std::vector<double> old_E_L = E_L_;
  if (program_) {
    throw std::invalid_argument(
        "these neurons are run by a program: give its coefficients, not parameters");
  }
  const ModelInfo& info = models()[model_];
  const bool one_for_all = std::all_of(parameters.begin(), parameters.end(),
                                       [](const auto& values) { return values.size() == 1; });
  const std::size_t rows = one_for_all ? 1 : owned_;
  const auto count = static_cast<std::size_t>(info.coefficients);

  std::vector<Buffer<R>> coefficient(count);
  for (Buffer<R>& values : coefficient) {
    values = buffer_for<R>(rows);
  }
  auto t_ref = buffer_for<std::int32_t>(rows);
  std::vector<double> p(parameters.size()), c(max_coefficients), E_L(rows);
  std::vector<std::size_t> varied;  // parameters with a value for each neuron
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    if (parameters[k].size() == 1) {
      p[k] = parameters[k][0];
    } else {  // none, without neurons
      varied.push_back(k);
    }
  }
  bool adaptive = false;
  for (std::size_t i = 0; i < rows; ++i) {
    // Exponentials only where what they are of is not as it was for the neuron before.
    bool own = i == 0, theta = i == 0, held = i == 0;
    for (const std::size_t k : varied) {
      const double value = parameters[k][own_.begin + i];
      if (std::bit_cast<std::uint64_t>(value) != std::bit_cast<std::uint64_t>(p[k])) {
        p[k] = value;
        own |= k == p_E_L || k >= static_cast<std::size_t>(p_first);
        theta |= k == p_tau_theta;
        held |= k == p_t_ref;
      }
    }
    if (own) {
      info.lower(dt_, p.data(), c.data());
    }
    c[k_threshold] = p[p_V_th] - p[p_E_L];
    c[k_reset] = p[p_V_reset] - p[p_E_L];
    c[k_theta_plus] = p[p_theta_plus];
    if (theta) {
      c[k_theta_decay] = std::exp(-dt_ / p[p_tau_theta]);
    }
    adaptive |= p[p_theta_plus] != 0;
    t_ref[i] = held ? refractory_steps(p[p_t_ref], dt_) : t_ref[i - 1];
    E_L[i] = p[p_E_L];
    for (std::size_t k = 0; k < count; ++k) {
      coefficient[k][i] = static_cast<R>(c[k]);
    }
  }
  uniform_ = true;
  varies_.clear();
  for (Buffer<R>& values : coefficient) {
    varies_.push_back(!shrink(values));
    uniform_ &= !varies_.back();
  }
  set_t_ref(std::move(t_ref));
  coefficient_ = std::move(coefficient);
  E_L_ = std::move(E_L);
  subtract_ = subtract;
  if (adaptive && theta_.empty()) {
    theta_.assign(padded_, R(0));
  }
  if (old_E_L == E_L_) {
    return;
  }
  for (std::size_t i = 0; i < owned_; ++i) {  // potentials stay, and keep their bits if E_L stays
    const double before = old_E_L[old_E_L.size() == 1 ? 0 : i], after = this->E_L(i);
    const auto keep = [&](R& v) { v = static_cast<R>(static_cast<double>(v) + before - after); };
    if (before != after) {
      keep(state_[0][i]);
      if (!potentials.empty()) {
        keep(potentials[i]);
      }
    }
  }
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
