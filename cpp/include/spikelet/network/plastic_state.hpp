// What a plastic projection remembers in addition to its delays, in an order that does not depend
// on partitions: synapses in canonical order, weights first. Weights are as stored, that is, up to
// date as far as no later arrival can change them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

template <class R>
struct PlasticState {
  std::vector<std::vector<R>> synapse;
  std::vector<std::vector<Step>> synapse_step;
  std::vector<std::uint32_t> row_source;  // one entry a row (source, delay)
  std::vector<std::uint16_t> row_delay;
  std::vector<std::vector<R>> row;
  std::vector<std::vector<double>> row_double;
  std::vector<std::vector<Step>> row_step;
  std::vector<std::vector<R>> target;
  std::vector<std::uint32_t> counts;  // spikes of each target so far
  // Which targets these are, ascending; none: all elements of the population, as files have them.
  std::vector<std::uint32_t> elements;
  std::vector<Step> post_stamp;  // those that are still needed, by stamp
  std::vector<std::uint32_t> post_target;
  std::array<std::vector<R>, 3> post_value;
  Step clock = -1;
  std::vector<Step> sent_step;  // events that wait with the weight they were sent with
  std::vector<std::uint32_t> sent_post;
  std::vector<std::uint16_t> sent_channel;
  std::vector<R> sent_value;
  std::vector<Step> reward_step;
  std::vector<double> reward_level;

  // Where a target's entries are.
  std::size_t entry(std::uint32_t element) const {
    return elements.empty() ? element
                            : static_cast<std::size_t>(std::ranges::lower_bound(elements, element) -
                                                       elements.begin());
  }
  // Of entries of all elements, keeps those of the targets that have synapses: projections onto
  // single neurons may be many.
  void keep(std::vector<std::uint32_t> targets) {
    for_targets([&](auto& values) {
      for (std::size_t k = 0; k < targets.size(); ++k) {
        values[k] = values[targets[k]];
      }
      values.resize(targets.size());
      values.shrink_to_fit();
    });
    elements = std::move(targets);
  }
  // The entries of all of so many elements.
  void spread(std::size_t n) {
    for_targets([&](auto& values) {
      auto all = std::remove_reference_t<decltype(values)>(n);
      for (std::size_t k = 0; k < elements.size(); ++k) {
        all[elements[k]] = values[k];
      }
      values = elements.empty() ? std::move(values) : std::move(all);
    });
    elements.clear();
  }

 private:
  template <class F>
  void for_targets(F&& f) {
    std::ranges::for_each(target, f);
    f(counts);
  }
};

}  // namespace spikelet
