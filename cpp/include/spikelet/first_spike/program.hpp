// A network whose neurons fire at most once, as a list of operations on integers.
//
// A neuron with the value k in 0 .. T fires k steps before the end of its window of T steps, or, if
// k is 0, not at all. Behind a synapse of weight w, a spike adds w to the slope of its target's
// potential, which at the end of the window is the sum of w k. The target then fires in its own
// window, when a threshold that falls by `unit` in each step meets its potential. A signed value is
// a pair of neurons, ON and OFF, of which one fires; its sign tells which. All of this is computed
// for a whole window at once: the same integers, hence the same spikes, at no cost per step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "spikelet/core/buffer.hpp"

namespace spikelet::first_spike {

struct Shape {
  std::size_t channels, height, width;
  std::size_t size() const { return channels * height * width; }
};

// How the values of a map are stored: spikes k + zero in a byte, spikes k in 16 bits, potentials.
enum class Form { bytes, words, sums };

struct Map {
  Shape shape;
  Form form;
  std::vector<std::uint8_t> zero;  // of each channel, if bytes
};

// A convolution of spikes, whose weights are [out][channels of a group][height][width].
struct Kernel {
  std::size_t height, width;
  std::array<std::size_t, 2> stride, dilation, before;  // vertical, horizontal; `before`: padding
  std::size_t groups;
  std::vector<std::int16_t> weights;
};

// What a map adds to a potential: a convolution of it, or it times an integer for each channel.
struct Term {
  std::size_t map;
  std::variant<Kernel, std::vector<std::int32_t>> weights;
};

// Neurons fire at k = floor((potential + bias) / unit), limited to 0 .. high, less the zero of
// their channel. If there is a table, [channel][high + 1], k is its entry instead: a function of
// the potential, which need not be monotone.
struct Neurons {
  std::vector<std::int32_t> bias, unit;  // of each channel
  std::int32_t high;
  std::vector<std::int32_t> zero;  // of each channel
  std::vector<std::int16_t> table;
};

// Adds its terms, which neurons may then compare with their thresholds.
struct Sum {
  std::vector<Term> terms;
  std::optional<Neurons> neurons;
};

// The earliest spikes of windows, which lie within the input and its padding.
struct Window {
  std::array<std::size_t, 2> size, stride, dilation, before;
};
struct Pool {
  std::size_t map;
  Window window;
};

// Weighted sums along both axes, vertical and horizontal, such as means and interpolations: the
// output at (y, x) is the sum of weights[0][y][i] * weights[1][x][j] times the value at
// (from[0][y][i], from[1][x][j]) over all i and j.
struct Mix {
  std::size_t map;
  std::array<std::vector<std::size_t>, 2> from;
  std::array<std::vector<std::int32_t>, 2> weights;
};

// Value i of the output, [height][width][channels], is the value from[i] of the maps after each
// other, or nothing (0) if it is negative.
struct Move {
  std::vector<std::size_t> maps;
  std::vector<std::int64_t> from;
};

struct Operation {
  std::size_t output;
  std::variant<Sum, Pool, Mix, Move> what;
};

// Values k = floor(x scale + 1/2), limited to low .. high, of the inputs of a network.
struct Input {
  std::size_t map;
  std::vector<float> scale;  // of each channel
  std::int32_t low, high;
};

// What an operation did: synaptic operations of each term of a sum, or of a mix, one for each value
// that is not zero and each synapse; and spikes of its output.
struct Work {
  std::vector<std::uint64_t> operations;
  std::uint64_t spikes = 0;
};

class Program {
 public:
  // Throws std::invalid_argument if operations, maps and arrays do not fit each other. The caller
  // keeps sums and biases within 30 bits.
  Program(std::vector<Map> maps, std::vector<Input> inputs, std::vector<Operation> operations);
  ~Program();
  Program(Program&&) noexcept;

  const std::vector<Map>& maps() const { return maps_; }
  const std::vector<Input>& inputs() const { return inputs_; }

  // The values of some maps for each sample, [count][channels][height][width]; spikes without their
  // zero. Inputs are [count][channels][height][width]. Returns the work of each operation for all
  // samples.
  std::vector<Work> run(std::span<const float* const> inputs, std::size_t count, int threads,
                        std::span<const std::size_t> wanted,
                        std::span<std::int32_t* const> out) const;

  // What each operation needs besides its description, and the memory of a sample.
  struct Plan;

 private:
  std::vector<Map> maps_;
  std::vector<Input> inputs_;
  std::vector<Operation> operations_;
  std::vector<Plan> plans_;
};

}  // namespace spikelet::first_spike
