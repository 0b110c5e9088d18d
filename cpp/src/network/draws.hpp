// The random numbers of synapses: one Philox block for each, keyed by row and number in the row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_set>

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet {

// One draw: the first word chooses the pair, the others are for weight and delay.
struct Draw {
  std::uint64_t low, high;

  std::uint32_t choice() const { return static_cast<std::uint32_t>(low); }
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

// Draws k of n candidates for one row, with repeats or without (Floyd 1987), and passes each on
// with its number. `forbidden` is left out, unless it is n.
template <class Emit>
void choose(Draws& draws, std::uint64_t n, std::uint64_t k, bool repeats, std::uint64_t forbidden,
            Emit&& emit) {
  const bool skip = forbidden < n;
  const std::uint64_t m = n - (skip ? 1 : 0);
  std::unordered_set<std::uint64_t> seen;
  for (std::uint32_t number = 0; number < k; ++number) {
    const Draw draw = draws[number];
    const std::uint64_t j = m - k + number;
    std::uint64_t c = draws.below(draw.choice(), repeats ? m : j + 1, number);
    if (!repeats && !seen.insert(c).second) {
      c = j;
      seen.insert(c);
    }
    emit(number, draw, skip && c >= forbidden ? c + 1 : c);
  }
}

// An engine for the standard library's distributions, where few numbers are needed.
class Engine {
 public:
  using result_type = std::uint32_t;
  Engine(const Stream& stream, std::uint64_t row) : stream_(stream), row_(row) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }
  result_type operator()() {
    if (used_ == 4) {
      words_ = stream_.words(row_, counter_++);
      used_ = 0;
    }
    return words_[static_cast<std::size_t>(used_++)];
  }

 private:
  const Stream& stream_;
  std::uint64_t row_;
  std::uint32_t counter_ = 0;
  int used_ = 4;
  Words words_{};
};

}  // namespace spikelet
