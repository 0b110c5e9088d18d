// Whether the states of a network are still numbers.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "spikelet/network/network.hpp"

namespace spikelet {
namespace {

// By bits, without branches: a run may be a few steps of many neurons.
template <class R>
bool all_finite(std::span<const R> values) {
  using Bits = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  const auto infinite = std::bit_cast<Bits>(std::numeric_limits<R>::infinity());
  Bits bad = 0;
  for (const R value : values) {
    bad |= (std::bit_cast<Bits>(value) & infinite) == infinite ? 1 : 0;
  }
  return bad == 0;
}

}  // namespace

template <class R>
void Network<R>::require_numbers() {
  const bool due = now >= kernels_due;
  if (due) {
    kernels_due = now + 32;  // a loop of single steps takes 3 % longer
  }
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const Population<R>* neurons = nodes[k].neurons.get();
    if (neurons == nullptr || !(due || neurons->program())) {
      continue;
    }
    for (std::size_t s = 0; s < neurons->stored_count(); ++s) {
      const std::span<const R> values = neurons->stored(s);
      if (all_finite(values)) {
        continue;
      }
      const auto bad = std::ranges::find_if_not(values, [](R x) { return std::isfinite(x); });
      throw Divergence(k, s, own(k).begin + static_cast<std::size_t>(bad - values.begin()), now,
                       static_cast<double>(*bad));
    }
  }
}

template void Network<float>::require_numbers();
template void Network<double>::require_numbers();

}  // namespace spikelet
