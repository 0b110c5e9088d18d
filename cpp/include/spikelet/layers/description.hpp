// The computation of an engine, node by node, as plain data, from which other programs with the
// same bits are made.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "spikelet/layers/graph.hpp"

namespace spikelet::layers {

// A convolution with the weights that the engine has, as [out][in / groups][ky][kx].
struct PartDescription {
  // events: of spikes. copy: one weight for each channel, where there is a spike. values: of a
  // sequence, or of constants.
  enum class Kind { events, copy, values } kind;
  std::size_t source;
  Conv conv;
  Extent in, out;
  // The order in which the weights of spikes are added. Walked: input column, kernel row, channel,
  // to a sum that is added when complete. Otherwise: kernel row, input column, channel, one by one.
  bool walked = false;
};

// All values are those of the engine's type, or 16-bit integers.
struct NodeDescription {
  // constant: one value for all steps. sequence: one a step. spikes: bits. current: one value a
  // step that is a linear function of spikes, and is computed only if `steps` says so.
  enum class Form { constant, sequence, spikes, current } form;
  std::size_t planes = 0;     // of spikes: 1, or 2 per level
  std::vector<double> gains;  // of the planes, in amplitudes
  bool differential = false;
  std::vector<double> amplitude;     // of spikes, [channel]
  bool mean = false, steps = false;  // whether the mean is needed, and the value of each step
  bool summed = false;  // the value at each step is the sum of parts, constants and bias
  bool whole = false;   // the parts are integers
  std::vector<PartDescription> parts;   // in the order in which they are added
  std::vector<std::size_t> constants;   // added to the sum as they are, then
  std::vector<PartDescription> folded;  // convolutions of constants, then
  std::vector<double> bias;             // [channel], or empty; scaled if there are no constants
  std::vector<double> scale;            // of integers, [channel]: what is constant is times this
  // Neurons, scaled: [channel], or [c][y][x]; the others [step][channel].
  std::vector<double> threshold, v_init, pace, limit, ceiling, offset;
  std::array<std::vector<double>, Dynamics::parameters> dynamics;  // [channel], or [c][y][x]
  std::vector<double> amount;                  // of neurons that are reset later, like threshold
  std::vector<double> per_value, alpha, beta;  // of a neuron's activation, [channel]
};

}  // namespace spikelet::layers
