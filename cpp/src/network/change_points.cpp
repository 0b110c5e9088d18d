#include "spikelet/network/change_points.hpp"

#include <algorithm>
#include <stdexcept>

namespace spikelet {

ChangePoints::ChangePoints(std::vector<Step> starts, const std::vector<bool>& active)
    : starts_(std::move(starts)) {
  if (starts_.size() != active.size() ||
      !std::ranges::is_sorted(starts_, std::ranges::less_equal{})) {
    throw std::invalid_argument("starts must ascend strictly, one for each row");
  }
  for (std::size_t k = 0; k < active.size(); ++k) {
    if (!active[k]) {
      continue;
    }
    const Step end = k + 1 < starts_.size() ? starts_[k + 1] : Window{}.end;
    if (k > 0 && active[k - 1]) {
      windows_.back().end = end;
    } else {
      windows_.push_back({starts_[k], end});
    }
  }
}

std::size_t ChangePoints::row(Step step) const {
  const auto after = std::ranges::upper_bound(starts_, step);
  return static_cast<std::size_t>(after - starts_.begin()) - 1;
}

Window ChangePoints::window(Step step) const {
  const auto found = std::ranges::upper_bound(windows_, step, {}, &Window::end);
  return found == windows_.end() ? never : *found;
}

}  // namespace spikelet
