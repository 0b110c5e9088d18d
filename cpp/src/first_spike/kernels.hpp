// The kernels of networks that fire once, compiled for each SIMD level; all give the same integers.
//
// Maps lie as [y][x][channels], channels padded to a multiple of 16, within a border of zeros that
// spares the kernels all work at edges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/levels.hpp"

namespace spikelet::first_spike {

inline constexpr std::size_t block = 16;  // channels of an output that are computed together

// A convolution at one row of places for one block of outputs. A lane of 32 bits holds 4 bytes or 2
// words of the input. The weights are [kernel row][column][lane][16] lanes.
struct RowOfSums {
  const std::uint8_t* rows;  // first byte of the first window
  const std::uint8_t* weights;
  std::size_t kernel_height, kernel_width;
  std::size_t row_bytes;     // from a kernel row to the next
  std::size_t column_bytes;  // from a kernel column to the next
  std::size_t pixel_bytes;   // from the window of a place to that of the next
  std::size_t lanes;         // of a pixel that these outputs see
  std::size_t width;         // places
};

// The neurons of a row and a block.
struct RowOfNeurons {
  const std::int32_t* sums;  // [width][16]
  std::size_t width;
  const std::int32_t* bias;
  const std::int32_t* unit;
  const float* inverse;  // of the units
  std::int32_t high;
  const std::int32_t* shift;  // subtracted, without a table
  const std::int16_t* table;  // [16][high + 1], or null
};

struct Kernels {
  // sums [width][16] += the convolution, of bytes and of words.
  void (*bytes)(const RowOfSums&, std::int32_t* sums);
  void (*words)(const RowOfSums&, std::int32_t* sums);
  // sums [width][16] += gain[c] times the values of a map, whose pixels are `pixel` values apart.
  void (*add_bytes)(const std::uint8_t* map, std::size_t pixel, std::size_t width,
                    const std::int32_t* gain, std::int32_t* sums);
  void (*add_words)(const std::int16_t* map, std::size_t pixel, std::size_t width,
                    const std::int32_t* gain, std::int32_t* sums);
  void (*add_sums)(const std::int32_t* map, std::size_t pixel, std::size_t width,
                   const std::int32_t* gain, std::int32_t* sums);
  // k of each neuron, out [width], `pixel` values apart.
  void (*fire_bytes)(const RowOfNeurons&, std::uint8_t* out, std::size_t pixel);
  void (*fire_words)(const RowOfNeurons&, std::int16_t* out, std::size_t pixel);
};

SPIKELET_LEVEL_TABLE(Kernels)
#if defined(SPIKELET_X86_LEVELS)
namespace v4 {
extern const Kernels vnni_kernels;  // of processors that have these instructions, too
}
#endif

}  // namespace spikelet::first_spike
