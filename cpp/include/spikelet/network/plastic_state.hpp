// What a plastic projection remembers in addition to its delays, in an order that does not depend
// on partitions: synapses in canonical order, weights first. Weights are as stored, that is, up to
// date as far as no later arrival can change them.
#pragma once

#include <array>
#include <cstdint>
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
  std::vector<Step> post_stamp;       // those that are still needed, by stamp
  std::vector<std::uint32_t> post_target;
  std::array<std::vector<R>, 3> post_value;
  Step clock = -1;
  std::vector<Step> sent_step;  // events that wait with the weight they were sent with
  std::vector<std::uint32_t> sent_post;
  std::vector<std::uint16_t> sent_channel;
  std::vector<R> sent_value;
  std::vector<Step> reward_step;
  std::vector<double> reward_level;
};

}  // namespace spikelet
