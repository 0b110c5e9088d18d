// A change to the weights of a plastic projection at each multiple of `every` steps.
#pragma once

#include <cstddef>

#include "spikelet/core/types.hpp"

namespace spikelet {

struct Regulation {
  enum class Kind : int { normalise, scale } kind = Kind::normalise;
  std::size_t projection = 0;
  Step every = 1;
  double total = 1;               // normalise: the sum of each target's weights
  double rate = 1, strength = 0;  // scale: by 1 + strength (1 - r / rate), r in Hz
};

}  // namespace spikelet
