// Where the weight and the delay of each synapse come from: given values, or distributions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

struct ValueSpec {
  enum class Kind { values, normal, lognormal, uniform, exponential };
  enum class Limit { none, clip, redraw };
  Kind kind = Kind::values;
  std::vector<double> values{
      0.0};  // Kind::values: one for all, or one per synapse in canonical order
  double
      a = 0.0,
      b = 0.0;  // normal: mean, std; lognormal: mu, sigma; uniform: low, high; exponential: scale
  Limit limit = Limit::none;
  double low = 0.0, high = 0.0;
  double step = 0.0;  // of the grid that values are rounded to; 0: none

  bool drawn() const { return kind != Kind::values; }
  // The value below which a fraction u in (0, 1) of the distribution lies, without limits.
  double quantile(double u) const;
  // The fraction that lies below x, without limits.
  double below(double x) const;
  // The least and the greatest value that can be drawn within the limits, or that was given.
  std::pair<double, double> range() const;
};

// Says that 1000 draws in a row fell outside the limits.
[[noreturn]] void refuse_limits(const ValueSpec& spec);

// Turns the uniform number u into a value, in double precision; redrawing takes more(attempt), from
// attempt 1 on. Throws std::invalid_argument if almost none of the distribution is within limits.
// Values are within limits before they are rounded to a grid.
template <class More>
double draw_value(const ValueSpec& spec, double u, More&& more) {
  for (std::uint32_t attempt = 1; attempt <= 1000; ++attempt) {
    const double x = spec.quantile(u);
    if (spec.limit == ValueSpec::Limit::clip) {
      return on_grid(std::clamp(x, spec.low, spec.high), spec.step);
    }
    if (spec.limit == ValueSpec::Limit::none || (x >= spec.low && x <= spec.high)) {
      return on_grid(x, spec.step);
    }
    u = more(attempt);
  }
  refuse_limits(spec);
}

// The same for element `key` of a stream: from words 2 * half and 2 * half + 1 of its counter, and
// of further counters where a value is drawn again.
double draw_value(const ValueSpec& spec, const Stream& stream, std::uint64_t key, std::size_t half);

// A number in (0, 1) for each pair (pre, post), a function of the stream and of that pair alone.
// Pairs of one `pre` with ascending `post` cost least: four neighbours share a block of words.
std::vector<double> pair_uniforms(const Stream& stream, std::span<const std::uint32_t> pre,
                                  std::span<const std::uint32_t> post);

// Delays in whole steps, drawn with the probabilities that rounding a distribution gives, from an
// alias table (Walker 1977; Vose 1991) that is exact to 2^-48. No synapse pays for a quantile or
// for drawing again.
class DelayTable {
 public:
  DelayTable(const ValueSpec& spec, double dt);
  // From 48 random bits; 0 if the delay is not allowed.
  std::uint16_t draw(std::uint64_t bits) const {
    const std::uint64_t scaled = bits * columns_.size();  // at most 2^16 columns
    const Column& column = columns_[scaled >> 48];
    return (scaled & ((std::uint64_t{1} << 48) - 1)) < column.threshold ? column.own : column.other;
  }
  bool may_fail() const { return may_fail_; }  // whether it can draw 0
  std::pair<Step, Step> range() const;         // of the delays it can draw
  [[noreturn]] void refuse(double dt) const;   // says why it drew 0

 private:
  struct Column {
    std::uint64_t threshold;  // of 2^48
    std::uint16_t own, other;
  };
  std::vector<Column> columns_;
  bool may_fail_ = false;
  double below_ = 0.0, above_ = 0.0;  // the fractions that are too short and too long
};

// A delay in steps; throws std::invalid_argument for one that does not round to 1 .. max_delay.
std::uint16_t delay_steps(double ms, double dt);
[[noreturn]] void refuse_delay(double ms, double dt);

}  // namespace spikelet
