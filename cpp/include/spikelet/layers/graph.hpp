// A layered network as plain data: nodes, each after its inputs. Engine compiles and runs it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "spikelet/layers/weights.hpp"

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
  double level_ratio = 0.5;
};

// weights [out][in / groups][kernel_height][kernel_width]. A fully connected layer is a convolution
// whose kernel is as large as its input.
struct Conv {
  Weights weights;
  std::vector<double> bias;  // empty, or one per output
  std::size_t kernel_height, kernel_width;
  std::size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1, top = 0, left = 0;
  std::size_t groups = 1;
  // Rows of a volume are (z, y): the input has `in_depth` planes of rows, the output `out_depth`,
  // and the kernel_height rows of the kernel form `kernel_depth` planes.
  std::size_t kernel_depth = 1, stride_z = 1, dilation_z = 1, front = 0;
  std::size_t in_depth = 1, out_depth = 1;
  // Of operations: how often the layer reads each input [c][y][x], whose weights are summed. Empty:
  // once.
  std::vector<std::uint32_t> uses = {};
  bool is_flat() const { return kernel_depth == 1 && in_depth == 1 && out_depth == 1; }
};

// Windows of a pool along one axis: begin, begin + step, ... below end. A sum is divided by the
// product of both divisors.
struct Windows {
  std::vector<std::size_t> begin, end;
  std::vector<double> divisor;
  std::size_t step = 1;
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
  std::vector<double> scale, shift;  // one per channel, or one per value [c][y][x]
};
// max(x, 0), clipped to `upper` (empty, one value, or one per channel) and, unless `levels` is 0,
// rounded to that many steps.
struct Relu {
  std::vector<double> upper;
  int levels = 0;
};

// Functions of one value.
enum class Function {
  abs,
  celu,
  clip,
  cos,
  elu,
  erf,
  exp,
  floor,
  gelu,
  gelu_tanh,
  hardshrink,
  hardsigmoid,
  hardswish,
  leaky_relu,
  log,
  logsigmoid,
  mish,
  pow,
  reciprocal,
  selu,
  sigmoid,
  silu,
  sin,
  softplus,
  softshrink,
  softsign,
  sqrt,
  square,
  tanh,
  threshold
};

struct Activation {
  Function function;
  std::vector<double> alpha, beta;  // empty, one value, or one per channel
};

// What neurons with coefficients of their own, or with further states, do at a step:
//   v = decay v + gain x + drive
// With a synaptic current i, x is the current after its step, i = syn_decay i + syn_gain x; or,
// with `pull`, v = decay v + pull i + gain x + drive comes before that step. With an adaptation a,
// the threshold is threshold + boost a, and a = adapt_decay a + spike comes last.
struct Dynamics {
  enum class Reset { subtract, value, none };
  enum Parameter {
    decay,
    gain,
    drive,
    syn_decay,  // empty: no current
    syn_gain,
    pull,
    v_reset,
    adapt_decay,  // empty: no adaptation
    boost,
    parameters
  };
  Reset reset;
  // Each empty, one value, one per channel, or one per neuron [c][y][x].
  std::array<std::vector<double>, parameters> values;
  bool strict = false;  // v > threshold spikes
  bool later = false;   // the threshold is subtracted in the step after the spike
};

// v = decay v + gain (input); v >= threshold spikes.
struct Neuron {
  std::vector<double> threshold, v_init;  // one, one per channel, or one per neuron [c][y][x]
  std::vector<double> amplitude;          // one, or one per channel
  bool hard;                              // to v_reset; else the threshold is subtracted
  double v_reset, decay, gain;
  bool is_signed, differential;
  int levels;
  // Predictive: pace[t] (sum of the input) - (sizes of the spikes sent) >= limit[t] spikes, unless
  // more than ceiling[t] was sent (if that is not empty); [steps][channels].
  std::vector<double> pace, limit, ceiling;
  // Predictive and signed: an ON neuron, and an OFF neuron that takes back. Both follow pace[t]
  // (sum of the input) + offset[t], as far as it lies between 0 and ceiling[t]. offset
  // [steps][channels]. With an activation, they follow scale f(pace[t] (sum of the input) +
  // offset[t]); scale: one, or one per channel.
  std::optional<Activation> activation = {};
  std::vector<double> offset = {}, scale = {};
  double level_ratio = 0.5;  // of successive sizes of spikes
  // Instead of hard, v_reset, decay and gain. Without a threshold, neurons send their potential.
  std::optional<Dynamics> dynamics = {};
};

