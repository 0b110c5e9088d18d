#include "spikelet/network/weight_bits.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "core/text.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

double grid_of(const WeightBits& bits, const Weighed& projection, const SumSteps& sum_steps) {
  if (!bits.sixteen) {
    return 0;
  }
  if (!projection.fixed) {
    throw std::invalid_argument(
        "weights of 16 bits must be static; plastic synapses need weight_dtype=\"float\"");
  }
  if (!projection.of_neurons) {
    throw std::invalid_argument(
        "weights of 16 bits must belong to synapses of neurons, whose sums are bounded because a "
        "neuron spikes at most once in a step; a spike source needs weight_dtype=\"float\"");
  }
  const double most = std::max(std::abs(projection.low), std::abs(projection.high));
  if (!(std::isfinite(bits.largest) && bits.largest >= 0)) {
    throw std::invalid_argument(
        "the largest 16-bit weight must be finite and > 0, or 0 for that of the weights given, "
        "got " +
        text(bits.largest));
  }
  if (!(bits.largest > 0) && most == 0) {
    return 0;  // zeros have no grid, and floats hold them exactly
  }
  const double step = grid_step(bits.largest > 0 ? bits.largest : most);
  if (std::nearbyint(most / step) > most_grid_steps) {
    throw std::invalid_argument("weight must be at most " + text(step * most_grid_steps) +
                                " in magnitude, as Int16(largest=" + text(bits.largest) +
                                ") says, got " + text(most));
  }
  if (const double other = sum_steps.too_far(projection.post, projection.ends, step); other > 0) {
    throw std::invalid_argument(
        "the largest 16-bit weight must be within a factor of " + text(std::exp2(most_sum_shift)) +
        " of that of every other projection with 16-bit weights " +
        "onto the same receptor, so that their sum is exact, got " + text(step * most_grid_steps) +
        " and " + text(other * most_grid_steps) +
        "; use Int16(largest=...) for both, or weight_dtype=\"float\" for one of them");
  }
  return step;
}

}  // namespace spikelet
