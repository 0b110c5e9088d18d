// The elements on which an input acts, out of those of a population that this process owns. They
// are blocks with a bit for each element, so the cost of an input depends on its targets and not on
// the population.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "spikelet/core/types.hpp"
#include "spikelet/network/ranks.hpp"

namespace spikelet {

// The targets within one block. Targets are numbered in ascending order ("places").
struct TargetBlock {
  std::uint32_t block, first;  // place of the first
  std::uint64_t mask;

  std::size_t begin() const { return std::size_t{block} * block_size; }
};

// Elements [begin, end), whole blocks, that hold targets throughout but for short gaps.
struct TargetRun {
  std::uint32_t begin, end;
  std::size_t before;  // elements of the runs before
};

class Targets {
 public:
  // elements: in any order, none twice; or, without them, all n.
  Targets(std::size_t n, Range own, std::optional<std::span<const std::uint32_t>> elements = {});

  std::size_t size() const { return size_; }
  std::size_t given() const { return given_; }  // on all processes
  bool whole() const { return whole_; }
  std::span<const TargetBlock> blocks() const { return blocks_; }
  std::span<const TargetRun> runs() const { return runs_; }
  std::size_t covered() const;  // elements of all runs

  // The blocks within elements [begin, end), which are whole blocks.
  std::span<const TargetBlock> within(std::size_t begin, std::size_t end) const;

  // Where the caller's arrays, which have one value for each of its elements, have that of a place.
  std::size_t source(std::size_t place) const {
    return order_.empty() ? first_ + place : order_[place];
  }

 private:
  bool whole_;
  std::size_t size_ = 0, given_;
  std::size_t first_ = 0;
  std::vector<std::uint32_t> order_;  // by place, for a part
  std::vector<TargetBlock> blocks_;
  std::vector<TargetRun> runs_;
};

// The targets' part, by place, of rows [rows, columns] that the caller has for all of them. One
// column is the same for all, and stays one.
template <class T>
std::vector<T> of_targets(const Targets& targets, std::span<const T> rows, std::size_t columns) {
  if (columns <= 1) {
    return {rows.begin(), rows.end()};
  }
  std::vector<T> own;
  own.reserve(rows.size() / columns * targets.size());
  for (std::size_t first = 0; first + columns <= rows.size(); first += columns) {
    for (std::size_t place = 0; place < targets.size(); ++place) {
      own.push_back(rows[first + targets.source(place)]);
    }
  }
  return own;
}

// Calls visit(element, place) for the targets of a block.
template <class Visit>
void for_each_target(const TargetBlock& block, Visit&& visit) {
  std::size_t place = block.first;
  const std::size_t begin = block.begin();
  if (block.mask == ~std::uint64_t{0}) {
    for (std::size_t k = 0; k < block_size; ++k) {
      visit(begin + k, place + k);
    }
    return;
  }
  for (std::uint64_t left = block.mask; left != 0; left &= left - 1, ++place) {
    visit(begin + static_cast<std::size_t>(__builtin_ctzll(left)), place);
  }
}

}  // namespace spikelet
