// Parameters of neurons become coefficients: of these, the ones that depend on what has changed.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "spikelet/network/population.hpp"

namespace spikelet {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

// A function that is evaluated anew only where its argument is not that of the call before.
template <class F>
class Repeating {
 public:
  explicit Repeating(F f) : f_(f) {}
  double operator()(double x) {
    if (first_ || !same_bits(x, x_)) {
      first_ = false;
      x_ = x;
      y_ = f_(x);
    }
    return y_;
  }

 private:
  F f_;
  double x_ = 0, y_ = 0;
  bool first_ = true;
};

// The values of all parameters, for the n elements that are owned.
class ParameterRows {
 public:
  ParameterRows(const ParameterViews& given, std::size_t first, std::size_t n) : n_(n) {
    for (const std::span<const double> values : given) {
      const bool one = values.size() == 1;
      varied_ |= one ? 0 : bit_of(static_cast<int>(count_));
      values_[count_++] = values.data() + (one || n == 0 ? 0 : first);
    }
  }

  bool vary(ParameterSet some) const { return (varied_ & some) != 0; }
  bool varies(std::size_t k) const { return vary(bit_of(static_cast<int>(k))); }
  const double* of(std::size_t k) const { return values_[k]; }
  double at(std::size_t k, std::size_t i) const { return values_[k][varies(k) ? i : 0]; }
  // Writes those of the first element into `row`, if there is one.
  void read(double* row) const {
    for (std::size_t k = 0; k < count_; ++k) {
      row[k] = n_ == 0 && varies(k) ? 0 : values_[k][0];
    }
  }
  // Writes `some` of element i into `row`; returns whether one of them is not as it was there.
  bool read(std::size_t i, ParameterSet some, double* row) const {
    bool other = false;
    for (ParameterSet rest = varied_ & some; rest != 0; rest &= rest - 1) {
      const auto k = static_cast<std::size_t>(std::countr_zero(rest));
      other |= !same_bits(values_[k][i], row[k]);
      row[k] = values_[k][i];
    }
    return other;
  }

