// Puts what was added last in the place of something earlier, which keeps its number: this is how
// synapses come and go, and how populations go. The network must be laid out before it runs.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "spikelet/core/event_rule.hpp"
#include "spikelet/network/network.hpp"

namespace spikelet {

// The projection that was added last replaces one between the same populations, all of whose
// processes call this. storage: the name of the layout whose state is to go on; "": there is none.
// Then the layout is one that can have this state. Throws std::invalid_argument, and has dropped
// the last one, if there is none, or if its weights do not keep their sign.
template <class R>
void replace_projection(Network<R>& network, std::size_t number, std::string_view storage);
// The population that was added last, which must have no elements, replaces an earlier one. The
// numbers that spikes of other populations have do not change.
template <class R>
void replace_population(Network<R>& network, std::size_t number);

// The values that the variables of a rule from text begin with, of synapses or of their sources.
std::vector<double> initial_values(const EventRule& rule, EventRule::Keeper keeper);

extern template void replace_projection(Network<float>&, std::size_t, std::string_view);
extern template void replace_projection(Network<double>&, std::size_t, std::string_view);
extern template void replace_population(Network<float>&, std::size_t);
extern template void replace_population(Network<double>&, std::size_t);

}  // namespace spikelet
