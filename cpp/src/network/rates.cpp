#include "spikelet/network/rates.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "network/draws.hpp"

namespace spikelet {
namespace {

// The uniform numbers of one element and step, one after the other: their counters are those of
// steps far beyond any run, 2^48 apart.
class Uniforms52 {
 public:
  Uniforms52(const Stream& stream, std::uint32_t element, Step step)
      : stream_(stream), element_(element), step_(step) {}
  double operator()() {
    if (used_ % 2 == 0) {
      words_ = stream_.at(element_, step_ + (used_ / 2 << 48));
    }
    const auto at = static_cast<std::size_t>(2 * (used_++ % 2));
    return uniform(words_[at], words_[at + 1]);
  }

 private:
  const Stream& stream_;
  std::uint32_t element_;
  Step step_, used_ = 0;
  Words words_{};
};

constexpr int few = 16;  // events that are decided on one by one

}  // namespace

int Rates::thin(int events, const Stream& stream, std::uint32_t element, Step step,
                std::size_t place) const {
  if (events == 0) {
    return 0;
  }
  const double p = mean(step, place) / most_[one() ? 0 : place];
  if (p >= 1) {
    return events;
  }
  Uniforms52 draw(stream, element, step);
  if (events > few) {
    return static_cast<int>(binomial(draw, static_cast<std::uint64_t>(events), p));
  }
  int kept = 0;
  for (int k = 0; k < events; ++k) {
    kept += draw() < p ? 1 : 0;
  }
  return kept;
}

SineRates::SineRates(const Targets& targets, ByTarget rate, ByTarget amplitude, ByTarget frequency,
                     ByTarget phase, double dt, Window window)
    : Rates(std::max({rate.size(), amplitude.size(), frequency.size(), phase.size()}) == 1),
      window_(window) {
  const std::array given{rate, amplitude, frequency, phase};
  std::array<std::vector<double>, 4> own;
  std::ranges::transform(given, own.begin(), [&](ByTarget values) {
    return of_targets(targets, values, values.size());
  });
  for (std::size_t place = 0; place < (one() ? 1 : targets.size()); ++place) {
    const auto of = [&](std::size_t k) { return own[k][own[k].size() == 1 ? 0 : place]; };
    rate_.push_back(of(0) * dt * 1e-3);
    sine_.emplace_back(of(1) * dt * 1e-3, of(2), of(3), dt);
    most_.push_back(std::max(0.0, rate_.back() + std::abs(sine_.back().amplitude)));
  }
}

Window SineRates::window(Step step) const {
  const bool any = std::ranges::any_of(most_, [](double mean) { return mean > 0; });
  return any && window_.end > step ? window_ : never;
}

double SineRates::at(Step step, std::size_t place) const {
  return std::clamp(rate_[place] + sine_[place].at(step + 1), 0.0, most_[place]);
}

SteppedRates::SteppedRates(const Targets& targets, std::vector<Step> starts,
                           std::span<const double> rates, std::size_t columns, double dt)
    : Rates(columns == 1),
      rates_(of_targets(targets, rates, columns)),
      changes_(starts, active_rows(rates_, starts.size())) {
  most_.resize(one() ? 1 : targets.size());
  for (std::size_t k = 0; k < rates_.size(); ++k) {
    rates_[k] *= dt * 1e-3;
    double& most = most_[k % most_.size()];
    most = std::max(most, rates_[k]);
  }
}

}  // namespace spikelet
