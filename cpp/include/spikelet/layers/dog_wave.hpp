// From images to waves: differences of Gaussians, like those of retinal ganglion cells; the
// strongest responses fire first.
#pragma once

#include <cstddef>
#include <span>

#include "spikelet/layers/wave.hpp"

namespace spikelet::layers {

struct DogWave {
  std::size_t height, width;
  double centre, surround;  // standard deviations, in pixels
  std::size_t radius;       // where the Gaussians are cut off, in pixels
  float cut;                // responses below this share of the strongest are silent
  std::size_t bins;         // of time, with equally many spikes each
};

// images [n][height][width] to waves [n][height][width][on, off].
void dog_waves(std::span<const float> images, const DogWave& code, int threads,
               std::span<Bin> waves);

}  // namespace spikelet::layers
