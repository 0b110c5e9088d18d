// RowStarts: where the rows of a synapse table begin, one row for each source. Only rows with
// synapses are kept, so that a projection from or onto a few of many elements is small.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace spikelet {

class RowStarts {
 public:
  RowStarts() = default;
  // Of so many rows, all empty until add() is called.
  explicit RowStarts(std::size_t rows) : size_(rows + 1) {}
  // starts[i] .. starts[i + 1]: row i; starts[0] is 0.
  RowStarts(const std::vector<std::uint64_t>& starts) : size_(starts.size()) {  // NOLINT: as one
    const auto for_ends = [&](auto&& f) {
      for (std::size_t i = 1; i < starts.size(); ++i) {
        if (starts[i] > starts[i - 1]) {
          f(i);
        }
      }
    };
    std::size_t kept = 0;
    for_ends([&](std::size_t) { ++kept; });
    rows_.reserve(kept);
    starts_.reserve(kept + 1);
    for_ends([&](std::size_t i) {
      rows_.push_back(static_cast<std::uint32_t>(i - 1));
      starts_.push_back(starts[i]);
    });
  }

  // Adds a synapse to a row; rows must ascend.
  void add(std::size_t row) {
    if (rows_.empty() || rows_.back() != row) {
      rows_.push_back(static_cast<std::uint32_t>(row));
      starts_.push_back(starts_.back());
    }
    ++starts_.back();
  }

  std::size_t size() const { return size_; }  // rows, and one
  bool empty() const { return size_ == 0; }
  std::uint64_t operator[](std::size_t i) const {
    if (rows_.empty() || i <= rows_.front()) {
      return 0;
    }
    // So many of the rows from the first one to `i` may have no synapses.
    const std::size_t all = i - rows_.front(), gaps = end_row() - first_row() - rows_.size();
    const auto least = rows_.begin() + static_cast<std::ptrdiff_t>(
                                           std::min(all - std::min(gaps, all), rows_.size())),
               most = rows_.begin() + static_cast<std::ptrdiff_t>(std::min(all, rows_.size()));
    return starts_[static_cast<std::size_t>(std::lower_bound(least, most, i) - rows_.begin())];
  }
  std::uint64_t front() const { return 0; }
  std::uint64_t back() const { return starts_.back(); }
  // All rows with synapses are in [first_row(), end_row()).
  std::size_t first_row() const { return rows_.empty() ? 0 : rows_.front(); }
  std::size_t end_row() const { return rows_.empty() ? 0 : rows_.back() + std::size_t{1}; }
  // These rows, ascending, and where each of them begins; and the end of the last one.
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  const std::vector<std::uint64_t>& starts() const { return starts_; }
  // Calls f(row, begin, end) for them.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t k = 0; k < rows_.size(); ++k) {
      f(rows_[k], starts_[k], starts_[k + 1]);
    }
  }

  std::vector<std::uint64_t> whole() const {
    std::vector<std::uint64_t> all(size_);
    for_each([&](std::uint32_t row, std::uint64_t, std::uint64_t end) { all[row + 1] = end; });
    for (std::size_t i = 1; i < size_; ++i) {
      all[i] = std::max(all[i], all[i - 1]);
    }
    return all;
  }
  bool operator==(const RowStarts&) const = default;

 private:
  std::size_t size_ = 0;
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint64_t> starts_ = {0};
};

}  // namespace spikelet
