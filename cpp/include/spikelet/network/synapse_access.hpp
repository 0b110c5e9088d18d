// Reads and writes synapses between runs, wherever they are: in a table, as a drawing, or in the
// stores. unload() and load() move them back to tables and on into the stores of a new layout.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/plastic_access.hpp"

namespace spikelet {

template <class R>
class SynapseAccess {
 public:
  SynapseAccess(Network<R>& network, Layout<R>& layout)
      : network_(network), layout_(layout), plastic_(network, layout) {}

  PlasticAccess<R>& plastic() { return plastic_; }

  // Weights are as of now. A plastic state that waits for its stores must be loaded first.
  SynapseTable<R> synapses(Projection<R>& projection);
  std::vector<R> weights(Projection<R>& projection);
  void set_weights(Projection<R>& projection, std::span<const R> weights);
  PlasticState<R> plastic_state(Projection<R>& projection);
  // Spikes of each target so far, or nothing if there are none yet.
  std::vector<std::uint32_t> counts(const Projection<R>& projection) const;
  void set_plastic_state(Projection<R>& projection, const PlasticState<R>& state);
  // The name of the layout in which the synapses are stored.
  std::string describe(const Projection<R>& projection) const;

  void unload();
  void load();

 private:
  std::vector<R> stored_weights(const Projection<R>& projection);
  bool write_static(const Projection<R>& projection, std::span<const R> stored);

  Network<R>& network_;
  Layout<R>& layout_;
  PlasticAccess<R> plastic_;
};

extern template class SynapseAccess<float>;
extern template class SynapseAccess<double>;

}  // namespace spikelet
