#include "spikelet/network/targets.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace spikelet {
namespace {

// Blocks without targets that a run may hold in a row: a neuron's step costs more to start than the
// input costs in these.
constexpr std::uint32_t longest_gap = 3;

}  // namespace

Targets::Targets(std::size_t n, Range own, std::optional<std::span<const std::uint32_t>> elements)
    : whole_(!elements), given_(elements ? elements->size() : n) {
  const auto add = [&](std::uint32_t element) {
    const auto block = static_cast<std::uint32_t>(element / block_size);
    if (blocks_.empty() || blocks_.back().block != block) {
      blocks_.push_back({block, static_cast<std::uint32_t>(size_), 0});
    }
    blocks_.back().mask |= std::uint64_t{1} << (element % block_size);
    ++size_;
  };
  if (whole_) {
    first_ = std::min<std::size_t>(own.begin, n);
    for (std::size_t i = first_; i < std::min<std::size_t>(own.end, n); ++i) {
      add(static_cast<std::uint32_t>(i));
    }
  } else {
    for (std::uint32_t k = 0; k < given_; ++k) {
      if ((*elements)[k] >= n) {
        throw std::invalid_argument("targets must be elements of the population, got element " +
                                    std::to_string((*elements)[k]));
      }
      if (own.contains((*elements)[k])) {
        order_.push_back(k);
      }
    }
    const auto element = [&](std::uint32_t k) { return (*elements)[k]; };
    std::ranges::sort(order_, {}, element);
    if (const auto twice = std::ranges::adjacent_find(order_, {}, element); twice != order_.end()) {
      throw std::invalid_argument("targets must be distinct, got element " +
                                  std::to_string(element(*twice)) + " twice");
    }
    for (const std::uint32_t k : order_) {
      add(element(k));
    }
  }
  for (const TargetBlock& block : blocks_) {
    const auto begin = static_cast<std::uint32_t>(block.begin());
    if (runs_.empty() || begin - runs_.back().end > longest_gap * block_size) {
      runs_.push_back({begin, begin, covered()});
    }
    runs_.back().end = begin + static_cast<std::uint32_t>(block_size);
  }
}

std::size_t Targets::covered() const {
  return runs_.empty() ? 0 : runs_.back().before + (runs_.back().end - runs_.back().begin);
}

std::span<const TargetBlock> Targets::within(std::size_t begin, std::size_t end) const {
  const auto first = std::ranges::lower_bound(blocks_, begin, {}, &TargetBlock::begin);
  const auto last = std::ranges::lower_bound(first, blocks_.end(), end, {}, &TargetBlock::begin);
  return {first, last};
}

}  // namespace spikelet
