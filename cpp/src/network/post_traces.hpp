// The traces of all targets of a store, decayed to one time. Where many rows depress at that time,
// as in dense networks whose synapses have one delay, rows look up one value for each synapse
// instead of searching its target's spikes.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "spikelet/core/plasticity.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

template <class R>
class PostTraces {
 public:
  explicit PostTraces(std::size_t targets) : targets_(targets) {}

  // Rows differ in the dendritic parts of their delays, and so in the times of one arrival.
  void add_part(Step dendritic) {
    const auto at = std::ranges::lower_bound(parts_, dendritic);
    if (at == parts_.end() || *at != dendritic) {
      parts_.insert(at, dendritic);
    }
  }

  // Whether they are worth computing for rows with so many synapses.
  bool pays(std::size_t synapses) const {
    return synapses >= synapses_per_target * targets_ * parts_.size();
  }
  // Rows with so many synapses arrive at this step.
  void start(Step arrival, std::size_t synapses) {
    arrival_ = pays(synapses) ? arrival : none;
    if (arrival_ != none) {
      traces_.resize(parts_.size());
      computed_.assign(parts_.size(), false);
    }
  }

  // These rows are done: spikes of targets may follow, or other ones after a reset.
  void stop() { arrival_ = none; }

  // The traces for rows with this dendritic part that arrive then, or nothing if they are not worth
  // it. compute(traces) is called for the first of these rows.
  template <class Compute>
  const R* of(Step arrival, Step dendritic, Compute&& compute) {
    if (arrival != arrival_) {
      return nullptr;
    }
    const auto k =
        static_cast<std::size_t>(std::ranges::lower_bound(parts_, dendritic) - parts_.begin());
    if (!computed_[k]) {
      traces_[k].resize(targets_ + column_padding);  // read by vectors
      compute(std::span<R>(traces_[k]).first(targets_));
      computed_[k] = true;
    }
    return traces_[k].data();
  }

 private:
  // Computing a trace takes about as long as looking up the spikes of one synapse. With twice as
  // many synapses, half of that is saved even if rows of all parts arrive.
  static constexpr std::size_t synapses_per_target = 2;

  static constexpr Step none = -1;

  std::size_t targets_;
  Step arrival_ = none;
  std::vector<Step> parts_;             // ascending
  std::vector<std::vector<R>> traces_;  // by part
  std::vector<bool> computed_;          // by part: of this arrival
};

}  // namespace spikelet
