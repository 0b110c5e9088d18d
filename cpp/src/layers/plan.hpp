// The plan of a graph: the form of each node's values, and the terms of each neuron's input.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "layers/kernels.hpp"
#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/layers/engine.hpp"

namespace spikelet::layers {

// How a sample is stored: [height][width][pixel], pixel = channels, padded.
struct Layout {
  std::size_t height, width, channels, pixel;
  explicit Layout(const Extent& e)
      : height(e.height),
        width(e.width),
        channels(e.channels),
        pixel(round_up(e.channels, channel_unit)) {}
  std::size_t row() const { return width * pixel; }
  std::size_t size() const { return height * row(); }
  // Of spikes, [height][steps][width][pixel] bits.
  std::size_t pixel_bytes() const { return pixel / 8; }
  std::size_t row_bytes() const { return width * pixel_bytes(); }
  std::size_t plane_bytes(std::size_t steps) const { return steps * height * row_bytes(); }
};

// A convolution and its extents; weights [out][in / groups][kh][kw].
struct Kernel {
  Conv conv;
  Extent in, out;
};

// The row of the input that row ky of the kernel sees from row y of the output, if it is one.
std::optional<std::size_t> input_row(const Kernel& kernel, std::size_t y, std::size_t ky);

// For each input row, and column: how many outputs see it.
struct FanOut {
  std::vector<std::uint32_t> rows, columns;
  std::size_t outputs;  // a group
  // Of a convolution with `uses`: row times column times uses of each input, as stored; and, packed
  // as the spikes of a step, bit k of these numbers.
  std::vector<std::uint64_t> each = {};
  std::vector<std::vector<std::uint8_t>> bits = {};
};
FanOut fan_out(const Kernel& kernel);

// A convolution of spikes, one block of outputs after the other, so that a block's weights stay in
// the cache.
template <class R>
struct EventConv {
  Kernel kernel;
  bool walked;
  ColumnWalk<R> walk;  // of block 0
  Scatter<R> scatter;
  std::size_t block_size;  // weights of a block
  Buffer<R> weights;
};

template <class R>
struct DenseConv {
  Kernel kernel;
  // [group][16 outputs][ky][kx][channel in][16]; [ky][kx][pixel] if each channel is its own group
  Buffer<R> weights;
  bool is_depthwise() const {
    return kernel.conv.groups > 1 && kernel.in.channels == kernel.conv.groups &&
           kernel.out.channels == kernel.conv.groups;
  }
};

// One term of a neuron's input. With 16-bit integers as C, weights are rounded.
template <class C>
struct Term {
  enum class Kind { events, copy, sequence } kind;
  std::size_t source;
  std::unique_ptr<EventConv<C>> conv;  // events
  Buffer<C> weight;                    // copy: amplitudes
};

// A sum of terms, of constants and of a bias.
template <class R>
struct Sum {
  std::vector<Term<R>> terms;
  std::vector<Term<Short>> short_terms;                      // instead
  std::vector<std::size_t> constants;                        // added as they are
  std::vector<std::pair<DenseConv<R>, std::size_t>> folded;  // convolutions of constants
  Buffer<R> bias;                                            // [pixel], or empty
};

// The source, of spikes or values, from which a convolution's operations are counted.
struct Counted {
  FanOut fan;
  std::size_t source;
};

// Of the stored values of a step, `length` of one input go to the output.
struct Move {
  std::uint32_t to, source, from, length;
};

template <class R>
struct NodePlan {
  Form form;
  Layout layout{Extent{}};
  std::size_t planes = 0;  // of spikes: 1, or 2 per level
  Buffer<R> gains;         // of the planes: the values of their spikes, in amplitudes
  double level_ratio = 0.5;
  // Steps in which it may spike, from `first` until before `end`. A sequence has the same value at
  // all other steps.
  std::size_t first = 0, end = std::numeric_limits<std::size_t>::max();
  bool differential = false;
  Buffer<R> amplitude;    // of spikes, [pixel]
  bool dense = false;     // keep one array: the value if constant, else the mean
  bool sequence = false;  // keep one array per step
  bool potential = false;
  std::optional<Sum<R>> sum;           // neurons, and currents that are kept as a sequence
  std::optional<DenseConv<R>> matrix;  // convolutions done densely
  std::size_t block = 0;               // channels worked on at once
  std::size_t rows = 1;          // rows worked on at once, side by side as channels of a block
  Buffer<R> scale;               // of integers: parameters are times this, [pixel]
  std::vector<Counted> counted;  // convolutions
  // Neurons: [pixel], or [height][width][pixel].
  Buffer<R> threshold, v_init, amount;  // amount: that a later reset subtracts
  std::array<Buffer<R>, Dynamics::parameters> dynamics;
  Buffer<R> pace, limit, ceiling, offset;  // predictive: [steps][pixel]
  Buffer<R> per_value;                     // of an activation, [pixel]
  bool threshold_everywhere = false, v_init_everywhere = false;
  std::vector<Move> moves;  // of a gather
  // Parameters of an activation [pixel], also of a neuron's; scale and shift of an affine map or
  // values of a constant, as a sample is stored; weights of delayed synapses [in][pixel].
  Buffer<R> alpha, beta;
  // In the inputs of a product, as they are stored. Of delayed synapses, the delays [in][pixel]; of
  // a delay, its steps as a sample is stored, or empty if all are alike.
  std::array<Buffer<std::uint32_t>, 2> places;
  bool graded = false;  // a function of running means
};

template <class R>
struct Engine<R>::Plan {
  Graph graph;
  std::size_t inputs = 0;  // the first nodes
  std::vector<NodePlan<R>> nodes;
  Buffer<R> sizes;  // of steps, or empty
  std::vector<std::pair<std::size_t, std::size_t>> loops;
  std::vector<std::pair<std::size_t, What>> records;
};

template <class R>
std::unique_ptr<const typename Engine<R>::Plan> make_plan(
    const Graph& graph, bool whole, std::span<const std::pair<std::size_t, What>> records,
    std::span<const double> sizes = {});

template <class R>
DenseConv<R> dense_conv(const Kernel& kernel);

// Weights are multiplied by the input's amplitude and, if given, the output's scale (and then
// rounded).
template <class C, class R>
EventConv<C> event_conv(Kernel kernel, std::span<const R> amplitude, std::size_t block,
                        std::span<const R> scale = {});

// The weights of an event_conv, as [out][in / groups][ky][kx].
template <class C, class R>
std::vector<double> event_weights(const Kernel& kernel, std::span<const R> amplitude,
                                  std::span<const R> scale);

// Whether a column walk can compute it; otherwise spikes are scattered.
bool can_walk(const Kernel& kernel);

// Two output rows of 16 channels as one of 32.
Kernel paired(const Kernel& kernel);

// One of the two rows, of so many channels.
Kernel unpaired(const Kernel& kernel, std::size_t channels);

// The block size at which a convolution is fastest.
std::size_t best_block(const Kernel& kernel, std::size_t element_bytes);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace spikelet::layers
