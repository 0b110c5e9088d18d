// The kernels of layered networks, compiled for each SIMD level; all levels give the same bits.
//
// Samples are stored as [y][x][channels], channels padded to a multiple of 16. Spikes are bits in
// the same order, [y][t][x][channels], so that one row of all steps is contiguous. Neurons are
// worked on by *blocks* of channels: a kernel fills the currents of one row, some steps and one
// block, [steps][x][block], and the neuron kernel then goes through these steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/levels.hpp"
#include "layers/wave_kernels.hpp"
#include "spikelet/layers/graph.hpp"

namespace spikelet::layers {

inline constexpr std::size_t channel_unit = 16;
using Short = std::int16_t;

// A row of currents, [steps][width][pixel], of which a kernel sees the first `block` of each pixel.
// Of type R, or 16-bit integers that are scaled like the neurons' parameters.
template <class C>
struct Currents {
  C* at;
  std::size_t steps, width, block, pixel;
  std::size_t step() const { return width * pixel; }
};

// Spikes of the rows that a kernel sees, at the first step. Rows outside the input are zeros, so
// that `rows` always holds a multiple of `rows_a_word`.
struct SpikeRows {
  const std::uint8_t* const* rows;
  std::size_t row_bytes;    // from a step to the next
  std::size_t pixel_bytes;  // from a pixel to the next
  std::size_t width, channels;
  // Of several sizes, in a column walk: how many planes, and from the rows of one to the next.
  std::size_t planes = 1, plane_rows = 0;
};

// A convolution along one row that walks over the input columns: each spike of a column adds a row
// of weights to all outputs that see it, which are in registers.
//   taps: how many outputs a column can reach; the k-th is (x + left) / stride - k.
//   weights [phase][word][65][taps][block]: phase = (x + left) % stride; a word is 64 spikes of the
//   column, of `rows_a_word` kernel rows or of a part of one; row 64 is zero.
// Integers, whose sums are the same in any order, can be added for the spikes of four inputs at
// once
// (`fours`): weights [phase][word][257][taps][block], row 16 g + s has the sum for the spikes s of
// the g-th four inputs; row 256 is zero.
inline constexpr std::size_t rows_of_ones = 65, rows_of_fours = 257;
template <class R>
struct ColumnWalk {
  const R* weights;
  std::size_t taps, phases, words;
  std::size_t stride, left;
  std::size_t rows_a_word;  // 4, 3, 2 or 1
  std::size_t parts;        // words of a kernel row, if rows_a_word is 1
  bool fours;
  std::uint64_t* packed = nullptr;  // scratch of the caller: [planes][steps][words][columns]
  // Of several planes: the gain of each, and scratch [steps][words][columns][places_of_codes].
  const R* gains = nullptr;
  std::uint8_t* codes = nullptr;
};
inline constexpr std::size_t places_of_codes = 72;  // one for each bit, and some of no bit

// Any convolution, one weight row [block] per spike and output: weights [ky][kx][channel
// in][block], or [ky][kx][block] if each output sees its own channel only. Outputs of the block see
// the channels from `first` on.
template <class R>
struct Scatter {
  const R* weights;
  std::size_t stride, left, dilation, kernel_height, kernel_width;
  std::size_t in_group, out_group, first_out;  // channels per group; first output of the block
  bool is_depthwise() const { return in_group == 1 && out_group == 1; }
};

// weights [ky][kx][channel in][16] of 16 outputs; the input is padded with zeros.
template <class R>
struct DenseRow {
  const R* weights;
  const R* rows;  // first row of the first window, [y][x][pixel]
  std::size_t row_stride, pixel, channels;
  std::size_t stride, dilation_y, dilation_x, kernel_height, kernel_width, width;
};

// The coefficients of a row of neurons with dynamics: [x][block], stride 0 if they are the same
// everywhere; null if they have none.
template <class R>
struct DynamicsRow {
  std::array<const R*, Dynamics::parameters> values;
  std::array<std::size_t, Dynamics::parameters> strides;
  Dynamics::Reset reset;
  bool strict, later;
};

// A row of neurons of one block. Parameters: [x][block], x_stride 0 if they are the same
// everywhere.
template <class R>
struct NeuronRow {
  R decay, gain, v_reset;
  const R* threshold;
  std::size_t threshold_stride;
  const R* base;  // constant input, [x][...], or null
  std::size_t base_stride;
  R* v;         // [x][block]
  R* sent;      // net of what was sent, in thresholds; signed codes. [x][block]
  R* mean;      // running mean of what was sent; differential. [x][block]
  R* recorded;  // the potential after each step, or null
  std::size_t recorded_step, recorded_pixel;
  std::uint8_t* bits;  // plane 0 at the first step
  std::size_t row_bytes, pixel_bytes, plane_bytes;
  std::size_t first_step;
  int levels;
  const R* gains;  // of the levels, for pairs
  const R* pace;   // predictive: [steps][...] from the first step on
  const R* limit;
  const R* offset;  // of the estimate
  std::size_t pace_step;
  const R* ceiling;    // the same, or null
  const R* sizes;      // of steps, from the first one on
  std::size_t silent;  // first steps in which none of them spikes, and bits are zeros
  // Those that follow a function of their estimate.
  Function function;
  const R* alpha;  // [block], or null
  const R* beta;
  const R* scale;  // [block], or null if they do not
  R* estimates;    // scratch of the caller, also of pairs of several sizes: [steps][x][block]
  // Of neurons with dynamics, whose currents are in `sent` and adaptations in `mean`. Without a
  // threshold they send the recorded potentials, and bits is null.
  DynamicsRow<R> dynamics;
};

// A row of a max pool of counts. Windows are those of its pixels: `step` apart in columns from
// `begin` to `end`, in all rows.
template <class R>
struct PoolRow {
  const std::uint8_t* const* rows;  // of spikes, plane 0 at the first step
  std::size_t row_count, row_bytes, pixel_bytes, plane_bytes, planes;
  const std::size_t* begin;
  const std::size_t* end;
  std::size_t step, width, channels, steps;
  const R* sizes;     // of steps
  const R* gains;     // of the planes
  std::uint8_t* out;  // the same layout
  std::size_t out_row_bytes, out_plane_bytes;
  R* sums;  // scratch of the caller: [pixels of a window][16]
};

// Kernels of currents of type C, of neurons of type R.
template <class R, class C>
struct CurrentKernels {
  using Step = void (*)(const NeuronRow<R>&, const Currents<C>&);
  // currents (+)= gain times the sum of weights of the spikes.
  void (*walk)(const ColumnWalk<C>&, const SpikeRows&, C gain, bool add, const Currents<C>&);
  // currents (+)= gain weight[c] where there is a spike; SpikeRows has one row, from the block's
  // first channel on.
  void (*copy)(const C* weight, const SpikeRows&, C gain, bool add, const Currents<C>&);
  // By reset and code.
  Step subtract, zero, predictive;
  Step sized;          // predictive, with sizes
  Step pair;           // the same, ON and OFF
  Step following;      // the same, of a function
  Step pair_of_sizes;  // the last two, any levels
  Step dynamic;
};

template <class R>
struct LayerKernels {
  CurrentKernels<R, R> real;
  CurrentKernels<R, Short> whole;
  void (*scatter)(const Scatter<R>&, const SpikeRows&, R gain, bool add, const Currents<R>&);
  // out[x * pixel + 0..15] of one row.
  void (*dense)(const DenseRow<R>&, R* out, std::size_t out_pixel);
  // mean += current / step; current = the decoded value: the mean before + current.
  void (*undifference)(R* mean, std::size_t first_step, const Currents<R>&);
  // Neurons with signed spikes, any levels; and those whose spikes are changes.
  typename CurrentKernels<R, R>::Step graded, differential;
  // The number of set bits in `times` stretches of n bytes, `stride` apart.
  std::uint64_t (*population)(const std::uint8_t* bytes, std::size_t n, std::size_t stride,
                              std::size_t times);
  // sums[x][pixel] += gain where there is a spike, over `steps` steps of one row.
  void (*tally)(const SpikeRows&, std::size_t steps, R gain, R* sums, std::size_t pixel);
  // Spikes where the greatest sum of sizes of a window is half a size ahead of what was sent
  // (behind it, if the size is negative); with two planes, spikes of the other sign in the other
  // case; with more, of the size that is nearest.
  void (*max_counts)(const PoolRow<R>&);
  // y = f(x) for `channels` values at each pixel; alpha and beta by channel, or null.
  void (*activate)(Function, const R* alpha, const R* beta, const R* x, R* y, std::size_t pixels,
                   std::size_t pixel, std::size_t channels);

  template <class C>
  const CurrentKernels<R, C>& of() const {
    if constexpr (std::is_same_v<C, R>) {
      return real;
    } else {
      return whole;
    }
  }
};

// Taps that `walk` is compiled for.
constexpr bool can_walk_taps(std::size_t taps) { return taps <= 3 || taps == 5; }

struct LevelTable {
  WaveKernels waves;
  LayerKernels<float> layers32;
  LayerKernels<double> layers64;
};

SPIKELET_LEVEL_TABLE(LevelTable)

// Those of the level in use.
inline const WaveKernels& wave_kernels() { return level_table().waves; }
template <class R>
const LayerKernels<R>& layer_kernels() {
  if constexpr (std::is_same_v<R, float>) {
    return level_table().layers32;
  } else {
    return level_table().layers64;
  }
}

}  // namespace spikelet::layers
