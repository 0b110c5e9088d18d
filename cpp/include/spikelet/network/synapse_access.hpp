// Reads and writes synapses between runs, wherever they are: in a table, as a drawing, or in the
// stores. unload() moves them back to tables; a new layout builds its stores from these, load()
// adds what they have learned, and forget_tables() ends the move. If anything before that fails,
// the tables still have everything, and the move can be tried again.
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

  // Weights are as of now, or left out if they are not wanted, as they take long. A plastic state
  // that waits for its stores must be loaded first.
  SynapseTable<R> synapses(Projection<R>& projection, bool with_weights = true);
  std::vector<R> weights(Projection<R>& projection);
  // Throws std::invalid_argument if the projection cannot take these weights.
  void check(const Projection<R>& projection, std::span<const R> weights) const;
  void set_weights(Projection<R>& projection, std::span<const R> weights);
  PlasticState<R> plastic_state(std::size_t projection);
  // Spikes of each target so far, or nothing if there are none yet.
  std::vector<std::uint32_t> counts(const Projection<R>& projection) const;
  void set_plastic_state(Projection<R>& projection, const PlasticState<R>& state);
  // The name of the layout in which the synapses are stored.
  std::string describe(std::size_t projection) const;

  void unload();
  void load();
  void forget_tables() noexcept;

 private:
  auto reader(const Projection<R>& projection) const;
  std::vector<R> stored_weights(const Projection<R>& projection);
  bool write_static(const Projection<R>& projection, std::span<const R> stored);

  Network<R>& network_;
  Layout<R>& layout_;
  PlasticAccess<R> plastic_;
};

extern template class SynapseAccess<float>;
extern template class SynapseAccess<double>;

}  // namespace spikelet