// The input of earlier steps, one number of steps or one per value [c][y][x]; 0 at first. If no
// value arrives in its step, the input may be a later node.
struct Delay {
  std::vector<std::uint32_t> steps;
};

// A fully connected layer whose synapses have delays: an input at step t adds to the sum of step
// t + delays[out][in], and what would add to a step before the first is 0.
struct Delayed {
  Weights weights;                    // [out][in], the input as [c][y][x]
  std::vector<std::uint32_t> delays;  // the same
  std::vector<double> bias;           // empty, or one per output
};

// Output k, in the order [c][y][x], is the value index[k] of the inputs, which follow each other in
// this order; 0 if negative.
struct Gather {
  std::vector<std::int32_t> index;
};

// Pixel k of the output is the sum of weight[j] (pixel from[j] of the input), for j in begin[k] ..
// begin[k + 1], in each channel.
struct Mix {
  std::vector<std::uint32_t> begin, from;
  std::vector<double> weight;
};

struct Constant {
  std::vector<double> values;  // [c][y][x]
};

// Graded units: functions of the running means of their inputs, which send what keeps the mean of
// all they have sent equal to the function of the mean inputs.

// For each output [c][y][x], the place in each input; empty: the same.
struct Binary {
  enum class Kind { multiply, divide, maximum, minimum } kind;
  std::array<std::vector<std::uint32_t>, 2> places;
};

// Matrices [rows][inner] times [inner][columns], one after the other in the order [c][y][x];
// product k is that of the matrices first[k] and second[k].
struct MatMul {
  std::size_t rows, inner, columns;
  std::vector<std::uint32_t> first, second;
};

// The following act along one axis of the order [c][y][x], as [outer][n][inner].
struct Axis {
  std::size_t outer, n, inner;
};
struct Softmax {
  Axis axis;
  bool logarithm;
};
struct Normalise {
  Axis axis;
  bool centred;  // less the mean
  double eps;
};
struct LocalResponse {
  Axis axis;
  std::size_t size;
  double alpha, beta, k;
};
struct Reduce {
  enum class Kind { mean, sum, max, min, prod, l1, l2 } kind;
  Axis axis;
};

// A function of the mean inputs, in the order [c][y][x]; constant, as a Relu.
struct Foreign {
  std::function<void(std::span<const std::vector<double>>, std::span<double>)> function;
};

struct Node {
  std::variant<Input, Conv, Delayed, Delay, AveragePool, MaxPool, Add, Concat, Upsample, Affine,
               Relu, Neuron, Gather, Mix, Constant, Activation, Binary, MatMul, Softmax, Normalise,
               LocalResponse, Reduce, Foreign>
      kind;
  std::vector<std::size_t> inputs;
  Extent shape;
};

// The first nodes are the inputs.
using Graph = std::vector<Node>;

// Throws std::invalid_argument unless `node` may follow the nodes of `graph`: its inputs exist, and
// shapes and arrays agree with them. A Delay may have no input yet.
void check(const Graph& graph, const Node& node);

// Throws std::invalid_argument unless this holds for all nodes, and each Delay has an input of its
// shape. No such graph reads or writes out of bounds.
void check(const Graph& graph);

// The nodes [first, second) between each Delay that comes before its input, and this input, joined
// where they overlap: these run step by step.
std::vector<std::pair<std::size_t, std::size_t>> loops_of(const Graph& graph);

}  // namespace spikelet::layers
