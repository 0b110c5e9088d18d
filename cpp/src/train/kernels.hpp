// The kernels of training, compiled for each SIMD level; all levels give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "core/levels.hpp"
#include "spikelet/train/neuron.hpp"

namespace spikelet::train {

// A parameter of n neurons: one value for each or, with step 0, a vector filled with one value.
template <class R>
struct Lane {
  const R* values = nullptr;
  std::size_t step = 0;
};

template <class R>
struct Lanes {
  Lane<R> leak, threshold, syn_decay, adapt_decay, boost;
};

// One step of n neurons in the forward pass; states change in place.
template <class R>
struct ForwardStep {
  std::size_t n = 0;
  bool streams = false;   // results are stored past the caches; they are 64-byte aligned
  std::size_t ahead = 0;  // distance from x to the row to prefetch
  const R* x = nullptr;
  R* spikes = nullptr;   // may be null
  R* charged = nullptr;  // may be null
  R* v_after = nullptr;  // a copy of v; may be null
  State<R> state;
  Lanes<R> lanes;
};

// The same step in the backward pass: gradients of the state after it become gradients of the state
// before it.
template <class R>
struct BackwardStep {
  std::size_t n = 0;
  bool streams = false;
  std::size_t behind = 0;  // distance back from by_spikes to the row to prefetch; 0: none
  const R* charged = nullptr;
  const R* by_spikes = nullptr;  // may be null: 0
  const R* by_v = nullptr;       // may be null: 0
  R* by_x = nullptr;
  State<R> by_state;
  Lanes<R> lanes;
  // Only for rich cells: the input and the state before the step.
  const R* x = nullptr;
  State<const R> before;
  ParameterGradients<R> sums;  // one value per neuron
};

template <class R>
struct FusedKernels {
  // Plain: cells that are not is_rich(), without gradients of parameters. Rich: everything.
  void (*forward_plain)(const Cell<R>&, const ForwardStep<R>&);
  void (*forward_rich)(const Cell<R>&, const ForwardStep<R>&);
  void (*backward_plain)(const Cell<R>&, const BackwardStep<R>&);
  void (*backward_rich)(const Cell<R>&, const BackwardStep<R>&);
  // out[s][n] += sum over j of g[s][j] w[j][n], for samples of `neurons` neurons
  void (*multiply_add)(const R* g, const R* w, R* out, std::size_t samples, std::size_t neurons);
  // y[0 .. n) += value * row[0 .. n)
  void (*add_row)(R value, const R* row, R* y, std::size_t n);
};

// Nonzero inputs: their rows of weights (or sums), and their values.
template <class R>
struct ActiveInputs {
  std::size_t number;
  const std::uint32_t* at;
  const R* value;  // null: all are 1
};

// What outputs of a convolution see of the active inputs of an image row, which are listed in
// order.
struct Slice {
  std::uint32_t first, last;  // slots: the inputs from ends[first] to ends[last]
  std::ptrdiff_t base;        // at[input] + base is its row of weights
};
template <class R>
struct Slices {
  const Slice* window;
  std::size_t number;
  const std::uint32_t* ends;
  const std::uint32_t* at;
  const R* value;  // null: all are 1
};

// The taps of a convolution that an input sees, and the distances between their outputs and
// weights.
struct KernelTaps {
  std::size_t rows, columns;
  std::ptrdiff_t from_row, from_column;
  std::size_t to_row, to_column;
};

// Layers over sparse inputs. An element of a sum is a chain of additions in the
// order of the events: the width of the vectors does not matter.
template <class R>
struct SparseKernels {
  // The number of nonzero inputs among n; adds 0 to `finite` if all are finite, else NaN.
  std::size_t (*count)(const R* x, std::size_t n, R& finite);
  // Writes the indices of the nonzero inputs and returns their number; `index` must have room for
  // n + 64. Clears `ones` if one of them is not 1.
  std::size_t (*find)(const R* x, std::size_t n, std::uint32_t* index, bool& ones);
  // to[width] = start + sum over the events of value * from[at][pitch], of whole lines of 64 bytes.
  // `streams`: stored past the caches, on a boundary of lines; fence() follows.
  void (*gather)(const ActiveInputs<R>& events, const R* from, std::size_t pitch, std::size_t width,
                 const R* start, R* to, bool streams);
  void (*fence)();
  // The transposed: to[at][pitch] += value * from[width] for each event.
  void (*scatter)(const ActiveInputs<R>& events, const R* from, std::size_t width, R* to,
                  std::size_t pitch);
  // Lines of 64 bytes that fit into registers together.
  std::size_t most_lines;
  // For each slice, to += value * row of each of its inputs, of `lines` lines; the sums of slices
  // are `step` apart.
  void (*gather_windows)(const Slices<R>& windows, const R* rows, std::size_t lines, R* to,
                         std::size_t step);
  // to[row][column] += value * the line at from[at] - row from_row - column from_column, for each
  // event and each of the taps; without values, all are 1.
  void (*correlate)(const ActiveInputs<R>& events, const KernelTaps& taps, const R* from, R* to);
  // sums[0 .. n) = sum over rows of x[rows][pitch]
  void (*sum_rows)(const R* x, std::size_t rows, std::size_t pitch, std::size_t n, R* sums);
};

// The first two for rasters.
struct ByteKernels {
  std::size_t (*count)(const std::uint8_t* x, std::size_t n);
  std::size_t (*find)(const std::uint8_t* x, std::size_t n, std::uint32_t* index, bool& ones);
};

// A row of windows of a pool; rows of the input are `pitch` apart.
struct PoolRow {
  std::size_t windows, channels;
  std::size_t height, width;  // of a window
  std::size_t pitch;
};
template <class R>
struct PoolKernels {
  // y, place = the greatest of each window and channel, and which of its places has it
  void (*max_row)(const PoolRow&, const R* x, R* y, std::uint8_t* place);
  // by_x = by_y at the places, 0 elsewhere in the windows
  void (*spread_row)(const PoolRow&, const R* by_y, const std::uint8_t* place, R* by_x);
};

// Layers with delays; rows are lines of 64 bytes with a sample in each place. See delay_rows.hpp.
template <class R>
struct DelayKernels {
  // y[rows] += the two taps of each of the inputs, which are `pitch` apart
  void (*tile)(const R* x, std::size_t pitch, const R* early, const R* late,
               const std::int32_t* lag, std::size_t inputs, R* y, std::size_t rows);
  // by_early[i], by_late[i] += the sums over rows and samples of the taps of x times g
  void (*correlate)(const R* x, std::size_t pitch, const std::int32_t* lag, std::size_t inputs,
                    const R* g, std::size_t rows, R* by_early, R* by_late);
};

// Tiles of images for minimal filtering: see tile_rows.hpp.
inline constexpr std::size_t tile_side = 6;
inline constexpr std::size_t tile_group = 24;  // tiles are multiplied in groups
inline constexpr float tile_a = 0.625f;        // the points
inline constexpr float tile_b = 1.5f;
struct TileKernels {
  // Lines of 64 bytes that fit into registers together.
  std::size_t most_lines;
  // v[point][channels], `step` apart, of a square whose pixels begin there
  void (*points)(const float* const* pixels, std::size_t side, std::size_t channels, float* v,
                 std::size_t step);
  // u[point][n], `step` apart, of filters [places][places][pitch]
  void (*filters)(const double* filter, std::size_t places, std::size_t pitch, std::size_t n,
                  const double* matrix, float* u, std::size_t step);
  // m [tiles][pitch] = v [tiles][v_pitch] u [terms][lines]
  void (*multiply)(const float* v, std::size_t v_pitch, const float* u, std::size_t terms,
                   std::size_t lines, float* m, std::size_t pitch, std::size_t tiles);
  // y [side][side][width] of a tile whose points are `step` apart
  void (*values)(const float* m, std::size_t step, std::size_t width, std::size_t side, float* y);
};

using LevelTable =
    std::tuple<FusedKernels<float>, FusedKernels<double>, SparseKernels<float>,
               SparseKernels<double>, ByteKernels, PoolKernels<float>, PoolKernels<double>,
               DelayKernels<float>, DelayKernels<double>, TileKernels>;

SPIKELET_LEVEL_TABLE(LevelTable)

// Those of the level in use, such as kernels_of<FusedKernels<float>>().
template <class Kernels>
const Kernels& kernels_of() {
  return std::get<Kernels>(level_table());
}

}  // namespace spikelet::train