 private:
  std::array<const double*, max_parameters> values_{};
  std::size_t n_, count_ = 0;
  ParameterSet varied_ = 0;
};

std::int32_t refractory_steps(double t_ref, double dt) {
  const double tics = std::floor(t_ref * 1000 + 0.5), tics_a_step = std::floor(dt * 1000 + 0.5);
  const bool on_tics = tics_a_step >= 1 && std::abs(dt * 1000 - tics_a_step) < 1e-6;
  const double steps = on_tics ? std::ceil(tics / tics_a_step) : std::ceil(t_ref / dt - 1e-9);
  return static_cast<std::int32_t>(std::min<double>(steps, longest_hold));
}

template <class R>
template <class T>
bool Population<R>::shrink(Buffer<T>& values) const {
  const auto end = values.begin() + static_cast<std::ptrdiff_t>(owned_);
  const bool same = std::adjacent_find(values.begin(), end, std::not_equal_to<>()) == end;
  const T first = owned_ == 0 ? T{} : values[0];
  if (same) {
    values.assign(block_size, first);
  } else {
    std::fill(end, values.end(), first);
  }
  return same;
}

// value(i): of element i, or of all of them. Returns whether they differ.
template <class R>
template <class T, class Value>
bool Population<R>::fill(Buffer<T>& to, bool varies, Value&& value) const {
  if (!varies) {
    to.assign(block_size, static_cast<T>(value(0)));
    return false;
  }
  to.resize(padded_);
  T* values = to.data();
  for (std::size_t i = 0; i < owned_; ++i) {
    values[i] = static_cast<T>(value(i));
  }
  return !shrink(to);
}

template <class R>
void Population<R>::set_coefficients(const ProgramViews& given) {
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
  const auto check = [&](const std::string& what, std::span<const double> values) {
    if (values.size() != 1 && values.size() != n_) {
      throw std::invalid_argument(what + " must be one value, or one for each of the " +
                                  std::to_string(n_) + " neurons, got " +
                                  std::to_string(values.size()));
    }
  };
  check("t_ref", given.t_ref);
  if (std::ranges::any_of(given.t_ref, [](double t) { return !(t >= 0); })) {
    throw std::invalid_argument("t_ref must be >= 0 ms");
  }
  for (std::size_t k = 0; k < count; ++k) {
    check("coefficient " + std::to_string(k), given.coefficients[k]);
  }
  coefficient_.resize(count);
  varies_.resize(count);
  const auto reserve = [&](auto& to, std::span<const double> values) {
    to.reserve(values.size() == 1 ? block_size : padded_);
  };
  for (std::size_t k = 0; k < count; ++k) {  // if memory ends here, no value has changed
    reserve(coefficient_[k], given.coefficients[k]);
  }
  reserve(t_ref_, given.t_ref);
  // From one value, or from those of the elements owned here.
  const auto set = [&](auto& to, std::span<const double> values, auto convert) {
    const double* from = values.data() + (values.size() == 1 ? 0 : own_.begin);
    return fill(to, values.size() != 1, [&](std::size_t i) { return convert(from[i]); });
  };
  for (std::size_t k = 0; k < count; ++k) {
    varies_[k] = set(coefficient_[k], given.coefficients[k], std::identity{});
  }
  Repeating steps([this](double t) { return refractory_steps(t, dt_); });
  t_ref_varies_ = set(t_ref_, given.t_ref, std::ref(steps));
}

template <class R>
void Population<R>::set_parameters(const ParameterViews& parameters, bool subtract,
                                   std::span<R> potentials, ParameterSet changed) {
  if (program_) {
    throw std::invalid_argument(
        "these neurons are run by a program: give its coefficients, not parameters");
  }
  const ParameterRows p(parameters, own_.begin, owned_);
  const auto count = static_cast<std::size_t>(models()[model_].coefficients);
  coefficient_.resize(count);
  varies_.resize(count);
  const auto set = [&](std::size_t k, ParameterSet of, auto&& value) {
    if ((changed & of) != 0) {
      varies_[k] = fill(coefficient_[k], p.vary(of), value);
    }
  };
  const auto relative = [&](std::size_t k, int potential) {
    set(k, bit_of(potential) | bit_of(p_E_L),
        [&, at = static_cast<std::size_t>(potential)](std::size_t i) {
          return p.at(at, i) - p.at(p_E_L, i);
        });
  };
  relative(k_threshold, p_V_th);
  relative(k_reset, p_V_reset);
  set(k_theta_plus, bit_of(p_theta_plus), [&](std::size_t i) { return p.at(p_theta_plus, i); });
  Repeating decay([this](double tau) { return std::exp(-dt_ / tau); });
  set(k_theta_decay, bit_of(p_tau_theta),
      [&](std::size_t i) { return decay(p.at(p_tau_theta, i)); });
  lower(p, changed);
  uniform_ = std::ranges::none_of(varies_, std::identity{});
  if ((changed & bit_of(p_t_ref)) != 0) {
    Repeating steps([this](double t) { return refractory_steps(t, dt_); });
    t_ref_varies_ =
        fill(t_ref_, p.varies(p_t_ref), [&](std::size_t i) { return steps(p.at(p_t_ref, i)); });
  }
  subtract_ = subtract;
  const std::span plus(p.of(p_theta_plus), p.varies(p_theta_plus) ? owned_ : 1);
  if (theta_.empty() && std::ranges::any_of(plus, [](double x) { return x != 0; })) {
    theta_.assign(padded_, R(0));
  }
  if ((changed & bit_of(p_E_L)) != 0) {
    rest_at({p.of(p_E_L), p.varies(p_E_L) ? owned_ : 1}, potentials);
  }
}

// A model's own coefficients: all of them, or only those that are driven by what has changed.
template <class R>
void Population<R>::lower(const ParameterRows& p, ParameterSet changed) {
  const ModelInfo& info = models()[model_];
  const ParameterSet own = all_parameters << p_first | (info.reads_E_L ? bit_of(p_E_L) : 0u);
  const ParameterSet lowering = own & ~info.driving;
  const bool lowers = (changed & lowering) != 0;
  const bool drives = (changed & info.driving) != 0 || (lowers && info.follows);
  if (!lowers && !drives) {
    return;
  }
  const bool each = p.vary(lowering), each_driven = p.vary(info.driving) || (each && info.follows);
  std::array<double, max_parameters> row{};
  std::array<double, max_coefficients> c{};
  p.read(row.data());
  info.lower(dt_, row.data(), c.data());
  std::vector<std::size_t> rows;
  for (std::size_t k = k_first; k < coefficient_.size(); ++k) {
    const bool driven = std::ranges::find(info.driven, static_cast<int>(k)) != info.driven.end();
    if (!(driven ? drives : lowers)) {
      continue;
    }
    if (!(driven ? each_driven : each)) {
      varies_[k] = fill(coefficient_[k], false, [&](std::size_t) { return c[k]; });
    } else if (each && (info.follows || !driven)) {
      coefficient_[k].resize(padded_);
      rows.push_back(k);
    }
  }
  // Exponentials only where what they are of is not as it was for the neuron before.
  for (std::size_t i = 0; !rows.empty() && i < owned_; ++i) {
    if (p.read(i, info.follows ? own : lowering, row.data())) {
      info.lower(dt_, row.data(), c.data());
    }
    for (const std::size_t k : rows) {
      coefficient_[k][i] = static_cast<R>(c[k]);
    }
  }
  for (const std::size_t k : rows) {
    varies_[k] = !shrink(coefficient_[k]);
  }
  if (drives && each_driven && !(each && info.follows)) {
    drive(p, c.data());
  }
}

// The driven coefficients where the others are the same for all, or do not count: block by block.
template <class R>
void Population<R>::drive(const ParameterRows& p, const double* lowered) {
  const ModelInfo& info = models()[model_];
  using Block = std::array<double, block_size>;
  std::vector<Block> copies(static_cast<std::size_t>(std::popcount(info.driving)));
  std::vector<Block> values(info.driven.size());
  std::array<const double*, max_parameters> from{};
  std::array<double*, max_coefficients> to{};
  const auto for_driving = [&](auto&& f) {
    for (ParameterSet rest = info.driving; rest != 0; rest &= rest - 1) {
      f(static_cast<std::size_t>(std::countr_zero(rest)));
    }
  };
  for_driving([&, next = copies.begin()](std::size_t k) mutable {
    if (!p.varies(k)) {
      next->fill(p.of(k)[0]);
      from[k] = (next++)->data();
    }
  });
  for (std::size_t j = 0; j < values.size(); ++j) {
    to[j] = values[j].data();
    coefficient_[static_cast<std::size_t>(info.driven[j])].resize(padded_);
  }
  for (std::size_t i = 0; i < owned_; i += block_size) {
    for_driving([&](std::size_t k) { from[k] = p.varies(k) ? p.of(k) + i : from[k]; });
    const std::size_t n = std::min(block_size, owned_ - i);
    info.drive(from.data(), lowered, n, to.data());
    for (std::size_t j = 0; j < values.size(); ++j) {
      R* const out = coefficient_[static_cast<std::size_t>(info.driven[j])].data() + i;
      std::transform(to[j], to[j] + n, out, [](double x) { return static_cast<R>(x); });
    }
  }
  for (const int k : info.driven) {
    varies_[static_cast<std::size_t>(k)] = !shrink(coefficient_[static_cast<std::size_t>(k)]);
  }
}

template <class R>
void Population<R>::rest_at(std::span<const double> E_L, std::span<R> potentials) {
  const std::vector<double> before = std::exchange(E_L_, {E_L.begin(), E_L.end()});
  if (before == E_L_) {
    return;
  }
  for (std::size_t i = 0; i < owned_; ++i) {  // potentials stay, and keep their bits if E_L stays
    const double was = before[before.size() == 1 ? 0 : i], is = this->E_L(i);
    const auto keep = [&](R& v) { v = static_cast<R>(static_cast<double>(v) + was - is); };
    if (was != is) {
      keep(state_[0][i]);
      if (!potentials.empty()) {
        keep(potentials[i]);
      }
    }
  }
}

template void Population<float>::set_coefficients(const ProgramViews&);
template void Population<double>::set_coefficients(const ProgramViews&);
template void Population<float>::set_parameters(const ParameterViews&, bool, std::span<float>,
                                                ParameterSet);
template void Population<double>::set_parameters(const ParameterViews&, bool, std::span<double>,
                                                 ParameterSet);

}  // namespace spikelet
