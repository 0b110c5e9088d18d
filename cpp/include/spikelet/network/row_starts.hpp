// RowStarts: where the rows of a synapse table begin, one row for each source. Rows are kept from
// the first to the last one that has synapses, so that a projection from a few of many sources is
// small.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace spikelet {

class RowStarts {
 public:
  RowStarts() = default;
  // Of so many rows, all empty until add() is called.
  explicit RowStarts(std::size_t rows) : size_(rows + 1) {}
  // starts[i] .. starts[i + 1]: row i; starts[0] is 0.
  RowStarts(std::vector<std::uint64_t> starts) : size_(starts.size()) {  // NOLINT: as a vector
    if (starts.empty()) {
      return;
    }
    const auto begin = std::ranges::find_if(starts, [](auto n) { return n > 0; });
    const auto end = std::ranges::find(begin, starts.end(), starts.back());
    if (end == starts.end()) {  // no synapses
      return;
    }
    first_ = static_cast<std::size_t>(begin - starts.begin()) - 1;
    if (first_ == 0 && end + 1 == starts.end()) {
      starts_ = std::move(starts);
    } else {
      starts_.assign(begin - 1, end + 1);
    }
  }

  // Adds a synapse to a row; rows must ascend.
  void add(std::size_t row) {
    if (row - first_ + 2 != starts_.size()) {  // a new row
      first_ = starts_.size() == 1 ? row : first_;
      starts_.resize(row - first_ + 2, starts_.back());
    }
    ++starts_.back();
  }

  std::size_t size() const { return size_; }  // rows, and one
  bool empty() const { return size_ == 0; }
  std::uint64_t operator[](std::size_t i) const {
    return i <= first_ ? 0 : starts_[std::min(i - first_, starts_.size() - 1)];
  }
  std::uint64_t front() const { return 0; }
  std::uint64_t back() const { return starts_.back(); }
  // All rows with synapses are in [first_row(), end_row()).
  std::size_t first_row() const { return first_; }
  std::size_t end_row() const { return first_ + starts_.size() - 1; }

  std::vector<std::uint64_t> whole() const {
    std::vector<std::uint64_t> all(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      all[i] = (*this)[i];
    }
    return all;
  }
  bool operator==(const RowStarts&) const = default;

 private:
  std::size_t size_ = 0, first_ = 0;
  std::vector<std::uint64_t> starts_ = {0};  // of rows from first_ on, and where the last one ends
};

}  // namespace spikelet
