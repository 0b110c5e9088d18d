// The elements of a population that take part in a projection: all of it, or the listed ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace spikelet {

struct Selection {
  std::size_t population_size = 0;
  std::vector<std::uint32_t> elements;  // empty and all = true: every element
  bool all = true;

  std::size_t size() const { return all ? population_size : elements.size(); }
  std::uint32_t operator[](std::size_t i) const {
    return all ? static_cast<std::uint32_t>(i) : elements[i];
  }

  // The first position of an element, or size(). Call sort() first.
  std::size_t find(std::uint32_t element) const {
    if (all) {
      return std::min<std::size_t>(element, population_size);
    }
    if (positions.empty()) {
      const auto at = std::ranges::lower_bound(elements, element);
      return at != elements.end() && *at == element
                 ? static_cast<std::size_t>(at - elements.begin())
                 : elements.size();
    }
    const auto at = std::ranges::lower_bound(positions, element, {},
                                             [&](std::uint32_t k) { return elements[k]; });
    return at != positions.end() && elements[*at] == element ? *at : elements.size();
  }
  void sort() {
    if (!std::ranges::is_sorted(elements)) {
      positions.resize(elements.size());
      std::iota(positions.begin(), positions.end(), 0u);
      std::ranges::stable_sort(positions, {}, [&](std::uint32_t at) { return elements[at]; });
    }
  }

  std::vector<std::uint32_t> positions{};  // by ascending element, if elements do not ascend
};

}  // namespace spikelet
