// The targets that a plastic store has synapses of, and the numbers by which it keeps what it knows
// of them. Where most targets have synapses, all from the first to the last have a number, which
// grows as they do; where few have, only these: projections onto single neurons of a large
// population are many.
#pragma once

#include <cstdint>
#include <vector>

#include "spikelet/network/source_index.hpp"

namespace spikelet {

class TargetNumbers {
 public:
  static constexpr std::uint32_t none = SourceIndex::none;

  TargetNumbers() = default;
  // Of elements of the population, in ascending order.
  explicit TargetNumbers(std::vector<std::uint32_t> targets) : index_(targets, 0) {
    constexpr std::size_t few = 8;
    if (targets.size() * few < index_.span()) {
      elements_ = std::move(targets);
    }
  }

  // Whether numbers do not grow as elements do.
  bool scattered() const { return !elements_.empty(); }
  std::uint32_t size() const {  // numbers
    return static_cast<std::uint32_t>(scattered() ? elements_.size() : index_.span());
  }
  std::uint32_t of(std::uint32_t element) const {  // none: it has no synapses
    const std::uint32_t row = index_.row(element);
    return row == none || scattered() ? row : element - index_.first();
  }
  std::uint32_t of_known(std::uint32_t element) const {  // that has synapses
    return scattered() ? index_.row(element) : element - index_.first();
  }
  std::uint32_t element(std::uint32_t number) const {
    return scattered() ? elements_[number] : index_.first() + number;
  }
  // Calls f(element) for all that have synapses.
  template <class F>
  void for_each(F&& f) const {
    index_.for_each(f);
  }

 private:
  SourceIndex index_;
  std::vector<std::uint32_t> elements_;  // by number, if they are scattered
};

}  // namespace spikelet
