// How the weights of a projection are stored: as floats, or with 16 bits on a grid.
#pragma once

#include <cstddef>

#include "spikelet/core/receptors.hpp"
#include "spikelet/network/sum_steps.hpp"

namespace spikelet {

struct WeightBits {
  bool sixteen = false;
  double largest = 0;  // magnitude; 0: the largest that is given or can be drawn
};

// A projection whose weights are about to be stored.
struct Weighed {
  double low, high;  // bounds of its weights
  std::size_t post;  // node
  Ends ends;
  bool fixed;       // it has no plasticity
  bool of_neurons;  // its sources spike at most once in a step
};

// The step of the grid of its weights, or 0: they are floats. sum_steps: of the projections that
// are there. Throws std::invalid_argument if the weights cannot have 16 bits.
double grid_of(const WeightBits& bits, const Weighed& projection, const SumSteps& sum_steps);

}  // namespace spikelet
