// How a program runs: what follows from its description, once for all samples.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "first_spike/kernels.hpp"
#include "spikelet/first_spike/program.hpp"

namespace spikelet::first_spike {

using Sums = std::vector<std::int32_t>;

inline std::size_t padded(std::size_t channels) { return (channels + block - 1) / block * block; }
inline std::size_t value_bytes(Form form) {
  return form == Form::bytes ? 1 : form == Form::words ? 2 : 4;
}

// Where the values of a map lie in the memory of a sample.
struct Place {
  std::size_t begin = 0;                         // of the first value within the border
  std::size_t pixel = 0, row = 0, bytes = 0;     // [bytes], all of them
  std::array<std::size_t, 2> before{}, after{};  // borders, vertical and horizontal
};

// The weights of a kernel by block of outputs: [kernel row][column][lane][16 outputs] lanes of 4
// bytes or 2 words, of the lanes of input channels that these outputs see.
struct Packed {
  std::vector<std::vector<std::uint8_t>> weights;
  std::vector<std::size_t> first, lanes;  // by block
};

// Copies of `length` bytes.
struct Run {
  std::size_t from, to, length;
};

// How many windows see each row and each column of a map.
struct FanOut {
  std::vector<std::uint64_t> rows, columns;
};

struct SumPlan {
  std::vector<Packed> packed;  // of each term, empty if it is no convolution
  std::vector<FanOut> fans;
  std::vector<Sums> gains;
  Sums bias, unit, shift;
  std::vector<std::int16_t> table;  // of what a map holds
  std::vector<float> inverse;
};

struct Program::Plan {
  std::vector<Place> places;          // of all maps, in the first plan only
  std::vector<std::uint8_t> initial;  // the memory of a sample, in the first plan only
  SumPlan sum;
  std::vector<Run> runs;
};

// Throws std::invalid_argument if the parts of a description do not fit each other.
void check(const std::vector<Map>& maps, const std::vector<Input>& inputs,
           const std::vector<Operation>& operations);

// Makes the plans of a description that was checked.
std::vector<Program::Plan> plans_of(const std::vector<Map>& maps,
                                    const std::vector<Operation>& operations);

}  // namespace spikelet::first_spike
