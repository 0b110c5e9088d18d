// Populations of several networks as one.
#include <algorithm>

#include "spikelet/network/population.hpp"

namespace spikelet {

template <class R>
bool Population<R>::joins(const Population& other) const {
  return !program_ && !other.program_ && model_ == other.model_ && dt_ == other.dt_ &&
         subtract_ == other.subtract_ && theta_.empty() == other.theta_.empty() &&
         peak_.empty() == other.peak_.empty();
}

template <class R>
std::unique_ptr<Population<R>> Population<R>::joined(std::span<const Population* const> parts,
                                                     Gid first_gid, Step now) {
  const Population& like = *parts[0];
  std::size_t n = 0;
  for (const Population* part : parts) {
    n += part->padded_;
  }
  std::unique_ptr<Population> all(new Population(nullptr, like.model_, like.state_.size(),
                                                 like.receptors_, n, own_range(0, n, 0, 1),
                                                 first_gid, like.dt_));
  const auto for_parts = [&](auto&& f) {  // f(part, its first element)
    std::size_t first = 0;
    for (const Population* part : parts) {
      f(*part, first);
      first += part->padded_;
    }
  };
  // Values of which each part has one for all, or one for each element; returns whether `to` has
  // the latter.
  const auto join = [&](auto&& values_of, auto& to) {
    const auto same = [&](const Population* part) {
      const auto [values, varies] = values_of(*part);
      return !varies && values[0] == values_of(like).first[0];
    };
    if (std::ranges::all_of(parts, same)) {
      to = values_of(like).first;
      return false;
    }
    to.resize(n);
    for_parts([&](const Population& part, std::size_t first) {
      const auto [values, varies] = values_of(part);
      for (std::size_t i = 0; i < part.padded_; ++i) {
        to[first + i] = values[varies ? i : 0];
      }
    });
    return true;
  };
  using Values = std::pair<const Buffer<R>&, bool>;
  all->coefficient_.resize(like.coefficient_.size());
  for (std::size_t k = 0; k < like.coefficient_.size(); ++k) {
    const auto values = [k](const Population& of) {
      return Values(of.coefficient_[k], of.varies_[k]);
    };
    all->varies_.push_back(join(values, all->coefficient_[k]));
    all->uniform_ &= !all->varies_.back();
  }
  const auto refractory = [](const Population& of) {
    return std::pair<const Buffer<std::int32_t>&, bool>(of.t_ref_, of.t_ref_varies_);
  };
  all->t_ref_varies_ = join(refractory, all->t_ref_);
  all->subtract_ = like.subtract_;
  if (!like.theta_.empty()) {
    all->theta_.assign(n, R(0));
  }
  if (!like.peak_.empty()) {
    all->keep_peaks();
  }
  all->E_L_.assign(n, 0.0);
  all->base_ = now;
  for_parts([&](const Population& part, std::size_t first) {
    const auto at = [&](auto& values) {
      return values.begin() + static_cast<std::ptrdiff_t>(first);
    };
    for (std::size_t k = 0; k < part.state_.size(); ++k) {
      std::ranges::copy(part.state_[k], at(all->state_[k]));
    }
    std::ranges::copy(part.theta_, at(all->theta_));
    for (std::size_t i = 0; i < part.owned_; ++i) {
      all->E_L_[first + i] = part.E_L(i);
      all->held_until_[first + i] =
          static_cast<std::int32_t>(std::max<Step>(part.held_until_[i] + part.base_ - now, 0));
    }
    std::fill(at(all->held_until_) + static_cast<std::ptrdiff_t>(part.owned_),
              at(all->held_until_) + static_cast<std::ptrdiff_t>(part.padded_), longest_hold);
  });
  return all;
}

template <class R>
void Population<R>::take(const Population& from, std::size_t first, Step now) {
  const auto copy = [&](const auto& values, auto& to) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first), owned_, to.begin());
  };
  for (std::size_t k = 0; k < state_.size(); ++k) {
    copy(from.state_[k], state_[k]);
  }
  if (!theta_.empty()) {
    copy(from.theta_, theta_);
  }
  for (std::size_t i = 0; i < owned_; ++i) {
    held_until_[i] = static_cast<std::int32_t>(
        std::max<Step>(from.held_until_[first + i] + from.base_ - now, 0));
  }
  base_ = now;
  left_at_ = -1;
}

template bool Population<float>::joins(const Population&) const;
template bool Population<double>::joins(const Population&) const;
template std::unique_ptr<Population<float>> Population<float>::joined(
    std::span<const Population* const>, Gid, Step);
template std::unique_ptr<Population<double>> Population<double>::joined(
    std::span<const Population* const>, Gid, Step);
template void Population<float>::take(const Population&, std::size_t, Step);
template void Population<double>::take(const Population&, std::size_t, Step);

}  // namespace spikelet
