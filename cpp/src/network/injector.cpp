#include "spikelet/network/injector.hpp"

#include <algorithm>
#include <cmath>

namespace spikelet {

template <class R>
PoissonInput<R>::PoissonInput(std::size_t n, const std::vector<double>& rates,
                              const std::vector<double>& weights, int channel, double dt,
                              std::uint64_t seed, std::uint32_t object)
    : stream_(seed, Purpose::injector, object),
      tie_(seed, Purpose::injector_tie, object),
      channel_(channel),
      weight_mask_(weights.size() == 1 ? 0 : ~std::size_t{0}) {
  if (rates.size() == 1) {
    table_ = PoissonTable(rates[0] * dt * 1e-3);
  } else {
    for (const double rate : rates) {
      counts_.emplace_back(rate * dt * 1e-3);
    }
  }
  weight_.assign(weights.size() == 1 ? block_size : round_up(n, block_size), R(0));
  if (weights.size() == 1) {
    std::fill(weight_.begin(), weight_.end(), static_cast<R>(weights[0]));
  } else {
    std::transform(weights.begin(), weights.end(), weight_.begin(),
                   [](double w) { return static_cast<R>(w); });
  }
}

template <class R>
std::optional<PoissonDrive<R>> PoissonInput<R>::drive() const {
  if (!counts_.empty() || table_.repeats == 0) {
    return {};
  }
  return PoissonDrive<R>{&table_, &stream_, &tie_, weight_.data(), weight_mask_, channel_};
}

template <class R>
void PoissonInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  R* input = target.input[static_cast<std::size_t>(channel_)];
  if (drive()) {
    kernels().poisson<R>()(table_, stream_, tie_, step, begin, end, weight_.data(), weight_mask_,
                           input);
  }
  for (std::size_t i = begin; i < std::min(end, counts_.size()); ++i) {
    const int count = counts_[i].draw(stream_, static_cast<std::uint32_t>(i), step);
    input[i] += weight_[i & weight_mask_] * static_cast<R>(count);
  }
}

template <class R>
CurrentInput<R>::CurrentInput(std::vector<R> values, std::size_t columns, std::size_t n, Step start)
    : values_(std::move(values)), columns_(columns), n_(n), start_(start) {}

template <class R>
void CurrentInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  const Step k = step - start_;
  if (k < 0 || columns_ == 0 || static_cast<std::size_t>(k) >= values_.size() / columns_) {
    return;
  }
  const R* row = values_.data() + static_cast<std::size_t>(k) * columns_;
  for (std::size_t i = begin; i < std::min(end, n_); ++i) {
    target.external[i] += row[columns_ == 1 ? 0 : i];
  }
}

template <class R>
NoiseInput<R>::NoiseInput(std::size_t n, const std::vector<double>& mean,
                          const std::vector<double>& std, Step every, Step start,
                          std::uint64_t seed, std::uint32_t object)
    : stream_(seed, Purpose::injector, object),
      n_(n),
      mean_(mean),
      std_(std),
      held_(round_up(n, block_size)),
      drawn_(round_up(n, block_size) / block_size, -1),
      every_(every),
      start_(start) {}

template <class R>
void NoiseInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                          const InjectionTarget<R>& target) {
  if (step < start_) {  // after a reset
    return;
  }
  const Step draw = (step - start_) / every_;
  for (std::size_t first = begin; first < end; first += block_size) {
    const std::size_t last = std::min(first + block_size, n_);
    if (drawn_[first / block_size] != draw) {
      drawn_[first / block_size] = draw;
      for (std::size_t i = first; i < last; ++i) {
        const Words w = stream_.at(static_cast<std::uint32_t>(i), draw);
        held_[i] =
            static_cast<R>(mean_[mean_.size() == 1 ? 0 : i] +
                           std_[std_.size() == 1 ? 0 : i] * normal_quantile(uniform(w[0], w[1])));
      }
    }
    for (std::size_t i = first; i < last; ++i) {
      target.external[i] += held_[i];
    }
  }
}

template class PoissonInput<float>;
template class PoissonInput<double>;
template class CurrentInput<float>;
template class CurrentInput<double>;
template class NoiseInput<float>;
template class NoiseInput<double>;

}  // namespace spikelet
