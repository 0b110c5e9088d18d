// Reads and changes plastic projections that are laid out, between steps.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/regulation.hpp"

namespace spikelet {

template <class R>
class PlasticAccess {
 public:
  PlasticAccess(Network<R>& network, Layout<R>& layout) : network_(network), layout_(layout) {}

  // Brings the weights up to date.
  void finish(const Projection<R>& projection);
  // The weights as of now, in canonical order. Reading changes no bit of what follows.
  std::vector<R> weights(const Projection<R>& projection);
  // What readable() lists, by synapse like the weights.
  std::vector<std::pair<std::string_view, std::vector<R>>> traces(const Projection<R>& projection);
  // Everything that an exact copy needs.
  PlasticState<R> state(const Projection<R>& projection);
  void set_state(const Projection<R>& projection, const PlasticState<R>& state);
  // Scales each target's weights so that their magnitudes sum to `total`.
  void normalise(const Projection<R>& projection, double total);
  // Scales them by the target's rate over the interval that ends now, and begins the next one.
  void scale(const Projection<R>& projection, const Regulation& how, SpikeInterval& interval);
  // How often each target has fired; the numbers wrap.
  std::vector<std::uint32_t> counts(const Projection<R>& projection) const;
  // The same rule with other amplitudes, from now on.
  void set_amplitudes(Projection<R>& projection, const std::vector<double>& parameters);
  void signal(Projection<R>& projection, double value);

 private:
  void finish(PlasticStore<R>* store);
  std::vector<std::unique_ptr<PlasticStore<R>>> finished_copies(
      const Projection<R>& projection) const;
  // Multiplies each target's weights by factors(store), one for each number.
  template <class Factors>
  void multiply(const Projection<R>& projection, Factors&& factors);

  Network<R>& network_;
  Layout<R>& layout_;
};

extern template class PlasticAccess<float>;
extern template class PlasticAccess<double>;

}  // namespace spikelet
