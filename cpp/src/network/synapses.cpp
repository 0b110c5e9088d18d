#include "spikelet/network/synapses.hpp"

#include "network/build_table.hpp"

namespace spikelet {

template <class R>
SynapseTable<R> SynapseTable<R>::from_lists(std::size_t n_pre, std::span<const std::uint32_t> pre,
                                            std::span<const std::uint32_t> post,
                                            std::span<const R> weight,
                                            std::span<const std::uint16_t> delay) {
  const bool weights = weight.size() != 1, delays = delay.size() != 1;
  auto table = build_table<R>(
      n_pre, weights, delays, 1,
      [&](std::size_t, std::size_t, auto&& add) {
        for (std::size_t k = 0; k < pre.size(); ++k) {
          add(pre[k], post[k], [&](R* w, std::uint16_t* d) {
            if (w != nullptr) {
              *w = weight[k];
            }
            if (d != nullptr) {
              *d = delay[k];
            }
          });
        }
      },
      false);
  if (!weights) {
    table.weight[0] = weight[0];
  }
  if (!delays) {
    table.delay[0] = delay[0];
  }
  return table;
}

template struct SynapseTable<float>;
template struct SynapseTable<double>;

}  // namespace spikelet
