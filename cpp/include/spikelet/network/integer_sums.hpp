// Sums of events whose weights have 16 bits: one integer for each neuron of a partition. They are
// converted to the channel's unit and added to it before anything reads it. The sums are exact and
// are rounded once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

class IntegerSums {
 public:
  IntegerSums() = default;
  IntegerSums(IntegerSums&&) = default;  // no copies: `at` would lead to the original
  IntegerSums& operator=(IntegerSums&&) = default;

  // Sums of 32 bits by local target, and some for the padding of lines.
  void resize(std::size_t elements, std::size_t padding) {
    narrow_.resize(elements + padding);
    most_.resize(elements);
    at_.narrow = narrow_.data();
  }
  bool empty() const { return at_.narrow == nullptr && at_.wide == nullptr; }

  // While stores are built: a synapse onto `target` adds at most `most`, at most once in a step.
  void expect(std::uint32_t target, std::uint32_t most) { most_[target] += most; }
  // Whether there is such a synapse onto a target in [begin, end).
  bool expects(std::size_t begin, std::size_t end) const {
    return std::any_of(most_.begin() + static_cast<std::ptrdiff_t>(begin),
                       most_.begin() + static_cast<std::ptrdiff_t>(end),
                       [](std::uint64_t most) { return most > 0; });
  }
  // After that: uses 64 bits if a sum might not fit 32.
  void settle() {
    constexpr std::uint64_t limit = std::numeric_limits<std::int32_t>::max();
    if (!most_.empty() && std::ranges::max(most_) > limit) {
      wide_.resize(narrow_.size());
      narrow_ = {};
      at_ = {nullptr, wide_.data()};
    }
    most_ = {};
  }

  // Stays where it is, whatever the bits.
  const SumsAt& at() const { return at_; }

 private:
  Buffer<std::uint32_t> narrow_;
  Buffer<std::uint64_t> wide_;
  std::vector<std::uint64_t> most_;  // that a sum can be
  SumsAt at_;
};

}  // namespace spikelet
