// From pictures to waves: differences of Gaussians, as cells of the retina see, then the strongest
// fire first.
#pragma once

#include <cstddef>
#include <span>

#include "spikelet/layers/wave.hpp"

namespace spikelet::layers {

struct DogWave {
  std::size_t height, width;
  double centre, surround;  // standard deviations, in pixels
  std::size_t radius;       // where the Gaussians are cut off, in pixels
  float cut;                // who answers with less than this share of the strongest is silent
  std::size_t bins;         // each takes as many spikes as the next
};

// images [n][height][width] to waves [n][height][width][on, off].
void dog_waves(std::span<const float> images, const DogWave& code, int threads,
               std::span<Bin> waves);

}  // namespace spikelet::layers
