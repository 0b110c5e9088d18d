#include "spikelet/network/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "core/text.hpp"
#include "spikelet/core/kernels.hpp"

namespace spikelet {
namespace {

constexpr double below_dt = 1 - 1e-6;   // in units of dt: from here on, a delay counts as dt
constexpr double negligible = 0x1p-48;  // a probability too small for any draw
constexpr double most_sigmas = 9;       // a draw from 52 bits stays within 8.3

}  // namespace

double ValueSpec::quantile(double u) const {
  switch (kind) {
    case Kind::normal:
      return a + b * normal_quantile(u);
    case Kind::lognormal:
      return std::exp(a + b * normal_quantile(u));
    case Kind::uniform:
      return a + (b - a) * u;
    case Kind::exponential:
      return -a * std::log(u);
    case Kind::values:
      break;
  }
  return values[0];
}

double ValueSpec::below(double x) const {
  const auto normal = [&](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  const auto jump = [&](double at) { return x < at ? 0.0 : 1.0; };  // a distribution of width 0
  switch (kind) {
    case Kind::normal:
      return b == 0 ? jump(a) : normal((x - a) / b);
    case Kind::lognormal:
      return x <= 0 ? 0.0 : b == 0 ? jump(std::exp(a)) : normal((std::log(x) - a) / b);
    case Kind::uniform:
      return a == b ? jump(a) : std::clamp((x - a) / (b - a), 0.0, 1.0);
    case Kind::exponential:
      return x <= 0 ? 0.0 : -std::expm1(-x / a);
    case Kind::values:
      break;
  }
  return jump(values[0]);
}

std::pair<double, double> ValueSpec::range() const {
  double from = 0, to = 0;
  switch (kind) {
    case Kind::values: {
      const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
      return values.empty() ? std::pair(0.0, 0.0) : std::pair(*lo, *hi);
    }
    case Kind::normal:
      from = a - most_sigmas * b;
      to = a + most_sigmas * b;
      break;
    case Kind::lognormal:
      from = std::exp(a - most_sigmas * b);
      to = std::exp(a + most_sigmas * b);
      break;
    case Kind::uniform:
      from = std::min(a, b);
      to = std::max(a, b);
      break;
    case Kind::exponential:
      to = 40 * a;
      break;
  }
  if (limit == Limit::none) {
    return {from, to};
  }
  return {std::clamp(from, low, high), std::clamp(to, low, high)};
}

void refuse_limits(const ValueSpec& spec) {
  throw std::invalid_argument("redraw=(" + std::to_string(spec.low) + ", " +
                              std::to_string(spec.high) +
                              "): 1000 draws in a row fell outside; choose an interval that holds "
                              "more of the distribution");
}

double draw_value(const ValueSpec& spec, const Stream& stream, std::uint64_t key,
                  std::size_t half) {
  const auto u = [&](std::uint32_t attempt) {
    const Words w = stream.words(key, attempt);
    return uniform(w[2 * half], w[2 * half + 1]);
  };
  return spec.drawn() ? draw_value(spec, u(0), u) : on_grid(spec.values[0], spec.step);
}

std::uint16_t delay_steps(double ms, double dt) {
  const double steps = std::floor(ms / dt + 0.5);
  if (!(ms >= dt * below_dt) || steps > static_cast<double>(max_delay)) {
    refuse_delay(ms, dt);
  }
  return static_cast<std::uint16_t>(steps);
}

void refuse_delay(double ms, double dt) {
  throw std::invalid_argument("delay: every delay must lie between dt = " + text(dt) + " ms and " +
                              std::to_string(max_delay) + " steps, got " + text(ms) +
                              " ms; limit a distribution with clip=(lo, hi) or redraw=(lo, hi)");
}

void DelayTable::refuse(double dt) const {
  const double share = std::max(below_, above_);
  const std::string side =
      below_ >= above_ ? "below dt = " + text(dt) + " ms"
                       : "above " + std::to_string(max_delay) + " steps of " + text(dt) + " ms";
  throw std::invalid_argument("delay: every delay must lie between dt = " + text(dt) + " ms and " +
                              std::to_string(max_delay) + " steps, got a distribution of which " +
                              text(100 * share) + " % lie " + side +
                              "; limit it with clip=(lo, hi) or redraw=(lo, hi)");
}

std::vector<double> pair_uniforms(const Stream& stream, std::span<const std::uint32_t> pre,
                                  std::span<const std::uint32_t> post) {
  // Four targets share a block of words, and a vector kernel makes 16 blocks together.
  constexpr std::uint32_t together = 64;
  constexpr std::size_t worth_it = 4;
  std::vector<double> values(pre.size());
  alignas(64) std::uint64_t words[2][together / 4];  // the first two of each block, the last two
  for (std::size_t k = 0, end; k < values.size(); k = end) {
    const std::uint32_t source = pre[k], group = post[k] / together;
    for (end = k + 1; end < values.size(); ++end) {
      if (pre[end] != source || post[end] / together != group) {
        break;
      }
    }
    if (end - k >= worth_it) {
      kernels().words(stream, source, group * (together / 4), together / 4, words[0], words[1]);
      for (std::size_t n = k; n < end; ++n) {
        const std::uint64_t two = words[post[n] % 4 / 2][post[n] % together / 4];
        values[n] = uniform(static_cast<std::uint32_t>(two >> (post[n] % 2 * 32)));
      }
    } else {
      for (std::size_t n = k; n < end; ++n) {
        values[n] = uniform(stream.words(source, post[n] / 4)[post[n] % 4]);
      }
    }
  }
  return values;
}

DelayTable::DelayTable(const ValueSpec& spec, double dt) {
  using Limit = ValueSpec::Limit;
  const auto [least, most] = spec.range();
  const auto step_of = [&](double ms) {
    return std::clamp(std::floor(ms / dt + 0.5), 1.0, static_cast<double>(max_delay));
  };
  const auto first = static_cast<std::size_t>(step_of(least)),
             last = static_cast<std::size_t>(step_of(most));
  // The fraction of values up to x, within limits.
  const double inside =
      spec.limit == Limit::redraw ? spec.below(spec.high) - spec.below(spec.low) : 1.0;
  if (spec.limit == Limit::redraw && inside < 1e-3) {
    // If values within limits are this rare, redrawing would fail occasionally; refuse at once.
    const double value = draw_value(spec, 0.5, [&](std::uint32_t) { return 0.5; });
    if (!(inside > 0)) {  // limits of width 0: a single value
      const std::uint16_t steps = delay_steps(value, dt);
      columns_.push_back({std::uint64_t{1} << 48, steps, steps});
      return;
    }
  }
  const auto share = [&](double x) {
    switch (spec.limit) {
      case Limit::clip:
        return x < spec.low ? 0.0 : x >= spec.high ? 1.0 : spec.below(x);
      case Limit::redraw:
        return (spec.below(std::clamp(x, spec.low, spec.high)) - spec.below(spec.low)) / inside;
      case Limit::none:
        break;
    }
    return spec.below(x);
  };
  // Values below dt are refused, although they might round to dt, and so are those above the
  // longest.
  const auto edge = [&](std::size_t step) {
    return step == 0 ? std::nextafter(dt * below_dt, 0.0) : (static_cast<double>(step) + 0.5) * dt;
  };
  std::vector<double> p;
  std::vector<std::uint16_t> steps;
  double outside = share(edge(0)), covered = outside;
  for (std::size_t step = 1; step <= last; ++step) {
    const double up_to = share(edge(step));
    if (step >= first && up_to - covered > 0) {
      p.push_back(up_to - covered);
      steps.push_back(static_cast<std::uint16_t>(step));
    }
    covered = up_to;
  }
  below_ = outside;
  above_ = 1 - covered;
  outside += above_;
  may_fail_ = outside > negligible;
  if (may_fail_) {
    p.push_back(outside);
    steps.push_back(0);
  }
  double sum = 0;
  for (const double x : p) {
    sum += x;
  }
  const std::size_t n = p.size();
  std::vector<std::size_t> small, large;
  for (std::size_t k = 0; k < n; ++k) {
    p[k] *= static_cast<double>(n) / sum;
    (p[k] < 1 ? small : large).push_back(k);
    columns_.push_back({std::uint64_t{1} << 48, steps[k], steps[k]});
  }
  while (!small.empty() && !large.empty()) {
    const std::size_t s = small.back(), l = large.back();
    small.pop_back();
    columns_[s].threshold = static_cast<std::uint64_t>(p[s] * 0x1p48);
    columns_[s].other = steps[l];
    p[l] -= 1 - p[s];
    if (p[l] < 1) {
      large.pop_back();
      small.push_back(l);
    }
  }
}

std::pair<Step, Step> DelayTable::range() const {
  Step shortest = max_delay, longest = 1;
  for (const Column& column : columns_) {
    if (column.own != 0) {
      shortest = std::min<Step>(shortest, column.own);
      longest = std::max<Step>(longest, column.own);
    }
  }
  return {std::min(shortest, longest), longest};
}

}  // namespace spikelet
