// A layered network as plain data: nodes, each after its inputs. Engine compiles and runs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace spikelet::layers {

// The shape of one sample; a vector of n is {n, 1, 1}.
struct Extent {
  std::size_t channels, height, width;
  std::size_t size() const { return channels * height * width; }
  bool operator==(const Extent&) const = default;
};

// How the values of an input are given: one array for all steps, one per step, spikes one by one,
// or spikes packed into bits, as another run has recorded them.
enum class InputForm { constant, sequence, spikes, packed };

struct Input {
  InputForm form = InputForm::constant;
  std::vector<double> amplitude = {1};  // of a spike: one, or one per channel
  bool is_signed = false, differential = false;
  int levels = 1;
};

// weights [out][in / groups][kernel_height][kernel_width]. A fully connected layer is a convolution
// whose kernel is as large as its input.
struct Conv {
  std::vector<double> weights, bias;  // bias: empty, or one per output
  std::size_t kernel_height, kernel_width;
  std::size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1, top = 0, left = 0;
  std::size_t groups = 1;
};

// Windows of a pool along one axis; a sum is divided by the product of both divisors.
struct Windows {
  std::vector<std::size_t> begin, end;
  std::vector<double> divisor;
};
struct AveragePool {
  Windows rows, columns;
};
struct MaxPool {
  Windows rows, columns;
  bool of_counts;  // the maximum of the counts so far, not of the step
};

struct Add {};
struct Concat {};
struct Upsample {
  std::size_t y, x;
};
struct Affine {
  std::vector<double> scale, shift;  // one per channel
};
struct Flatten {};  // [c][y][x] as channels
// max(x, 0), clipped to `upper` (empty, one value, or one per channel) and, unless `levels` is 0,
// rounded to that many steps.
struct Relu {
  std::vector<double> upper;
  int levels = 0;
};

// v = decay v + gain (input); v >= threshold spikes.
struct Neuron {
  std::vector<double> threshold, v_init;  // one, one per channel, or one per neuron [c][y][x]
  std::vector<double> amplitude;          // one, or one per channel
  bool hard;                              // to v_reset; else the threshold is subtracted
  double v_reset, decay, gain;
  bool is_signed, differential;
  int levels;
  // Predictive: gain[t] (sum of the input) - (spikes sent) >= limit[t] spikes; [steps][channels].
  std::vector<double> pace, limit;
};

struct Node {
  std::variant<Input, Conv, AveragePool, MaxPool, Add, Concat, Upsample, Affine, Flatten, Relu,
               Neuron>
      kind;
  std::vector<std::size_t> inputs;
  Extent shape;
};

// The first nodes are the inputs.
using Graph = std::vector<Node>;

// Throws std::invalid_argument unless `node` may follow the nodes of `graph`: its inputs exist, and
// shapes and arrays agree with them. No graph of such nodes reads or writes out of bounds.
void check(const Graph& graph, const Node& node);

}  // namespace spikelet::layers
