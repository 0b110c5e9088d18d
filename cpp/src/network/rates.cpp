#include "spikelet/network/rates.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "network/draws.hpp"
#include "spikelet/core/kernels.hpp"

namespace spikelet {
namespace {

// The counter of the next uniform numbers of a step, two of which are one pair, after as many:
// those of steps far beyond any run, 2^48 apart.
constexpr Step counter(Step step, Step used) { return step + (used / 2 << 48); }

// The uniform numbers of one element and step, one after the other.
class Uniforms52 {
 public:
  Uniforms52(const Stream& stream, std::uint32_t element, Step step)
      : stream_(stream), element_(element), step_(step) {}
  double operator()() {
    if (used_ % 2 == 0) {
      words_ = stream_.at(element_, counter(step_, used_));
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

// How many of `events` remain if each does with probability p.
int remaining(Uniforms52& draw, int events, double p) {
  if (events > few) {
    return static_cast<int>(binomial(draw, static_cast<std::uint64_t>(events), p));
  }
  int kept = 0;
  for (int k = 0; k < events; ++k) {
    kept += draw() < p ? 1 : 0;
  }
  return kept;
}

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
  return remaining(draw, events, p);
}

void Rates::thin(Events& events, const Stream& stream, Step step) const {
  constexpr std::size_t worth_vectors = 4;
  if (events.size < worth_vectors) {
    for (std::size_t k = 0; k < events.size; ++k) {
      events.count[k] = thin(events.count[k], stream, static_cast<std::uint32_t>(events.element[k]),
                             step, events.place[k]);
    }
    return;
  }
  alignas(64) std::array<double, block_size> p, first, second;
  const std::span places(events.place.data(), events.size);
  if (one()) {
    std::fill_n(p.begin(), events.size, at(step, 0) / most_[0]);
  } else {
    means_at(step, places, p.data());
    for (std::size_t k = 0; k < events.size; ++k) {
      p[k] /= most_[places[k]];
    }
  }
  // Those on whose events a pair of numbers after the other decides. Nothing here branches on what
  // is random: a failed prediction takes longer than a number.
  std::array<std::uint8_t, block_size> open;
  std::array<int, block_size> kept;
  std::size_t n = 0;
  for (std::size_t k = 0; k < events.size; ++k) {
    const int count = events.count[k];
    const bool all = p[k] >= 1;
    kept[k] = all ? count : 0;
    open[n] = static_cast<std::uint8_t>(k);
    n += all || count > few ? 0 : 1;
    if (!all && count > few) [[unlikely]] {
      Uniforms52 draw(stream, static_cast<std::uint32_t>(events.element[k]), step);
      kept[k] = remaining(draw, count, p[k]);
    }
  }
  for (int used = 0; n > 0; used += 2) {
    alignas(64) std::array<std::uint64_t, block_size> element{};
    for (std::size_t j = 0; j < n; ++j) {
      element[j] = events.element[open[j]];
    }
    kernels().uniform_pairs(stream, element.data(), (n + 15) / 16 * 16, counter(step, used),
                            first.data(), second.data());
    std::size_t next = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const std::uint8_t k = open[j];
      const int left = events.count[k] - used;
      kept[k] += static_cast<int>(first[j] < p[k]) +
                 (static_cast<int>(left > 1) & static_cast<int>(second[j] < p[k]));
      open[next] = k;
      next += left > 2 ? 1 : 0;
    }
    n = next;
  }
  std::copy_n(kept.begin(), events.size, events.count.begin());
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

void SineRates::means_at(Step step, std::span<const std::size_t> places, double* means) const {
  alignas(64) std::array<Angle, block_size> angle{};
  alignas(64) std::array<double, block_size> sine;
  for (std::size_t k = 0; k < places.size(); ++k) {
    angle[k] = sine_[places[k]].angle(step + 1);
  }
  kernels().sines(angle.data(), (places.size() + 7) / 8 * 8, sine.data());
  for (std::size_t k = 0; k < places.size(); ++k) {
    const std::size_t place = places[k];
    means[k] = std::clamp(rate_[place] + sine_[place].amplitude * sine[k], 0.0, most_[place]);
  }
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
