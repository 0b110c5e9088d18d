// The random numbers of synapses: one Philox block for each, keyed by row and number in the row.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet {

// One draw: the first word chooses the pair, the others are for weight and delay.
struct Draw {
  std::uint64_t low, high;

  std::uint32_t choice() const { return static_cast<std::uint32_t>(low); }
  // The same of a draw's words, where only that is needed.
  static std::uint32_t choice_of(const Words& words) { return words[0]; }
  std::uint32_t second() const { return static_cast<std::uint32_t>(low >> 32); }
  // 48 bits each: one word and half of the last one.
  double weight() const {
    return uniform(second(), static_cast<std::uint32_t>(high >> 32) & 0xffff0000u);
  }
  std::uint64_t delay() const { return ((high & 0xffffffffu) << 16) | ((high >> 32) & 0xffffu); }
};

// The draws of one row, requested in ascending order.
class Draws {
 public:
  // expected: a lower bound on how many will be requested.
  Draws(const Stream& stream, const Stream& more, std::uint64_t row, std::uint64_t expected)
      : stream_(stream), more_(more), row_(row), expected_(expected) {}

  Draw operator[](std::uint32_t n) {
    if (n - begin_ >= count_) {
      begin_ = n;
      const std::uint64_t left = expected_ > n ? expected_ - n : 1;
      count_ = static_cast<std::uint32_t>(round_up(std::min<std::uint64_t>(left, held), 16));
      kernels().words(stream_, row_, n, count_, low_, high_);
    }
    return {low_[n - begin_], high_[n - begin_]};
  }
  // Uniform in [0, bound), unbiased (Lemire 2019), from a word of number n.
  std::uint64_t below(std::uint32_t word, std::uint64_t bound, std::uint32_t n) const {
    std::uint64_t product = std::uint64_t{word} * bound;
    if (static_cast<std::uint32_t>(product) < bound) [[unlikely]] {
      const std::uint32_t reject =
          (0u - static_cast<std::uint32_t>(bound)) % static_cast<std::uint32_t>(bound);
      for (std::uint64_t k = 1; static_cast<std::uint32_t>(product) < reject; ++k) {
        product = std::uint64_t{more_.words(row_ | k << 54, n)[0]} * bound;
      }
    }
    return product >> 32;
  }

 private:
  static constexpr std::uint32_t held = 128;
  const Stream &stream_, &more_;
  std::uint64_t row_, expected_;
  std::uint32_t begin_ = 0, count_ = 0;
  alignas(64) std::uint64_t low_[held], high_[held];
};

// A set of numbers in an open table. std::unordered_set allocates each entry, which takes longer
// than drawing a synapse.
class NumberSet {
 public:
  // most: how many numbers there can be; 0: none are inserted.
  explicit NumberSet(std::uint64_t most)
      : slots_(most == 0 ? 0 : std::bit_ceil(2 * most)),
        shift_(most == 0 ? 0 : 64 - std::countr_zero(slots_.size())) {}

  // False: it was there.
  bool insert(std::uint64_t number) {
    std::uint64_t& slot = slots_[place(number)];
    const bool fresh = slot == 0;
    slot = number + 1;
    return fresh;
  }
  bool contains(std::uint64_t number) const {
    return !slots_.empty() && slots_[place(number)] != 0;
  }

 private:
  // Where the number is, or the free slot for it: at its hash (Fibonacci) or after.
  std::size_t place(std::uint64_t number) const {
    const std::size_t mask = slots_.size() - 1;
    auto at = static_cast<std::size_t>((number * 0x9e3779b97f4a7c15u) >> shift_);
    while (slots_[at] != 0 && slots_[at] != number + 1) {
      at = (at + 1) & mask;
    }
    return at;
  }

  std::vector<std::uint64_t> slots_;  // 0: free; else a number plus 1
  int shift_;
};

// Draws k of n candidates for one row, with repeats or without (Floyd 1987), and passes each on
// with its number. `forbidden` is left out, unless it is n.
template <class Emit>
void choose(Draws& draws, std::uint64_t n, std::uint64_t k, bool repeats, std::uint64_t forbidden,
            Emit&& emit) {
  const bool skip = forbidden < n;
  const std::uint64_t m = n - (skip ? 1 : 0);
  NumberSet seen(repeats ? 0 : k);
  for (std::uint32_t number = 0; number < k; ++number) {
    const Draw draw = draws[number];
    const std::uint64_t j = m - k + number;
    std::uint64_t c = draws.below(draw.choice(), repeats ? m : j + 1, number);
    if (!repeats && !seen.insert(c)) {
      c = j;
      seen.insert(c);
    }
    emit(number, draw, skip && c >= forbidden ? c + 1 : c);
  }
}

// Numbers in (0, 1) one after the other, where few are needed.
class Uniforms {
 public:
  Uniforms(const Stream& stream, std::uint64_t row) : stream_(stream), row_(row) {}
  double operator()() {
    if (counter_ % 2 == 0) {
      words_ = stream_.words(row_, counter_ / 2);
    }
    const std::size_t at = 2 * (counter_++ % 2);
    return uniform(words_[at], words_[at + 1]);
  }

 private:
  const Stream& stream_;
  std::uint64_t row_;
  std::uint32_t counter_ = 0;
  Words words_{};
};

// log(k!) less its approximation by Stirling, (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2.
inline double stirling_rest(double k) {
  if (k < 10) {
    const double log_factorial = std::log(std::round(std::tgamma(k + 1)));
    return log_factorial - (k + 0.5) * std::log(k + 1) + (k + 1) - 0.9189385332046727;
  }
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// How many of n independent trials succeed, each with probability p. The standard library leaves
// open how it draws. Few successes are counted, by the trials between them; many are drawn by
// transformed rejection (Hoermann 1993, algorithm BTRS).
template <class Draw>
std::uint64_t binomial(Draw& draw, std::uint64_t trials, double p) {
  if (p > 0.5) {
    return trials - binomial(draw, trials, 1 - p);
  }
  const auto n = static_cast<double>(trials);
  if (!(p > 0)) {
    return 0;
  }
  if (n * p < 10) {
    const double scale = 1 / std::log1p(-p);
    std::uint64_t successes = 0;
    double used = 0;
    while ((used += std::floor(std::log(draw()) * scale) + 1) <= n) {
      ++successes;
    }
    return successes;
  }
  const double spread = std::sqrt(n * p * (1 - p)), odds = p / (1 - p);
  const double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double alpha = (2.83 + 5.1 / b) * spread, mode = std::floor((n + 1) * p);
  const double at_mode = (mode + 0.5) * std::log((mode + 1) / (odds * (n - mode + 1))) +
                         stirling_rest(mode) + stirling_rest(n - mode);
  while (true) {
    const double u = draw() - 0.5, v = draw(), edge = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / edge + b) * u + n * p + 0.5);
    if (edge >= 0.07 && v <= 0.92 - 4.2 / b) {
      return static_cast<std::uint64_t>(k);
    }
    if (k >= 0 && k <= n &&
        std::log(v * alpha / (a / (edge * edge) + b)) <=
            at_mode + (n + 1) * std::log1p((k - mode) / (n - k + 1)) +
                (k + 0.5) * std::log(odds * (n - k + 1) / (k + 1)) - stirling_rest(k) -
                stirling_rest(n - k)) {
      return static_cast<std::uint64_t>(k);
    }
  }
}

}  // namespace spikelet
