// The steps of integer sums: the sums of a node's channel count in the finest step among the
// projections that add to it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "spikelet/core/receptors.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

class SumSteps {
 public:
  // step: of the weights of a projection onto a node.
  void add(std::size_t node, const Ends& ends, double step) {
    for (const int channel : {ends.up, ends.down}) {
      include(nodes_[node][channel], step);
      include(channels_[channel], step);
    }
  }
  // The steps of a node, by channel. All nodes have the same step where possible, so that one row
  // can add to several of them.
  std::map<int, double> of(std::size_t node) const {
    std::map<int, double> steps;
    for (const auto& [channel, range] : of_node(node)) {
      steps[channel] =
          std::max(channels_.at(channel).finest, std::ldexp(range.coarsest, -most_sum_shift));
    }
    return steps;
  }
  // The step of a projection that differs too much from `step` for one sum of both, or 0.
  double too_far(std::size_t node, const Ends& ends, double step) const {
    for (const auto& [channel, range] : of_node(node)) {
      if (channel != ends.up && channel != ends.down) {
        continue;
      }
      if (std::ldexp(step, -most_sum_shift) > range.finest) {
        return range.finest;
      }
      if (std::ldexp(range.coarsest, -most_sum_shift) > step) {
        return range.coarsest;
      }
    }
    return 0;
  }

 private:
  struct Range {
    double finest = 0, coarsest = 0;  // 0: none yet
  };
  using Channels = std::map<int, Range>;

  const Channels& of_node(std::size_t node) const {
    static const Channels none;
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? none : found->second;
  }
  static void include(Range& range, double step) {
    range.finest = range.finest == 0 ? step : std::min(range.finest, step);
    range.coarsest = std::max(range.coarsest, step);
  }

  std::map<std::size_t, Channels> nodes_;
  Channels channels_;  // of all nodes
};

}  // namespace spikelet
