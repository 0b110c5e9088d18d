// The steps at which a piecewise constant quantity changes, and the windows in which it acts.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

// Steps [begin, end) in which something acts.
struct Window {
  Step begin = std::numeric_limits<Step>::min(), end = std::numeric_limits<Step>::max();
};
inline constexpr Window never{std::numeric_limits<Step>::max(), std::numeric_limits<Step>::min()};

// Row k holds from step starts[k] on, until that of the next row; the last holds on.
class ChangePoints {
 public:
  // starts: ascending; active: by row, whether it acts.
  ChangePoints(std::vector<Step> starts, const std::vector<bool>& active);

  // The row that holds at a step, which must not lie before the first.
  std::size_t row(Step step) const;
  // The first window that ends after a step, or `never`.
  Window window(Step step) const;

 private:
  std::vector<Step> starts_;
  std::vector<Window> windows_;
};

// For each of the rows [rows, columns], whether it holds a value other than 0.
template <class T>
std::vector<bool> active_rows(const std::vector<T>& values, std::size_t rows) {
  std::vector<bool> active(rows);
  const std::size_t columns = rows == 0 ? 0 : values.size() / rows;
  for (std::size_t k = 0; k < rows * columns; ++k) {
    active[k / columns] = active[k / columns] || values[k] != T(0);
  }
  return active;
}

}  // namespace spikelet
