// Checks a plastic state from outside, such as a file, before a store takes it: stores use its
// values as indices and bounds of loops without checking them.
#pragma once

#include "spikelet/network/network.hpp"

namespace spikelet {

// How many arrays of each kind the state of a projection that has run holds.
struct PlasticShape {
  std::size_t synapse, synapse_step, row, row_double, row_step, target;
};
PlasticShape plastic_shape(PlasticLayout layout, const Plasticity& plasticity, double dt);

// Throws std::invalid_argument unless `state` can be that of the projection at the network's
// present step: sizes, sources, targets and channels that exist, order, steps that are over, finite
// values, and weights within their bounds.
template <class R>
void check_plastic_state(const Network<R>& network, const Projection<R>& projection,
                         const PlasticState<R>& state);

}  // namespace spikelet
